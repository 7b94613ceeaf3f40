//! Pictures from files.

use super::pacing::{Pacer, frame_time_ns};
use super::{FrameSource, Next, Pace, SourceError};
use crate::frame::{Frame, PixelFormat};
use crate::pixels::jpeg::{self, JPEG_BYTES_MAX, JPEG_PIXELS_MAX};
use image::{ImageDecoder, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// The most files of one source.
const FILES_MAX: usize = 1_000_000;

const SUFFIXES: [&str; 3] = ["jpg", "jpeg", "png"];

/// JPEG and PNG files, each once, sorted by name. A JPEG is passed on as it is
/// ([`PixelFormat::Mjpeg`]), so that files and cameras are decoded by the same code.
pub struct ImagesSource {
    pattern: String,
    paths: Vec<PathBuf>,
    next: usize,
    frames_per_second: f32,
    pacer: Pacer,
    /// Bytes of a PNG file.
    bytes: Vec<u8>,
}

impl ImagesSource {
    /// Lists the pictures of a folder (not of folders in it), of a pattern with `*`, `?` and
    /// `[...]`, or a single file. `frames_per_second` is for [`Pace::Live`].
    ///
    /// # Errors
    /// [`SourceError::File`] when there are no pictures, or over a million.
    pub fn open(pattern: &str, pace: Pace, frames_per_second: f32) -> Result<Self, SourceError> {
        let paths = list(pattern).map_err(|reason| SourceError::File {
            path: pattern.to_owned(),
            reason,
        })?;
        Ok(Self {
            pattern: pattern.to_owned(),
            paths,
            next: 0,
            frames_per_second,
            pacer: Pacer::new(pace),
            bytes: Vec::new(),
        })
    }

    /// The file of the picture that the last [`FrameSource::next_frame`] brought.
    pub fn path(&self) -> Option<&Path> {
        self.paths
            .get(self.next.checked_sub(1)?)
            .map(PathBuf::as_path)
    }

    fn read(&mut self, index: usize, frame: &mut Frame) -> Result<(), String> {
        let path = &self.paths[index];
        if suffix(path).is_some_and(|suffix| suffix == "png") {
            read_file(path, &mut self.bytes)?;
            return read_png(&self.bytes, frame);
        }
        read_file(path, &mut frame.data)?;
        let outline = jpeg::outline(&frame.data).map_err(|fault| format!("JPEG: {fault}"))?;
        frame.format = PixelFormat::Mjpeg;
        (frame.width, frame.height, frame.stride) = (outline.width, outline.height, 0);
        Ok(())
    }
}

impl FrameSource for ImagesSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        let index = self.next;
        if index == self.paths.len() {
            return Ok(Next::End);
        }
        self.next += 1;
        self.read(index, frame).map_err(|reason| {
            SourceError::Damaged(format!("{}: {reason}", self.paths[index].display()))
        })?;
        let sequence = index as u64;
        let media_ns = frame_time_ns(sequence, self.frames_per_second);
        frame.stamp = self.pacer.stamp(sequence, media_ns);
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        let rate = match self.pacer.pace() {
            Pace::Live => format!("{} frames a second", self.frames_per_second),
            Pace::EveryFrame => "as fast as they are processed".to_owned(),
        };
        format!("{} pictures of {}, {rate}", self.paths.len(), self.pattern)
    }

    fn pace(&self) -> Pace {
        self.pacer.pace()
    }
}

/// The ending of a file name in lower case.
fn suffix(path: &Path) -> Option<String> {
    path.extension()
        .map(|suffix| suffix.to_string_lossy().to_ascii_lowercase())
}

fn list(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let place = Path::new(pattern);
    let mut paths = Vec::new();
    let mut keep = |path: PathBuf| {
        let is_picture = suffix(&path).is_some_and(|suffix| SUFFIXES.contains(&suffix.as_str()));
        if is_picture && path.is_file() {
            paths.push(path);
        }
        match paths.len() > FILES_MAX {
            true => Err(format!(
                "over {FILES_MAX} pictures; give a narrower pattern"
            )),
            false => Ok(()),
        }
    };
    // A name that exists is taken as it stands, also where it holds characters of a pattern.
    if place.is_dir() {
        let entries = place
            .read_dir()
            .map_err(|error| format!("cannot be listed: {error}"))?;
        for entry in entries {
            keep(
                entry
                    .map_err(|error| format!("cannot be listed: {error}"))?
                    .path(),
            )?;
        }
    } else if place.exists() {
        keep(place.to_owned())?;
    } else {
        let found = glob::glob(pattern)
            .map_err(|error| format!("is neither a file nor a folder nor a pattern: {error}"))?;
        for path in found {
            keep(path.map_err(|error| format!("cannot be listed: {error}"))?)?;
        }
    }
    if paths.is_empty() {
        let suffixes = SUFFIXES.join(", .");
        return Err(format!(
            "no pictures there; name a folder, a pattern such as 'DIR/*.jpg', or a file ending \
             in .{suffixes}"
        ));
    }
    paths.sort();
    Ok(paths)
}

