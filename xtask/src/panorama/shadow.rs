//! What the sun does not reach: distances from the sun, on a grid.

use super::material::Surface;
use super::thing::Scene;
use lookout::drive::vector::{Vec3, v3};

/// Cells on a side.
const SIDE: usize = 256;

/// Half the width of the grid, in metres.
const REACH_M: f32 = 45.0;

/// A place is dark if something is nearer to the sun by more than this.
const BIAS_M: f32 = 0.35;

/// Distances along the sun's rays.
#[derive(Debug)]
pub(super) struct Shadows {
    sun: Vec3,
    right: Vec3,
    up: Vec3,
    /// Greatest distance towards the sun of what is in each cell.
    nearest: Vec<f32>,
}

impl Shadows {
    pub fn new(sun: Vec3) -> Self {
        let right = v3(0.0, 1.0, 0.0).cross(sun).unit();
        Self {
            sun,
            right,
            up: sun.cross(right),
            nearest: vec![f32::NEG_INFINITY; SIDE * SIDE],
        }
    }

    /// Casts the shadows of all things.
    pub fn cast(&mut self, scene: &Scene) {
        self.nearest.fill(f32::NEG_INFINITY);
        for thing in &scene.things {
            let into = |v: Vec3| thing.turn.into(v);
            let (sun, right, up) = (into(self.sun), into(self.right), into(self.up));
            for part in &scene.parts[thing.parts.clone()] {
                if part.material.surface == Surface::Glass {
                    continue;
                }
                let (centre, half) = ((part.min + part.max) * 0.5, (part.max - part.min) * 0.5);
                let middle = thing.turn.out(centre) + thing.origin;
                let reach = |axis: Vec3| {
                    half.x * axis.x.abs() + half.y * axis.y.abs() + half.z * axis.z.abs()
                };
                let columns = cells(middle.dot(self.right), reach(right));
                for row in cells(middle.dot(self.up), reach(up)) {
                    for column in columns.clone() {
                        let off_right = position(column) - middle.dot(self.right);
                        let off_up = position(row) - middle.dot(self.up);
                        // Next to the part, on the ray from the sun through the cell.
                        let o = centre + right * off_right + up * off_up;
                        if let Some((t, _)) = part.shape.hit(o, sun * -1.0) {
                            let near = &mut self.nearest[row * SIDE + column];
                            *near = near.max(middle.dot(self.sun) - t);
                        }
                    }
                }
            }
        }
    }

    /// Whether the sun does not reach a place on a surface with this normal.
    pub fn is_dark(&self, place: Vec3, normal: Vec3) -> bool {
        let place = place + normal * 0.15;
        let cell = |at: f32| {
            let cell = (at + REACH_M) * (SIDE as f32 / (2.0 * REACH_M));
            (cell >= 0.0 && cell < SIDE as f32).then_some(cell as usize)
        };
        let (Some(column), Some(row)) = (cell(place.dot(self.right)), cell(place.dot(self.up)))
        else {
            return false;
        };
        self.nearest[row * SIDE + column] > place.dot(self.sun) + BIAS_M
    }
}

/// Middle of a cell, in metres from the grid's.
fn position(cell: usize) -> f32 {
    (cell as f32 + 0.5) * (2.0 * REACH_M / SIDE as f32) - REACH_M
}

/// The cells whose middles are within `reach` of `middle`.
fn cells(middle: f32, reach: f32) -> std::ops::Range<usize> {
    let cell = |at: f32| (at + REACH_M) * (SIDE as f32 / (2.0 * REACH_M)) - 0.5;
    let first = cell(middle - reach).ceil().clamp(0.0, SIDE as f32) as usize;
    let end = (cell(middle + reach).floor() + 1.0).clamp(0.0, SIDE as f32) as usize;
    first..end.max(first)
}
