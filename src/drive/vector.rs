//! Small 3-D vectors and placements, with transcendental functions from `libm` so that
//! every CPU computes the same bits.

use std::ops::{Add, Mul, Sub};

/// A point or direction: `x` right, `y` up, `z` ahead, in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vec3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// Shorthand for a [`Vec3`].
pub(super) const fn v3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        v3(self.x * k, self.y * k, self.z * k)
    }
}

impl Vec3 {
    pub fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub fn cross(self, o: Self) -> Self {
        v3(
            self.y * o.z - self.z * o.y,
            self.z * o.x - self.x * o.z,
            self.x * o.y - self.y * o.x,
        )
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// Unit vector; a zero vector stays zero.
    pub fn unit(self) -> Self {
        let l = self.length();
        if l > 1e-9 { self * (1.0 / l) } else { self }
    }

    pub fn lerp(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }
}

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
