//! The firmware of this computer, and the pictures that it looks at.

use super::figures::Figures;
use super::{LoadArgs, LoadError, file_error};
use crate::command::run_command;
use crate::lab::clip::{Clip, ClipFormat};
use crate::workspace;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
/// Different pictures; they come again and again.
const PICTURES: u32 = 45;

/// A built `lookout`.
pub(super) struct Program {
    path: PathBuf,
    folder: PathBuf,
}

/// Writes a file of so many JPEG pictures.
pub(super) fn clip(path: &Path, frames: u32) -> Result<(), LoadError> {
    let clip = Clip::render(ClipFormat::Mjpeg, WIDTH, HEIGHT, PICTURES)?;
    let wrong = file_error(path);
    let mut file = File::create(path).map_err(&wrong)?;
    for frame in clip.frames.iter().cycle().take(frames as usize) {
        file.write_all(frame).map_err(&wrong)?;
    }
    Ok(())
}

impl Program {
    /// Builds it as for use.
    pub(super) fn build(folder: &Path, with_zenoh: bool) -> Result<Self, LoadError> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace::root());
        cargo.args(["build", "--release", "--locked", "--bin", "lookout"]);
        if with_zenoh {
            cargo.args(["--features", "lookout/zenoh"]);
        }
        run_command(&mut cargo)?;
        Ok(Self {
            path: workspace::target_dir()?.join("release/lookout"),
            folder: folder.to_owned(),
        })
    }

    /// Where it expects the pictures.
    pub(super) fn clip(&self) -> PathBuf {
        self.folder.join("pictures.mjpeg")
    }

    /// Has it look at all pictures in their time.
    pub(super) fn run(&self, args: &LoadArgs, more: &[OsString]) -> Result<Figures, LoadError> {
        let lines = self.folder.join("lines.jsonl");
        let _ = std::fs::remove_file(&lines);
        let log = self.folder.join("run.log");
        let errors = File::create(&log).map_err(file_error(&log))?;
        let mut source = OsString::from("mjpeg:");
        source.push(self.clip());
        source.push(format!("?fps={}", args.fps));
        let mut sink = OsString::from("jsonl:");
        sink.push(&lines);
        let status = Command::new(&self.path)
            .current_dir(workspace::root())
            .arg("run")
            .args(["--source".into(), source, "--sink".into(), sink])
            .args(more)
            .stdin(Stdio::null())
            .stderr(errors)
            .status()
            .map_err(file_error(&self.path))?;
        let wrong = |what: &str| LoadError::Wrong(format!("lookout {what}; see {}", log.display()));
        if !status.success() {
            return Err(wrong("failed"));
        }
        let text = std::fs::read_to_string(&lines).map_err(file_error(&lines))?;
        Figures::of_lines(&text).ok_or_else(|| wrong("published too little"))
    }
}
