//! Frames as JPEG.

use crate::frame::{Frame, PixelFormat};
use crate::pixels::{Picture, PixelError};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

/// Quality of pictures that were no JPEG, of 100.
const QUALITY: u8 = 85;

/// Why a frame has no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    /// The frame is not what it says.
    #[error(transparent)]
    Pixels(#[from] PixelError),
    /// It cannot be encoded.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Turns frames into JPEG. Its buffers serve again.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    rgb: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Pictures {
    /// The frame as JPEG: its own bytes where it is one.
    pub(super) fn jpeg<'a>(&'a mut self, frame: &'a Frame) -> Result<&'a [u8], PictureError> {
        if frame.format == PixelFormat::Mjpeg {
            return Ok(&frame.data);
        }
        let (width, height) = (frame.width, frame.height);
        let picture = Picture::new(frame.format, width, height, frame.stride, &frame.data)?;
        picture.write_rgb(&mut self.rgb);
        self.jpeg.clear();
        JpegEncoder::new_with_quality(&mut self.jpeg, QUALITY).write_image(
            &self.rgb,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(&self.jpeg)
    }
}
