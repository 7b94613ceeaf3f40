//! A part of the picture.

/// The fewest and the most corners of a zone.
pub const CORNERS: std::ops::RangeInclusive<usize> = 3..=16;

/// A polygon in the picture; its corners in fractions of the picture's width and height, so that
/// it holds for every camera mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its name, for rules and messages.
    pub name: String,
    /// Its corners as `[x, y]`, each `0..=1`, in order around it.
    pub polygon: Vec<[f32; 2]>,
}

impl Zone {
    /// Whether a point, in the same fractions, lies within. Where edges cross, a point is within
    /// when a ray from it meets the edges an odd number of times.
    pub fn contains(&self, x: f32, y: f32) -> bool {
        let after = self.polygon.iter().cycle().skip(1);
        let edges = self.polygon.iter().zip(after);
        let meets = |([x0, y0], [x1, y1]): &(&[f32; 2], &[f32; 2])| {
            (y0 > &y) != (y1 > &y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
        };
        edges.filter(meets).count() % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(polygon: &[[f32; 2]]) -> Zone {
        Zone {
            name: "test".into(),
            polygon: polygon.to_vec(),
        }
    }

    #[test]
    fn a_square_holds_its_inside() {
        let square = zone(&[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]);
        assert!(square.contains(0.5, 0.5) && square.contains(0.26, 0.74));
        for (x, y) in [(0.2, 0.5), (0.8, 0.5), (0.5, 0.2), (0.5, 0.8)] {
            assert!(!square.contains(x, y), "{x} {y}");
        }
    }

    #[test]
    fn a_notch_is_outside() {
        let notched = zone(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 1.0]]);
        assert!(notched.contains(0.5, 0.4) && notched.contains(0.9, 0.8));
        assert!(!notched.contains(0.5, 0.8));
    }

    #[test]
    fn direction_does_not_matter_and_nonsense_holds_nothing() {
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let mut back = corners;
        back.reverse();
        for (x, y) in [(0.2, 0.2), (0.9, 0.9), (0.45, 0.5), (0.55, 0.5)] {
            assert_eq!(zone(&corners).contains(x, y), zone(&back).contains(x, y));
        }
        assert!(!zone(&corners).contains(f32::NAN, 0.1));
        assert!(!zone(&[]).contains(0.5, 0.5));
    }
}
