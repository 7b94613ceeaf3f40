//! Which way each pixel looks.

use super::turn::Turn;
use lookout::drive::vector::{Vec3, v3};
use std::f32::consts::{PI, TAU};

/// Elevation of the upper edge, in radians: a lidar with 45 degrees in all, tilted down a
/// little, since what matters on a street is below its roof.
const TOP: f32 = 16.0 * PI / 180.0;

/// Angle from the upper to the lower edge.
const HEIGHT: f32 = 45.0 * PI / 180.0;

/// A cylinder of pixels around the sensor. Columns go from behind over left, ahead (in the
/// middle) and right to behind; rows are evenly spaced in elevation.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    /// Sine and cosine of each column's azimuth.
    pub columns: Vec<(f32, f32)>,
    /// Sine and cosine of each row's elevation.
    pub rows: Vec<(f32, f32)>,
}

/// A rectangle of pixels; columns may go on beyond the seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First column, possibly negative.
    pub first: i32,
    /// Number of columns.
    pub columns: i32,
    /// First row, and the row behind the last.
    pub rows: (usize, usize),
}

impl Lens {
    pub fn new(width: u32, height: u32) -> Self {
        let azimuth = |column: u32| ((column as f32 + 0.5) / width as f32 - 0.5) * TAU;
        let elevation = |row: u32| TOP - (row as f32 + 0.5) / height as f32 * HEIGHT;
        Self {
            columns: (0..width).map(|c| azimuth(c).sin_cos()).collect(),
            rows: (0..height).map(|r| elevation(r).sin_cos()).collect(),
        }
    }

    /// Unit direction of a pixel.
    pub fn direction(&self, column: usize, row: usize) -> Vec3 {
        let ((sin, cos), (up, flat)) = (self.columns[column], self.rows[row]);
        v3(sin * flat, up, cos * flat)
    }

    /// Angle between neighbouring columns, in radians.
    pub fn step(&self) -> f32 {
        TAU / self.columns.len() as f32
    }

    /// The pixels that a box may cover. It lies between `min` and `max` in axes turned by
    /// `turn` about `origin`, which is relative to the sensor.
    pub fn span(&self, min: Vec3, max: Vec3, origin: Vec3, turn: Turn) -> Option<Span> {
        let sensor = turn.into(origin * -1.0);
        let away = |low: f32, at: f32, high: f32| (low - at).max(at - high).max(0.0);
        let far = |low: f32, at: f32, high: f32| (at - low).abs().max((high - at).abs());
        let near = away(min.x, sensor.x, max.x).hypot(away(min.z, sensor.z, max.z));
        let farthest = far(min.x, sensor.x, max.x).hypot(far(min.z, sensor.z, max.z));
        let rows = self.rows_between(min.y + origin.y, max.y + origin.y, near, farthest)?;
        let width = self.columns.len() as i32;
        if near <= 0.0 {
            return Some(Span {
                first: 0,
                columns: width,
                rows,
            });
        }
        let azimuth = |x: f32, z: f32| {
            let corner = turn.out(v3(x, 0.0, z)) + origin;
            corner.x.atan2(corner.z)
        };
        let middle = azimuth(0.5 * (min.x + max.x), 0.5 * (min.z + max.z));
        let (mut left, mut right) = (0.0f32, 0.0f32);
        for x in [min.x, max.x] {
            for z in [min.z, max.z] {
                let off = azimuth(x, z) - middle;
                let off = off - (off / TAU).round() * TAU;
                (left, right) = (left.min(off), right.max(off));
            }
        }
        let column = |azimuth: f32| (azimuth / TAU + 0.5) * width as f32 - 0.5;
        let first = column(middle + left).ceil() as i32;
        let last = column(middle + right).floor() as i32;
        (last >= first).then_some(Span {
            first,
            columns: (last - first + 1).min(width),
            rows,
        })
    }

    /// Rows in which heights from `low` to `high` can be seen at distances from `near` to
    /// `farthest`.
    fn rows_between(
        &self,
        low: f32,
        high: f32,
        near: f32,
        farthest: f32,
    ) -> Option<(usize, usize)> {
        let top = high.atan2(if high > 0.0 { near } else { farthest });
        let bottom = low.atan2(if low < 0.0 { near } else { farthest });
        let row = |elevation: f32| (TOP - elevation) / HEIGHT * self.rows.len() as f32 - 0.5;
        let first = row(top).ceil().max(0.0) as usize;
        let last = row(bottom).floor();
        let end = (last + 1.0).clamp(0.0, self.rows.len() as f32) as usize;
        (end > first).then_some((first, end))
    }
}
