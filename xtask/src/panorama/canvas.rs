//! What each pixel's ray meets first, and whose it is.

use super::lens::{Lens, Span};
use super::material::{Material, Surface};
use super::random::grain;
use super::street::{KERB_M, Street};
use super::thing::{Part, Scene, Thing};
use super::{RANGE_M, SENSOR_M};
use lookout::drive::vector::{Vec3, v3};

/// Share of a crown that one looks through.
const LEAF_GAPS: f32 = 0.45;

/// Nothing is nearer to the sensor than its own housing.
const NEAR_M: f32 = 0.2;

/// What a ray has met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixel {
    /// Infinite where it met nothing.
    pub distance: f32,
    pub normal: Vec3,
    pub material: Material,
    /// Number of the thing, from 1; 0 is ground or sky.
    pub id: u32,
}

impl Pixel {
    const SKY: Self = Self {
        distance: f32::INFINITY,
        normal: v3(0.0, 0.0, 0.0),
        material: Material {
            day: 0.0,
            laser: 0.0,
            surface: Surface::Plain,
        },
        id: 0,
    };
}

/// Pixels of one half of the panorama that show a thing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silhouette {
    /// Pixels that it would cover if nothing were before it.
    pub whole: u32,
    /// Pixels that show it.
    pub visible: u32,
    /// The visible ones' least column and row, and the greatest.
    pub bounds: Option<[u32; 4]>,
}

impl Silhouette {
    fn show(&mut self, column: u32, row: u32) {
        self.visible += 1;
        let [left, top, right, bottom] = self.bounds.unwrap_or([column, row, column, row]);
        self.bounds = Some([
            left.min(column),
            top.min(row),
            right.max(column),
            bottom.max(row),
        ]);
    }

    /// Both together.
    pub fn join(&self, other: &Self) -> Self {
        let bounds = match (self.bounds, other.bounds) {
            (Some(a), Some(b)) => Some([
                a[0].min(b[0]),
                a[1].min(b[1]),
                a[2].max(b[2]),
                a[3].max(b[3]),
            ]),
            (a, b) => a.or(b),
        };
        Self {
            whole: self.whole + other.whole,
            visible: self.visible + other.visible,
            bounds,
        }
    }
}

/// All pixels of a frame, row by row.
#[derive(Debug)]
pub(super) struct Canvas {
    pub lens: Lens,
    pub pixels: Vec<Pixel>,
    /// Of each thing, in the left and in the right half.
    pub silhouettes: Vec<[Silhouette; 2]>,
    /// The thing that has last reached a pixel, seen or not.
    reached: Vec<u32>,
    /// Directions of a part's columns.
    flat: Vec<Vec3>,
}

impl Canvas {
    pub fn new(width: u32, height: u32) -> Self {
        let count = (width * height) as usize;
        Self {
            lens: Lens::new(width, height),
            pixels: vec![Pixel::SKY; count],
            silhouettes: Vec::new(),
            reached: vec![0; count],
            flat: Vec::new(),
        }
    }

    fn width(&self) -> usize {
        self.lens.columns.len()
    }

    /// Draws ground and things as they are seen from `z` along the street.
    pub fn draw(&mut self, street: &Street, z: f32, scene: &Scene) {
        self.ground(street, z);
        self.reached.fill(0);
        self.silhouettes.clear();
        self.silhouettes
            .resize(scene.things.len(), Default::default());
        for (index, thing) in scene.things.iter().enumerate() {
            for part in &scene.parts[thing.parts.clone()] {
                let span = self.lens.span(part.min, part.max, thing.origin, thing.turn);
                if let Some(span) = span {
                    self.part(index, thing, part, span);
                }
            }
        }
        self.count();
    }

    /// Road, pavement and the kerb between the two.
    fn ground(&mut self, street: &Street, z: f32) {
        let width = self.width();
        for row in 0..self.lens.rows.len() {
            let (up, _) = self.lens.rows[row];
            for column in 0..width {
                let pixel = &mut self.pixels[row * width + column];
                *pixel = Pixel::SKY;
                if up >= -1e-4 {
                    continue;
                }
                let d = self.lens.direction(column, row);
                let at = |t: f32| (street.own_x + d.x * t, z + d.z * t);
                let (road, pavement) = (-SENSOR_M / up, (KERB_M - SENSOR_M) / up);
                let (x, street_z) = at(pavement);
                let mut normal = v3(0.0, 1.0, 0.0);
                let distance = if !street.is_road(x, street_z) {
                    pavement
                } else if let (x, street_z) = at(road)
                    && street.is_road(x, street_z)
                {
                    road
                } else {
                    // Between the two heights: the kerb's face.
                    normal = v3(-d.x.signum(), 0.0, 0.0);
                    0.5 * (road + pavement)
                };
                if distance < RANGE_M {
                    let (x, street_z) = at(distance);
                    *pixel = Pixel {
                        distance,
                        normal,
                        material: street.ground(x, street_z),
                        id: 0,
                    };
                }
            }
        }
    }

    fn part(&mut self, index: usize, thing: &Thing, part: &Part, span: Span) {
        let width = self.width();
        let column_of = |i: usize| (span.first + i as i32).rem_euclid(width as i32) as usize;
        self.flat.clear();
        for i in 0..span.columns as usize {
            let (sin, cos) = self.lens.columns[column_of(i)];
            self.flat.push(thing.turn.into(v3(sin, 0.0, cos)));
        }
        let sensor = thing.turn.into(thing.origin * -1.0);
        let centre = (part.min + part.max) * 0.5 - sensor;
        let id = index as u32 + 1;
        for row in span.rows.0..span.rows.1 {
            let (up, level) = self.lens.rows[row];
            for (i, flat) in self.flat.iter().enumerate() {
                let d = v3(flat.x * level, up, flat.z * level);
                // From next to the part, so that no digits are lost on the way to it.
                let near = centre.dot(d);
                let Some((t, normal)) = part.shape.hit(sensor + d * near, d) else {
                    continue;
                };
                let distance = near + t;
                let column = column_of(i);
                if distance < NEAR_M
                    || part.material.surface == Surface::Foliage
                        && grain(id, column as i32, row as i32) < LEAF_GAPS
                {
                    continue;
                }
                let at = row * width + column;
                if self.reached[at] != id {
                    self.reached[at] = id;
                    self.silhouettes[index][usize::from(2 * column >= width)].whole += 1;
                }
                let pixel = &mut self.pixels[at];
                if distance < pixel.distance {
                    *pixel = Pixel {
                        distance,
                        normal: thing.turn.out(normal),
                        material: part.material,
                        id,
                    };
                }
            }
        }
    }

    /// Counts the pixels that show each thing.
    fn count(&mut self) {
        let width = self.width();
        for (at, pixel) in self.pixels.iter().enumerate() {
            if pixel.id > 0 {
                let (row, column) = (at / width, at % width);
                let halves = &mut self.silhouettes[pixel.id as usize - 1];
                halves[usize::from(2 * column >= width)].show(column as u32, row as u32);
            }
        }
    }
}
