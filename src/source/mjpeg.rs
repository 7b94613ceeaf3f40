//! A file of JPEG pictures, one after the other.

use super::pacing::{Pacer, frame_time_ns};
use super::{FrameSource, Next, Pace, SourceError};
use crate::frame::{Frame, PixelFormat};
use crate::pixels::jpeg::{JPEG_BYTES_MAX, JpegScanner, Progress};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Every picture of a motion JPEG file, as it would come from a camera. Only one picture is
/// held in memory; bytes between pictures are stepped over.
pub struct MjpegSource {
    path: PathBuf,
    file: File,
    /// Bytes read and not yet given out, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    is_read: bool,
    sequence: u64,
    frames_per_second: f32,
    pacer: Pacer,
}

impl MjpegSource {
    /// Opens `path`; `frames_per_second` is for [`Pace::Live`].
    ///
    /// # Errors
    /// [`SourceError::File`] when it is not a readable file.
    pub fn open(path: &Path, pace: Pace, frames_per_second: f32) -> Result<Self, SourceError> {
        Ok(Self {
            path: path.to_owned(),
            file: super::open::open_file(path)?,
            buffer: Vec::with_capacity(4 * CHUNK_BYTES),
            start: 0,
            is_read: false,
            sequence: 0,
            frames_per_second,
            pacer: Pacer::new(pace),
        })
    }

    fn trouble(&self, reason: impl Into<String>) -> SourceError {
        SourceError::File {
            path: self.path.display().to_string(),
            reason: reason.into(),
        }
    }

