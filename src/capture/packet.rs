//! Checks of what a driver hands over, before anything trusts it.

use super::negotiate::{frames_per_second, pixel_format_of};
use crate::frame::{Frame, PixelFormat};

/// Buffers of a camera larger than this are refused: 8192x4096 in YUYV.
const BUFFER_BYTES_MAX: usize = 64 << 20;

/// What the driver settled on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settled {
    /// Layout of the bytes.
    pub(super) format: PixelFormat,
    /// The driver's name of the format.
    pub(super) fourcc: [u8; 4],
    /// Width in pixels.
    pub(super) width: u32,
    /// Height in pixels.
    pub(super) height: u32,
    /// Bytes from row to row, 0 for MJPEG.
    pub(super) stride: usize,
    /// Bytes that one frame needs; for MJPEG the most that it can have.
    pub(super) frame_bytes: usize,
    /// Frames in a second, `None` when the driver does not say.
    pub(super) frames_per_second: Option<f64>,
}

/// The numbers of a driver's answer to a wish for a format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) fourcc: [u8; 4],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) stride: u32,
    /// Bytes of one buffer.
    pub(super) size: u32,
    /// Frame interval in seconds as a fraction; zeros when unknown.
    pub(super) interval: (u32, u32),
}

/// Makes sense of the answer, or says what is wrong with it.
pub(super) fn settle(answer: &Answer) -> Result<Settled, String> {
    let Answer {
        fourcc,
        width,
        height,
        ..
    } = *answer;
    let name = fourcc_text(fourcc);
    let format = pixel_format_of(fourcc)
        .ok_or_else(|| format!("the driver set the format {name}, which is not supported"))?;
    let stride = match (format, answer.stride) {
        (PixelFormat::Mjpeg, _) => 0,
        // Some drivers leave it out where rows follow each other without a gap.
        (PixelFormat::Yuyv, 0) => width.div_ceil(2) as usize * 4,
        (PixelFormat::Nv12, 0) => width.div_ceil(2) as usize * 2,
        (_, 0) => width as usize,
        (_, stride) => stride as usize,
    };
    let needed = Frame::bytes_needed(format, width, height, stride).ok_or_else(|| {
        format!("the driver set {width}x{height} {name} with {stride} bytes a row, which cannot be")
    })?;
    let size = answer.size as usize;
    if size == 0 || size < needed || size > BUFFER_BYTES_MAX {
        return Err(format!(
            "the driver gives {size} bytes to a frame of {width}x{height} {name}, where at least \
             {needed} and at most {BUFFER_BYTES_MAX} are right; use another size or format"
        ));
    }
    Ok(Settled {
        format,
        fourcc,
        width,
        height,
        stride,
        frame_bytes: if format == PixelFormat::Mjpeg {
            size
        } else {
            needed
        },
        frames_per_second: frames_per_second(answer.interval.0, answer.interval.1),
    })
}

/// Four characters of a format's name, the unprintable ones as dots.
pub(super) fn fourcc_text(fourcc: [u8; 4]) -> String {
    fourcc
        .iter()
        .map(|b| {
            if b.is_ascii_graphic() {
                *b as char
            } else {
                '.'
            }
        })
        .collect()
}

/// The bytes of the picture in a buffer of which the driver says that `bytes_used` are
/// used; otherwise why the picture is no good.
pub(super) fn picture<'a>(
    settled: &Settled,
    buffer: &'a [u8],
    bytes_used: u32,
    has_error_flag: bool,
) -> Result<&'a [u8], String> {
    if has_error_flag {
        return Err(format!(
            "the driver marked it as broken ({bytes_used} bytes)"
        ));
    }
    let used = buffer.get(..bytes_used as usize).ok_or_else(|| {
        format!(
            "the driver tells of {bytes_used} bytes in a buffer of {}",
            buffer.len()
        )
    })?;
    if settled.format == PixelFormat::Mjpeg {
        return if used.starts_with(&[0xff, 0xd8]) {
            Ok(used)
        } else {
            Err(format!(
                "its {bytes_used} bytes do not begin like a JPEG picture"
            ))
        };
    }
    // Some drivers pad the end; rows beyond the picture are nobody's business.
    used.get(..settled.frame_bytes).ok_or_else(|| {
        format!(
            "it has {bytes_used} bytes of {} that it needs",
            settled.frame_bytes
        )
    })
}

/// Counts on where a driver's 32-bit frame number wraps; the first frame is 0.
#[derive(Debug, Default)]
pub(super) struct SequenceCounter {
    last: Option<(u32, u64)>,
}

impl SequenceCounter {
    /// The number of the frame that the driver numbered `raw`. Gaps stay. A number that
    /// stands still or goes back, as from drivers that do not count, is the next one.
    pub(super) fn next(&mut self, raw: u32) -> u64 {
        let sequence = match self.last {
            None => 0,
            Some((last, sequence)) => {
                let ahead = raw.wrapping_sub(last);
                let step = if ahead == 0 || ahead > u32::MAX / 2 {
                    1
                } else {
                    ahead
                };
                sequence.saturating_add(u64::from(step))
            }
        };
        self.last = Some((raw, sequence));
        sequence
    }
}

/// Time of capture in nanoseconds on CLOCK_MONOTONIC: the driver's, if it says that it is
/// on this clock and neither missing nor in the future, else `now_ns`.
pub(super) fn capture_time_ns(
    is_monotonic: bool,
    seconds: i64,
    microseconds: i64,
    now_ns: u64,
) -> u64 {
    let stamp = || {
        let seconds = u64::try_from(seconds).ok()?;
        let microseconds = u64::try_from(microseconds).ok()?;
        seconds
            .checked_mul(1_000_000_000)?
            .checked_add(microseconds.checked_mul(1_000)?)
    };
    match stamp() {
        Some(stamp_ns) if is_monotonic && stamp_ns > 0 && stamp_ns <= now_ns => stamp_ns,
        _ => now_ns,
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
