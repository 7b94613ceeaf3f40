//! Which of a camera's modes to use.

use crate::frame::{Frame, PixelFormat};

/// Four characters by which drivers name the formats that we read.
const FOURCCS: [([u8; 4], PixelFormat); 5] = [
    (*b"NV12", PixelFormat::Nv12),
    (*b"YUYV", PixelFormat::Yuyv),
    (*b"MJPG", PixelFormat::Mjpeg),
    (*b"JPEG", PixelFormat::Mjpeg),
    (*b"GREY", PixelFormat::Grey),
];

/// The format that a driver names so, `None` for one that we do not read.
pub fn pixel_format_of(fourcc: [u8; 4]) -> Option<PixelFormat> {
    FOURCCS
        .iter()
        .find(|(code, _)| *code == fourcc)
        .map(|(_, format)| *format)
}

/// One mode of a camera: a format, a size and the highest rate there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// The driver's name of the format.
    pub fourcc: [u8; 4],
    /// The format.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Highest frame rate, `None` when the driver does not say.
    pub frames_per_second_max: Option<f64>,
}

/// Sizes that a driver offers for one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeOffer {
    /// One size: width and height in pixels.
    Discrete(u32, u32),
    /// Every size on a grid.
    Stepwise {
        /// Widths.
        width: Steps,
        /// Heights.
        height: Steps,
    },
}

/// The numbers `min, min + step, ...` up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Smallest.
    pub min: u32,
    /// Largest allowed; the largest on the grid may be smaller.
    pub max: u32,
    /// Distance; 0 is taken as 1.
    pub step: u32,
}

impl Steps {
    /// The smallest number that is not below `wanted`, or the largest there is. Never
    /// above [`Frame::SIDE_PIXELS_MAX`]; `None` when no number is left.
    pub fn nearest(&self, wanted: u32) -> Option<u32> {
        let max = self.max.min(Frame::SIDE_PIXELS_MAX);
        if self.min == 0 || self.min > max {
            return None;
        }
        let step = self.step.max(1);
        let steps = wanted
            .saturating_sub(self.min)
            .div_ceil(step)
            .min((max - self.min) / step);
        // Within max by the line above, so neither product nor sum can overflow.
        Some(self.min + steps * step)
    }
}

impl SizeOffer {
    /// The offered size that suits `width` x `height` best: the smallest that is not
    /// smaller, or the largest. `None` when the offer holds no size that we can use.
    pub fn nearest(&self, width: u32, height: u32) -> Option<(u32, u32)> {
        let usable = 1..=Frame::SIDE_PIXELS_MAX;
        match *self {
            Self::Discrete(w, h) => (usable.contains(&w) && usable.contains(&h)).then_some((w, h)),
            Self::Stepwise {
                width: w,
                height: h,
            } => Some((w.nearest(width)?, h.nearest(height)?)),
        }
    }
}

/// What the user would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames in a second.
    pub frames_per_second: u32,
    /// Only this format; `None`: any.
    pub format: Option<PixelFormat>,
}

/// The modes that meet the wish, best first; modes of another format than the one
/// asked for are left out. The order is stable for equal modes.
///
/// The size counts first (exact, else the nearest larger, else the largest), then
/// whether the rate is reached, then how fast it is where it is not, and then what the
/// picture costs to decode: between two modes that reach the rate the uncompressed one
/// saves a JPEG decoder's time, while over USB 2 only MJPEG carries 720p at 30 frames/s.
pub fn ranked(modes: &[Mode], wish: &Wish) -> Vec<Mode> {
    let mut suitable: Vec<Mode> = modes
        .iter()
        .filter(|mode| wish.format.is_none_or(|format| format == mode.format))
        .copied()
        .collect();
    suitable.sort_by_key(|mode| rank(mode, wish));
    suitable
}

/// Sort key of a mode; smaller is better.
fn rank(mode: &Mode, wish: &Wish) -> (bool, u64, bool, u64, u8) {
    let area = |w: u32, h: u32| u64::from(w) * u64::from(h);
    let too_small = mode.width < wish.width || mode.height < wish.height;
    let size_excess = area(mode.width, mode.height).abs_diff(area(wish.width, wish.height));
    // A driver that does not tell its rates (many CSI sensors) gets the benefit of the doubt.
    let rate = mode.frames_per_second_max.unwrap_or(f64::INFINITY);
    // 29.97 frames/s is as good as 30.
    let rate_reached = rate * 1.01 >= f64::from(wish.frames_per_second);
    let rate_missing = if rate_reached {
        0
    } else {
        // Milliframes as an integer, because floats have no total order to sort by.
        ((f64::from(wish.frames_per_second) - rate) * 1000.0) as u64
    };
    (
        too_small,
        size_excess,
        !rate_reached,
        rate_missing,
        decode_cost(mode.format),
    )
}

/// Order of the formats by what they cost; grey is last, because the detector was
/// trained on colour.
fn decode_cost(format: PixelFormat) -> u8 {
    match format {
        PixelFormat::Nv12 | PixelFormat::I420 => 0,
        PixelFormat::Yuyv => 1,
        PixelFormat::Rgb8 => 2,
        PixelFormat::Mjpeg => 3,
        PixelFormat::Grey => 4,
    }
}

/// Frame rate of an interval of `numerator / denominator` seconds; `None` for nonsense.
pub fn frames_per_second(numerator: u32, denominator: u32) -> Option<f64> {
    (numerator > 0 && denominator > 0).then(|| f64::from(denominator) / f64::from(numerator))
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;
