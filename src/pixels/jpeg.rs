//! Where a JPEG picture begins and ends, without decoding it.
//!
//! JPEG is a chain of segments, each with its length, and runs of entropy-coded bytes that
//! end at the next marker. Walking the chain finds the true end of a picture: thumbnails and
//! EXIF data lie inside segments and are stepped over, and a picture that was cut short is
//! known before any of it is decoded.

use crate::frame::Frame;

/// The largest JPEG that is looked at, in bytes.
pub(crate) const JPEG_BYTES_MAX: usize = 64 << 20;

/// The most pixels that a JPEG may have: a bound on the memory for decoding it.
pub(crate) const JPEG_PIXELS_MAX: u64 = 40_000_000;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DHT: u8 = 0xC4;
const DRI: u8 = 0xDD;

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

/// The Huffman tables of JPEG annex K as one DHT segment. Cameras that send motion JPEG may
/// leave them out, since every such picture uses the same ones.
#[rustfmt::skip]
pub(crate) const STANDARD_HUFFMAN_TABLES: [u8; 420] = [
    0xFF, DHT, 0x01, 0xA2,
    // DC, luma.
    0x00,
    0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // AC, luma.
    0x10,
    0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D,
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
    // DC, chroma.
    0x01,
    0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // AC, chroma.
    0x11,
    0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77,
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
    0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
    0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
    0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];
