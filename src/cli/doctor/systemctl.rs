//! Asks systemd.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long systemd may take to answer: one that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is read of an answer, far less than a pipe takes without a reader.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// The answer of `systemctl show` about a unit, or about systemd itself: a line a property.
///
/// # Errors
/// Why there is none.
pub(super) fn show_properties(unit: Option<&str>, properties: &[&str]) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    command.arg("show");
    for property in properties {
        command.args(["-p", property]);
    }
    // A unit's name that begins with a dash is no option.
    command.arg("--").args(unit);
    answer(command)
}

fn answer(mut command: Command) -> Result<String, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let failed = |error: std::io::Error| format!("systemctl cannot be run: {error}");
    let mut child = command.spawn().map_err(failed)?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err("systemd does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !status.success() {
        return Err("systemd does not run here".into());
    }
    let mut text = String::new();
    let output = child.stdout.take().map(|out| out.take(ANSWER_BYTES_MAX));
    let read = output.map(|mut output| output.read_to_string(&mut text));
    match read {
        Some(Ok(_)) => Ok(text),
        _ => Err("the answer of systemctl is not readable".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_failure_has_a_reason() {
        let mut echo = Command::new("echo");
        echo.arg("NRestarts=3");
        assert_eq!(answer(echo).unwrap(), "NRestarts=3\n");
        let reason = answer(Command::new("false")).unwrap_err();
        assert!(reason.contains("does not run"), "{reason}");
        let reason = answer(Command::new("/no/such/program")).unwrap_err();
        assert!(reason.contains("cannot be run"), "{reason}");
    }
}
