//! Where a JPEG picture begins and ends, without decoding it.
//!
//! JPEG is a chain of segments, each with its length, and runs of entropy-coded bytes that
//! end at the next marker. Walking the chain finds the true end of a picture: thumbnails and
//! EXIF data lie inside segments and are stepped over, and a picture that was cut short is
//! known before any of it is decoded.

use super::marker::{DHT, DRI, EOI, SOI, SOS};
use crate::frame::Frame;

/// The largest JPEG that is looked at, in bytes.
pub(crate) const JPEG_BYTES_MAX: usize = 64 << 20;

/// The most pixels that a JPEG may have: a bound on the memory for decoding it.
pub(crate) const JPEG_PIXELS_MAX: u64 = 40_000_000;

/// What is wrong with the bytes, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at byte {at})")]
pub(crate) struct JpegFault {
    /// Offset of the first byte that does not belong to a whole picture.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) reason: String,
}

/// What the headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JpegOutline {
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Bytes from the start marker to behind the end marker.
    pub(crate) length: usize,
    /// Whether it brings its own Huffman tables before the first scan.
    pub(crate) has_huffman_tables: bool,
    /// Whether it is sequential with all components in its only scan, as cameras send it.
    pub(crate) is_plain: bool,
    /// Restart markers that the scan must hold, when that can be known.
    restarts_due: u64,
    restarts_seen: u64,
}

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A picture that may go on.
    More,
    /// A whole picture.
    Whole(JpegOutline),
}

/// Walks a picture whose bytes come in pieces. Feed it the same buffer, longer each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct JpegScanner {
    /// Everything before this is understood.
    at: usize,
    in_scan: bool,
    scans: u32,
    components: u32,
    is_sequential: bool,
    mcu_pixels: (u32, u32),
    restart_interval: u32,
    outline: JpegOutline,
}

