//! From a picture of any size to the model's input, in one pass.
//!
//! [`Letterbox`] is the geometry: which part of the picture lands where. [`Resampler`] moves
//! the pixels: it combines source rows as they lie in memory, then filters the one row that is
//! left horizontally, with an anti-aliased triangle filter in fixed point, and turns what is
//! left into RGB. The trainer uses the same code with other [`View`]s, so that a model sees on
//! the board what it saw in training.

mod filter;
mod lanes;

use crate::geometry::BBox;
use crate::pixels::{Picture, Plane, Planes};
use filter::{Axis, Filter, PairFilter};
use lanes::Filtered;

/// What is shown beside the picture where its shape is not the input's: middle grey, which
/// normalises to exactly 0.
pub const PAD: u8 = 127;

/// A pixel of that.
const PADDING: [u8; 4] = [PAD, PAD, PAD, 0];

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
    /// Size, view and kind of samples that the filters are for.
    planned: Option<(u32, u32, View, bool)>,
    across: PairFilter,
    down: Filter,
    /// As `down`, for planes of half the rows.
    down_halved: Filter,
    /// Rows of up to three planes, combined into one of each.
    combined: [Vec<u16>; 3],
    /// The combined row in units of four lanes, with some behind it whose weight is 0.
    units: Vec<[u16; 4]>,
    /// The output row's pixels that the picture reaches, before they are made bytes.
    filtered: Vec<Filtered>,
    /// One output row, R, G, B and nothing.
    line: Vec<[u8; 4]>,
    /// An output row that the picture does not reach.
    border: Vec<[u8; 4]>,
}

impl Resampler {
    /// A resampler whose output has `width` x `height` pixels.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width: width as usize,
            height: height as usize,
            planned: None,
            across: PairFilter::default(),
            down: Filter::default(),
            down_halved: Filter::default(),
            combined: [const { Vec::new() }; 3],
            units: Vec::new(),
            filtered: Vec::new(),
            line: vec![PADDING; width as usize],
            border: vec![PADDING; width as usize],
        }
    }

    fn plan(&mut self, source_width: u32, source_height: u32, view: &View, is_yuv: bool) {
        let key = (source_width, source_height, *view, is_yuv);
        if self.planned == Some(key) {
            return;
        }
        let axis = Axis {
            scale: view.scale_x,
            offset: view.left,
            mirrored: view.mirrored,
        };
        let across = Filter::new(source_width, self.width as u32, axis, lanes::COLUMN_ONE);
        self.across = if is_yuv {
            PairFilter::of_yuv(&across)
        } else {
            PairFilter::of_rgb(&across)
        };
        let down = |scale: f32, rows: u32| {
            let axis = Axis {
                scale,
                offset: view.top,
                mirrored: false,
            };
            Filter::new(rows, self.height as u32, axis, lanes::ROW_ONE)
        };
        self.down = down(view.scale_y, source_height);
        self.down_halved = down(2.0 * view.scale_y, source_height.div_ceil(2));
        let behind = 2 * self.across.pairs;
        self.units.resize(source_width as usize + behind, [0; 4]);
        self.filtered.resize(self.across.inside.len(), [0; 8]);
        self.line.fill(PADDING);
        self.planned = Some(key);
    }

    /// Draws `picture` as `view` says, row by row: `row` gets each row's number and its `width`
    /// pixels, R, G, B and a byte that says nothing. Pixels that the picture does not reach are
    /// [`PAD`].
    pub fn draw(
        &mut self,
        picture: &Picture<'_>,
        view: &View,
        mut row: impl FnMut(usize, &[[u8; 4]]),
    ) {
        let planes = picture.planes();
        self.plan(picture.width(), picture.height(), view, planes.is_yuv());
        for y in 0..self.height {
            let reached = !self.down.tap(y).1.is_empty();
            if reached {
                self.filter(&planes, y, picture.width() as usize);
                let line = &mut self.line[self.across.inside.clone()];
                if planes.is_yuv() {
                    lanes::yuv_bytes(&self.filtered, line);
                } else {
                    lanes::rgb_bytes(&self.filtered, line);
                }
            }
            row(y, if reached { &self.line } else { &self.border });
        }
    }

    /// Combines the source rows of output row `y` and filters what they give.
    fn filter(&mut self, planes: &Planes<'_>, y: usize, width: usize) {
        let [a, b, c] = &mut self.combined;
        let (full, halved) = (&self.down, &self.down_halved);
        let (pixels, pairs) = (width, width.div_ceil(2));
        let units = &mut self.units;
        match planes {
            Planes::Rgb(rgb) => lanes::spread_rgb(combined(rgb, full, y, a), &mut units[..pixels]),
            Planes::Grey(grey) => {
                lanes::spread_grey(combined(grey, full, y, a), &mut units[..pixels])
            }
            // Lies in memory as it is filtered.
            Planes::Yuyv(yuyv) => combine(yuyv, full, y, units[..pairs].as_flattened_mut()),
            Planes::Nv12 { luma, chroma } => lanes::spread_nv12(
                combined(luma, full, y, a),
                combined(chroma, halved, y, b),
                &mut units[..pairs],
            ),
            Planes::I420 { luma, u, v } => lanes::spread_i420(
                combined(luma, full, y, a),
                combined(u, halved, y, b),
                combined(v, halved, y, c),
                &mut units[..pairs],
            ),
        }
        lanes::filter_row(&self.across, units.as_flattened(), &mut self.filtered);
    }
}

