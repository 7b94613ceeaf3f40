//! The board's disk: built once, copied for each rehearsal.

use super::super::{LabError, file_error, require_program, stamp};
use super::child::output_within;
use crate::command::run_command;
use crate::workspace;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CHECK_SECONDS_MAX: u64 = 120;

/// What board/lab/build-board.sh builds.
#[derive(Clone, Debug)]
pub struct BoardImage {
    folder: PathBuf,
}

impl BoardImage {
    /// Builds the image into `target/lab/board/image`, unless the one there was made by the
    /// same script. Takes minutes, needs root and the Debian archive.
    pub fn build() -> Result<Self, LabError> {
        let script = workspace::root().join("board/lab/build-board.sh");
        let folder = workspace::target_dir()?.join("lab/board/image");
        stamp::build_stamped(&script, &[&script], &folder, "board.env")?;
        Ok(Self { folder })
    }

    /// An image that was built into `folder`.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The private key that root and jetson accept.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    pub(super) fn host_key(&self) -> PathBuf {
        self.folder.join("host.pub")
    }

    fn disk(&self) -> PathBuf {
        self.folder.join("disk.img")
    }
}

/// A copy of the image's disk that a board may write to, and the board's console.
#[derive(Clone, Debug)]
pub struct Overlay {
    image: BoardImage,
    folder: PathBuf,
}

impl Overlay {
    /// A new disk in `folder`, in place of any that is there. The copy is sparse: it takes
    /// what the board's files take, some 300 MB.
    pub fn fresh(image: &BoardImage, folder: &Path) -> Result<Self, LabError> {
        let overlay = Self::new(image, folder);
        std::fs::create_dir_all(folder).map_err(file_error(folder))?;
        for old in [overlay.disk(), overlay.console()] {
            if old.exists() {
                std::fs::remove_file(&old).map_err(file_error(&old))?;
            }
        }
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=auto"]);
        run_command(copy.arg(image.disk()).arg(overlay.disk()))?;
        Ok(overlay)
    }

    /// The disk that an earlier board left in `folder`.
    pub fn kept(image: &BoardImage, folder: &Path) -> Result<Self, LabError> {
        let overlay = Self::new(image, folder);
        let disk = overlay.disk();
        std::fs::metadata(&disk).map_err(file_error(&disk))?;
        Ok(overlay)
    }

    pub(super) fn new(image: &BoardImage, folder: &Path) -> Self {
        Self {
            image: image.clone(),
            folder: folder.to_owned(),
        }
    }

    /// The image that it began as.
    pub fn image(&self) -> &BoardImage {
        &self.image
    }

    /// Where disk, console and logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The disk, an ext4 file system without partitions.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk.img")
    }

    /// What all boots from this disk wrote to the console.
    pub fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    /// Whether the file system is sound, to be asked when no board runs from it. After a power
    /// cut it is so only when the board was booted once more, which replays the journal.
    pub fn check(&self) -> Result<(), LabError> {
        require_program("e2fsck", "e2fsprogs")?;
        let mut e2fsck = Command::new("e2fsck");
        e2fsck.args(["-f", "-n"]).arg(self.disk());
        let limit = Duration::from_secs(CHECK_SECONDS_MAX);
        let wrong =
            |reason: String| LabError::Differs(format!("{}: {reason}", self.disk().display()));
        let output = output_within(&mut e2fsck, limit).map_err(|error| wrong(error.to_string()))?;
        if output.code == Some(0) {
            return Ok(());
        }
        Err(wrong(output.stdout + &output.stderr))
    }
}
