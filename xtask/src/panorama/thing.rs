//! Things on the street, and how their parts are put together.

use super::material::Material;
use super::shape::Shape;
use super::turn::Turn;
use lookout::class::ObjectClass;
use lookout::drive::vector::{Vec3, v3};

/// One solid of a thing, in the thing's own axes: x right, y up from the ground, z forward.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub shape: Shape,
    pub material: Material,
    /// Corners of a box around it.
    pub min: Vec3,
    pub max: Vec3,
}

/// Something that stands or moves.
#[derive(Clone, Debug)]
pub(super) struct Thing {
    /// `None` for what is no road user.
    pub class: Option<ObjectClass>,
    /// The same in all frames of a drive.
    pub identity: u32,
    /// Where it stands, relative to the sensor.
    pub origin: Vec3,
    pub turn: Turn,
    /// Its parts among those of the scene.
    pub parts: std::ops::Range<usize>,
}

/// All things of a frame.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub things: Vec<Thing>,
    pub parts: Vec<Part>,
    /// Half the angle between neighbouring pixels: what is thinner is hit by the beam's edge.
    beam: f32,
    /// Half the width of a beam at the thing being built, in metres.
    grain: f32,
}

impl Scene {
    pub fn clear(&mut self, pixel_angle: f32) {
        self.things.clear();
        self.parts.clear();
        self.beam = 0.5 * pixel_angle;
    }

    /// Begins a thing; the parts that follow belong to it.
    pub fn begin(&mut self, class: Option<ObjectClass>, identity: u32, origin: Vec3, heading: f32) {
        self.grain = self.beam * origin.x.hypot(origin.z);
        let parts = self.parts.len()..self.parts.len();
        self.things.push(Thing {
            class,
            identity,
            origin,
            turn: Turn::new(heading),
            parts,
        });
    }

    fn push(&mut self, shape: Shape, material: Material, min: Vec3, max: Vec3) {
        self.parts.push(Part {
            shape,
            material,
            min,
            max,
        });
        if let Some(thing) = self.things.last_mut() {
            thing.parts.end = self.parts.len();
        }
    }

    /// A box about `centre`, `size` from end to end.
    pub fn block(&mut self, centre: Vec3, size: Vec3, material: Material) {
        let (min, max) = (centre - size * 0.5, centre + size * 0.5);
        self.push(Shape::block(min, max), material, min, max);
    }

    /// A convex profile as [`Shape::profile`] describes it; its lowest point is the base.
    pub fn profile(&mut self, points: &[(f32, f32)], half: f32, taper: f32, material: Material) {
        let mut min = v3(-half, f32::INFINITY, f32::INFINITY);
        let mut max = v3(half, f32::NEG_INFINITY, f32::NEG_INFINITY);
        for &(z, y) in points {
            (min, max) = (min.min(v3(-half, y, z)), max.max(v3(half, y, z)));
        }
        self.push(
            Shape::profile(points, half, min.y, taper),
            material,
            min,
            max,
        );
    }

    /// A tube with round ends.
    pub fn tube(&mut self, a: Vec3, b: Vec3, radius: f32, material: Material) {
        let radius = radius.max(self.grain);
        let r = v3(radius, radius, radius);
        let (min, max) = (a.min(b) - r, a.max(b) + r);
        self.push(Shape::Tube { a, b, radius }, material, min, max);
    }

    /// An ellipsoid.
    pub fn ball(&mut self, centre: Vec3, radii: Vec3, material: Material) {
        let radii = radii.max(v3(self.grain, self.grain, self.grain));
        let shape = Shape::Ball { centre, radii };
        self.push(shape, material, centre - radii, centre + radii);
    }

    /// A wheel about an axis along x; `inner` 0 fills it.
    pub fn wheel(
        &mut self,
        centre: Vec3,
        (outer, inner): (f32, f32),
        width: f32,
        material: Material,
    ) {
        let half = (0.5 * width).max(self.grain);
        // A ring as thin as a beam would be seen in dots.
        let inner = inner.min(outer - 2.0 * self.grain).max(0.0);
        let reach = v3(half, outer, outer);
        let shape = Shape::Wheel {
            centre,
            outer,
            inner,
            half,
        };
        self.push(shape, material, centre - reach, centre + reach);
    }
}