impl JpegScanner {
    /// Goes as far as `bytes` allow. `bytes` starts at the picture's start marker.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Progress, JpegFault> {
        if self.at == 0 {
            match bytes {
                [] | [0xFF] => return Ok(Progress::More),
                [0xFF, SOI, ..] => self.at = 2,
                _ => return Err(self.fault("it does not begin with the start marker FF D8")),
            }
        }
        while self.at < bytes.len() {
            let step = if self.in_scan {
                self.scan_bytes(bytes)
            } else {
                self.segment(bytes)?
            };
            match step {
                Step::On => {}
                Step::Short => return Ok(Progress::More),
                Step::End => return self.finish(),
            }
        }
        Ok(Progress::More)
    }

    fn fault(&self, reason: impl Into<String>) -> JpegFault {
        JpegFault {
            at: self.at,
            reason: reason.into(),
        }
    }

    /// Steps over entropy-coded bytes up to the next marker that is not a restart.
    fn scan_bytes(&mut self, bytes: &[u8]) -> Step {
        let rest = &bytes[self.at..];
        let Some(offset) = rest.iter().position(|&byte| byte == 0xFF) else {
            self.at = bytes.len();
            return Step::Short;
        };
        self.at += offset;
        match rest.get(offset + 1) {
            None => return Step::Short,
            Some(0x00) => self.at += 2,
            Some(0xD0..=0xD7) => {
                self.outline.restarts_seen += 1;
                self.at += 2;
            }
            // A fill byte; the marker follows.
            Some(0xFF) => self.at += 1,
            Some(_) => self.in_scan = false,
        }
        Step::On
    }

    /// Reads one marker and, where it has one, its segment.
    fn segment(&mut self, bytes: &[u8]) -> Result<Step, JpegFault> {
        let rest = &bytes[self.at..];
        if rest[0] != 0xFF {
            return Err(self.fault("bytes between two segments"));
        }
        let Some(&marker) = rest.get(1) else {
            return Ok(Step::Short);
        };
        match marker {
            0xFF => {
                self.at += 1;
                return Ok(Step::On);
            }
            EOI => {
                self.at += 2;
                return Ok(Step::End);
            }
            SOI => return Err(self.fault("the next picture begins before this one ends")),
            0x00 => return Err(self.fault("a stuffed byte outside of a scan")),
            0x01 | 0xD0..=0xD7 => {
                self.at += 2;
                return Ok(Step::On);
            }
            _ => {}
        }
        let &[_, _, high, low, ..] = rest else {
            return Ok(Step::Short);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(self.fault("a segment shorter than its own length field"));
        }
        let Some(body) = rest.get(4..2 + length) else {
            return Ok(Step::Short);
        };
        self.note(marker, body)?;
        self.at += 2 + length;
        Ok(Step::On)
    }

    /// Keeps what matters of one segment.
    fn note(&mut self, marker: u8, body: &[u8]) -> Result<(), JpegFault> {
        match marker {
            DHT => self.outline.has_huffman_tables |= self.scans == 0,
            DRI => {
                if let &[high, low, ..] = body {
                    self.restart_interval = u32::from(u16::from_be_bytes([high, low]));
                }
            }
            SOS => {
                if self.outline.width == 0 {
                    return Err(self.fault("a scan before the frame header"));
                }
                self.scans += 1;
                self.in_scan = true;
                let all = body
                    .first()
                    .is_some_and(|&count| u32::from(count) == self.components);
                self.outline.is_plain = self.is_sequential && self.scans == 1 && all;
                self.outline.restarts_due = self.restarts_due();
            }
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                self.is_sequential = matches!(marker, 0xC0 | 0xC1);
                self.note_size(body)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note_size(&mut self, body: &[u8]) -> Result<(), JpegFault> {
        let &[_, y1, y0, x1, x0, components, ref factors @ ..] = body else {
            return Err(self.fault("a frame header that is too short"));
        };
        let (width, height) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
        let (width, height) = (u32::from(width), u32::from(height));
        let side_max = Frame::SIDE_PIXELS_MAX;
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || width > side_max || height > side_max || pixels > JPEG_PIXELS_MAX {
            return Err(self.fault(format!(
                "a picture of {width}x{height} pixels; sides must be 1 to {side_max}, and no \
                 more than {JPEG_PIXELS_MAX} pixels in all"
            )));
        }
        let mut mcu = (1, 1);
        for factor in factors.chunks_exact(3).map(|component| component[1]) {
            mcu = (
                mcu.0.max(u32::from(factor >> 4)),
                mcu.1.max(u32::from(factor & 15)),
            );
        }
        // A lone component is coded block by block, whatever its sampling factors.
        self.mcu_pixels = if components == 1 {
            (8, 8)
        } else {
            (8 * mcu.0, 8 * mcu.1)
        };
        self.components = u32::from(components);
        (self.outline.width, self.outline.height) = (width, height);
        Ok(())
    }

    /// How many restart markers the scan needs at least, known only where one scan holds all.
    fn restarts_due(&self) -> u64 {
        if self.restart_interval == 0 || !self.outline.is_plain {
            return 0;
        }
        let across = u64::from(self.outline.width.div_ceil(self.mcu_pixels.0));
        let down = u64::from(self.outline.height.div_ceil(self.mcu_pixels.1));
        (across * down)
            .div_ceil(u64::from(self.restart_interval))
            .saturating_sub(1)
    }

    fn finish(&mut self) -> Result<Progress, JpegFault> {
        let outline = JpegOutline {
            length: self.at,
            ..self.outline
        };
        if self.scans == 0 {
            return Err(self.fault("it ends before its first scan"));
        }
        if outline.restarts_seen < outline.restarts_due {
            return Err(self.fault(format!(
                "{} of {} restart markers are missing: part of the picture was lost",
                outline.restarts_due - outline.restarts_seen,
                outline.restarts_due
            )));
        }
        Ok(Progress::Whole(outline))
    }
}

/// What one step of the walk came to.
enum Step {
    On,
    Short,
    End,
}

/// Outlines a picture that must be whole. Bytes after its end are allowed: cameras pad.
pub(crate) fn outline(bytes: &[u8]) -> Result<JpegOutline, JpegFault> {
    if bytes.len() > JPEG_BYTES_MAX {
        let reason = format!("{} bytes; at most {JPEG_BYTES_MAX} are read", bytes.len());
        return Err(JpegFault {
            at: JPEG_BYTES_MAX,
            reason,
        });
    }
    match JpegScanner::default().advance(bytes)? {
        Progress::Whole(outline) => Ok(outline),
        Progress::More => Err(JpegFault {
            at: bytes.len(),
            reason: "it was cut short: the end marker FF D9 is missing".into(),
        }),
    }
}
