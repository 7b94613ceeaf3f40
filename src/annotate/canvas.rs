//! Rectangles and text on a picture in memory; whatever lies outside is cut off.

use font8x8::legacy::BASIC_LEGACY;

/// Side of a character at scale 1, in pixels.
pub(super) const GLYPH_PIXELS: i32 = 8;

/// A borrowed picture of tightly packed R, G, B bytes. Coordinates are pixels from the top
/// left corner and may lie anywhere.
pub struct Canvas<'a> {
    rgb: &'a mut [u8],
    width: i32,
    height: i32,
}

/// A rectangle of pixels: `x0..x1, y0..y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub x0: i32,
    pub y0: i32,
    pub x1: i32,
    pub y1: i32,
}

impl Area {
    /// Whether the two share a pixel.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }
}

impl<'a> Canvas<'a> {
    /// On the first `3 * width * height` bytes of `rgb`; `None` when there are fewer, or when
    /// a side is 0 or over 65535.
    pub fn new(rgb: &'a mut [u8], width: u32, height: u32) -> Option<Self> {
        let side = |pixels: u32| u16::try_from(pixels).ok().filter(|side| *side > 0);
        let (w, h) = (side(width)?, side(height)?);
        let bytes = usize::from(w).checked_mul(usize::from(h))?.checked_mul(3)?;
        Some(Self {
            rgb: rgb.get_mut(..bytes)?,
            width: w.into(),
            height: h.into(),
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> i32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> i32 {
        self.height
    }

    /// Fills `area` with `colour`.
    pub(super) fn fill(&mut self, area: Area, colour: [u8; 3]) {
        let (x0, x1) = (area.x0.clamp(0, self.width), area.x1.clamp(0, self.width));
        let (y0, y1) = (area.y0.clamp(0, self.height), area.y1.clamp(0, self.height));
        if x0 >= x1 {
            return;
        }
        for y in y0..y1 {
            let row = y as usize * self.width as usize;
            let pixels = 3 * (row + x0 as usize)..3 * (row + x1 as usize);
            for pixel in self.rgb[pixels].chunks_exact_mut(3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    /// Draws the inner edge of `area`, `thickness` pixels wide.
    pub(super) fn outline(&mut self, area: Area, thickness: i32, colour: [u8; 3]) {
        let Area { x0, y0, x1, y1 } = area;
        let t = thickness
            .min(x1.saturating_sub(x0))
            .min(y1.saturating_sub(y0))
            .max(0);
        self.fill(
            Area {
                y1: y0.saturating_add(t),
                ..area
            },
            colour,
        );
        self.fill(
            Area {
                y0: y1.saturating_sub(t),
                ..area
            },
            colour,
        );
        self.fill(
            Area {
                x1: x0.saturating_add(t),
                ..area
            },
            colour,
        );
        self.fill(
            Area {
                x0: x1.saturating_sub(t),
                ..area
            },
            colour,
        );
    }

    /// Writes `text` (ASCII; other characters become `?`) with its top left corner at `x, y`,
    /// every font pixel `scale` pixels wide.
    pub(super) fn text(&mut self, x: i32, y: i32, scale: i32, text: &str, colour: [u8; 3]) {
        let mut left = x;
        for character in text.chars() {
            let index = if character.is_ascii() {
                character as usize
            } else {
                '?' as usize
            };
            let glyph = BASIC_LEGACY.get(index).unwrap_or(&[0; 8]);
            for (row, bits) in (0..).zip(glyph) {
                for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                    let x0 = left.saturating_add(column * scale);
                    let y0 = y.saturating_add(row * scale);
                    let (x1, y1) = (x0.saturating_add(scale), y0.saturating_add(scale));
                    self.fill(Area { x0, y0, x1, y1 }, colour);
                }
            }
            left = left.saturating_add(GLYPH_PIXELS * scale);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const RED: [u8; 3] = [255, 0, 0];

    fn lit(rgb: &[u8], width: usize) -> Vec<(usize, usize)> {
        let pixels = rgb
            .chunks_exact(3)
            .enumerate()
            .filter(|(_, pixel)| **pixel == RED);
        pixels
            .map(|(index, _)| (index % width, index / width))
            .collect()
    }

    #[test]
    fn an_outline_is_cut_at_the_edges() {
        let mut rgb = vec![0; 3 * 5 * 4];
        let mut canvas = Canvas::new(&mut rgb, 5, 4).unwrap();
        canvas.outline(
            Area {
                x0: 2,
                y0: 1,
                x1: 9,
                y1: 9,
            },
            1,
            RED,
        );
        assert_eq!(lit(&rgb, 5), [(2, 1), (3, 1), (4, 1), (2, 2), (2, 3)]);
    }

    #[test]
    fn letters_are_the_right_way_round() {
        let mut rgb = vec![0; 3 * 8 * 8];
        Canvas::new(&mut rgb, 8, 8).unwrap().text(0, 0, 1, "L", RED);
        let pixels = lit(&rgb, 8);
        let column = |range: std::ops::Range<usize>| {
            pixels.iter().filter(|(x, _)| range.contains(x)).count()
        };
        assert!(
            column(0..4) > column(4..8),
            "the stem of an L is at its left"
        );
        let row = |range: std::ops::Range<usize>| {
            pixels.iter().filter(|(_, y)| range.contains(y)).count()
        };
        assert!(row(4..8) > row(0..4), "the foot of an L is at its bottom");
    }

    #[test]
    fn too_few_bytes_or_no_size_is_no_canvas() {
        assert!(Canvas::new(&mut [0; 59], 5, 4).is_none());
        assert!(Canvas::new(&mut [0; 60], 5, 4).is_some());
        assert!(Canvas::new(&mut [0; 60], 0, 4).is_none());
        assert!(Canvas::new(&mut [0; 60], u32::MAX, u32::MAX).is_none());
    }

    proptest! {
        #[test]
        fn nothing_panics_and_only_the_inside_is_filled(
            (x0, y0, x1, y1) in any::<(i32, i32, i32, i32)>(),
            (near_x, near_y) in (-20i32..20, -20i32..20),
            thickness in -2i32..6,
        ) {
            let mut rgb = vec![0; 3 * 11 * 7];
            let mut canvas = Canvas::new(&mut rgb, 11, 7).unwrap();
            canvas.outline(Area { x0, y0, x1, y1 }, thickness, RED);
            canvas.text(x0, y0, 2, "car é", RED);
            canvas.text(near_x, near_y, 1, "bus", RED);
            let mut rgb = vec![0; 3 * 11 * 7];
            let mut canvas = Canvas::new(&mut rgb, 11, 7).unwrap();
            let (x1, y1) = (near_x.saturating_add(6), near_y.saturating_add(5));
            canvas.fill(Area { x0: near_x, y0: near_y, x1, y1 }, RED);
            for (x, y) in lit(&rgb, 11) {
                let (x, y) = (x as i32, y as i32);
                prop_assert!((near_x..x1).contains(&x) && (near_y..y1).contains(&y));
            }
        }
    }
}
