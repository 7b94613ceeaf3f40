//! Pictures of all other kinds, which the crate `zune-jpeg` decodes.

use super::outline::JpegOutline;
use super::standard::STANDARD_HUFFMAN_TABLES;
use crate::frame::Frame;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Decodes what [`super::PlainDecoder`] does not. Allocates for every picture.
#[derive(Debug, Default)]
pub(crate) struct OtherDecoder {
    /// The JPEG as the crate gets it, see [`Self::prepare`].
    prepared: Vec<u8>,
}

impl OtherDecoder {
    /// Decodes the picture that has this outline to `rgb`, which has just the right length.
    pub(crate) fn decode(
        &mut self,
        whole: &[u8],
        outline: &JpegOutline,
        rgb: &mut [u8],
    ) -> Result<(), String> {
        self.prepare(whole, outline);
        let side_max = Frame::SIDE_PIXELS_MAX as usize;
        // Strict, since otherwise what is missing is filled with grey and passed as a picture.
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(side_max)
            .set_max_height(side_max)
            .set_strict_mode(true);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&self.prepared), options);
        decoder
            .decode_headers()
            .map_err(|error| error.to_string())?;
        // What follows relies on this; it can differ only in a file made to confuse parsers.
        if decoder.dimensions() != Some((outline.width as usize, outline.height as usize))
            || decoder.output_buffer_size() != Some(rgb.len())
        {
            return Err("its headers contradict each other".into());
        }
        decoder.decode_into(rgb).map_err(|error| error.to_string())
    }

    /// Copies a whole JPEG to `self.prepared`, with Huffman tables where it lacks them and
    /// [`RUN_OUT`] before its end marker.
    fn prepare(&mut self, whole: &[u8], outline: &JpegOutline) {
        let (start, rest) = whole.split_at(2);
        let (rest, end) = rest.split_at(rest.len() - 2);
        let tables: &[u8] = if outline.has_huffman_tables {
            &[]
        } else {
            &STANDARD_HUFFMAN_TABLES
        };
        let run_out: &[u8] = if outline.is_plain { &RUN_OUT } else { &[] };
        self.prepared.clear();
        for part in [start, tables, rest, run_out, end] {
            self.prepared.extend_from_slice(part);
        }
    }
}

/// 128 bits of ones (each FF is stuffed with 00) that no Huffman code consists of.
///
/// A picture that lost bytes in the middle runs out of data early. The decoder would read
/// zeros from there on and report success; with this it meets an invalid code and says so.
/// A whole picture never reads as far: the decoder only looks 32 bits ahead.
const RUN_OUT: [u8; 32] = {
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = 0xFF;
        at += 2;
    }
    bytes
};