    /// Reads one more chunk; false at the end of the file.
    fn read_more(&mut self) -> Result<bool, SourceError> {
        if self.is_read {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let chunk = (&mut self.file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut self.buffer);
        let read = chunk.map_err(|error| self.trouble(format!("cannot be read: {error}")))?;
        self.is_read = read == 0;
        Ok(read > 0)
    }

    /// Goes to the next start marker; false when there is none.
    fn find_start(&mut self) -> Result<bool, SourceError> {
        loop {
            let rest = &self.buffer[self.start..];
            // Two bytes alone are common in other data; a segment always follows them.
            if let Some(at) = rest
                .windows(3)
                .position(|bytes| bytes == [0xFF, 0xD8, 0xFF])
            {
                self.start += at;
                return Ok(true);
            }
            // The marker may lie across the end of what is read.
            self.start += rest.len().saturating_sub(2);
            if !self.read_more()? {
                return Ok(false);
            }
        }
    }

    /// Finds the end of the picture at `start`: its length, or why it is damaged. A damaged one
    /// is stepped over, so that no byte is looked at twice.
    fn find_end(&mut self) -> Result<Result<(usize, u32, u32), String>, SourceError> {
        let mut scanner = JpegScanner::default();
        loop {
            match scanner.advance(&self.buffer[self.start..]) {
                Ok(Progress::Whole(outline)) => {
                    return Ok(Ok((outline.length, outline.width, outline.height)));
                }
                Ok(Progress::More) => {}
                Err(fault) => {
                    self.start += fault.at.max(2);
                    return Ok(Err(fault.to_string()));
                }
            }
            let reason = if self.buffer.len() - self.start > JPEG_BYTES_MAX {
                format!("over {JPEG_BYTES_MAX} bytes")
            } else if self.read_more()? {
                continue;
            } else {
                "the file ends within it".to_owned()
            };
            self.start = self.buffer.len();
            return Ok(Err(reason));
        }
    }
}

impl FrameSource for MjpegSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        if !self.find_start()? {
            return match self.sequence {
                0 => Err(self.trouble("holds no JPEG picture; mjpeg: reads JPEGs end to end")),
                _ => Ok(Next::End),
            };
        }
        let sequence = self.sequence;
        self.sequence += 1;
        let (length, width, height) = self.find_end()?.map_err(|reason| {
            let path = self.path.display();
            SourceError::Damaged(format!("{path}, picture {sequence}: JPEG: {reason}"))
        })?;
        frame.data.clear();
        frame
            .data
            .extend_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        frame.format = PixelFormat::Mjpeg;
        (frame.width, frame.height, frame.stride) = (width, height, 0);
        let media_ns = frame_time_ns(sequence, self.frames_per_second);
        frame.stamp = self.pacer.stamp(sequence, media_ns);
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        format!(
            "motion JPEG {}, {} frames a second",
            self.path.display(),
            self.frames_per_second
        )
    }

    fn pace(&self) -> Pace {
        self.pacer.pace()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pixels::Decoder;
    use image::codecs::jpeg::JpegEncoder;
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;
    use std::io::Write;

    /// A picture whose width tells which one it is.
    fn picture(width: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, 32, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, 80]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 85)
            .encode_image(&picture)
            .unwrap();
        bytes
    }

    /// A picture that carries a whole other one in an application segment.
    fn with_thumbnail(width: u32) -> Vec<u8> {
        let (mut bytes, thumbnail) = (picture(width), picture(5));
        let length = u16::try_from(thumbnail.len() + 2).unwrap().to_be_bytes();
        bytes.splice(2..2, [&[0xFF, 0xE1], &length[..], &thumbnail].concat());
        bytes
    }

    fn source(bytes: &[u8]) -> MjpegSource {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        MjpegSource::open(file.path(), Pace::EveryFrame, 30.0).unwrap()
    }

    /// Widths of the pictures, 0 for a damaged one.
    fn widths(bytes: &[u8]) -> Result<Vec<u32>, SourceError> {
        let (mut source, mut frame) = (source(bytes), Frame::with_capacity(0));
        let mut widths = Vec::new();
        loop {
            match source.next_frame(&mut frame) {
                Ok(Next::End) => return Ok(widths),
                Ok(Next::Frame) => {
                    assert_eq!(frame.stamp.sequence, widths.len() as u64);
                    assert!(Decoder::new().picture(&frame).is_ok());
                    widths.push(frame.width);
                }
                Err(SourceError::Damaged(_)) => widths.push(0),
                Err(error) => return Err(error),
            }
        }
    }

    #[test]
    fn pictures_are_split_also_with_thumbnails_and_bytes_between() {
        let bytes = [
            b"junk".to_vec(),
            picture(40),
            with_thumbnail(48),
            vec![0; 300],
            picture(56),
        ];
        assert_eq!(widths(&bytes.concat()).unwrap(), [40, 48, 56]);
    }

    #[test]
    fn pictures_larger_than_a_chunk_are_whole() {
        let many: Vec<u8> = (0..300).flat_map(|i| picture(16 + i % 200)).collect();
        assert!(many.len() > 3 * CHUNK_BYTES);
        let want: Vec<u32> = (0..300).map(|i| 16 + i % 200).collect();
        assert_eq!(widths(&many).unwrap(), want);
    }

    #[test]
    fn a_torn_picture_costs_only_itself() {
        let torn = picture(40);
        let bytes = [&torn[..torn.len() - 20], &picture(48), &picture(56)].concat();
        assert_eq!(widths(&bytes).unwrap(), [0, 48, 56]);
        // Torn within a segment, whose length then reaches into the next picture.
        let bytes = [&torn[..200], &picture(48), &picture(56)].concat();
        assert_eq!(widths(&bytes).unwrap().last(), Some(&56));
        let bytes = [&picture(48)[..], &torn[..torn.len() - 2]].concat();
        assert_eq!(widths(&bytes).unwrap(), [48, 0]);
    }

    #[test]
    fn a_file_without_pictures_is_an_error() {
        for bytes in [&b""[..], b"RIFF....AVI LIST"] {
            assert!(matches!(widths(bytes), Err(SourceError::File { .. })));
        }
        let missing = MjpegSource::open(Path::new("/nowhere/a.mjpeg"), Pace::Live, 30.0);
        assert!(matches!(missing, Err(SourceError::File { .. })));
    }

    proptest! {
        #[test]
        fn any_damage_ends_without_panic(
            flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..20),
            keep in any::<u16>(),
        ) {
            let mut bytes = [picture(40), with_thumbnail(24), picture(16)].concat();
            for (at, value) in flips {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(usize::from(keep) % (bytes.len() + 1));
            let (mut source, mut frame) = (source(&bytes), Frame::with_capacity(0));
            for _ in 0..=bytes.len() {
                match source.next_frame(&mut frame) {
                    Ok(Next::Frame) | Err(SourceError::Damaged(_)) => {}
                    Ok(Next::End) | Err(_) => return Ok(()),
                }
            }
            prop_assert!(false, "more pictures than bytes");
        }
    }
}
