//! Any frame to a raw picture.

use super::jpeg::{self, JpegOutline, OtherDecoder, PlainDecoder};
use super::{Picture, PixelError};
use crate::frame::{Frame, PixelFormat};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Turns frames into pictures. Keeps the buffers that JPEG needs, so use one for a stream of
/// frames; they grow to the largest picture and stay.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The decoded JPEG, 3 bytes a pixel.
    rgb: Vec<u8>,
    plain: PlainDecoder,
    other: OtherDecoder,
}

impl Decoder {
    /// A decoder without buffers; they come with the first JPEG.
    pub fn new() -> Self {
        Self::default()
    }

    /// The picture in `frame`: a view of it when it is raw, else the decoded JPEG.
    ///
    /// The size in a JPEG's own header wins over the one that the frame announces. A JPEG
    /// that lacks its end marker or part of its data is an error, never a picture with a
    /// grey lower part. Huffman tables may be missing, as from many USB cameras; bytes after
    /// the end marker are ignored; grey and CMYK pictures are converted to RGB.
    ///
    /// # Errors
    /// Those of [`Picture::new`], and [`PixelError::Jpeg`] for a JPEG that is torn, damaged,
    /// over 64 MiB, over [`Frame::SIDE_PIXELS_MAX`] a side or 40 million pixels, or of a
    /// kind that is not supported (arithmetic coding, lossless, 12 bits).
    pub fn picture<'a>(&'a mut self, frame: &'a Frame) -> Result<Picture<'a>, PixelError> {
        let Frame {
            format,
            width,
            height,
            stride,
            ref data,
            ..
        } = *frame;
        if format != PixelFormat::Mjpeg {
            return Picture::new(format, width, height, stride, data);
        }
        let (width, height) = self.decode_jpeg(data)?;
        Picture::new(
            PixelFormat::Rgb8,
            width,
            height,
            3 * width as usize,
            &self.rgb,
        )
    }

    /// Decodes one JPEG into `self.rgb` and gives its size.
    fn decode_jpeg(&mut self, bytes: &[u8]) -> Result<(u32, u32), PixelError> {
        let outline = jpeg::outline(bytes).map_err(|fault| PixelError::Jpeg(fault.to_string()))?;
        let whole = &bytes[..outline.length];
        let (width, height) = (outline.width, outline.height);
        self.rgb.resize(3 * width as usize * height as usize, 0);
        // The bytes come from a cable or a file, and the decoders index slices with numbers
        // found in them: should one of their checks be missing, that costs a frame, not the
        // process. The buffers hold plain bytes, valid whatever happens in between.
        match catch_unwind(AssertUnwindSafe(|| self.decode_whole(whole, &outline))) {
            Ok(Ok(())) => Ok((width, height)),
            Ok(Err(reason)) => Err(PixelError::Jpeg(reason)),
            Err(_) => Err(PixelError::Jpeg(
                "it is damaged in a way that upset the decoder".into(),
            )),
        }
    }

    /// Decodes a whole JPEG into `self.rgb`, which has just the right length.
    fn decode_whole(&mut self, whole: &[u8], outline: &JpegOutline) -> Result<(), String> {
        match self.plain.decode(whole, outline, &mut self.rgb)? {
            Some(()) => Ok(()),
            None => self.other.decode(whole, outline, &mut self.rgb),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{DynamicImage, Rgb, RgbImage};
    use proptest::prelude::*;

    fn sample(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([
                (x * 5) as u8,
                (y * 7) as u8,
                ((x / 8 + y / 8) % 2 * 200) as u8,
            ])
        })
    }

    fn encode(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(picture)
            .unwrap();
        bytes
    }

    fn mjpeg(data: Vec<u8>) -> Frame {
        Frame {
            format: PixelFormat::Mjpeg,
            width: 1,
            height: 1,
            data,
            ..Frame::with_capacity(0)
        }
    }

    fn decode(data: &[u8]) -> Result<(u32, u32, Vec<u8>), PixelError> {
        let frame = mjpeg(data.to_vec());
        let mut decoder = Decoder::new();
        let picture = decoder.picture(&frame)?;
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        Ok((picture.width(), picture.height(), rgb))
    }

    /// A picture of `count` even blocks of 8x8 in one row: `components` of them each, with a
    /// restart interval of one block. Only the standard tables make sense of it.
    fn blocks(count: u8, components: u8, restarts: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([1; 64]);
        bytes.extend([
            0xFF,
            0xC0,
            0,
            8 + 3 * components,
            8,
            0,
            8,
            0,
            8 * count,
            components,
        ]);
        (1..=components).for_each(|id| bytes.extend([id, 0x11, 0]));
        bytes.extend([
            0xFF,
            0xDD,
            0,
            4,
            0,
            1,
            0xFF,
            0xDA,
            0,
            6 + 2 * components,
            components,
        ]);
        (1..=components).for_each(|id| bytes.extend([id, 0]));
        bytes.extend([0, 63, 0]);
        // A block is 00 (no change of the mean) and 1010 (all else zero), filled up with ones.
        let block: &[u8] = if components == 4 {
            &[0x28, 0xA2, 0x8A]
        } else {
            &[0x2B]
        };
        for index in 0..count {
            bytes.extend(block);
            if usize::from(index) < restarts {
                bytes.extend([0xFF, 0xD0 + index % 8]);
            }
        }
        bytes.extend([0xFF, 0xD9]);
        bytes
    }

