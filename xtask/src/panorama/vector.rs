//! Small 3-D vectors.

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

    /// Unit vector; a zero vector stays zero.
    pub fn unit(self) -> Self {
        let length = self.dot(self).sqrt();
        if length > 1e-9 {
            self * length.recip()
        } else {
            self
        }
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

/// A turn about the vertical axis: heading 0 looks along +z, positive turns right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    sin: f32,
    cos: f32,
}

impl Turn {
    pub fn new(heading: f32) -> Self {
        let (sin, cos) = heading.sin_cos();
        Self { sin, cos }
    }

    /// From the turned thing's own axes to the world's.
    pub fn out(self, v: Vec3) -> Vec3 {
        v3(
            v.x * self.cos + v.z * self.sin,
            v.y,
            v.z * self.cos - v.x * self.sin,
        )
    }

    /// From the world's axes to the turned thing's own.
    pub fn into(self, v: Vec3) -> Vec3 {
        v3(
            v.x * self.cos - v.z * self.sin,
            v.y,
            v.z * self.cos + v.x * self.sin,
        )
    }
}
