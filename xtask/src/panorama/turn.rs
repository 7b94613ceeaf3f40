//! Turned things.

use lookout::drive::vector::{Vec3, v3};

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
