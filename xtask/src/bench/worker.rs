//! The parent's end of a worker process: questions and answers, one line each, and no
//! waiting without limit.

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest answer: a thousand times with all their digits.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// How much of what a worker complained about is kept: the end says most.
const COMPLAINT_BYTES_MAX: usize = 2000;

/// How long to wait for the complaints of a worker that is gone.
const COMPLAINT_WAIT: Duration = Duration::from_secs(2);

/// Why a worker gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("{program} cannot be started: {reason}")]
    Start { program: String, reason: String },
    #[error("no answer for {limit_s} s")]
    Silent { limit_s: u64 },
    #[error("it ended: {0}")]
    Ended(String),
    #[error("it answered {0:?}, which makes no sense")]
    Nonsense(String),
}

/// A running worker; it is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
    complaints: Receiver<String>,
}

impl Worker {
    /// Starts the program with pipes for questions, answers and complaints.
    pub(super) fn start(command: &mut Command) -> Result<Self, WorkerError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |reason: String| WorkerError::Start { program, reason };
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match pipes.spawn() {
            Ok(child) => child,
            Err(error) => return Err(failed(error.to_string())),
        };
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(failed("it has no pipes".into()));
        };
        let (answer, answers) = bounded(1);
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(line) = read_line(&mut stdout) {
                if answer.send(line).is_err() {
                    break;
                }
            }
        });
        let (complaint, complaints) = bounded(1);
        std::thread::spawn(move || {
            let _ = complaint.send(read_end(stderr));
        });
        Ok(Self {
            child,
            stdin,
            answers,
            complaints,
        })
    }

    /// Asks a question and waits for its answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        question: &str,
        limit: Duration,
    ) -> Result<T, WorkerError> {
        if writeln!(self.stdin, "{question}").is_err() {
            return Err(self.ended());
        }
        self.answer(limit)
    }

    /// Waits for the next answer.
    pub(super) fn answer<T: DeserializeOwned>(
        &mut self,
        limit: Duration,
    ) -> Result<T, WorkerError> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => {
                serde_json::from_str(&line).map_err(|_| WorkerError::Nonsense(shortened(line)))
            }
            Err(RecvTimeoutError::Timeout) => Err(WorkerError::Silent {
                limit_s: limit.as_secs(),
            }),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// What a worker that closed its pipe died of.
    fn ended(&mut self) -> WorkerError {
        let _ = self.child.kill();
        let said = self
            .complaints
            .recv_timeout(COMPLAINT_WAIT)
            .unwrap_or_default();
        let last = said
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty());
        if let Some(last) = last {
            return WorkerError::Ended(shortened(last.to_owned()));
        }
        let status = self.child.wait();
        WorkerError::Ended(
            status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        )
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line without its end; `None` at the end, at an error and of a line too long.
fn read_line(stdout: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let count = stdout.by_ref().take(ANSWER_BYTES_MAX).read_line(&mut line);
    let whole = count.is_ok() && line.ends_with('\n');
    whole.then(|| line.trim_end().to_owned())
}

/// Reads to the end and keeps the last bytes.
fn read_end(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut part) {
        kept.extend_from_slice(&part[..count]);
        let excess = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn shortened(text: String) -> String {
    const CHARACTERS_MAX: usize = 300;
    text.chars().take(CHARACTERS_MAX).collect()
}

/// Runs a program to its end, and kills it when it takes longer than `limit`. What it prints
/// goes where ours does, except for standard output, which comes back.
pub(crate) fn run_limited(command: &mut Command, limit: Duration) -> Result<String, String> {
    const POLL: Duration = Duration::from_millis(20);
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = pipes.spawn().map_err(|error| error.to_string())?;
    let stdout = child.stdout.take();
    let (send, printed) = bounded(1);
    std::thread::spawn(move || {
        let _ = send.send(stdout.map(read_end).unwrap_or_default());
    });
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => {
                return Ok(printed.recv_timeout(COMPLAINT_WAIT).unwrap_or_default());
            }
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if Instant::now() < end => std::thread::sleep(POLL),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("not done after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::job::{Ended, Round};
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    fn fake(script: &str) -> Worker {
        Worker::start(Command::new("/bin/sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn questions_are_answered_in_turn() {
        let script = r#"while read verb count rest; do
            case $verb in round) echo "{\"times_ms\": [$count, 2.5]}";; *) echo '{"rss_peak_mib": 7}';; esac
        done"#;
        let mut worker = fake(script);
        let round: Round = worker.ask("round 4 1", LONG).unwrap();
        assert_eq!(round.times_ms, [4.0, 2.5]);
        let ended: Ended = worker.ask("end", LONG).unwrap();
        assert_eq!(ended.rss_peak_mib, Some(7.0));
    }

    #[test]
    fn a_hung_worker_is_given_up_and_killed() {
        let mut worker = fake("exec sleep 600");
        let pid = worker.child.id();
        let start = Instant::now();
        let round: Result<Round, _> = worker.ask("round 1 1", SHORT);
        assert_eq!(round, Err(WorkerError::Silent { limit_s: 0 }));
        drop(worker);
        assert!(start.elapsed() < LONG);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn the_last_words_of_a_dead_worker_are_reported() {
        let mut worker = fake("echo first >&2; echo 'no such engine' >&2; exit 3");
        let round: Result<Round, _> = worker.answer(LONG);
        assert_eq!(round, Err(WorkerError::Ended("no such engine".into())));
        let mut silent = fake("exit 3");
        let Err(WorkerError::Ended(said)) = silent.answer::<Round>(LONG) else {
            panic!("it cannot have answered");
        };
        assert!(said.contains("exit status: 3"), "{said}");
    }

    #[test]
    fn nonsense_and_lines_without_end_are_refused() {
        let mut worker = fake("echo hello");
        let answer: Result<Round, _> = worker.answer(LONG);
        assert_eq!(answer, Err(WorkerError::Nonsense("hello".into())));
        let mut endless = fake("exec yes | tr -d '\\n'");
        let answer: Result<Round, _> = endless.answer(LONG);
        assert!(matches!(answer, Err(WorkerError::Ended(_))), "{answer:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let missing = Worker::start(&mut Command::new("/no/such/program"));
        let Err(WorkerError::Start { program, .. }) = missing else {
            panic!("it cannot have started");
        };
        assert_eq!(program, "/no/such/program");
    }

    #[test]
    fn steps_have_a_limit() {
        let sh =
            |script: &str, limit| run_limited(Command::new("/bin/sh").args(["-c", script]), limit);
        assert_eq!(sh("echo 3.11", LONG), Ok("3.11\n".into()));
        assert_eq!(sh("exit 4", LONG), Err("exit status: 4".into()));
        assert_eq!(
            sh("exec sleep 600", SHORT),
            Err("not done after 0 s".into())
        );
    }
}
