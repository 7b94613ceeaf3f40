//! Which cameras this machine has.

use super::device::{check_capture, formats, identify, open_node, rate_max, sizes};
use super::guard::guarded;
use super::negotiate::{SizeOffer, pixel_format_of};
use super::packet::fourcc_text;
use crate::frame::Frame;
use std::fs;
use std::path::{Path, PathBuf};
use v4l::Device;

/// Nodes looked at, and modes listed of one node.
const NODES_MAX: usize = 256;
const MODES_MAX: usize = 512;

/// One video device node.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraInfo {
    /// Device node.
    pub device: PathBuf,
    /// Link to it that stays the same wherever the camera is plugged in.
    pub by_id: Option<PathBuf>,
    /// Name for people; empty when the node cannot be asked.
    pub name: String,
    /// Kernel driver.
    pub driver: String,
    /// Where it is plugged in.
    pub bus: String,
    /// What it offers, formats that we do not read included; of a grid of sizes only the
    /// member nearest to 1280x720 and the largest.
    pub formats: Vec<CameraMode>,
    /// Whether `lookout` can capture from it; otherwise why not and what to do.
    pub usable: Result<(), String>,
}

impl CameraInfo {
    fn unasked(device: PathBuf, by_id: Option<PathBuf>) -> Self {
        Self {
            device,
            by_id,
            name: String::new(),
            driver: String::new(),
            bus: String::new(),
            formats: Vec::new(),
            usable: Ok(()),
        }
    }
}

/// One mode of a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraMode {
    /// The driver's name of the format, four characters.
    pub fourcc: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Highest rate, `None` when the driver does not say.
    pub frames_per_second_max: Option<f64>,
}

/// All video device nodes, those that can be captured from first, then by number. No
/// camera is disturbed: one that streams to another program goes on.
pub fn list_cameras() -> Vec<CameraInfo> {
    let links = links_in(Path::new("/dev/v4l/by-id"));
    let mut cameras: Vec<(u32, CameraInfo)> = video_nodes(Path::new("/dev"))
        .into_iter()
        .map(|(number, path)| (number, inspect(path, &links)))
        .collect();
    sort_usable_first(&mut cameras);
    cameras.into_iter().map(|(_, camera)| camera).collect()
}

fn sort_usable_first(cameras: &mut [(u32, CameraInfo)]) {
    cameras.sort_by_key(|(number, camera)| (camera.usable.is_err(), *number));
}

/// The camera to use when none is named: the first that can be captured from.
pub fn first_camera() -> Option<CameraInfo> {
    list_cameras()
        .into_iter()
        .find(|camera| camera.usable.is_ok())
}

/// `videoN` in `folder`, with their numbers.
fn video_nodes(folder: &Path) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let number = |path: &Path| -> Option<u32> {
        let digits = path.file_name()?.to_str()?.strip_prefix("video")?;
        // parse() alone would accept a sign.
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter_map(|path| number(&path).map(|number| (number, path)))
        .take(NODES_MAX)
        .collect()
}

/// The links in `folder` with what they lead to.
fn links_in(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    // There is no such folder where no USB camera is plugged in.
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter_map(|link| fs::canonicalize(&link).ok().map(|target| (link, target)))
        .take(NODES_MAX)
        .collect()
}

fn inspect(path: PathBuf, links: &[(PathBuf, PathBuf)]) -> CameraInfo {
    let by_id = links
        .iter()
        .find(|(_, target)| *target == path)
        .map(|(link, _)| link.clone());
    let mut camera = CameraInfo::unasked(path, by_id);
    // The crate can panic on closing a node that vanishes meanwhile.
    camera.usable = guarded(|| ask(&mut camera)).unwrap_or_else(Err);
    camera
}

