//! Turns shapes in metres into shaded triangles in the picture.

use super::light::{Lighting, Material, Rgb, mix};
use super::placement::Placement;
use super::raster::{Corner, ID_SCENE, Mode, Triangle};
use super::vector::{Vec3, v3};

/// Nothing nearer to the eye than this is drawn.
const NEAR_M: f32 = 0.35;
/// Corners of the largest face.
const CORNERS_MAX: usize = 20;
/// Triangles of a frame are bounded, whatever the street holds.
const TRIANGLES_MAX: usize = 400_000;
/// Things farther off cast no shadow: nobody would see it.
const SHADOW_DISTANCE_M: f32 = 70.0;

/// The eye: a pin-hole camera that looks along +z. Lengths in the picture are samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    pub x: f32,
    pub z: f32,
    pub height: f32,
    /// Turn of the view to the right, radians (small).
    pub yaw: f32,
    /// Bend of the street: metres to the right for each square metre ahead.
    pub bend: f32,
    pub focal: f32,
    pub centre_x: f32,
    pub horizon_y: f32,
    pub width: f32,
    pub rows: f32,
}

impl Camera {
    /// World to camera: `z` is the distance ahead.
    fn view(&self, p: Vec3) -> Vec3 {
        let z = p.z - self.z;
        let x = p.x - self.x + self.bend * z * z - self.yaw * z;
        v3(x, p.y - self.height, z)
    }

    /// Camera to picture.
    fn project(&self, v: Vec3) -> Corner {
        let inverse = 1.0 / v.z;
        [
            self.centre_x + self.focal * v.x * inverse,
            self.horizon_y - self.focal * v.y * inverse,
            inverse,
        ]
    }
}

/// Which sides of a face can be seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sides {
    /// Both: thin sheets and open shapes.
    Both,
    /// Only that away from this point: faces of a convex body around it.
    AwayFrom(Vec3),
}

/// A halo around a lamp, in samples, drawn over the finished band.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glow {
    pub x: f32,
    pub y: f32,
    pub radius: [f32; 2],
    pub inverse_distance: f32,
    pub colour: Rgb,
    /// A reflection, seen only on ground.
    pub on_ground: bool,
}

/// Extent of all that an object draws, picture edge or not, in samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

impl Reach {
    pub const NONE: Self = Self {
        x0: f32::INFINITY,
        y0: f32::INFINITY,
        x1: -f32::INFINITY,
        y1: -f32::INFINITY,
    };
}

/// Collects the triangles of a frame.
pub(super) struct Painter {
    pub camera: Camera,
    pub light: Lighting,
    pub triangles: Vec<Triangle>,
    pub ground: Vec<Triangle>,
    pub glows: Vec<Glow>,
    pub reach: Reach,
    place: Placement,
    id: u32,
    casts: bool,
    /// Faces painted on others since the last placing: later ones come out on top.
    layer: u16,
    /// Samples for a metre at the current place.
    pub detail: f32,
}

impl Painter {
    pub fn new(camera: Camera, light: Lighting) -> Self {
        Self {
            camera,
            light,
            triangles: Vec::new(),
            ground: Vec::new(),
            glows: Vec::new(),
            reach: Reach::NONE,
            place: Placement::WORLD,
            id: ID_SCENE,
            casts: false,
            layer: 0,
            detail: 1.0,
        }
    }

    /// Starts a frame.
    pub fn begin(&mut self, camera: Camera) {
        self.camera = camera;
        self.triangles.clear();
        self.ground.clear();
        self.glows.clear();
    }

    /// What follows belongs to this id and stands there.
    pub fn place(&mut self, id: u32, place: Placement) {
        self.id = id;
        self.place = place;
        self.layer = 0;
        self.reach = Reach::NONE;
        let distance = (place.origin.z - self.camera.z).max(1.0);
        self.detail = self.camera.focal / distance;
        self.casts = self.light.shadow < 1.0 && distance < SHADOW_DISTANCE_M;
    }

