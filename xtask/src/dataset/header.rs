//! The size of a picture from the first bytes of its file.

use std::io::{self, Read, Seek, SeekFrom};

/// What a PNG begins with, up to the width: signature, length and name of its first chunk.
const PNG_START: [u8; 16] = *b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
/// Segments before the one with the size; real files have a dozen.
const SEGMENTS_MAX: usize = 1000;

/// Width and height in pixels as the file states them, `None` where it is neither JPEG nor
/// PNG, or ends before them.
///
/// # Errors
/// When the file cannot be read.
pub fn size(file: &mut (impl Read + Seek)) -> io::Result<Option<(u32, u32)>> {
    match read_size(file) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn read_size(file: &mut (impl Read + Seek)) -> io::Result<Option<(u32, u32)>> {
    let start: [u8; 2] = bytes(file)?;
    if start == [0xFF, 0xD8] {
        return jpeg_size(file);
    }
    let rest: [u8; 14] = bytes(file)?;
    if start != PNG_START[..2] || rest != PNG_START[2..] {
        return Ok(None);
    }
    let (width, height) = (bytes(file)?, bytes(file)?);
    Ok(Some((
        u32::from_be_bytes(width),
        u32::from_be_bytes(height),
    )))
}

/// Goes from segment to segment to the frame header.
fn jpeg_size(file: &mut (impl Read + Seek)) -> io::Result<Option<(u32, u32)>> {
    for _ in 0..SEGMENTS_MAX {
        let [mark, mut marker] = bytes(file)?;
        if mark != 0xFF {
            return Ok(None);
        }
        // Fill bytes may stand before a marker; a file of them alone ends somewhere.
        while marker == 0xFF {
            [marker] = bytes(file)?;
        }
        match marker {
            0x01 | 0xD0..=0xD7 => continue,
            // The end, or pixels before any size.
            0xD8..=0xDA => return Ok(None),
            _ => {}
        }
        let length = u16::from_be_bytes(bytes(file)?);
        let is_frame = matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if is_frame {
            let [_, y1, y0, x1, x0] = bytes(file)?;
            let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
            return Ok(Some((side(x1, x0), side(y1, y0))));
        }
        file.seek(SeekFrom::Current(i64::from(length.saturating_sub(2))))?;
    }
    Ok(None)
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn encoded(format: image::ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        image::RgbImage::new(70, 9)
            .write_to(&mut file, format)
            .unwrap();
        file.into_inner()
    }

    #[test]
    fn what_is_torn_before_its_size_has_none() {
        for format in [image::ImageFormat::Png, image::ImageFormat::Jpeg] {
            let whole = encoded(format);
            assert_eq!(
                size(&mut Cursor::new(&whole)).unwrap(),
                Some((70, 9)),
                "{format:?}"
            );
            let torn = size(&mut Cursor::new(&whole[..20])).unwrap();
            assert_eq!(torn, None, "{format:?}");
        }
        assert_eq!(size(&mut Cursor::new(b"BM not this kind")).unwrap(), None);
        assert_eq!(size(&mut Cursor::new([])).unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_size_or_none(
            tail in prop::collection::vec(any::<u8>(), 0..200), jpeg: bool, at in 0usize..600,
        ) {
            let mut bytes = if jpeg { encoded(image::ImageFormat::Jpeg) } else { vec![0xFF, 0xD8] };
            bytes.truncate(at.max(2));
            bytes.extend(tail);
            prop_assert!(size(&mut Cursor::new(bytes)).is_ok());
        }
    }
}
