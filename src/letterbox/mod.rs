//! From a picture of any size to the model's input, in one pass.
//!
//! [`Letterbox`] is the geometry: which part of the picture lands where. [`Resampler`] moves
//! the pixels: it combines source rows as soon as they are there, then filters the one row that
//! is left horizontally, with an anti-aliased triangle filter in fixed point.
//! The trainer uses the same code with other [`View`]s, so that a model sees on the board
//! what it saw in training.

mod filter;
mod lanes;

use crate::geometry::BBox;
use crate::pixels::Picture;
use filter::Filter;
use lanes::Rows;

/// Bytes of a pixel as many pictures hold it.
const RGB_BYTES: usize = 3;

/// Bytes of a pixel that a vector holds four of.
const RGBX_BYTES: usize = 4;

/// What is shown beside the picture where its shape is not the input's: middle grey, which
/// normalises to exactly 0.
pub const PAD: u8 = 127;

/// A picture scaled evenly and centred on the model's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    source_width: u32,
    source_height: u32,
    scale: f32,
    left: f32,
    top: f32,
}

impl Letterbox {
    /// The letterbox of a `source_width` x `source_height` picture in an
    /// `input_width` x `input_height` input. Sides of 0 count as 1.
    pub fn new(source_width: u32, source_height: u32, input_width: u32, input_height: u32) -> Self {
        let (sw, sh) = (source_width.max(1) as f32, source_height.max(1) as f32);
        let (iw, ih) = (input_width as f32, input_height as f32);
        let scale = (iw / sw).min(ih / sh);
        // Whole pixels, so that the picture's edge is not blended with the border.
        let left = ((iw - sw * scale) * 0.5).round();
        let top = ((ih - sh * scale) * 0.5).round();
        Self {
            source_width,
            source_height,
            scale,
            left,
            top,
        }
    }

    /// The same as a [`View`] for the resampler.
    pub fn view(&self) -> View {
        View {
            scale_x: self.scale,
            scale_y: self.scale,
            left: self.left,
            top: self.top,
            mirrored: false,
        }
    }

    /// A box of the input in pixels of the source, clipped to it.
    pub fn to_source(&self, input: &BBox) -> BBox {
        BBox::new(
            (input.x0 - self.left) / self.scale,
            (input.y0 - self.top) / self.scale,
            (input.x1 - self.left) / self.scale,
            (input.y1 - self.top) / self.scale,
        )
        .clip(self.source_width as f32, self.source_height as f32)
    }
}

/// Where a source picture lies on the input: scaled by (`scale_x`, `scale_y`), its top left
/// corner at (`left`, `top`), and mirrored about its own vertical axis if `mirrored`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Input pixels per source pixel, horizontally.
    pub scale_x: f32,
    /// Input pixels per source pixel, vertically.
    pub scale_y: f32,
    /// Input position of the picture's left edge.
    pub left: f32,
    /// Input position of the picture's top edge.
    pub top: f32,
    /// Whether left and right are exchanged.
    pub mirrored: bool,
}

impl View {
    /// A box of the source (`source_width` pixels wide) on the input, not clipped.
    pub fn to_input(&self, source: &BBox, source_width: f32) -> BBox {
        let (x0, x1) = if self.mirrored {
            (source_width - source.x1, source_width - source.x0)
        } else {
            (source.x0, source.x1)
        };
        BBox::new(
            x0 * self.scale_x + self.left,
            source.y0 * self.scale_y + self.top,
            x1 * self.scale_x + self.left,
            source.y1 * self.scale_y + self.top,
        )
    }
}

/// Draws pictures on an input of fixed size. Buffers are made when the picture's size or the
/// view changes; a frame like the last one allocates nothing.
#[derive(Debug)]
pub struct Resampler {
    width: usize,
    height: usize,
    planned: Option<(u32, u32, View)>,
    across: Filter,
    down: Filter,
    /// The last source rows as pixels of four bytes, where the picture has other ones.
    ring: Vec<u8>,
    ring_rows: usize,
    /// Source rows combined into one, with [`lanes::SLACK`] elements behind.
    combined: Vec<i16>,
    /// One output row, RGB.
    line: Vec<u8>,
}

