//! Where things stand, with transcendental functions from `libm` so that every CPU computes
//! the same bits.

use super::vector::{Vec3, v3};

pub(super) fn sin(a: f32) -> f32 {
    libm::sinf(a)
}

pub(super) fn cos(a: f32) -> f32 {
    libm::cosf(a)
}

/// Where a thing stands and how it is turned: an origin and three axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub origin: Vec3,
    pub right: Vec3,
    pub up: Vec3,
    pub ahead: Vec3,
}

impl Placement {
    /// At the world's origin, unturned.
    pub const WORLD: Self = Self {
        origin: v3(0.0, 0.0, 0.0),
        right: v3(1.0, 0.0, 0.0),
        up: v3(0.0, 1.0, 0.0),
        ahead: v3(0.0, 0.0, 1.0),
    };

    /// On the ground at `(x, z)`; heading 0 looks along +z, positive turns right. `lean`
    /// tilts the thing to its right, both in radians.
    pub fn new(x: f32, z: f32, heading: f32, lean: f32) -> Self {
        let (s, c) = (sin(heading), cos(heading));
        let flat_right = v3(c, 0.0, -s);
        let (ls, lc) = (sin(lean), cos(lean));
        let up = v3(0.0, lc, 0.0) + flat_right * ls;
        let right = flat_right * lc - v3(0.0, ls, 0.0);
        Self {
            origin: v3(x, 0.0, z),
            right,
            up,
            ahead: v3(s, 0.0, c),
        }
    }

    /// A local point in the world.
    pub fn point(&self, p: Vec3) -> Vec3 {
        self.origin + self.right * p.x + self.up * p.y + self.ahead * p.z
    }
}