/// Fills in what the node says; an error says why it cannot be used.
fn ask(camera: &mut CameraInfo) -> Result<(), String> {
    let device = open_node(&camera.device).map_err(|error| error.to_string())?;
    let identity = identify(&device).map_err(|error| format!("cannot be asked: {error}"))?;
    camera.name = identity.name;
    camera.driver = identity.driver;
    camera.bus = identity.bus;
    check_capture(identity.capabilities)?;
    let mut is_readable = false;
    for fourcc in formats(&device) {
        is_readable |= pixel_format_of(fourcc).is_some();
        list_modes(&device, fourcc, &mut camera.formats);
    }
    if is_readable {
        Ok(())
    } else {
        Err("offers none of NV12, YUYV, MJPG and GREY; use another camera".to_owned())
    }
}

fn list_modes(device: &Device, fourcc: [u8; 4], modes: &mut Vec<CameraMode>) {
    for (width, height) in sizes(device, fourcc).iter().flat_map(notable_sizes) {
        if modes.len() == MODES_MAX {
            return;
        }
        modes.push(CameraMode {
            fourcc: fourcc_text(fourcc),
            width,
            height,
            frames_per_second_max: rate_max(device, fourcc, width, height),
        });
    }
}

/// The size itself, or two of a grid.
fn notable_sizes(offer: &SizeOffer) -> Vec<(u32, u32)> {
    let largest = offer.nearest(Frame::SIDE_PIXELS_MAX, Frame::SIDE_PIXELS_MAX);
    let mut notable: Vec<_> = offer
        .nearest(1280, 720)
        .into_iter()
        .chain(largest)
        .collect();
    notable.dedup();
    notable
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::capture::negotiate::Steps;
    use std::os::unix::fs::symlink;

    /// A folder of this test alone, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("lookout-camera-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(fs::canonicalize(path).unwrap())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn nodes_are_found_by_name_and_links_by_target() {
        let folder = Folder::new("nodes");
        for name in [
            "video0",
            "video12",
            "video",
            "video+1",
            "video1x",
            "vbi0",
            "video99999999999",
        ] {
            fs::write(folder.0.join(name), b"").unwrap();
        }
        let mut numbers: Vec<u32> = video_nodes(&folder.0).iter().map(|node| node.0).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 12]);

        let links = Folder::new("links");
        symlink(folder.0.join("video12"), links.0.join("usb-Dashcam-index0")).unwrap();
        symlink(folder.0.join("gone"), links.0.join("usb-Gone-index0")).unwrap();
        let camera = inspect(folder.0.join("video12"), &links_in(&links.0));
        assert_eq!(camera.by_id, Some(links.0.join("usb-Dashcam-index0")));
        assert!(camera.usable.unwrap_err().contains("is not a video device"));
        assert_eq!(
            inspect(folder.0.join("video0"), &links_in(&links.0)).by_id,
            None
        );
        assert!(video_nodes(&folder.0.join("missing")).is_empty());
    }

    #[test]
    fn grids_are_listed_by_two_members() {
        let side = |max| Steps {
            min: 16,
            max,
            step: 16,
        };
        let grid = SizeOffer::Stepwise {
            width: side(1920),
            height: side(1088),
        };
        assert_eq!(notable_sizes(&grid), [(1280, 720), (1920, 1088)]);
        assert_eq!(notable_sizes(&SizeOffer::Discrete(640, 480)), [(640, 480)]);
    }

    #[test]
    fn usable_cameras_come_first_then_numbers_count() {
        let camera = |number: u32, usable: Result<(), String>| {
            let unasked = CameraInfo::unasked(format!("/dev/video{number}").into(), None);
            (number, CameraInfo { usable, ..unasked })
        };
        let no = || Err("is a metadata node".to_owned());
        let mut cameras = [
            camera(10, Ok(())),
            camera(1, no()),
            camera(2, Ok(())),
            camera(0, no()),
        ];
        sort_usable_first(&mut cameras);
        assert_eq!(cameras.map(|(number, _)| number), [2, 10, 0, 1]);
    }
}