    /// A radius that stays visible: at least most of a sample.
    pub fn visible_radius(&self, radius: f32) -> f32 {
        radius.max(0.75 / self.detail)
    }

    /// Facets for a round shape of this radius, `6..=most`.
    pub fn facets(&self, radius: f32, most: usize) -> usize {
        ((4.0 + radius * self.detail * 0.5) as usize).clamp(6, most.max(6)) & !1
    }

    fn colour(&self, c: Rgb, distance: f32) -> u32 {
        let c = mix(c, self.light.horizon, self.light.haze(distance));
        let byte = |v: f32| (v * 255.0 + 0.5).clamp(0.0, 255.0) as u32;
        byte(c[0]) << 16 | byte(c[1]) << 8 | byte(c[2])
    }

    /// A flat face given by its corners in local metres.
    pub fn face(&mut self, points: &[Vec3], albedo: Rgb, material: Material, sides: Sides) {
        self.face_biased(points, albedo, material, sides, 1.0);
    }

    /// A face painted on top of another one in the same plane (a lamp, a plate).
    pub fn decal(&mut self, points: &[Vec3], albedo: Rgb, material: Material) {
        let bias = self.next_layer();
        self.face_biased(points, albedo, material, Sides::Both, bias);
    }

    /// A decal seen only from outside of the body around `centre`.
    pub fn badge(&mut self, points: &[Vec3], albedo: Rgb, material: Material, centre: Vec3) {
        let bias = self.next_layer();
        self.face_biased(points, albedo, material, Sides::AwayFrom(centre), bias);
    }

    /// How much nearer the next painted-on face is drawn.
    fn next_layer(&mut self) -> f32 {
        self.layer = (self.layer + 1).min(100);
        1.0006 + 4e-6 * f32::from(self.layer)
    }

    fn face_biased(
        &mut self,
        points: &[Vec3],
        albedo: Rgb,
        material: Material,
        sides: Sides,
        bias: f32,
    ) {
        let n = points.len().min(CORNERS_MAX - 1);
        if n < 3 {
            return;
        }
        let mut world = [Vec3::default(); CORNERS_MAX];
        let mut middle = Vec3::default();
        for (w, p) in world.iter_mut().zip(&points[..n]) {
            *w = self.place.point(*p);
            middle = middle + *w;
        }
        let middle = middle * (1.0 / n as f32);
        let mut normal = (world[1] - world[0]).cross(world[2] - world[0]);
        if n > 3 {
            normal = normal + (world[2] - world[0]).cross(world[n - 1] - world[0]);
        }
        let normal = normal.unit();
        let eye = v3(self.camera.x, self.camera.height, self.camera.z);
        // The bend moves a thing sideways in the picture, so the eye must be moved the
        // other way to see the side of it that is turned towards the camera.
        let z = middle.z - eye.z;
        let eye = v3(
            eye.x - self.camera.bend * z * z + self.camera.yaw * z,
            eye.y,
            eye.z,
        );
        let view = middle - eye;
        let distance = view.length();
        let view = view.unit();
        let mut faces_eye = normal.dot(view) < 0.0;
        let mut outward = normal;
        match sides {
            Sides::Both => {
                if !faces_eye {
                    outward = normal * -1.0;
                    faces_eye = true;
                }
            }
            Sides::AwayFrom(centre) => {
                if normal.dot(middle - self.place.point(centre)) < 0.0 {
                    outward = normal * -1.0;
                    faces_eye = !faces_eye;
                }
            }
        }
        let to_sun = matches!(sides, Sides::Both) || outward.dot(self.light.sun) > 0.0;
        if self.casts && bias == 1.0 && to_sun {
            self.cast(&world[..n]);
        }
        if !faces_eye {
            return;
        }
        let mut albedo = albedo;
        if material != Material::Lamp && middle.y < 0.9 {
            // Light is scarce close to the ground: it grounds things without ray tracing.
            let k = 0.72 + 0.28 * (middle.y / 0.9).max(0.0);
            albedo = [albedo[0] * k, albedo[1] * k, albedo[2] * k];
        }
        let mut shade = self.light.shade(outward, view, albedo, material);
        if self.light.lamps && material != Material::Lamp {
            // Own headlamps.
            let k = self.headlamps(middle.x, z) * (-outward.dot(view)).max(0.0);
            for (s, a) in shade.iter_mut().zip(albedo) {
                *s += a * k;
            }
        }
        let colour = self.colour(shade, distance);
        self.emit(&world[..n], colour, Mode::Solid, bias);
    }