/// The rows of `plane` that output row `y` needs as one, in `row`.
fn combined<'a>(plane: &Plane<'_>, down: &Filter, y: usize, row: &'a mut Vec<u16>) -> &'a [u16] {
    row.resize(plane.columns, 0);
    combine(plane, down, y, row);
    row
}

/// The same in a `row` that is as long as those of the plane.
fn combine(plane: &Plane<'_>, down: &Filter, y: usize, row: &mut [u16]) {
    let (first, weights) = down.tap(y);
    let rows = &plane.data[first * plane.row_bytes..];
    lanes::combine_rows(rows, plane.row_bytes, weights, row);
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
            for (x, pixel) in row.iter().enumerate() {
                for channel in 0..3 {
                    out[channel * plane + y * ow as usize + x] = pixel[channel];
                }
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

    /// A picture of soft colours, half as bright on the right, in RGB and as YUYV.
    #[test]
    fn yuyv_looks_as_its_rgb_does() {
        let (w, h) = (64usize, 40usize);
        let sample = |x: usize, y: usize| [60 + 2 * y as u8 + x as u8 / 2, 110 + x as u8 / 4, 140];
        let mut yuyv = Vec::new();
        for y in 0..h {
            for x in (0..w).step_by(2) {
                let ([a, u, v], [b, ..]) = (sample(x, y), sample(x + 1, y));
                yuyv.extend([a, u, b, v]);
            }
        }
        let picture = Picture::new(PixelFormat::Yuyv, 64, 40, 2 * w, &yuyv).unwrap();
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        let view = Letterbox::new(64, 40, 27, 19).view();
        let expected = draw(64, 40, &rgb, &view, 27, 19);
        Resampler::new(27, 19).draw(&picture, &view, |y, row| {
            for (x, pixel) in row.iter().enumerate() {
                for (channel, value) in pixel[..3].iter().enumerate() {
                    let from_rgb = expected[channel * 27 * 19 + y * 27 + x];
                    assert!(
                        from_rgb.abs_diff(*value) <= 2,
                        "{x} {y}: {from_rgb} {value}"
                    );
                }
            }
        });
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
        fn yuv_is_filtered_as_it_lies_and_gives_its_colour(
            (w, h, ow, oh) in (1u32..70, 1u32..70, 1u32..40, 1u32..40),
            [y, u, v] in any::<[u8; 3]>(), stretch in 0.3f32..3.0,
        ) {
            let (half, rows) = (w.div_ceil(2) as usize, h.div_ceil(2) as usize);
            let luma = vec![y; (w * h) as usize];
            let chroma = [vec![u; half * rows], vec![v; half * rows]].concat();
            // Rows of NV12 are as long as those of its chroma.
            let stride = 2 * half;
            let nv12 = [vec![y; stride * h as usize], [u, v].repeat(half * rows)].concat();
            let pictures = [
                (PixelFormat::Yuyv, 4 * half, [y, u, y, v].repeat(half * h as usize)),
                (PixelFormat::Nv12, stride, nv12),
                (PixelFormat::I420, w as usize, [luma, chroma].concat()),
            ];
            let mut view = Letterbox::new(w, h, ow, oh).view();
            view.scale_y *= stretch;
            let colour = crate::pixels::rgb_of_yuv(y, u, v);
            for (format, stride, data) in pictures {
                let picture = Picture::new(format, w, h, stride, &data).unwrap();
                Resampler::new(ow, oh).draw(&picture, &view, |_, row| {
                    for [rgb @ .., _] in row {
                        assert!(*rgb == colour || *rgb == [PAD; 3], "{format:?} {rgb:?}");
                    }
                });
            }
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
