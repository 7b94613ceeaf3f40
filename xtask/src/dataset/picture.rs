//! The pictures of a data set, as frames for the firmware's own pixel path.

use super::{header, parallel};
use lookout::frame::{Frame, PixelFormat};
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// Picture files larger than this are refused, as the firmware refuses such frames.
const PICTURE_BYTES_MAX: u64 = 64 << 20;
/// Every JPEG begins with these bytes.
const JPEG_START: [u8; 2] = [0xFF, 0xD8];

/// Why a picture file could not be turned into a frame.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct PictureError {
    /// The picture file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads the picture at `path` into `frame`, whose buffer is reused.
///
/// A JPEG stays a JPEG ([`PixelFormat::Mjpeg`], to be decoded as the firmware decodes a
/// camera's; `width` and `height` are 0 until then). A PNG becomes [`PixelFormat::Rgb8`].
///
/// # Errors
/// When the file cannot be read, is over 64 MiB, is neither PNG nor JPEG, or is larger than
/// [`Frame::SIDE_PIXELS_MAX`] on a side.
pub fn read_frame(path: &Path, frame: &mut Frame) -> Result<(), PictureError> {
    let fail = |reason: String| PictureError {
        path: path.to_owned(),
        reason,
    };
    frame.data.clear();
    File::open(path)
        .and_then(|file| {
            file.take(PICTURE_BYTES_MAX + 1)
                .read_to_end(&mut frame.data)
        })
        .map_err(|error| fail(error.to_string()))?;
    if frame.data.len() as u64 > PICTURE_BYTES_MAX {
        return Err(fail(format!("larger than {PICTURE_BYTES_MAX} bytes")));
    }
    if frame.data.starts_with(&JPEG_START) {
        (frame.format, frame.width, frame.height, frame.stride) = (PixelFormat::Mjpeg, 0, 0, 0);
        return Ok(());
    }
    let rgb = decode_other(&frame.data).map_err(|error| fail(error.to_string()))?;
    (frame.width, frame.height) = rgb.dimensions();
    frame.format = PixelFormat::Rgb8;
    frame.stride = 3 * frame.width as usize;
    frame.data.clear();
    frame.data.extend_from_slice(rgb.as_raw());
    Ok(())
}

/// Whatever the image library knows, within the limits of a frame.
fn decode_other(bytes: &[u8]) -> image::ImageResult<image::RgbImage> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(Frame::SIDE_PIXELS_MAX);
    limits.max_image_height = Some(Frame::SIDE_PIXELS_MAX);
    let mut reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits);
    Ok(reader.decode()?.into_rgb8())
}

/// Width and height in pixels of each of the pictures, read from their first bytes on all
/// cores. The rest of the files is not looked at.
pub(super) fn sizes(paths: &[&Path]) -> Vec<Result<(u32, u32), PictureError>> {
    parallel::map(paths, || (), |(), path| size(path), |_| {})
}

fn size(path: &Path) -> Result<(u32, u32), PictureError> {
    let read = File::open(path).and_then(|file| header::size(&mut BufReader::new(file)));
    read.map_err(|error| error.to_string())
        .and_then(|size| size.ok_or_else(|| "neither a JPEG nor a PNG, or torn".to_owned()))
        .and_then(|(width, height)| {
            let fits = |side| (1..=Frame::SIDE_PIXELS_MAX).contains(&side);
            if fits(width) && fits(height) {
                Ok((width, height))
            } else {
                let max = Frame::SIDE_PIXELS_MAX;
                Err(format!(
                    "{width} x {height} pixels; a side must be 1 to {max}"
                ))
            }
        })
        .map_err(|reason| PictureError {
            path: path.to_owned(),
            reason,
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn png_is_decoded_and_jpeg_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let image = image::RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let (png, jpeg) = (folder.path().join("a.png"), folder.path().join("a.jpg"));
        image.save(&png).unwrap();
        image.save(&jpeg).unwrap();
        let mut frame = Frame::with_capacity(0);
        read_frame(&png, &mut frame).unwrap();
        assert_eq!(
            (frame.format, frame.width, frame.height),
            (PixelFormat::Rgb8, 5, 3)
        );
        assert_eq!(&frame.data, image.as_raw());
        read_frame(&jpeg, &mut frame).unwrap();
        assert_eq!((frame.format, frame.stride), (PixelFormat::Mjpeg, 0));
        assert_eq!(frame.data, std::fs::read(&jpeg).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.jpg");
        let mut frame = Frame::with_capacity(0);
        assert!(
            read_frame(&path, &mut frame)
                .unwrap_err()
                .to_string()
                .contains("text.jpg")
        );
        std::fs::write(&path, "no picture").unwrap();
        assert!(read_frame(&path, &mut frame).is_err());
        assert!(read_frame(folder.path(), &mut frame).is_err());
    }

    #[test]
    fn sizes_come_from_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        image::RgbImage::new(37, 11).save(path("a.png")).unwrap();
        image::RgbImage::new(300, 200).save(path("a.jpg")).unwrap();
        std::fs::write(path("b.jpg"), "no picture").unwrap();
        let paths = ["a.png", "a.jpg", "b.jpg", "c.jpg"].map(path);
        let found = sizes(&paths.each_ref().map(PathBuf::as_path));
        assert_eq!(*found[0].as_ref().unwrap(), (37, 11));
        assert_eq!(*found[1].as_ref().unwrap(), (300, 200));
        assert!(found[2].as_ref().unwrap_err().reason.contains("JPEG"));
        assert!(
            found[3]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("c.jpg: ")
        );
    }
}
