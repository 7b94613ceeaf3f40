//! What the doctor finds of cameras and of the source that was named.

use super::finding::Finding;
use crate::capture::CameraInfo;
use crate::frame::Frame;
use crate::pixels::Decoder;
use crate::source::{self, Next, SourceError, SourceUri};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Lines that one camera may take.
const MODES_SHOWN_MAX: usize = 6;

/// How long a source may take to give its first good frame.
const FIRST_FRAME_PATIENCE: Duration = Duration::from_secs(5);

/// Every camera with its formats. No usable one is a failure, unless a source was named.
pub(super) fn cameras(cameras: &[CameraInfo], has_source: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = cameras.iter().map(camera).collect();
    if cameras.iter().any(|camera| camera.usable.is_ok()) {
        return findings;
    }
    let advice = "plug a camera in, look at `dmesg`, and see that a /dev/video node appears";
    findings.push(if has_source {
        Finding::warn("camera", "no camera can be used", advice)
    } else {
        Finding::fail("camera", "no camera can be used", advice)
    });
    findings
}

fn camera(camera: &CameraInfo) -> Finding {
    let node = camera.by_id.as_ref().unwrap_or(&camera.device).display();
    let name = if camera.name.is_empty() {
        "unknown"
    } else {
        &camera.name
    };
    let mut text = format!("{node}: {name}");
    if let Err(reason) = &camera.usable {
        return Finding::warn("camera", text, reason.clone());
    }
    for mode in camera.formats.iter().take(MODES_SHOWN_MAX) {
        let rate = mode
            .frames_per_second_max
            .map(|fps| format!(" {fps:.0} fps"));
        let rate = rate.unwrap_or_default();
        text += &format!(
            "\n{:19}{} {}x{}{rate}",
            "", mode.fourcc, mode.width, mode.height
        );
    }
    let hidden = camera.formats.len().saturating_sub(MODES_SHOWN_MAX);
    if hidden > 0 {
        text += &format!("\n{:19}and {hidden} more modes", "");
    }
    Finding::ok("camera", text)
}

/// Whether the named source gives a frame that is a picture.
pub(super) fn chosen_source(uri: &SourceUri) -> Finding {
    match first_picture(uri) {
        Ok((width, height)) => Finding::ok(
            "source",
            format!("{uri} gives pictures of {width}x{height}"),
        ),
        Err(error) => {
            let advice = "correct the cause or name another --source";
            Finding::fail("source", format!("{uri}: {error}"), advice)
        }
    }
}

fn first_picture(uri: &SourceUri) -> Result<(u32, u32), SourceError> {
    let began = Instant::now();
    let mut source = source::open(uri)?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    let mut last_error = SourceError::Timeout(FIRST_FRAME_PATIENCE);
    // Cameras may well begin with a few damaged frames.
    while began.elapsed() < FIRST_FRAME_PATIENCE {
        match source.next_frame(&mut frame) {
            Ok(Next::End) => break,
            Ok(Next::Frame) => match decoder.picture(&frame) {
                Ok(picture) => return Ok((picture.width(), picture.height())),
                Err(error) => last_error = SourceError::Damaged(error.to_string()),
            },
            Err(error) if error.is_recoverable_in_place() => last_error = error,
            Err(error) => return Err(error),
        }
    }
    Err(last_error)
}

/// Who may use cameras: members of a group of this name.
const CAMERA_GROUP: &str = "video";

/// Whether a user with these groups is a member of group video; `etc_group` is the text of
/// `/etc/group`. Where a camera can be used all the same that is no fault: desktops give access
/// in another way.
pub(super) fn group(user: u32, groups: &[u32], etc_group: &str, is_camera_usable: bool) -> Finding {
    const SUBJECT: &str = "group video";
    let mut fields = etc_group.lines().map(|line| line.split(':'));
    let id = fields.find_map(|mut fields| {
        let is_it = fields.next() == Some(CAMERA_GROUP);
        fields.nth(1).filter(|_| is_it)?.parse::<u32>().ok()
    });
    let Some(id) = id else {
        return Finding::ok(SUBJECT, "this computer has no such group");
    };
    if user == 0 || groups.contains(&id) {
        return Finding::ok(SUBJECT, "this user may use cameras");
    }
    if is_camera_usable {
        return Finding::ok(
            SUBJECT,
            "this user is no member, and can use a camera without",
        );
    }
    let advice = "add the user with `sudo usermod -aG video $USER`, then log in again";
    Finding::warn(SUBJECT, "this user is no member of it", advice)
}

/// Groups of this process.
pub(super) fn own_groups() -> Vec<u32> {
    const GROUPS_MAX: usize = 1024;
    let mut groups: Vec<libc::gid_t> = vec![0; GROUPS_MAX];
    // SAFETY: the list has room for as many groups as are asked for.
    let count = unsafe { libc::getgroups(GROUPS_MAX as libc::c_int, groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(count).unwrap_or(0));
    // SAFETY: has no preconditions and cannot fail.
    groups.push(unsafe { libc::getegid() });
    groups
}

/// Whether the link that stands for the camera leads to one. Only a flashed board needs it.
pub(super) fn link(link: &Path, is_flashed: bool) -> Finding {
    const SUBJECT: &str = "camera link";
    let shown = link.display();
    match fs::read_link(link) {
        Ok(target) if link.exists() => {
            Finding::ok(SUBJECT, format!("{shown} is {}", target.display()))
        }
        Ok(target) => {
            let text = format!("{shown} leads to {}, which is not there", target.display());
            Finding::warn(SUBJECT, text, "plug the camera in again")
        }
        Err(_) if is_flashed => {
            let advice = "plug the camera in; if it is, see that the udev rules of the release \
                          are installed, or name the camera in /etc/lookout/lookout.toml";
            Finding::warn(SUBJECT, format!("there is no {shown}"), advice)
        }
        Err(_) => Finding::ok(SUBJECT, format!("no {shown}; only a flashed board has it")),
    }
}

#[cfg(test)]
#[path = "camera_tests.rs"]
mod tests;
