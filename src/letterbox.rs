//! From a picture of any size to the model's input, in one pass.
//!
//! [`Letterbox`] is the geometry: which part of the picture lands where. [`Resampler`] moves
//! the pixels: it reads every source row once, filters it horizontally, and combines rows
//! vertically as soon as they are there, with an anti-aliased triangle filter in fixed point.
//! The trainer uses the same code with other [`View`]s, so that a model sees on the board
//! what it saw in training.

use crate::geometry::BBox;
use crate::pixels::Picture;

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

/// Bits of a filter weight's fraction; weights of one output pixel add up to exactly 1.
const WEIGHT_BITS: u32 = 14;
/// Bits by which a horizontally filtered value is finer than a pixel.
const ROW_BITS: u32 = 6;

/// The source pixels that make one output pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tap {
    first: u32,
    count: u32,
    /// Index of the first weight in [`Filter::weights`].
    weight: u32,
}

/// A one-dimensional resampling filter. Output pixels outside the source have no taps.
#[derive(Debug, Default)]
struct Filter {
    taps: Vec<Tap>,
    weights: Vec<i32>,
}

impl Filter {
    /// Output pixel `o` lies at source position `(o + 0.5 - offset) / scale`.
    fn new(source: u32, output: u32, scale: f32, offset: f32, mirrored: bool) -> Self {
        let mut filter = Self::default();
        let support = (1.0 / f64::from(scale)).max(1.0);
        for o in 0..output {
            let place = (f64::from(o) + 0.5 - f64::from(offset)) / f64::from(scale);
            let inside = place >= 0.0 && place < f64::from(source);
            let place = if mirrored {
                f64::from(source) - place
            } else {
                place
            };
            filter.push(source, inside.then_some(place), support);
        }
        filter
    }

    fn push(&mut self, source: u32, place: Option<f64>, support: f64) {
        let weight = self.weights.len() as u32;
        let Some(place) = place else {
            self.taps.push(Tap {
                first: 0,
                count: 0,
                weight,
            });
            return;
        };
        let first = (place - support).floor().max(0.0) as u32;
        let last = ((place + support).ceil() as u32).min(source).max(first + 1);
        let triangle = |i: u32| (1.0 - ((f64::from(i) + 0.5 - place) / support).abs()).max(0.0);
        let sum: f64 = (first..last).map(triangle).sum();
        let one = f64::from(1 << WEIGHT_BITS);
        self.weights
            .extend((first..last).map(|i| (triangle(i) / sum * one).round() as i32));
        // Rounding must not brighten or darken: the largest weight takes the difference.
        let own = &mut self.weights[weight as usize..];
        let error = (1 << WEIGHT_BITS) - own.iter().sum::<i32>();
        if let Some(largest) = own.iter_mut().max() {
            *largest += error;
        }
        self.taps.push(Tap {
            first,
            count: last - first,
            weight,
        });
    }

    fn tap(&self, output: usize) -> (usize, &[i32]) {
        let Tap {
            first,
            count,
            weight,
        } = self.taps[output];
        (
            first as usize,
            &self.weights[weight as usize..(weight + count) as usize],
        )
    }

    fn taps_max(&self) -> usize {
        self.taps
            .iter()
            .map(|t| t.count as usize)
            .max()
            .unwrap_or(0)
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
    /// One source row, RGB.
    row: Vec<u8>,
    /// The last source rows, filtered horizontally: `ring_rows` rows of `3 * width`.
    ring: Vec<i32>,
    ring_rows: usize,
    /// One output row before rounding, `3 * width`.
    sums: Vec<i32>,
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
            row: Vec::new(),
            ring: Vec::new(),
            ring_rows: 0,
            sums: vec![0; 3 * width as usize],
        }
    }

    fn plan(&mut self, picture: &Picture<'_>, view: &View) {
        let key = (picture.width(), picture.height(), *view);
        if self.planned == Some(key) {
            return;
        }
        let (w, h) = (self.width as u32, self.height as u32);
        self.across = Filter::new(key.0, w, view.scale_x, view.left, view.mirrored);
        self.down = Filter::new(key.1, h, view.scale_y, view.top, false);
        self.row.resize(3 * key.0 as usize, 0);
        self.ring_rows = self.down.taps_max().max(1);
        self.ring.resize(3 * self.width * self.ring_rows, 0);
        self.planned = Some(key);
    }

    /// Draws `picture` as `view` says. `out` is planar `[3, height, width]`, R, G, B; `value`
    /// turns a pixel value into an element. Elements that the picture does not reach get
    /// `value(PAD)`.
    ///
    /// # Panics
    /// When `out` is shorter than `3 * width * height`.
    pub fn draw<T: Copy>(
        &mut self,
        picture: &Picture<'_>,
        view: &View,
        out: &mut [T],
        value: impl Fn(u8) -> T,
    ) {
        self.plan(picture, view);
        // `ready` source rows have been filtered; the ring holds the last `ring_rows` of them.
        let mut ready = 0;
        for y in 0..self.height {
            let (first, count) = {
                let (first, weights) = self.down.tap(y);
                (first, weights.len())
            };
            if ready < first {
                ready = first;
            }
            while ready < first + count {
                picture.rgb_row(ready as u32, &mut self.row);
                self.filter_row(ready % self.ring_rows);
                ready += 1;
            }
            self.combine(y);
            self.store(y, count > 0, out, &value);
        }
    }

    /// Filters `self.row` horizontally into one row of the ring.
    fn filter_row(&mut self, slot: usize) {
        let ring = &mut self.ring[slot * 3 * self.width..(slot + 1) * 3 * self.width];
        for (x, out) in ring.chunks_exact_mut(3).enumerate() {
            let (first, weights) = self.across.tap(x);
            let pixels = &self.row[3 * first..3 * (first + weights.len())];
            let mut sum = [0i32; 3];
            for (pixel, &weight) in pixels.chunks_exact(3).zip(weights) {
                sum[0] += i32::from(pixel[0]) * weight;
                sum[1] += i32::from(pixel[1]) * weight;
                sum[2] += i32::from(pixel[2]) * weight;
            }
            for (out, sum) in out.iter_mut().zip(sum) {
                *out = sum >> (WEIGHT_BITS - ROW_BITS);
            }
        }
    }

    /// Adds the weighted rows of the ring that make output row `y` into `self.sums`.
    fn combine(&mut self, y: usize) {
        self.sums.fill(1 << (WEIGHT_BITS + ROW_BITS - 1));
        let (first, weights) = self.down.tap(y);
        for (i, &weight) in weights.iter().enumerate() {
            let slot = (first + i) % self.ring_rows;
            let row = &self.ring[slot * 3 * self.width..(slot + 1) * 3 * self.width];
            for (sum, &value) in self.sums.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
    }

    fn store<T: Copy>(&self, y: usize, inside: bool, out: &mut [T], value: &impl Fn(u8) -> T) {
        let plane = self.width * self.height;
        for x in 0..self.width {
            let shown = inside && self.across.taps[x].count > 0;
            for channel in 0..3 {
                let pixel = if shown {
                    (self.sums[3 * x + channel] >> (WEIGHT_BITS + ROW_BITS)).clamp(0, 255) as u8
                } else {
                    PAD
                };
                out[channel * plane + y * self.width + x] = value(pixel);
            }
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
        Resampler::new(ow, oh).draw(&picture, view, &mut out, |v| v);
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
