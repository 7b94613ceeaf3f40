//! Commands that must succeed.

use std::io::ErrorKind;
use std::process::{Command, Output};
use std::time::Duration;

/// A command could not be started or failed.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` failed: {reason}")]
pub struct CommandError {
    /// The command, as it would be typed.
    pub command: String,
    /// What went wrong.
    pub reason: String,
}

/// A word of a shell command, whatever characters it has.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs a command to its end; anything but success is an error.
pub fn run_command(command: &mut Command) -> Result<(), CommandError> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let failed = |reason: String| CommandError {
        command: words.join(" "),
        reason,
    };
    let status = command
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(status.to_string()))
    }
}

/// The output of a program that may have been written a moment ago: while another thread starts
/// a program, that one briefly holds our files open, and the system calls them busy.
pub fn output_of_fresh(command: &mut Command) -> std::io::Result<Output> {
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..100 {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
    command.output()
}
