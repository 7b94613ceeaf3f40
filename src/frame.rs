//! One picture from a source, as bytes in a reusable buffer.

/// How the bytes of a [`Frame`] hold the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// 3 bytes a pixel: R, G, B.
    Rgb8,
    /// 4:2:2 packed, 4 bytes for two pixels: Y0 U Y1 V.
    Yuyv,
    /// 4:2:0, a plane of Y, then a plane of interleaved U V at half size.
    Nv12,
    /// 4:2:0, three planes: Y, U, V (chroma stride is half the luma stride, rounded up).
    I420,
    /// 1 byte a pixel: luma.
    Grey,
    /// One JPEG picture; width and height are those the source announced, stride is 0.
    Mjpeg,
}

/// When and in which order a frame was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStamp {
    /// Number of the frame since its source was opened first, from 0. Gaps are
    /// frames that the source lost.
    pub sequence: u64,
    /// Time of capture on CLOCK_MONOTONIC, in nanoseconds: the driver's own for a camera,
    /// the moment the frame was due for files and the built-in drive.
    pub monotonic_ns: u64,
    /// Time in what is seen, in nanoseconds from anywhere: that of capture for a camera, the
    /// recording's own for files, however fast they are played. For speeds and ages of objects.
    pub scene_ns: u64,
}

/// One picture. The buffer is reused from frame to frame: sources overwrite
/// `data` in place and allocate only when a frame is larger than any before.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Layout of `data`.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row of the first plane to the next, 0 for [`PixelFormat::Mjpeg`].
    pub stride: usize,
    /// The bytes, at least as many as format, size and stride need. Consumers check.
    pub data: Vec<u8>,
    /// Order and time.
    pub stamp: FrameStamp,
}

impl Frame {
    /// Frames larger than this on a side are refused everywhere.
    pub const SIDE_PIXELS_MAX: u32 = 8192;

    /// An empty frame whose buffer can hold `capacity_bytes` without allocating.
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self {
            format: PixelFormat::Rgb8,
            width: 0,
            height: 0,
            stride: 0,
            data: Vec::with_capacity(capacity_bytes),
            stamp: FrameStamp::default(),
        }
    }

    /// Bytes that `data` must hold for a picture of this format, size and stride;
    /// `None` when the numbers make no sense (a zero side, a side over
    /// [`Self::SIDE_PIXELS_MAX`], a stride shorter than a row). 0 for MJPEG.
    pub fn bytes_needed(
        format: PixelFormat,
        width: u32,
        height: u32,
        stride: usize,
    ) -> Option<usize> {
        let max = Self::SIDE_PIXELS_MAX;
        if width == 0 || height == 0 || width > max || height > max {
            return None;
        }
        let (w, h) = (width as usize, height as usize);
        let row = match format {
            PixelFormat::Mjpeg => return Some(0),
            PixelFormat::Rgb8 => 3 * w,
            PixelFormat::Yuyv => 4 * w.div_ceil(2),
            PixelFormat::Nv12 => 2 * w.div_ceil(2),
            PixelFormat::I420 | PixelFormat::Grey => w,
        };
        if stride < row || stride > 16 * max as usize {
            return None;
        }
        let chroma_rows = h.div_ceil(2);
        match format {
            PixelFormat::Nv12 => Some(stride * h + stride * (chroma_rows - 1) + 2 * w.div_ceil(2)),
            PixelFormat::I420 => {
                Some(stride * h + stride.div_ceil(2) * (2 * chroma_rows - 1) + w.div_ceil(2))
            }
            _ => Some(stride * (h - 1) + row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_and_nonsense_is_refused() {
        let need = Frame::bytes_needed;
        assert_eq!(need(PixelFormat::Rgb8, 4, 2, 12), Some(24));
        assert_eq!(need(PixelFormat::Rgb8, 4, 2, 16), Some(28));
        assert_eq!(need(PixelFormat::Yuyv, 3, 1, 8), Some(8));
        assert_eq!(need(PixelFormat::Nv12, 4, 4, 4), Some(24));
        assert_eq!(need(PixelFormat::I420, 4, 4, 4), Some(24));
        assert_eq!(need(PixelFormat::Grey, 4, 4, 3), None);
        assert_eq!(need(PixelFormat::Grey, 0, 4, 3), None);
        assert_eq!(need(PixelFormat::Grey, 1 << 20, 4, 1 << 20), None);
    }
}