    /// Without its DHT segments, as a camera sends it.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let mut out = jpeg[..2].to_vec();
        let mut at = 2;
        while jpeg[at + 1] != 0xDA {
            let next = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            if jpeg[at + 1] != 0xC4 {
                out.extend(&jpeg[at..next]);
            }
            at = next;
        }
        out.extend(&jpeg[at..]);
        out
    }

    #[test]
    fn a_picture_survives_and_its_own_size_wins() {
        let original = sample(75, 41);
        let (width, height, rgb) = decode(&encode(&original.clone().into())).unwrap();
        assert_eq!((width, height), (75, 41));
        let error: u64 = rgb
            .iter()
            .zip(original.as_raw())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        assert!(
            error / (rgb.len() as u64) < 8,
            "mean error of {error} / {}",
            rgb.len()
        );
    }

    #[test]
    fn missing_huffman_tables_are_completed() {
        let whole = encode(&sample(64, 48).into());
        let bare = without_tables(&whole);
        assert!(bare.len() + 400 < whole.len());
        assert_eq!(decode(&bare).unwrap(), decode(&whole).unwrap());
    }

    #[test]
    fn grey_and_cmyk_become_rgb() {
        let grey = DynamicImage::from(sample(32, 16)).to_luma8();
        let (_, _, rgb) = decode(&encode(&grey.clone().into())).unwrap();
        assert!(
            rgb.chunks(3)
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
        );
        assert!(
            rgb.iter()
                .step_by(3)
                .zip(grey.as_raw())
                .all(|(a, b)| a.abs_diff(*b) < 40)
        );
        let (width, height, rgb) = decode(&blocks(2, 4, 1)).unwrap();
        assert_eq!((width, height), (16, 8));
        assert!(
            rgb.iter().all(|value| (60..70).contains(value)),
            "{:?}",
            &rgb[..6]
        );
    }

    #[test]
    fn padding_after_the_end_is_ignored() {
        let mut bytes = encode(&sample(32, 16).into());
        let plain = decode(&bytes).unwrap();
        bytes.extend([0; 100]);
        assert_eq!(decode(&bytes).unwrap(), plain);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = encode(&sample(40, 40).into());
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err();
            assert!(matches!(error, PixelError::Jpeg(_)), "{length}: {error}");
        }
    }

    #[test]
    fn data_lost_in_the_middle_is_an_error() {
        let bytes = encode(&sample(160, 160).into());
        let scan = bytes
            .windows(2)
            .position(|pair| pair == [0xFF, 0xDA])
            .unwrap()
            + 14;
        let end = bytes.len() - 2;
        for start in (scan..end - 100).step_by(97) {
            let mut torn = bytes[..start].to_vec();
            torn.extend(&bytes[end..]);
            assert!(decode(&torn).is_err(), "{start} of {end} passed as whole");
        }
        assert!(decode(&blocks(9, 1, 8)).is_ok());
        let error = decode(&blocks(9, 1, 5)).unwrap_err();
        assert!(
            error.to_string().contains("3 of 8 restart markers"),
            "{error}"
        );
    }

    #[test]
    fn huge_pictures_are_refused_before_memory_is_taken() {
        let mut bytes = blocks(1, 1, 0);
        let sof = bytes
            .windows(2)
            .position(|pair| pair == [0xFF, 0xC0])
            .unwrap();
        bytes[sof + 5..sof + 9].copy_from_slice(&[0x1F, 0xFF, 0x1F, 0xFF]);
        assert!(
            decode(&bytes)
                .unwrap_err()
                .to_string()
                .contains("8191x8191")
        );
        bytes[sof + 5..sof + 9].copy_from_slice(&[0, 8, 0x7F, 0xFF]);
        assert!(decode(&bytes).unwrap_err().to_string().contains("32767x8"));
        assert!(decode(&vec![0; jpeg::JPEG_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn the_buffer_is_reused() {
        let frame = mjpeg(encode(&sample(64, 64).into()));
        let mut decoder = Decoder::new();
        decoder.picture(&frame).unwrap();
        let address = decoder.rgb.as_ptr();
        decoder
            .picture(&mjpeg(encode(&sample(32, 64).into())))
            .unwrap();
        decoder.picture(&frame).unwrap();
        assert_eq!(decoder.rgb.as_ptr(), address);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn random_bytes_never_panic(
            tail in proptest::collection::vec(any::<u8>(), 0..400), with_start in any::<bool>(),
        ) {
            let head: &[u8] = if with_start { &[0xFF, 0xD8] } else { &[] };
            let _ = decode(&[head, &tail].concat());
        }

        #[test]
        fn flipped_bytes_never_panic(
            kind in 0..4_u8, flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = match kind {
                0 => encode(&sample(40, 24).into()),
                1 => without_tables(&encode(&sample(40, 24).into())),
                2 => blocks(5, 4, 4),
                _ => blocks(5, 1, 4),
            };
            for (at, value) in flips {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            if let Ok((width, height, rgb)) = decode(&bytes) {
                prop_assert_eq!(rgb.len(), 3 * width as usize * height as usize);
            }
        }

        #[test]
        fn the_scanner_does_not_mind_how_bytes_arrive(
            cuts in proptest::collection::vec(0..4000_usize, 0..20),
        ) {
            let bytes = encode(&sample(40, 24).into());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
            cuts.sort_unstable();
            let mut scanner = jpeg::JpegScanner::default();
            for cut in cuts {
                prop_assert_eq!(scanner.advance(&bytes[..cut]), Ok(jpeg::Progress::More));
            }
            let whole = jpeg::outline(&bytes).unwrap();
            prop_assert_eq!(whole.length, bytes.len());
            prop_assert_eq!(scanner.advance(&bytes), Ok(jpeg::Progress::Whole(whole)));
        }
    }
}
