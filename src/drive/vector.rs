//! Small 3-D vectors, for streets that are rendered.

use std::ops::{Add, Mul, Sub};

/// A point or direction: `x` right, `y` up, `z` ahead, in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vec3 {
    /// To the right.
    pub x: f32,
    /// Up.
    pub y: f32,
    /// Ahead.
    pub z: f32,
}

/// Shorthand for a [`Vec3`].
pub const fn v3(x: f32, y: f32, z: f32) -> Vec3 {
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
    /// Product of lengths and of the angle's cosine.
    pub fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    /// At right angles to both, as long as the area between them.
    pub fn cross(self, o: Self) -> Self {
        v3(
            self.y * o.z - self.z * o.y,
            self.z * o.x - self.x * o.z,
            self.x * o.y - self.y * o.x,
        )
    }

    /// How long it is.
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// Unit vector; a zero vector stays zero.
    pub fn unit(self) -> Self {
        let l = self.length();
        if l > 1e-9 { self * (1.0 / l) } else { self }
    }

    /// The point at the share `t` of the way to `o`.
    pub fn lerp(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }

    /// The lesser of each coordinate.
    pub fn min(self, o: Self) -> Self {
        v3(self.x.min(o.x), self.y.min(o.y), self.z.min(o.z))
    }

    /// The greater of each coordinate.
    pub fn max(self, o: Self) -> Self {
        v3(self.x.max(o.x), self.y.max(o.y), self.z.max(o.z))
    }
}
