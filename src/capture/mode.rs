//! Sets a camera to the mode that suits best.

use super::device::{advice, formats, modes};
use super::guard::guarded;
use super::negotiate::{Mode, Wish, ranked};
use super::packet::{Answer, Settled, fourcc_text, settle};
use v4l::format::FieldOrder;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

/// Modes tried before giving up, should the driver refuse what it offered.
const MODES_TRIED_MAX: usize = 4;

/// Sets the best mode that the driver accepts. The error is the refusal of the best mode,
/// which is the one that the user wants to understand.
pub(super) fn set_best_mode(device: &Device, wish: &Wish) -> Result<Settled, String> {
    let offered = modes(device, wish.width, wish.height);
    let mut first_refusal = None;
    for mode in ranked(&offered, wish).iter().take(MODES_TRIED_MAX) {
        match set_mode(device, mode, wish.frames_per_second) {
            Ok(settled) => return Ok(settled),
            Err(Refusal {
                reason,
                is_final: true,
            }) => return Err(reason),
            Err(Refusal { reason, .. }) => first_refusal = first_refusal.or(Some(reason)),
        }
    }
    Err(first_refusal.unwrap_or_else(|| nothing_suits(&formats(device), wish)))
}

/// Why a mode could not be set.
struct Refusal {
    reason: String,
    /// Whether other modes would be refused just so: the device is busy or gone.
    is_final: bool,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_final: false,
        }
    }
}

/// Sets one mode and gives what the driver made of it.
fn set_mode(device: &Device, mode: &Mode, frames_per_second: u32) -> Result<Settled, Refusal> {
    // A fresh format: one that was read back carries the stride and size of another mode,
    // which drivers take for a wish.
    let wanted = Format::new(mode.width, mode.height, FourCC::new(&mode.fourcc));
    let what = format!(
        "cannot set {}x{} {}",
        mode.width,
        mode.height,
        fourcc_text(mode.fourcc)
    );
    let set = guarded(|| device.set_format(&wanted))?.map_err(|error| Refusal {
        reason: advice(&what, &error),
        is_final: matches!(error.raw_os_error(), Some(libc::EBUSY | libc::ENODEV)),
    })?;
    if !is_whole_picture(set.field_order) {
        return Err(Refusal::from(format!(
            "{what}: the driver delivers {} fields, not whole pictures; use a progressive input",
            set.field_order
        )));
    }
    let settled = settle(&Answer {
        fourcc: set.fourcc.repr,
        width: set.width,
        height: set.height,
        stride: set.stride,
        size: set.size,
        interval: set_rate(device, frames_per_second),
    })?;
    if settled.format != mode.format {
        let instead = fourcc_text(settled.fourcc);
        return Err(Refusal::from(format!(
            "{what}: the driver set {instead} instead"
        )));
    }
    Ok(settled)
}

/// Asks for a rate and gives the frame interval that the driver set, as a fraction of a
/// second. Drivers without a choice of rates refuse and run at their only one: zeros.
fn set_rate(device: &Device, frames_per_second: u32) -> (u32, u32) {
    match guarded(|| device.set_params(&Parameters::with_fps(frames_per_second))) {
        Ok(Ok(parameters)) => (
            parameters.interval.numerator,
            parameters.interval.denominator,
        ),
        refused => {
            log::debug!("the frame rate stays as it is: {refused:?}");
            (0, 0)
        }
    }
}

/// Whether each buffer holds one picture with all its rows in order.
fn is_whole_picture(order: FieldOrder) -> bool {
    use FieldOrder::{Any, Interlaced, InterlacedBT, InterlacedTB, Progressive};
    matches!(
        order,
        Any | Progressive | Interlaced | InterlacedTB | InterlacedBT
    )
}

/// Says that none of the formats offered is one that can be used.
fn nothing_suits(offered: &[[u8; 4]], wish: &Wish) -> String {
    let names: Vec<String> = offered.iter().map(|fourcc| fourcc_text(*fourcc)).collect();
    let offered = if names.is_empty() {
        "no format".to_owned()
    } else {
        names.join(", ")
    };
    match wish.format {
        Some(format) => format!(
            "offers {offered}, but {format:?} is asked for; leave the format \
             open, or ask for one of these"
        ),
        None => {
            format!("offers {offered}; NV12, YUYV, MJPG or GREY is needed, so use another camera")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    #[test]
    fn a_camera_without_a_usable_format_is_told_by_its_formats() {
        let wish = Wish {
            width: 1280,
            height: 720,
            frames_per_second: 30,
            format: None,
        };
        let text = nothing_suits(&[*b"RG10", *b"H264"], &wish);
        assert!(
            text.contains("RG10, H264") && text.contains("YUYV"),
            "{text}"
        );
        let forced = Wish {
            format: Some(PixelFormat::Nv12),
            ..wish
        };
        assert!(nothing_suits(&[*b"MJPG"], &forced).contains("Nv12 is asked for"));
        assert!(nothing_suits(&[], &wish).contains("no format"));
    }

    #[test]
    fn half_pictures_are_told_from_whole_ones() {
        assert!(is_whole_picture(FieldOrder::Progressive));
        assert!(is_whole_picture(FieldOrder::Interlaced));
        assert!(!is_whole_picture(FieldOrder::Alternate));
        assert!(!is_whole_picture(FieldOrder::SequentialTB));
    }
}
