//! `cargo xtask flash`, as a person would start it, against the virtual board.

use super::super::board::LabBoard;
use super::RehearseError;
use super::releases::Release;
use crate::command::quoted;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
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
        let mut flash = flash_command(board, host, release, public_key)?;
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

    /// Starts flashing at a terminal, and types `password` there once it is asked for.
    pub(super) fn start_typing(
        board: &LabBoard,
        host: &str,
        release: &Release,
        public_key: &Path,
        password: &str,
        log: &Path,
    ) -> Result<Self, RehearseError> {
        let flash = flash_command(board, host, release, public_key)?;
        let wrong = super::file_error(log);
        let out = File::create(log).map_err(&wrong)?;
        // Of util-linux, which every Debian has: runs a command at a terminal of its own.
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command", &shell_words(&flash)]);
        terminal.arg("/dev/null").stdin(Stdio::piped()).stdout(out);
        let mut child = terminal.spawn().map_err(&wrong)?;
        if let Some(keyboard) = child.stdin.take() {
            let (line, log) = (format!("{password}\n"), log.to_owned());
            std::thread::spawn(move || type_when_asked(keyboard, &line, &log));
        }
        Ok(Self {
            child,
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

/// Types a line when the flash asks for a password, and holds the terminal open until it ends.
fn type_when_asked(mut keyboard: ChildStdin, line: &str, log: &Path) {
    let began = Instant::now();
    let is_asked = || std::fs::read_to_string(log).is_ok_and(|text| text.contains("password of"));
    while !is_asked() && began.elapsed() < FLASH_TIME_MAX {
        std::thread::sleep(LOOK_PERIOD);
    }
    // Between the question and the terminal's silence there is a moment.
    std::thread::sleep(LOOK_PERIOD);
    if keyboard.write_all(line.as_bytes()).is_ok() {
        std::thread::sleep(FLASH_TIME_MAX);
    }
}

/// A command as words for a shell.
fn shell_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| quoted(&word.to_string_lossy()));
    quoted.collect::<Vec<_>>().join(" ")
}

/// The command that flashes a release.
fn flash_command(
    board: &LabBoard,
    host: &str,
    release: &Release,
    public_key: &Path,
) -> Result<Command, RehearseError> {
    let mut flash = command(board, host)?;
    flash.args(["--board", &release.manifest.board]);
    flash.arg("--bundle").arg(&release.path);
    flash.arg("--public-key").arg(public_key);
    Ok(flash)
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
