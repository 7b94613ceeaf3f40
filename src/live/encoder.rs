//! Frames to JPEG pictures that any browser shows.

use crate::frame::{Frame, PixelFormat};
use crate::pixels::jpeg::{STANDARD_HUFFMAN_TABLES, outline};
use crate::pixels::{Decoder, Picture, PixelError};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageBuffer, ImageError, Rgb};

/// Quality of pictures that are encoded here, of 100.
const QUALITY: u8 = 75;

/// Pictures that are encoded here are at most this wide.
const WIDTH_PIXELS_MAX: u32 = 960;

/// Pictures of a camera that are larger are made smaller, in bytes.
const PASSED_BYTES_MAX: usize = 2 << 20;

/// Bytes of a start marker.
const START_BYTES: usize = 2;

/// Why there is no picture of a frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error(transparent)]
    Pixels(#[from] PixelError),
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Makes JPEG pictures of frames. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    decoder: Decoder,
    rgb: Vec<u8>,
}

impl Encoder {
    /// Whether the frame is passed on as it came, which costs next to nothing.
    pub(super) fn passes(frame: &Frame) -> bool {
        frame.format == PixelFormat::Mjpeg && frame.data.len() <= PASSED_BYTES_MAX
    }

    /// Appends the picture in `frame` to `out`. A JPEG of a camera stays as it is, but gets
    /// the Huffman tables that it may lack; one of an unusual kind is made anew.
    pub(super) fn append(&mut self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if Self::passes(frame) {
            let outline =
                outline(&frame.data).map_err(|fault| PixelError::Jpeg(fault.to_string()))?;
            if outline.is_plain {
                let (start, rest) = frame.data[..outline.length].split_at(START_BYTES);
                out.extend_from_slice(start);
                if !outline.has_huffman_tables {
                    out.extend_from_slice(&STANDARD_HUFFMAN_TABLES);
                }
                out.extend_from_slice(rest);
                return Ok(());
            }
        }
        let picture = self.decoder.picture(frame)?;
        encode(&picture, &mut self.rgb, out)
    }
}

fn encode(picture: &Picture<'_>, rgb: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (mut width, mut height) = (picture.width(), picture.height());
    picture.write_rgb(rgb);
    if width > WIDTH_PIXELS_MAX {
        let smaller = height * WIDTH_PIXELS_MAX / width;
        let view = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(width, height, rgb.as_slice());
        (width, height) = (WIDTH_PIXELS_MAX, smaller.max(1));
        if let Some(view) = view {
            *rgb = image::imageops::thumbnail(&view, width, height).into_raw();
        }
    }
    let mut encoder = JpegEncoder::new_with_quality(out, QUALITY);
    Ok(encoder.encode(rgb, width, height, ExtendedColorType::Rgb8)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jpeg_encoder::ColorType;

    fn frame(format: PixelFormat, width: u32, height: u32, data: Vec<u8>) -> Frame {
        Frame {
            format,
            width,
            height,
            stride: if format == PixelFormat::Mjpeg {
                0
            } else {
                3 * width as usize
            },
            data,
            ..Frame::with_capacity(0)
        }
    }

    fn jpeg(is_progressive: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
        encoder.set_progressive(is_progressive);
        let pixels = [200, 100, 50].repeat(64 * 48);
        encoder.encode(&pixels, 64, 48, ColorType::Rgb).unwrap();
        bytes
    }

    fn size_of(bytes: &[u8]) -> (u32, u32) {
        let picture = image::load_from_memory(bytes).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn what_a_camera_sends_is_passed_on() {
        let bytes = jpeg(false);
        let padded = [&bytes[..], &[0; 100]].concat();
        let mut out = Vec::new();
        Encoder::default()
            .append(&frame(PixelFormat::Mjpeg, 64, 48, padded), &mut out)
            .unwrap();
        assert_eq!(out, bytes);
    }

    /// Takes the Huffman tables out of a picture, as many cameras leave them out.
    fn without_tables(bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut at) = (bytes[..2].to_vec(), 2);
        while bytes[at + 1] != 0xDA {
            let length = 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != 0xC4 {
                out.extend_from_slice(&bytes[at..at + length]);
            }
            at += length;
        }
        out.extend_from_slice(&bytes[at..]);
        out
    }

    #[test]
    fn missing_tables_are_put_in() {
        // The crate writes the standard tables.
        let bare = without_tables(&jpeg(false));
        assert!(!outline(&bare).unwrap().has_huffman_tables);
        let mut out = Vec::new();
        Encoder::default()
            .append(&frame(PixelFormat::Mjpeg, 64, 48, bare), &mut out)
            .unwrap();
        assert!(outline(&out).unwrap().has_huffman_tables);
        let pixel = image::load_from_memory(&out).unwrap().to_rgb8();
        let pixel = pixel.get_pixel(30, 20).0;
        let is_near = pixel
            .iter()
            .zip([200, 100, 50])
            .all(|(a, b)| a.abs_diff(b) < 6);
        assert!(is_near, "{pixel:?}");
    }

    #[test]
    fn the_rest_is_made_anew_and_not_too_wide() {
        let mut encoder = Encoder::default();
        let mut out = Vec::new();
        encoder
            .append(&frame(PixelFormat::Mjpeg, 64, 48, jpeg(true)), &mut out)
            .unwrap();
        assert!(outline(&out).unwrap().is_plain);
        assert_eq!(size_of(&out), (64, 48));
        let wide = frame(PixelFormat::Rgb8, 1920, 1080, vec![90; 3 * 1920 * 1080]);
        out.clear();
        encoder.append(&wide, &mut out).unwrap();
        assert_eq!(size_of(&out), (960, 540));
        out.clear();
        let flat = frame(PixelFormat::Rgb8, 5000, 1, vec![90; 15_000]);
        encoder.append(&flat, &mut out).unwrap();
        assert_eq!(size_of(&out), (960, 1));
    }

    #[test]
    fn torn_pictures_are_errors() {
        let mut torn = jpeg(false);
        torn.truncate(300);
        let mut out = Vec::new();
        let torn = frame(PixelFormat::Mjpeg, 64, 48, torn);
        assert!(Encoder::default().append(&torn, &mut out).is_err());
        let short = frame(PixelFormat::Rgb8, 64, 48, vec![0; 10]);
        assert!(Encoder::default().append(&short, &mut out).is_err());
    }
}
