//! Asks a V4L2 device what it is and what it can do.
//!
//! The `v4l` crate has calls for all of this, but they unwrap names that are not UTF-8
//! and enumerate until the driver refuses, which a faulty one never does. These go
//! through the crate's own `ioctl` and structures, with a limit on every list.

use super::negotiate::{Mode, SizeOffer, Steps, frames_per_second, pixel_format_of};
use crate::source::SourceError;
use std::io;
use std::mem;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use v4l::Device;
use v4l::capability::Flags;
use v4l::v4l_sys::{
    v4l2_capability, v4l2_fmtdesc, v4l2_fract, v4l2_frmivalenum,
    v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE as INTERVAL_DISCRETE, v4l2_frmsizeenum,
    v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE as SIZE_DISCRETE,
};
use v4l::v4l2::{ioctl, vidioc};

/// Character devices of video4linux have this major number on every Linux.
const VIDEO_MAJOR: u32 = 81;
/// Formats, sizes of one format and intervals of one size that are looked at.
const FORMATS_MAX: u32 = 128;
const SIZES_MAX: u32 = 128;
const INTERVALS_MAX: u32 = 64;

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Name for people.
    pub(super) name: String,
    /// Kernel driver.
    pub(super) driver: String,
    /// Where it is plugged in.
    pub(super) bus: String,
    /// V4L2_CAP bits of this very node.
    pub(super) capabilities: u32,
}

/// Opens the node `path`, whether it can capture or not.
pub(super) fn open_node(path: &Path) -> Result<Device, SourceError> {
    let failed = |error: &io::Error| open_error(path, error);
    let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
    // Opening some other device can have effects: a watchdog would begin to count down.
    if !metadata.file_type().is_char_device() || libc::major(metadata.rdev()) != VIDEO_MAJOR {
        return Err(device_error(
            path,
            "is not a video device; `lookout doctor` lists the cameras".to_owned(),
        ));
    }
    Device::with_path(path).map_err(|error| failed(&error))
}

/// An error of the device at `path`.
pub(super) fn device_error(path: &Path, reason: String) -> SourceError {
    SourceError::Device {
        device: path.display().to_string(),
        reason,
    }
}

/// An error at opening the device at `path`. A link whose camera is gone, and a node whose
/// driver has let go of it, are as absent as a node that is not there.
fn open_error(path: &Path, error: &io::Error) -> SourceError {
    let reason = open_advice(error);
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => SourceError::Absent {
            device: path.display().to_string(),
            reason,
        },
        _ => device_error(path, reason),
    }
}

/// What to do about an error at opening.
fn open_advice(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT) => "there is no such device; plug the camera in, or see what \
             `lookout doctor` finds"
            .to_owned(),
        Some(libc::EACCES | libc::EPERM) => "permission denied; add your user to the group \
             that may use cameras with `sudo usermod -aG video $USER`, then log in again"
            .to_owned(),
        _ => advice("cannot open", error),
    }
}

/// What to do about an error of an open device; `what` failed.
pub(super) fn advice(what: &str, error: &io::Error) -> String {
    let hint = match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO) => "the camera was unplugged or its driver unloaded",
        Some(libc::EBUSY) => {
            "another program uses the camera; find it with `fuser -v /dev/video*` and end it"
        }
        Some(libc::EIO | libc::EPROTO | libc::EPIPE) => {
            "the camera or its cable fails; try another cable or port"
        }
        Some(libc::ENOSPC) => {
            "the USB bus has no bandwidth left; use MJPEG, a smaller size, or another port"
        }
        Some(libc::ENOMEM) => "no memory for its buffers; use a smaller size",
        Some(libc::ENOTTY) => "the driver does not support it",
        _ => return format!("{what}: {error}"),
    };
    format!("{what}: {error}; {hint}")
}

/// Asks a device for its identity.
pub(super) fn identify(device: &Device) -> io::Result<Identity> {
    // SAFETY: the structure is plain numbers, for which all zeros is a valid value.
    let mut answer: v4l2_capability = unsafe { mem::zeroed() };
    request(device, vidioc::VIDIOC_QUERYCAP, &mut answer)?;
    let whole_device = Flags::DEVICE_CAPS.bits();
    let capabilities = if answer.capabilities & whole_device == 0 {
        answer.capabilities
    } else {
        answer.device_caps
    };
    Ok(Identity {
        name: text(&answer.card),
        driver: text(&answer.driver),
        bus: text(&answer.bus_info),
        capabilities,
    })
}

/// Whether a node with these capabilities is one that we can read; otherwise why not.
pub(super) fn check_capture(capabilities: u32) -> Result<(), &'static str> {
    let has = |flag: Flags| capabilities & flag.bits() != 0;
    if has(Flags::VIDEO_CAPTURE) {
        return if has(Flags::STREAMING) {
            Ok(())
        } else {
            Err(
                "captures without memory-mapped streaming, which is not supported; \
                 use another camera",
            )
        };
    }
    Err(if has(Flags::VIDEO_M2M) || has(Flags::VIDEO_M2M_MPLANE) {
        "is a video codec or converter, not a camera; `lookout doctor` lists the cameras"
    } else if has(Flags::VIDEO_CAPTURE_MPLANE) {
        "offers only the multi-planar interface of camera processors, which is not supported; \
         use a USB camera, or feed a v4l2loopback device from it"
    } else if has(Flags::META_CAPTURE) {
        "is the metadata node of a camera, not its picture node; `lookout doctor` lists the \
         picture nodes (usually the number before)"
    } else {
        "is not a capture device; `lookout doctor` lists the cameras"
    })
}

