//! The trainer as a program: builds it against libtorch, runs it, shows how it goes.

use crate::fetch::libtorch::Libtorch;
use crate::progress::{Block, StepReport, TrainingState};
use crate::train_job::{EVENT_BYTES_MAX, Precision, TrainEvent};
use crate::workspace::{self, WorkspaceError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Events that wait for being shown; a full queue makes the trainer wait.
const EVENTS_MAX: usize = 64;

/// How often signals are looked at.
const POLL: Duration = Duration::from_millis(100);

/// Requests to stop after which the trainer is ended by force.
const PATIENCE: u32 = 3;

/// How a run ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is in this folder.
    Done(PathBuf),
    /// The user stopped it; there is a checkpoint.
    Interrupted,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The folder of build results is unknown.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A program cannot be started.
    #[error("{program} cannot be run: {reason}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The trainer does not compile or link.
    #[error("the trainer could not be built: see above; it needs a C++ compiler (g++ or clang++)")]
    Build,
    /// The trainer ended with an error, which it has told on standard error.
    #[error("the trainer ended with exit code {0}: see above")]
    Failed(i32),
    /// The trainer was ended from outside.
    #[error(
        "the trainer was ended by signal {0}; if that was the system for want of memory, try a \
         smaller --batch, then go on with --resume"
    )]
    Killed(i32),
    /// The trainer ended well, but announced no model.
    #[error("the trainer ended without a model: this is a bug in the trainer")]
    NoModel,
}

