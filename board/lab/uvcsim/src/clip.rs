//! The pictures that the camera sends.

use std::fs;

/// The most bytes of one clip file; the guest keeps all of it in memory.
const CLIP_BYTES_MAX: u64 = 256 << 20;

/// One format that the camera offers, and the frames it sends in it.
pub struct Format {
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Whether a frame is one JPEG picture; otherwise it is YUYV.
    pub is_mjpeg: bool,
    /// The frames, sent in this order again and again.
    pub frames: Vec<Vec<u8>>,
}

impl Format {
    /// Reads `mjpeg:WIDTHxHEIGHT:FILE` or `yuyv:WIDTHxHEIGHT:FILE`.
    pub fn load(description: &str) -> Result<Self, String> {
        let wrong = || format!("{description}: expected mjpeg|yuyv:WIDTHxHEIGHT:FILE");
        let mut parts = description.splitn(3, ':');
        let (Some(kind), Some(size), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let (width, height) = size.split_once('x').ok_or_else(wrong)?;
        let width: u16 = width.parse().map_err(|_| wrong())?;
        let height: u16 = height.parse().map_err(|_| wrong())?;
        let bytes = read_limited(path)?;
        let is_mjpeg = match kind {
            "mjpeg" => true,
            "yuyv" => false,
            _ => return Err(wrong()),
        };
        let frames: Vec<Vec<u8>> = if is_mjpeg {
            split_jpegs(&bytes)
        } else {
            let frame_bytes = usize::from(width) * usize::from(height) * 2;
            bytes
                .chunks_exact(frame_bytes.max(1))
                .map(<[u8]>::to_vec)
                .collect()
        };
        if frames.is_empty() || width == 0 || height == 0 {
            return Err(format!("{path}: no {size} {kind} frame in it"));
        }
        Ok(Self {
            width,
            height,
            is_mjpeg,
            frames,
        })
    }

    /// Bytes of the largest frame that the camera announces.
    pub fn frame_bytes_max(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height) * 2
    }
}

fn read_limited(path: &str) -> Result<Vec<u8>, String> {
    let wrong = |e: std::io::Error| format!("{path}: {e}");
    let length = fs::metadata(path).map_err(wrong)?.len();
    if length > CLIP_BYTES_MAX {
        return Err(format!(
            "{path}: {length} bytes, the limit is {CLIP_BYTES_MAX}"
        ));
    }
    fs::read(path).map_err(wrong)
}

/// Cuts a Motion-JPEG stream where an end-of-image marker meets a start-of-image
/// marker. That is enough for the clips of the lab, which hold no thumbnails.
fn split_jpegs(stream: &[u8]) -> Vec<Vec<u8>> {
    const SEAM: [u8; 4] = [0xff, 0xd9, 0xff, 0xd8];
    let mut frames = Vec::new();
    let mut start = 0;
    for (at, window) in stream.windows(SEAM.len()).enumerate() {
        if window == SEAM {
            frames.push(stream[start..at + 2].to_vec());
            start = at + 2;
        }
    }
    if stream[start..].starts_with(&[0xff, 0xd8]) {
        frames.push(stream[start..].to_vec());
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_between_its_pictures() {
        let a = [0xff, 0xd8, 1, 2, 0xff, 0xd9];
        let b = [0xff, 0xd8, 3, 0xff, 0xd9];
        let stream = [&a[..], &b[..], &a[..]].concat();
        assert_eq!(split_jpegs(&stream), [a.to_vec(), b.to_vec(), a.to_vec()]);
        assert!(split_jpegs(b"no picture").is_empty());
        assert!(split_jpegs(&[]).is_empty());
    }

    #[test]
    fn nonsense_descriptions_are_refused() {
        for text in [
            "",
            "mjpeg",
            "mjpeg:1x1",
            "mjpeg:axb:f",
            "yuyv:99999x1:f",
            "yuyv:2x2:/none",
        ] {
            assert!(Format::load(text).is_err(), "{text}");
        }
    }
}