/// All modes of the device in formats that we read, each grid of sizes reduced to the
/// member nearest to `width` x `height`. At most a few thousand, normally a few dozen.
pub(super) fn modes(device: &Device, width: u32, height: u32) -> Vec<Mode> {
    let mut modes = Vec::new();
    for fourcc in formats(device) {
        let Some(format) = pixel_format_of(fourcc) else {
            continue;
        };
        let mut offers = sizes(device, fourcc);
        if offers.is_empty() {
            // A driver without the enumeration takes what it is asked for, or says what
            // it took instead.
            offers.push(SizeOffer::Discrete(width, height));
        }
        for (width, height) in offers
            .iter()
            .filter_map(|offer| offer.nearest(width, height))
        {
            let frames_per_second_max = rate_max(device, fourcc, width, height);
            modes.push(Mode {
                fourcc,
                format,
                width,
                height,
                frames_per_second_max,
            });
        }
    }
    modes
}

/// The driver's names of its formats, in its order.
pub(super) fn formats(device: &Device) -> Vec<[u8; 4]> {
    let mut formats = Vec::new();
    for index in 0..FORMATS_MAX {
        let mut answer = v4l2_fmtdesc {
            index,
            type_: v4l::buffer::Type::VideoCapture as u32,
            // SAFETY: plain numbers, for which all zeros is a valid value.
            ..unsafe { mem::zeroed() }
        };
        if request(device, vidioc::VIDIOC_ENUM_FMT, &mut answer).is_err() {
            break;
        }
        let fourcc = answer.pixelformat.to_le_bytes();
        if !formats.contains(&fourcc) {
            formats.push(fourcc);
        }
    }
    formats
}

pub(super) fn sizes(device: &Device, fourcc: [u8; 4]) -> Vec<SizeOffer> {
    let mut sizes = Vec::new();
    for index in 0..SIZES_MAX {
        let mut answer = v4l2_frmsizeenum {
            index,
            pixel_format: u32::from_le_bytes(fourcc),
            // SAFETY: plain numbers, for which all zeros is a valid value.
            ..unsafe { mem::zeroed() }
        };
        if request(device, vidioc::VIDIOC_ENUM_FRAMESIZES, &mut answer).is_err() {
            break;
        }
        // SAFETY: every member of the union is plain numbers, valid for all bit patterns.
        let (discrete, stepwise) = unsafe {
            (
                answer.__bindgen_anon_1.discrete,
                answer.__bindgen_anon_1.stepwise,
            )
        };
        if answer.type_ != SIZE_DISCRETE {
            let (w, h) = (&stepwise, &stepwise);
            let width = Steps {
                min: w.min_width,
                max: w.max_width,
                step: w.step_width,
            };
            let height = Steps {
                min: h.min_height,
                max: h.max_height,
                step: h.step_height,
            };
            // The kernel allows one grid, and some drivers repeat it for every index.
            return vec![SizeOffer::Stepwise { width, height }];
        }
        let size = SizeOffer::Discrete(discrete.width, discrete.height);
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    sizes
}

/// The highest rate of a mode, `None` when the driver does not say.
pub(super) fn rate_max(device: &Device, fourcc: [u8; 4], width: u32, height: u32) -> Option<f64> {
    let mut best: Option<f64> = None;
    for index in 0..INTERVALS_MAX {
        let mut answer = v4l2_frmivalenum {
            index,
            pixel_format: u32::from_le_bytes(fourcc),
            width,
            height,
            // SAFETY: plain numbers, for which all zeros is a valid value.
            ..unsafe { mem::zeroed() }
        };
        if request(device, vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut answer).is_err() {
            break;
        }
        // SAFETY: every member of the union is plain numbers, valid for all bit patterns.
        let (discrete, stepwise) = unsafe {
            (
                answer.__bindgen_anon_1.discrete,
                answer.__bindgen_anon_1.stepwise,
            )
        };
        let one_of_many = answer.type_ == INTERVAL_DISCRETE;
        let shortest: v4l2_fract = if one_of_many { discrete } else { stepwise.min };
        let rate = frames_per_second(shortest.numerator, shortest.denominator);
        best = match (best, rate) {
            (Some(best), Some(rate)) => Some(best.max(rate)),
            (best, rate) => best.or(rate),
        };
        if !one_of_many {
            break;
        }
    }
    best
}

/// One question to the driver, asked again when a signal interrupts it.
fn request<T>(device: &Device, code: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
    const INTERRUPTIONS_MAX: u32 = 16;
    let mut interruptions = 0;
    loop {
        // SAFETY: the code carries the size of the structure that it works on; every
        // caller passes that structure, which outlives the call.
        let answer = unsafe {
            ioctl(
                device.handle().fd(),
                code,
                std::ptr::from_mut(argument).cast(),
            )
        };
        match answer {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                interruptions += 1;
                if interruptions > INTERRUPTIONS_MAX {
                    return Err(error);
                }
            }
            answer => return answer,
        }
    }
}

/// The text up to the first NUL; what is not UTF-8 or not printable is replaced.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