/// Builds the trainer, and gives the path of the program.
///
/// It has a target folder of its own, because it is a workspace of its own.
pub fn build(libtorch: &Libtorch) -> Result<PathBuf, TrainerError> {
    let cargo = PathBuf::from(workspace::cargo());
    let failed = |reason| TrainerError::Start {
        program: cargo.clone(),
        reason,
    };
    let mut child = Command::new(&cargo)
        .current_dir(workspace::root())
        .args([
            "build",
            "--release",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(["--manifest-path", "xtask/trainer/Cargo.toml"])
        .envs(libtorch.environment())
        .env("CARGO_TARGET_DIR", workspace::target_dir()?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let messages = child.stdout.take().map(BufReader::new);
    // Cargo's own lines are long, but it is the one program here that is trusted.
    let lines = messages
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok);
    let program = lines.filter_map(|line| executable(&line)).last();
    let status = child.wait().map_err(failed)?;
    program
        .filter(|_| status.success())
        .ok_or(TrainerError::Build)
}

/// The program that a line of cargo's JSON says was made.
fn executable(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    message.get("executable")?.as_str().map(PathBuf::from)
}

/// Runs the trainer on a job file until it ends.
pub fn run(program: &Path, libtorch: &Libtorch, job: &Path) -> Result<Outcome, TrainerError> {
    let mut command = Command::new(program);
    command.arg(job).envs(libtorch.environment());
    let stops = Stops::default();
    stops.register().map_err(|reason| TrainerError::Start {
        program: program.into(),
        reason,
    })?;
    supervise(command, &stops)
}

/// Requests to stop that have come in.
#[derive(Default)]
struct Stops {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
}

impl Stops {
    /// From here on the signals no longer end this process.
    fn register(&self) -> std::io::Result<()> {
        signal_hook::flag::register(SIGINT, self.interrupt.clone())?;
        signal_hook::flag::register(SIGTERM, self.terminate.clone())?;
        signal_hook::flag::register(SIGHUP, self.terminate.clone())?;
        Ok(())
    }

    /// Whether there was a request since the last call.
    fn take(&self) -> bool {
        let interrupt = self.interrupt.swap(false, Ordering::Relaxed);
        self.terminate.swap(false, Ordering::Relaxed) || interrupt
    }
}

fn supervise(mut command: Command, stops: &Stops) -> Result<Outcome, TrainerError> {
    // In a process group of its own the trainer gets Ctrl-C once, from here, and not
    // a second time from the terminal.
    let spawned = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn();
    let program = PathBuf::from(command.get_program());
    let failed = |reason| TrainerError::Start {
        program: program.clone(),
        reason,
    };
    let mut child = spawned.map_err(failed)?;
    let events = events_of(&mut child);
    let mut view = View::new();
    let mut requests = 0;
    let mut open = true;
    let status = loop {
        if stops.take() {
            requests += 1;
            stop(&mut child, requests, &view);
        }
        if open {
            match events.recv_timeout(POLL) {
                Ok(event) => view.show(event),
                Err(RecvTimeoutError::Timeout) => view.tick(),
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        } else if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        } else {
            view.tick();
            std::thread::sleep(POLL);
        }
    };
    outcome(status, view.finish(), requests > 0)
}

fn outcome(
    status: ExitStatus,
    model: Option<PathBuf>,
    stopped: bool,
) -> Result<Outcome, TrainerError> {
    match (status.code(), model) {
        (Some(0), Some(model)) => Ok(Outcome::Done(model)),
        (Some(0), None) if !stopped => Err(TrainerError::NoModel),
        (Some(0 | 130), _) => Ok(Outcome::Interrupted),
        (Some(code), _) => Err(TrainerError::Failed(code)),
        // It was stopped before it could listen, while its libraries were loaded.
        (None, _) if stopped && status.signal() == Some(SIGINT) => Ok(Outcome::Interrupted),
        (None, _) => Err(TrainerError::Killed(status.signal().unwrap_or(0))),
    }
}

fn stop(child: &mut Child, requests: u32, view: &View) {
    if requests >= PATIENCE {
        view.block.note("ending the trainer by force");
        // It may have ended by itself in the meantime.
        let _ = child.kill();
        return;
    }
    view.block
        .note("stopping: the trainer finishes its step and writes a checkpoint");
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    }
}

/// A thread that reads the child's lines, so that signals do not wait for the next one.
fn events_of(child: &mut Child) -> Receiver<TrainEvent> {
    let (sender, receiver) = sync_channel(EVENTS_MAX);
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            while let Some(line) = next_line(&mut reader) {
                let text = line.trim_end();
                if text.is_empty() {
                    continue;
                }
                let event = TrainEvent::from_line(text).unwrap_or_else(|| TrainEvent::Note {
                    text: text.to_owned(),
                });
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

/// The next line, cut where it gets too long; `None` at the end.
fn next_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let count = reader
        .take(EVENT_BYTES_MAX as u64)
        .read_until(b'\n', &mut line)
        .ok()?;
    (count > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}

/// What the user sees.
struct View {
    block: Block,
    state: TrainingState,
    /// When the last step was told.
    stepped: Instant,
    model: Option<PathBuf>,
}

impl View {
    fn new() -> Self {
        Self {
            block: Block::new(),
            state: TrainingState::default(),
            stepped: Instant::now(),
            model: None,
        }
    }

    fn show(&mut self, event: TrainEvent) {
        if let Some(report) = report(&event) {
            self.stepped = Instant::now();
            self.state.step(report);
        }
        match event {
            TrainEvent::Step { .. } | TrainEvent::Images { .. } => {}
            TrainEvent::Note { text } => self.block.note(&text),
            TrainEvent::Evaluated {
                set,
                precision,
                map,
                map50,
                ..
            } => {
                self.state.evaluated(&row(&set, precision), map, map50);
                self.block.note(&format!(
                    "{set}, {precision}: mAP {map:.4}, mAP@0.5 {map50:.4}"
                ));
            }
            TrainEvent::Done { out } => self.model = Some(out),
        }
        self.block.show(&self.state);
    }

    /// Keeps the clock going while there are no events.
    fn tick(&mut self) {
        self.state.set_silence(self.stepped.elapsed().as_secs_f64());
        self.block.tick(&self.state);
    }

    fn finish(self) -> Option<PathBuf> {
        self.block.finish(&self.state);
        self.model
    }
}

/// Name of a set in the table: float is what a training is about, and needs no word.
fn row(set: &str, precision: Precision) -> String {
    match precision {
        Precision::Float => set.to_owned(),
        Precision::Int8 => format!("{set} int8"),
    }
}

/// What a step tells; `None` for other events.
fn report(event: &TrainEvent) -> Option<StepReport> {
    match *event {
        TrainEvent::Step {
            step,
            steps,
            loss,
            loss_class,
            loss_box,
            images_per_s,
            elapsed_s,
            remaining_s,
            learning_rate,
            ..
        } => Some(StepReport {
            step,
            steps,
            loss,
            loss_class,
            loss_box,
            learning_rate,
            images_per_s,
            elapsed_s,
            remaining_s,
        }),
        _ => None,
    }
}

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