/// Reads a whole file into `bytes`, but no more than a JPEG may have.
fn read_file(path: &Path, bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.clear();
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    file.take(JPEG_BYTES_MAX as u64 + 1)
        .read_to_end(bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    match bytes.len() > JPEG_BYTES_MAX {
        true => Err(format!(
            "over {JPEG_BYTES_MAX} bytes; pictures must be smaller"
        )),
        false => Ok(()),
    }
}

/// Decodes a PNG into `frame` as RGB; transparency is dropped.
fn read_png(bytes: &[u8], frame: &mut Frame) -> Result<(), String> {
    let trouble = |error: image::ImageError| format!("PNG: {error}");
    let mut limits = Limits::default();
    limits.max_image_width = Some(Frame::SIDE_PIXELS_MAX);
    limits.max_image_height = Some(Frame::SIDE_PIXELS_MAX);
    // Room for 16 bits a channel and transparency, before it is reduced to RGB.
    limits.max_alloc = Some(8 * JPEG_PIXELS_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(trouble)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > JPEG_PIXELS_MAX {
        return Err(format!(
            "PNG: {width}x{height} pixels; at most {JPEG_PIXELS_MAX} in all"
        ));
    }
    let picture = image::DynamicImage::from_decoder(decoder)
        .map_err(trouble)?
        .into_rgb8();
    frame.data.clear();
    frame.data.extend_from_slice(picture.as_raw());
    frame.format = PixelFormat::Rgb8;
    (frame.width, frame.height, frame.stride) = (width, height, 3 * width as usize);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pixels::Decoder;
    use image::{Rgb, RgbImage, RgbaImage};
    use proptest::prelude::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        RgbImage::from_pixel(20, 10, Rgb([200, 100, 50]))
            .save(path("b.png"))
            .unwrap();
        RgbaImage::from_pixel(8, 8, image::Rgba([1, 2, 3, 4]))
            .save(path("d.png"))
            .unwrap();
        RgbImage::from_pixel(16, 24, Rgb([9, 90, 9]))
            .save(path("a.JPG"))
            .unwrap();
        std::fs::write(path("c.jpg"), b"not a picture").unwrap();
        std::fs::write(path("notes.txt"), b"not a picture").unwrap();
        std::fs::create_dir(path("e.png")).unwrap();
        folder
    }

    fn open(pattern: &str) -> Result<ImagesSource, SourceError> {
        ImagesSource::open(pattern, Pace::EveryFrame, 10.0)
    }

    #[test]
    fn pictures_come_once_sorted_and_damage_is_named() {
        let folder = folder();
        let mut source = open(folder.path().to_str().unwrap()).unwrap();
        let mut frame = Frame::with_capacity(0);
        let mut decoder = Decoder::new();
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
        assert_eq!(
            (frame.format, frame.width, frame.height),
            (PixelFormat::Mjpeg, 16, 24)
        );
        let mut rgb = Vec::new();
        decoder.picture(&frame).unwrap().write_rgb(&mut rgb);
        assert!(rgb[1].abs_diff(90) < 8);
        assert!(source.path().unwrap().ends_with("a.JPG"));
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
        assert_eq!((frame.format, frame.stamp.sequence), (PixelFormat::Rgb8, 1));
        assert_eq!(frame.data[..3], [200, 100, 50]);
        let error = source.next_frame(&mut frame).unwrap_err();
        assert!(
            error.is_recoverable_in_place() && error.to_string().contains("c.jpg"),
            "{error}"
        );
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
        assert_eq!((frame.width, frame.stamp.sequence), (8, 3));
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::End);
    }

    #[test]
    fn patterns_and_single_files_are_taken() {
        let folder = folder();
        let count = |name: &str| {
            let pattern = folder.path().join(name);
            open(pattern.to_str().unwrap()).map(|source| source.paths.len())
        };
        assert_eq!(count("*.png").unwrap(), 2);
        assert_eq!(count("?.*").unwrap(), 4);
        assert_eq!(count("b.png").unwrap(), 1);
        for name in ["*.gif", "notes.txt", "nowhere", "e.png", "[", "\0"] {
            assert!(
                matches!(count(name), Err(SourceError::File { .. })),
                "{name:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn damaged_png_files_never_panic(
            flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..6),
            keep in any::<u16>(),
        ) {
            let mut bytes = Vec::new();
            RgbImage::from_fn(20, 10, |x, y| Rgb([x as u8, y as u8, 7]))
                .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
                .unwrap();
            for (at, value) in flips {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(usize::from(keep) % (bytes.len() + 1));
            let mut frame = Frame::with_capacity(0);
            if read_png(&bytes, &mut frame).is_ok() {
                prop_assert!(Decoder::new().picture(&frame).is_ok());
            }
        }
    }
}
