//! A checked view of a raw picture.

use super::{PixelError, Plane, Planes, rows};
use crate::frame::{Frame, PixelFormat};

/// A borrowed raw picture (RGB, YUYV, NV12, I420 or grey) whose size, stride and bytes have
/// been found to fit each other, so that reading its rows cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    stride: usize,
    data: &'a [u8],
}

impl<'a> Picture<'a> {
    /// Views `data` as a picture of `width` x `height` pixels, `stride` bytes from one row of
    /// the first plane to the next. `data` may be longer than needed.
    ///
    /// # Errors
    /// [`PixelError::Geometry`] when the numbers do not fit each other, [`PixelError::Short`]
    /// when bytes are missing, [`PixelError::Compressed`] for [`PixelFormat::Mjpeg`].
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        stride: usize,
        data: &'a [u8],
    ) -> Result<Self, PixelError> {
        if format == PixelFormat::Mjpeg {
            return Err(PixelError::Compressed);
        }
        let needed =
            Frame::bytes_needed(format, width, height, stride).ok_or(PixelError::Geometry {
                format,
                width,
                height,
                stride,
            })?;
        let got = data.len();
        if got < needed {
            return Err(PixelError::Short {
                format,
                width,
                height,
                stride,
                needed,
                got,
            });
        }
        Ok(Self {
            format,
            width: width as usize,
            height: height as usize,
            stride,
            data,
        })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width as u32
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height as u32
    }

    /// The samples as they lie in memory.
    pub(crate) fn planes(&self) -> Planes<'a> {
        let (width, height) = (self.width, self.height);
        let half = width.div_ceil(2);
        let plane = |at: usize, row_bytes: usize, columns: usize| Plane {
            data: &self.data[at..],
            row_bytes,
            columns,
        };
        let below_luma = height * self.stride;
        match self.format {
            PixelFormat::Grey => Planes::Grey(plane(0, self.stride, width)),
            PixelFormat::Yuyv => Planes::Yuyv(plane(0, self.stride, 4 * half)),
            PixelFormat::Nv12 => Planes::Nv12 {
                luma: plane(0, self.stride, width),
                chroma: plane(below_luma, self.stride, 2 * half),
            },
            PixelFormat::I420 => {
                let stride = self.stride.div_ceil(2);
                Planes::I420 {
                    luma: plane(0, self.stride, width),
                    u: plane(below_luma, stride, half),
                    v: plane(below_luma + height.div_ceil(2) * stride, stride, half),
                }
            }
            // `new` lets no compressed picture in.
            PixelFormat::Rgb8 | PixelFormat::Mjpeg => Planes::Rgb(plane(0, self.stride, 3 * width)),
        }
    }

    /// Writes row `y` to `out` as R, G, B, 3 bytes a pixel; `out` holds `3 * width` bytes.
    ///
    /// YUYV, NV12 and I420 are read as BT.601 of limited range, chroma not interpolated; grey
    /// is replicated. A `y` below the picture gives the last row, and of a shorter `out`
    /// as many whole pixels are written as it holds, so that no argument can panic.
    pub fn rgb_row(&self, y: u32, out: &mut [u8]) {
        let y = (y as usize).min(self.height - 1);
        let (pixels, _) = out.as_chunks_mut::<3>();
        let width = self.width.min(pixels.len());
        let half = width.div_ceil(2);
        let out = &mut pixels[..width];
        let row = &self.data[y * self.stride..];
        let below_luma = self.height * self.stride;
        match self.format {
            PixelFormat::Rgb8 => rows::rgb(&row[..3 * width], out),
            PixelFormat::Grey => rows::grey(&row[..width], out),
            PixelFormat::Yuyv => rows::yuyv(&row[..4 * half], out),
            PixelFormat::Nv12 => {
                let chroma = &self.data[below_luma + y / 2 * self.stride..];
                rows::nv12(&row[..width], &chroma[..2 * half], out);
            }
            PixelFormat::I420 => {
                let stride = self.stride.div_ceil(2);
                let u = &self.data[below_luma + y / 2 * stride..];
                let v = &u[self.height.div_ceil(2) * stride..];
                rows::i420(&row[..width], &u[..half], &v[..half], out);
            }
            // `new` lets no compressed picture in.
            PixelFormat::Mjpeg => {}
        }
    }

    /// Writes the whole picture to `out`, tightly packed, `3 * width * height` bytes; `out` is
    /// resized and grows only once.
    pub fn write_rgb(&self, out: &mut Vec<u8>) {
        let row_bytes = 3 * self.width;
        out.resize(row_bytes * self.height, 0);
        for (y, row) in out.chunks_exact_mut(row_bytes).enumerate() {
            self.rgb_row(y as u32, row);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const RAW: [PixelFormat; 5] = [
        PixelFormat::Rgb8,
        PixelFormat::Yuyv,
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Grey,
    ];

    #[test]
    fn planes_and_strides_are_found() {
        // A stride of 6 for 4 pixels; the padding (9) must not show up anywhere.
        let luma = [[100, 110, 120, 130, 9, 9], [140, 150, 160, 170, 9, 9]].concat();
        let nv12 = [luma.clone(), vec![128, 128, 90, 240]].concat();
        let i420 = [luma, vec![128, 90, 9, 128, 240]].concat();
        let a = Picture::new(PixelFormat::Nv12, 4, 2, 6, &nv12).unwrap();
        let b = Picture::new(PixelFormat::I420, 4, 2, 6, &i420).unwrap();
        let (mut rgb_a, mut rgb_b) = (Vec::new(), Vec::new());
        a.write_rgb(&mut rgb_a);
        b.write_rgb(&mut rgb_b);
        assert_eq!(rgb_a, rgb_b);
        // Neutral chroma gives a grey: 298 * (100 - 16) / 256 = 97.8.
        assert_eq!(rgb_a[..3], [98, 98, 98]);
        assert_eq!(rgb_a[12..15], [144, 144, 144]);
        assert_ne!(rgb_a[6], rgb_a[7]);
    }

    #[test]
    fn the_message_names_the_numbers() {
        let error = Picture::new(PixelFormat::Yuyv, 1280, 720, 2560, &[0; 100]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("1280x720") && text.contains("1843200") && text.contains("100"));
        let error = Picture::new(PixelFormat::Yuyv, 1280, 720, 2559, &[0; 100]).unwrap_err();
        assert!(error.to_string().contains("2559"));
        let error = Picture::new(PixelFormat::Mjpeg, 4, 4, 0, &[0; 100]).unwrap_err();
        assert_eq!(error, PixelError::Compressed);
    }

    proptest! {
        #[test]
        fn any_numbers_are_refused_or_read_without_panic(
            format in proptest::sample::select(&RAW[..]),
            width in 0..40_u32, height in 0..40_u32, stride in 0..130_usize,
            length in 0..6000_usize, y in 0..60_u32, out_len in 0..130_usize,
        ) {
            let data = vec![77; length];
            if let Ok(picture) = Picture::new(format, width, height, stride, &data) {
                let mut out = vec![0; out_len];
                picture.rgb_row(y, &mut out);
                let pixels = (width as usize).min(out_len / 3);
                prop_assert!(out[3 * pixels..].iter().all(|&byte| byte == 0));
                let mut rgb = Vec::new();
                picture.write_rgb(&mut rgb);
                prop_assert_eq!(rgb.len(), (3 * width * height) as usize);
            }
        }

        #[test]
        fn exactly_the_bytes_needed_are_enough(
            format in proptest::sample::select(&RAW[..]),
            width in 1..40_u32, height in 1..40_u32, extra in 0..9_usize,
        ) {
            let stride = 3 * width as usize + 3 + extra;
            let needed = Frame::bytes_needed(format, width, height, stride).unwrap();
            let data = vec![50; needed];
            let picture = Picture::new(format, width, height, stride, &data).unwrap();
            let mut rgb = Vec::new();
            picture.write_rgb(&mut rgb);
            let short = Picture::new(format, width, height, stride, &data[1..]);
            prop_assert!(matches!(short, Err(PixelError::Short { .. })), "accepted");
        }
    }
}
