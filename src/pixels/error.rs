//! Why a frame is not a picture.

use crate::frame::{Frame, PixelFormat};

/// Why the bytes of a frame could not be read as a picture. The frame is to be skipped;
/// the next one may be good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// Format, size and stride do not fit each other.
    #[error(
        "a {format:?} picture of {width}x{height} pixels cannot have a stride of {stride} bytes: \
         sides must be 1 to {max}, the stride at least one row",
        max = Frame::SIDE_PIXELS_MAX
    )]
    Geometry {
        /// Layout of the bytes.
        format: PixelFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes from one row to the next.
        stride: usize,
    },
    /// There are fewer bytes than the picture needs.
    #[error(
        "a {format:?} picture of {width}x{height} pixels with stride {stride} needs {needed} \
         bytes and has {got}: the frame was cut short"
    )]
    Short {
        /// Layout of the bytes.
        format: PixelFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes from one row to the next.
        stride: usize,
        /// Bytes that the picture needs.
        needed: usize,
        /// Bytes that there are.
        got: usize,
    },
    /// A JPEG cannot be viewed as it is.
    #[error("an Mjpeg frame is compressed: decode it with pixels::Decoder first")]
    Compressed,
    /// The JPEG is torn, damaged, too large or of a kind that is not supported.
    #[error("JPEG: {0}")]
    Jpeg(String),
}
