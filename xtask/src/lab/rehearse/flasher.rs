//! `cargo xtask flash`, as a person would start it, against the virtual board.

use super::super::board::LabBoard;
use super::RehearseError;
use super::releases::Release;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What one flash may take.
const FLASH_TIME_MAX: Duration = Duration::from_secs(600);
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// A flash under way. Dropping it kills it.
pub(super) struct Flash {
    child: Child,
    log: PathBuf,
}

/// How a flash ended.
pub(super) struct Flashed {
    pub(super) succeeded: bool,
    /// All that it printed.
    pub(super) text: String,
}

impl Flash {
    /// Starts flashing.
    pub(super) fn start(
        board: &LabBoard,
        host: &str,
        release: &Release,
        public_key: &Path,
        more: &[&str],
        log: &Path,
    ) -> Result<Self, RehearseError> {
        let mut flash = command(board, host)?;
        flash.args(["--board", &release.manifest.board]);
        flash.arg("--bundle").arg(&release.path);
        flash.arg("--public-key").arg(public_key);
        flash.args(more);
        let wrong = super::file_error(log);
        let out = File::create(log).map_err(&wrong)?;
        let errors = out.try_clone().map_err(&wrong)?;
        flash.stdin(Stdio::null()).stdout(out).stderr(errors);
        Ok(Self {
            child: flash.spawn().map_err(wrong)?,
            log: log.to_owned(),
        })
    }

    /// Waits for its end.
    pub(super) fn wait(mut self) -> Result<Flashed, RehearseError> {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(super::file_error(&self.log))?
            {
                break status;
            }
            if began.elapsed() > FLASH_TIME_MAX {
                return Err(RehearseError::Endless(self.log.clone()));
            }
            std::thread::sleep(LOOK_PERIOD);
        };
        Ok(Flashed {
            succeeded: status.success(),
            text: std::fs::read_to_string(&self.log).map_err(super::file_error(&self.log))?,
        })
    }
}

impl Drop for Flash {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cargo xtask flash` with all that leads to the board.
pub(super) fn command(board: &LabBoard, host: &str) -> Result<Command, RehearseError> {
    let program = std::env::current_exe().map_err(super::file_error(Path::new("xtask")))?;
    let mut flash = Command::new(program);
    flash.args(["flash", "--host", host, "--port", &board.port().to_string()]);
    flash.arg("--identity").arg(board.key());
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "IdentitiesOnly=yes",
    ] {
        flash.args(["--ssh-option", option]);
    }
    Ok(flash)
}
