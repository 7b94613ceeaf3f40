//! Commands that must end within a time.

use std::fmt;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The most that is kept of what a command says.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;
const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A command could not be started, or did not end in time.
#[derive(Debug)]
pub(super) enum LastedTooLong {
    Limit(Duration),
    Start(std::io::Error),
}

impl fmt::Display for LastedTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "took longer than {} s", limit.as_secs_f32()),
            Self::Start(error) => write!(f, "cannot be started: {error}"),
        }
    }
}

/// Runs a command to its end, or kills it after `limit`.
pub(super) fn output_within(
    command: &mut Command,
    limit: Duration,
) -> Result<Output, LastedTooLong> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(LastedTooLong::Start)?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().map_err(LastedTooLong::Start)? {
            return Ok(Output {
                code: status.code(),
                stdout: stdout.join().unwrap_or_default(),
                stderr: stderr.join().unwrap_or_default(),
            });
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(LastedTooLong::Limit(limit));
        }
        std::thread::sleep(LOOK_PERIOD);
    }
}

/// Reads a pipe to its end on a thread of its own, so that a full pipe stops nobody.
fn collect(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is worth having.
            let _ = pipe.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_command_tells_what_it_said_or_is_killed() {
        let sh = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", text]);
            command
        };
        let minute = Duration::from_secs(60);
        let output = output_within(&mut sh("echo out; echo err >&2; exit 3"), minute).unwrap();
        assert_eq!(output.code, Some(3));
        assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
        let much = output_within(&mut sh("head -c 300000 /dev/zero"), minute).unwrap();
        assert_eq!(much.stdout.len(), 300_000);
        let mut sleeper = Command::new("sleep");
        let error = output_within(sleeper.arg("600"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
        assert!(output_within(&mut Command::new("/none"), minute).is_err());
    }
}
