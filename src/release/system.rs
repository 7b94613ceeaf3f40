//! What installing asks of the operating system, as a trait, so that tests need no board.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The unit of the firmware.
pub(super) const UNIT: &str = "lookout.service";
/// The unit of the program that watches trials.
pub(super) const GUARD_UNIT: &str = "lookout-guard.service";
/// How long one command may take: a wedged systemd must not hang an installation for ever.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a running command is looked at.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// A command of the system failed.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` failed: {reason}")]
pub struct SystemError {
    /// The command.
    pub command: String,
    /// What went wrong.
    pub reason: String,
}

/// The machine that a release is installed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// Processor, as `uname -m` says it.
    pub machine: String,
    /// Strings of the device tree that say what it is.
    pub compatible: Vec<String>,
}

/// What installing needs of the operating system.
pub trait System {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, fails or takes longer than a minute.
    fn run(&mut self, program: &str, args: &[&str]) -> Result<String, SystemError>;

    /// Room for files in the file system that holds `path`, in bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Nanoseconds on CLOCK_MONOTONIC.
    fn monotonic_ns(&self) -> u64;

    /// Lets time pass.
    fn sleep(&mut self, time: Duration);

    /// Processor, as `uname -m` says it.
    ///
    /// # Errors
    /// When the command fails.
    fn machine(&mut self) -> Result<String, SystemError> {
        Ok(self.run("uname", &["-m"])?.trim().to_owned())
    }

    /// How often systemd has started the firmware again since it was last told to start it; 0
    /// where it does not say.
    fn restarts(&mut self) -> u64 {
        let shown = self.run("systemctl", &["show", "--property=NRestarts", UNIT]);
        let text = shown.unwrap_or_default();
        let number = text.trim().strip_prefix("NRestarts=");
        number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Starts the firmware that `current` leads to, without waiting for it.
    ///
    /// # Errors
    /// When systemd does not take the order.
    fn start_current(&mut self) -> Result<(), SystemError> {
        self.run("systemctl", &["daemon-reload"])?;
        // A unit that hit a limit of starts in an older release would refuse this one's start.
        let _ = self.run("systemctl", &["reset-failed", UNIT]);
        self.run("systemctl", &["restart", "--no-block", UNIT])?;
        Ok(())
    }
}

/// The system that this program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl System for Linux {
    fn run(&mut self, program: &str, args: &[&str]) -> Result<String, SystemError> {
        let failed = |reason: String| SystemError {
            command: [&[program], args].concat().join(" "),
            reason,
        };
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        // What a board prints is short; a pipe holds it while we wait.
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| failed(error.to_string()))?;
        let began = Instant::now();
        while child
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
            .is_none()
        {
            if began.elapsed() > COMMAND_TIME_MAX {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!(
                    "no end after {} s",
                    COMMAND_TIME_MAX.as_secs()
                )));
            }
            std::thread::sleep(LOOK_PERIOD);
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("{}; {}", output.status, said.trim())))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        super::disk::free_bytes(path)
    }

    fn monotonic_ns(&self) -> u64 {
        crate::clock::monotonic_ns()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn commands_give_their_output_or_their_complaint() {
        assert_eq!(Linux.run("echo", &["a", "b"]).unwrap(), "a b\n");
        let error = Linux.run("ls", &["/no/such/folder"]).unwrap_err();
        assert!(
            error.to_string().contains("`ls /no/such/folder`"),
            "{error}"
        );
        assert!(Linux.run("no-such-program", &[]).is_err());
        assert!(!Linux.machine().unwrap().is_empty());
    }
}
