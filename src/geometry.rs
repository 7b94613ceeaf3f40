//! Boxes in the plane of a picture.

use serde::{Deserialize, Serialize};

/// An axis-aligned box given by two corners, in pixels of whatever picture it
/// belongs to. `x` runs right, `y` down; pixel `i` covers `i..i + 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

impl BBox {
    /// A box from its corners.
    pub const fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// A box from its centre and size.
    pub fn from_centre(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        let (hw, hh) = (width * 0.5, height * 0.5);
        Self::new(cx - hw, cy - hh, cx + hw, cy + hh)
    }

    /// Width, negative for an inverted box.
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// Height, negative for an inverted box.
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// Area, 0 for an empty or inverted box.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Centre as `(x, y)`.
    pub fn centre(&self) -> (f32, f32) {
        ((self.x0 + self.x1) * 0.5, (self.y0 + self.y1) * 0.5)
    }

    /// Area shared with `other`.
    pub fn intersection(&self, other: &Self) -> f32 {
        let w = self.x1.min(other.x1) - self.x0.max(other.x0);
        let h = self.y1.min(other.y1) - self.y0.max(other.y0);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union, `0..=1`; 0 when both are empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let inter = self.intersection(other);
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }

    /// The part inside `0..width, 0..height`.
    pub fn clip(&self, width: f32, height: f32) -> Self {
        Self::new(
            self.x0.clamp(0.0, width),
            self.y0.clamp(0.0, height),
            self.x1.clamp(0.0, width),
            self.y1.clamp(0.0, height),
        )
    }

    /// The part inside `other`; inverted where they share nothing.
    pub fn part_in(&self, other: &Self) -> Self {
        Self::new(
            self.x0.max(other.x0),
            self.y0.max(other.y0),
            self.x1.min(other.x1),
            self.y1.min(other.y1),
        )
    }

    /// The box in a picture that is `x` times as wide and `y` times as high.
    pub fn scale(&self, x: f32, y: f32) -> Self {
        Self::new(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)
    }

    /// Whether all four numbers are finite and the box has an area.
    pub fn is_valid(&self) -> bool {
        [self.x0, self.y0, self.x1, self.y1]
            .iter()
            .all(|v| v.is_finite())
            && self.area() > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_of_known_boxes() {
        let a = BBox::new(0.0, 0.0, 2.0, 2.0);
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&BBox::new(1.0, 0.0, 3.0, 2.0)), 1.0 / 3.0);
        assert_eq!(a.iou(&BBox::new(2.0, 0.0, 3.0, 2.0)), 0.0);
        assert_eq!(BBox::default().iou(&BBox::default()), 0.0);
        assert!(!BBox::new(f32::NAN, 0.0, 1.0, 1.0).is_valid());
    }

    #[test]
    fn parts_and_scaled_boxes() {
        let a = BBox::new(1.0, 2.0, 5.0, 6.0);
        assert_eq!(
            a.part_in(&BBox::new(3.0, 0.0, 9.0, 4.0)),
            BBox::new(3.0, 2.0, 5.0, 4.0)
        );
        assert!(!a.part_in(&BBox::new(6.0, 0.0, 9.0, 4.0)).is_valid());
        assert_eq!(a.scale(2.0, 0.5), BBox::new(2.0, 1.0, 10.0, 3.0));
    }
}
