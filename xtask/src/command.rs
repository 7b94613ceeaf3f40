//! Commands that must succeed.

use std::process::Command;

/// A command could not be started or failed.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` failed: {reason}")]
pub struct CommandError {
    /// The command, as it would be typed.
    pub command: String,
    /// What went wrong.
    pub reason: String,
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