impl Resampler {
    /// A resampler whose output has `width` x `height` pixels.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width: width as usize,
            height: height as usize,
            planned: None,
            across: Filter::default(),
            down: Filter::default(),
            ring: Vec::new(),
            ring_rows: 0,
            combined: Vec::new(),
            line: vec![0; 3 * width as usize],
        }
    }

    fn plan(&mut self, picture: &Picture<'_>, view: &View) {
        let key = (picture.width(), picture.height(), *view);
        let wants_ring = picture.packed_rgb().is_none() && self.ring.is_empty();
        if self.planned == Some(key) && !wants_ring {
            return;
        }
        let (w, h) = (self.width as u32, self.height as u32);
        self.across = Filter::new(key.0, w, view.scale_x, view.left, view.mirrored);
        self.across.even_out(key.0);
        self.down = Filter::new(key.1, h, view.scale_y, view.top, false);
        self.ring_rows = self.down.taps_max().max(1);
        let row_bytes = RGBX_BYTES * key.0 as usize;
        self.combined.resize(row_bytes + lanes::SLACK, 0);
        if picture.packed_rgb().is_none() {
            self.ring.resize(row_bytes * self.ring_rows, 0);
        } else {
            self.ring.clear();
        }
        self.planned = Some(key);
    }

    /// Draws `picture` as `view` says, row by row: `row` gets each row's number and its pixels,
    /// R, G, B, `width` times. Pixels that the picture does not reach are [`PAD`].
    pub fn draw(&mut self, picture: &Picture<'_>, view: &View, mut row: impl FnMut(usize, &[u8])) {
        self.plan(picture, view);
        // `ready` source rows are in the ring, which holds the last `ring_rows` of them.
        let mut ready = 0;
        for y in 0..self.height {
            let (first, weights) = self.down.tap(y);
            if weights.is_empty() {
                self.line.fill(PAD);
                row(y, &self.line);
                continue;
            }
            let (rows, pixel_bytes) = match picture.packed_rgb() {
                Some((data, row_bytes)) => {
                    let count = picture.height() as usize;
                    let rows = Rows {
                        data,
                        row_bytes,
                        count,
                        first,
                    };
                    (rows, RGB_BYTES)
                }
                None => {
                    let row_bytes = RGBX_BYTES * picture.width() as usize;
                    ready = ready.max(first);
                    while ready < first + weights.len() {
                        let slot = ready % self.ring_rows * row_bytes;
                        picture.rgbx_row(ready as u32, &mut self.ring[slot..slot + row_bytes]);
                        ready += 1;
                    }
                    let rows = Rows {
                        data: &self.ring,
                        row_bytes,
                        count: self.ring_rows,
                        first,
                    };
                    (rows, RGBX_BYTES)
                }
            };
            let elements = pixel_bytes * picture.width() as usize;
            lanes::combine_rows(rows, weights, &mut self.combined[..elements]);
            lanes::filter_row(&self.across, &self.combined, pixel_bytes, &mut self.line);
            row(y, &self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::PixelFormat;
    use proptest::prelude::*;

    fn draw(w: u32, h: u32, rgb: &[u8], view: &View, ow: u32, oh: u32) -> Vec<u8> {
        let picture = Picture::new(PixelFormat::Rgb8, w, h, 3 * w as usize, rgb).unwrap();
        let mut out = vec![0; 3 * (ow * oh) as usize];
        let plane = (ow * oh) as usize;
        Resampler::new(ow, oh).draw(&picture, view, |y, row| {
            for (i, value) in row.iter().enumerate() {
                out[i % 3 * plane + y * ow as usize + i / 3] = *value;
            }
        });
        out
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let rgb: Vec<u8> = (0..5 * 4 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let out = draw(5, 4, &rgb, &Letterbox::new(5, 4, 5, 4).view(), 5, 4);
        for (i, pixel) in rgb.chunks_exact(3).enumerate() {
            assert_eq!(
                [out[i], out[20 + i], out[40 + i]],
                [pixel[0], pixel[1], pixel[2]]
            );
        }
    }

    #[test]
    fn a_mirrored_view_mirrors_pixels_and_boxes_alike() {
        let mut rgb = vec![0; 8 * 2 * 3];
        rgb[3] = 255; // Pixel (1, 0) is red.
        let view = View {
            mirrored: true,
            ..Letterbox::new(8, 2, 8, 2).view()
        };
        let out = draw(8, 2, &rgb, &view, 8, 2);
        assert_eq!(out.iter().position(|&v| v == 255), Some(6));
        let b = view.to_input(&BBox::new(1.0, 0.0, 2.0, 1.0), 8.0);
        assert_eq!(b, BBox::new(6.0, 0.0, 7.0, 1.0));
    }

    #[test]
    fn borders_are_padded_and_boxes_come_back() {
        let letterbox = Letterbox::new(100, 50, 64, 64);
        let out = draw(100, 50, &[200; 15000], &letterbox.view(), 64, 64);
        let rows: Vec<u8> = (0..64).map(|y| out[y * 64 + 10]).collect();
        assert!(
            rows[..16].iter().chain(&rows[48..]).all(|&v| v == PAD),
            "{rows:?}"
        );
        assert!(rows[16..48].iter().all(|&v| v == 200), "{rows:?}");
        let object = BBox::new(10.0, 5.0, 60.0, 45.0);
        let back = letterbox.to_source(&letterbox.view().to_input(&object, 100.0));
        assert!(back.iou(&object) > 0.9999);
    }

    proptest! {
        #[test]
        fn a_flat_picture_stays_flat_at_any_size(
            (w, h, ow, oh) in (1u32..70, 1u32..70, 1u32..40, 1u32..40), value: u8,
        ) {
            let letterbox = Letterbox::new(w, h, ow, oh);
            let rgb = vec![value; (3 * w * h) as usize];
            let out = draw(w, h, &rgb, &letterbox.view(), ow, oh);
            prop_assert!(out.iter().all(|&v| v == value || v == PAD));
        }

        #[test]
        fn no_view_reads_outside_the_picture(
            (w, h) in (1u32..30, 1u32..30),
            (sx, sy) in (0.05f32..9.0, 0.05f32..9.0),
            (left, top) in (-100.0f32..100.0, -100.0f32..100.0), mirrored: bool,
        ) {
            let view = View { scale_x: sx, scale_y: sy, left, top, mirrored };
            let rgb = vec![9; (3 * w * h) as usize];
            let out = draw(w, h, &rgb, &view, 24, 16);
            prop_assert!(out.iter().all(|&v| v == 9 || v == PAD));
        }
    }
}
