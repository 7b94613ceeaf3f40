//! JPEG: where a picture begins and ends, and the pictures that cameras send.
//!
//! [`outline()`] walks a picture's segments without decoding it. [`PlainDecoder`] decodes the
//! kind that cameras send: sequential, Huffman coded, 8 bits, all components in one scan.
//! Once its buffers have grown to a picture's size, it allocates nothing. [`OtherDecoder`] takes
//! the rest: progressive ones, CMYK, unusual subsampling.

mod bits;
mod colour;
#[cfg(test)]
mod damage_tests;
mod header;
mod huffman;
mod idct;
mod marker;
mod other;
mod outline;
mod plain;
mod scan;
mod standard;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use other::OtherDecoder;
pub(crate) use outline::{
    JPEG_BYTES_MAX, JPEG_PIXELS_MAX, JpegOutline, JpegScanner, Progress, outline,
};
pub(crate) use plain::PlainDecoder;
pub(crate) use standard::STANDARD_HUFFMAN_TABLES;