    /// Light of the own headlamps at this place, `0..=0.5`.
    fn headlamps(&self, x: f32, ahead: f32) -> f32 {
        let side = (x - self.camera.x).abs() / (2.5 + ahead * 0.25);
        0.5 * (1.0 - side).clamp(0.0, 1.0) * (1.0 - ahead / 40.0).clamp(0.0, 1.0)
    }

    /// The shadow of a face on the ground.
    fn cast(&mut self, world: &[Vec3]) {
        let sun = self.light.sun;
        let mut flat = [Vec3::default(); CORNERS_MAX];
        for (f, w) in flat.iter_mut().zip(world) {
            let t = w.y.max(0.0) / sun.y;
            *f = v3(w.x - sun.x * t, 0.0, w.z - sun.z * t);
        }
        let n = world.len();
        self.emit(&flat[..n], 0, Mode::Shadow, 1.0);
    }

    /// Clips, projects and stores a face given in world metres.
    fn emit(&mut self, world: &[Vec3], colour: u32, mode: Mode, bias: f32) {
        let mut view = [Vec3::default(); CORNERS_MAX];
        let mut n = 0;
        let camera = self.camera;
        let mut previous = camera.view(world[world.len() - 1]);
        for w in world {
            let v = camera.view(*w);
            if (v.z >= NEAR_M) != (previous.z >= NEAR_M) && n < CORNERS_MAX {
                let t = (NEAR_M - previous.z) / (v.z - previous.z);
                view[n] = previous.lerp(v, t);
                view[n].z = NEAR_M;
                n += 1;
            }
            if v.z >= NEAR_M && n < CORNERS_MAX {
                view[n] = v;
                n += 1;
            }
            previous = v;
        }
        if n < 3 {
            return;
        }
        let mut corners = [[0.0f32; 3]; CORNERS_MAX];
        let (mut x0, mut y0) = (f32::INFINITY, f32::INFINITY);
        let (mut x1, mut y1) = (-f32::INFINITY, -f32::INFINITY);
        for (c, v) in corners.iter_mut().zip(&view[..n]) {
            *c = camera.project(*v);
            c[2] *= bias;
            (x0, y0) = (x0.min(c[0]), y0.min(c[1]));
            (x1, y1) = (x1.max(c[0]), y1.max(c[1]));
        }
        if mode == Mode::Solid {
            let r = &mut self.reach;
            *r = Reach {
                x0: r.x0.min(x0),
                y0: r.y0.min(y0),
                x1: r.x1.max(x1),
                y1: r.y1.max(y1),
            };
        }
        if x1 <= 0.0 || y1 <= 0.0 || x0 >= camera.width || y0 >= camera.rows {
            return;
        }
        let list = if mode == Mode::Solid {
            &mut self.triangles
        } else {
            &mut self.ground
        };
        for i in 1..n - 1 {
            if list.len() >= TRIANGLES_MAX {
                return;
            }
            let corners = [corners[0], corners[i], corners[i + 1]];
            list.push(Triangle {
                corners,
                colour,
                id: self.id,
                mode,
            });
        }
    }

