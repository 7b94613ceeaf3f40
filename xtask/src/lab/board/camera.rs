//! The simulated USB camera, brought to the virtual board: no part of its stock image.

use super::super::clip::{Clip, ClipFormat};
use super::super::{LabError, file_error, guest};
use super::LabBoard;
use crate::workspace;
use std::path::{Path, PathBuf};

/// Where the camera takes its commands on the board.
pub const FIFO: &str = "/run/lab-camera";
const FOLDER: &str = "/usr/local/lib/lab-camera";
const UNIT: &str = "lab-camera.service";

/// Frames of each clip; the camera plays them again and again.
const FRAMES: u32 = 8;

/// A format of a camera: how, width and height in pixels.
pub type CameraFormat = (ClipFormat, u32, u32);

/// A camera that is plugged in at every boot of the board from now on, as soon as the board's
/// basic services are up.
pub struct UsbCamera<'a> {
    board: &'a LabBoard,
}

/// Two cameras for the one plug: a usual dashcam, and one that can only do less.
pub fn standard_cameras() -> Vec<Vec<CameraFormat>> {
    let dashcam = vec![(ClipFormat::Mjpeg, 1280, 720), (ClipFormat::Yuyv, 640, 480)];
    vec![dashcam, vec![(ClipFormat::Yuyv, 640, 480)]]
}

impl<'a> UsbCamera<'a> {
    /// Copies the camera to the board and plugs it in. `cameras` are those that can be put
    /// into the plug, each with its formats; the first is in it at the start.
    pub fn install(board: &'a LabBoard, cameras: &[Vec<CameraFormat>]) -> Result<Self, LabError> {
        let work = workspace::target_dir()?.join("lab");
        let uvcsim = guest::build_uvcsim(&workspace::root().join("board/lab"), &work)?;
        let folder = work.join("board/camera");
        std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        let unit = folder.join(UNIT);
        std::fs::write(&unit, unit_text(cameras)).map_err(file_error(&unit))?;
        let mut files = vec![uvcsim];
        for &(format, width, height) in cameras.iter().flatten() {
            let path = folder.join(clip_name(format, width, height));
            if !files.contains(&path) {
                Clip::render(format, width, height, FRAMES)?.write(&path)?;
                files.push(path);
            }
        }
        board.ssh_ok(&format!("mkdir -p {FOLDER}"))?;
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        board.put(&files, FOLDER)?;
        board.put(&[&unit], "/etc/systemd/system/")?;
        board.ssh_ok(&format!(
            "systemctl daemon-reload && systemctl enable -q --now {UNIT} && \
             for i in $(seq 100); do grep -qs Simulated /sys/class/video4linux/*/name && \
             exit 0; sleep 0.1; done; exit 1"
        ))?;
        Ok(Self { board })
    }

    /// The camera that an earlier call has installed on the board's disk.
    pub fn installed(board: &'a LabBoard) -> Self {
        Self { board }
    }

    /// Gives it a command: `plug`, `unplug`, `use N` (which camera is plugged in next, from 1),
    /// `freeze`, `thaw`, `tear`.
    pub fn tell(&self, command: &str) -> Result<(), LabError> {
        self.board
            .ssh_ok(&format!("echo '{command}' > {FIFO}"))
            .map(drop)
    }
}

fn clip_name(format: ClipFormat, width: u32, height: u32) -> String {
    format!("{width}x{height}.{}", format.name())
}

fn unit_text(cameras: &[Vec<CameraFormat>]) -> String {
    let describe = |formats: &Vec<CameraFormat>| {
        let words = formats.iter().map(|&(format, width, height)| {
            let file = clip_name(format, width, height);
            format!("{}:{width}x{height}:{FOLDER}/{file}", format.name())
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let cameras: Vec<String> = cameras.iter().map(describe).collect();
    // Opened for reading and writing, so that the camera outlives who gives it commands.
    format!(
        "[Unit]\nDescription=Simulated USB camera of the lab\n\n[Service]\n\
         ExecStartPre=/sbin/modprobe -a vhci-hcd uvcvideo\n\
         ExecStartPre=/bin/sh -c 'rm -f {FIFO}; mkfifo {FIFO}'\n\
         ExecStart=/bin/sh -c 'exec {FOLDER}/uvcsim {} <> {FIFO}'\n\n\
         [Install]\nWantedBy=basic.target\n",
        cameras.join(" -- ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_all_cameras() {
        let text = unit_text(&standard_cameras());
        let file = |name: &str| format!("{FOLDER}/{name}");
        let expected = format!(
            "uvcsim mjpeg:1280x720:{} yuyv:640x480:{1} -- yuyv:640x480:{1} <> {FIFO}",
            file("1280x720.mjpeg"),
            file("640x480.yuyv")
        );
        assert!(text.contains(&expected), "{text}");
    }
}
