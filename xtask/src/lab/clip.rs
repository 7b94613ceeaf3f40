//! The clips that the lab's cameras play: pieces of the built-in drive in camera formats.

use lookout::drive::{Drive, DriveConfig, DriveError};
use lookout::pixels::{nv12_of_rgb, yuyv_of_rgb};
use std::path::Path;

/// Seed of the drive that the clips show; any other would do as well.
const SEED: u64 = 7;
/// Every so many frames of the drive one goes into a clip, so that they differ plainly.
const STEP: u32 = 10;
const JPEG_QUALITY: u8 = 85;

/// How the frames of a clip are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipFormat {
    /// 4:2:2 packed.
    Yuyv,
    /// 4:2:0, luma plane and interleaved chroma plane.
    Nv12,
    /// One JPEG a frame.
    Mjpeg,
}

impl ClipFormat {
    /// Its name for uvcsim and at the end of file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yuyv => "yuyv",
            Self::Nv12 => "nv12",
            Self::Mjpeg => "mjpeg",
        }
    }
}

/// Frames of known bytes.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The frames, no two alike.
    pub frames: Vec<Vec<u8>>,
}

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The drive refuses the size.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// A frame cannot be encoded.
    #[error("JPEG: {0}")]
    Jpeg(#[from] image::ImageError),
    /// The clip cannot be stored.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Clip {
    /// Renders a clip of `count` frames; width and height must be even.
    pub fn render(
        format: ClipFormat,
        width: u32,
        height: u32,
        count: u32,
    ) -> Result<Self, ClipError> {
        let mut drive = Drive::new(DriveConfig {
            seed: SEED,
            width,
            height,
            ..Default::default()
        })?;
        let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
        let mut frames = Vec::new();
        for index in 0..count {
            drive.render(index * STEP, &mut rgb, &mut boxes);
            frames.push(match format {
                ClipFormat::Yuyv => yuyv_of_rgb(&rgb),
                ClipFormat::Nv12 => nv12_of_rgb(&rgb, width as usize),
                ClipFormat::Mjpeg => jpeg(&rgb, width, height)?,
            });
        }
        Ok(Self {
            width,
            height,
            frames,
        })
    }

    /// Stores all frames one after the other.
    pub fn write(&self, path: &Path) -> Result<(), ClipError> {
        std::fs::write(path, self.frames.concat()).map_err(|source| ClipError::Write {
            path: path.display().to_string(),
            source,
        })
    }

    /// Which frame these bytes are, if any.
    pub fn index_of(&self, bytes: &[u8]) -> Option<usize> {
        self.frames.iter().position(|frame| frame == bytes)
    }

    /// The most similar frame and how many bytes differ from it, to explain a mismatch.
    pub fn nearest(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let differing = |frame: &Vec<u8>| {
            let pairs = frame.iter().zip(bytes).filter(|(a, b)| a != b).count();
            pairs + frame.len().abs_diff(bytes.len())
        };
        let all = self.frames.iter().enumerate();
        all.map(|(index, frame)| (index, differing(frame)))
            .min_by_key(|&(_, count)| count)
    }
}

/// One RGB picture as JPEG.
pub fn jpeg(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ClipError> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    encoder.encode(rgb, width, height, image::ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clips_have_the_bytes_of_their_format_and_no_frame_twice() {
        for (format, bytes) in [(ClipFormat::Yuyv, 96 * 64 * 2), (ClipFormat::Nv12, 96 * 96)] {
            let clip = Clip::render(format, 96, 64, 3).unwrap();
            assert!(clip.frames.iter().all(|frame| frame.len() == bytes));
            for (index, frame) in clip.frames.iter().enumerate() {
                assert_eq!(clip.index_of(frame), Some(index));
            }
        }
    }

    #[test]
    fn a_changed_byte_is_seen_and_explained() {
        let clip = Clip::render(ClipFormat::Yuyv, 96, 64, 2).unwrap();
        let mut frame = clip.frames[1].clone();
        frame[100] ^= 1;
        assert_eq!(clip.index_of(&frame), None);
        assert_eq!(clip.nearest(&frame), Some((1, 1)));
    }
}