    /// A rectangle on the ground in world metres, cut in pieces along the street so that
    /// haze and bend follow it.
    pub fn ground_strip(&mut self, x: [f32; 2], z: [f32; 2], albedo: Rgb, mode: Mode) {
        let start = z[0].max(self.camera.z + NEAR_M);
        let mut near = start;
        while near < z[1] {
            let ahead = near - self.camera.z;
            let far = (near + (ahead * 0.14).max(1.2)).min(z[1]);
            self.ground_quad(
                [
                    v3(x[0], 0.0, near),
                    v3(x[1], 0.0, near),
                    v3(x[1], 0.0, far),
                    v3(x[0], 0.0, far),
                ],
                albedo,
                mode,
            );
            near = far;
        }
    }

    /// Any quadrilateral on the ground in world metres.
    pub fn ground_quad(&mut self, points: [Vec3; 4], albedo: Rgb, mode: Mode) {
        let middle = points[0].lerp(points[2], 0.5);
        let ahead = (middle.z - self.camera.z).max(NEAR_M);
        let l = &self.light;
        let sun = l.sun.y.max(0.0);
        let mut c = [0.0; 3];
        for i in 0..3 {
            c[i] = albedo[i] * (l.ambient_sky[i] + l.sun_colour[i] * sun);
        }
        if l.wet > 0.0 {
            // A wet road mirrors the sky the more the flatter one looks at it.
            let flat = 1.0 - self.camera.height / (self.camera.height + ahead * 0.35);
            c = mix(
                [c[0] * 0.7, c[1] * 0.7, c[2] * 0.72],
                l.horizon,
                0.42 * flat * l.wet,
            );
        }
        if l.lamps {
            let k = self.headlamps(middle.x, ahead);
            for (c, a) in c.iter_mut().zip(albedo) {
                *c += a * k;
            }
        }
        let colour = self.colour(c, ahead);
        self.emit(&points, colour, mode, 1.0);
    }

    /// Darkens the ground under a thing: rectangle around the place, in local metres.
    pub fn contact(&mut self, half_width: f32, back: f32, front: f32, strength: f32) {
        for step in 0..3 {
            let grow = 0.16 * step as f32 - 0.1;
            let share = (strength * 256.0 * [0.45, 0.35, 0.3][step]) as u32;
            let (w, b, f) = (half_width + grow, back - grow, front + grow);
            let cut = w.min(0.35);
            let p = [
                v3(-w + cut, 0.0, b),
                v3(w - cut, 0.0, b),
                v3(w, 0.0, b + cut),
                v3(w, 0.0, f - cut),
                v3(w - cut, 0.0, f),
                v3(-w + cut, 0.0, f),
                v3(-w, 0.0, f - cut),
                v3(-w, 0.0, b + cut),
            ];
            let world = p.map(|p| {
                let q = self.place.point(p);
                v3(q.x, 0.0, q.z)
            });
            self.emit(&world, 0x0008_0808, Mode::Tint(share), 1.0);
        }
    }

    /// A lamp's halo at a local point, and on a wet road its reflection.
    pub fn glow(&mut self, at: Vec3, radius: f32, colour: Rgb) {
        let w = self.place.point(at);
        let v = self.camera.view(w);
        if v.z < 1.0 {
            return;
        }
        let c = self.camera.project(v);
        let k = 1.0 - self.light.haze(v.z) * 0.7;
        let r = (radius * self.camera.focal * c[2]).clamp(1.5, self.camera.rows * 0.12);
        let colour = [colour[0] * k, colour[1] * k, colour[2] * k];
        let inverse_distance = 1.0 / (v.z - 0.6);
        let halo = Glow {
            x: c[0],
            y: c[1],
            radius: [r, r],
            inverse_distance,
            colour,
            on_ground: false,
        };
        self.glows.push(halo);
        if self.light.wet > 0.0 {
            let m = self.camera.project(self.camera.view(v3(w.x, -w.y, w.z)));
            let radius = [r * 0.7, r * 3.0];
            let colour = colour.map(|c| c * 0.5);
            self.glows.push(Glow {
                x: m[0],
                y: m[1],
                radius,
                colour,
                on_ground: true,
                ..halo
            });
        }
    }
}
