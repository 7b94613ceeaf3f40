//! Verb `lab`: the firmware for ARM boards, tried without a board and without a camera.
//!
//! `lab guest` runs it in an emulated ARM machine with a real Linux kernel and virtual
//! cameras; `lab board` boots one with systemd and sshd, to which releases are flashed;
//! `lab equal` compares its detections and inner loops with those of this computer;
//! `lab kill-recording` kills it while it records.

pub mod board;
pub mod clip;
pub mod equal;
pub mod events;
pub mod evidence;
pub mod fleet;
pub mod guest;
pub mod kill_recording;
pub mod rehearse;
pub mod replug;
pub mod soak;
mod stamp;
pub mod steps;
pub mod tiny_model;

use crate::build::BuildError;
use crate::command::CommandError;
use crate::workspace::WorkspaceError;
use clip::ClipError;
use std::path::{Path, PathBuf};

/// Options of `cargo xtask lab`.
#[derive(clap::Args, Clone, Debug)]
pub struct LabArgs {
    /// What to try
    #[command(subcommand)]
    pub verb: LabVerb,
}

/// What the lab can try.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum LabVerb {
    /// Capture and detection in the QEMU guest, with all the faults of its cameras
    Guest(guest::GuestArgs),
    /// A long run in the QEMU guest, of which nothing may grow
    Soak(soak::SoakArgs),
    /// A virtual board with systemd, udev and sshd, to log in and to flash
    Board(board::BoardArgs),
    /// Everything that can go wrong when a board is flashed, on the virtual board
    Rehearse(rehearse::RehearseArgs),
    /// A fleet's broker and database under the load of simulated vehicles
    Fleet(fleet::FleetArgs),
    /// The program of this computer, killed again and again while it records
    KillRecording(kill_recording::KillRecordingArgs),
    /// Detections and inner loops of the ARM binary under qemu-user, to be exactly those of this computer
    Equal(equal::EqualArgs),
}

/// Why a try failed or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The firmware cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The clips cannot be made.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The lab's own model cannot be made.
    #[error(transparent)]
    TinyModel(#[from] tiny_model::TinyModelError),
    /// A program is missing.
    #[error("not found: {program}; install it, on Debian and Ubuntu: apt-get install {package}")]
    NoProgram {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// The model is missing.
    #[error("no model in {0}; name one with --model")]
    NoModel(PathBuf),
    /// A command could not be started or failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no such job.
    #[error("no job `{name}`; there are: {known}")]
    NoJob {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The virtual board does not do what it should.
    #[error("the virtual board: {what}\nthe end of its console:\n{console}")]
    Board {
        /// What went wrong.
        what: String,
        /// The last lines of its console.
        console: String,
    },
    /// A rehearsal could not be made or went wrong.
    #[error(transparent)]
    Rehearse(Box<rehearse::RehearseError>),
    /// The two computers disagree.
    #[error("{0}")]
    Differs(String),
    /// Some steps failed; the table has told which.
    #[error("{failed} of {all} steps failed; what they left is in {folder}")]
    Failed {
        /// Steps that failed.
        failed: usize,
        /// All steps.
        all: usize,
        /// Where the logs are.
        folder: PathBuf,
    },
}

/// Runs `cargo xtask lab`.
pub fn run(args: &LabArgs) -> Result<(), LabError> {
    match &args.verb {
        LabVerb::Guest(args) => guest::run(args),
        LabVerb::Rehearse(args) => {
            rehearse::run(args).map_err(|error| LabError::Rehearse(Box::new(error)))
        }
        LabVerb::Soak(args) => soak::run(args),
        LabVerb::KillRecording(args) => kill_recording::run(args),
        LabVerb::Board(args) => board::run(args),
        LabVerb::Fleet(args) => fleet::run(args),
        LabVerb::Equal(args) => equal::run(args),
    }
}

/// Turns what the system says about `path` into an error of the lab.
fn file_error(path: &Path) -> impl Fn(std::io::Error) -> LabError {
    let path = path.to_owned();
    move |source| LabError::File {
        path: path.clone(),
        source,
    }
}

/// A port of this computer that nobody uses at the moment.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

fn require_program(program: &'static str, package: &'static str) -> Result<(), LabError> {
    if crate::workspace::is_on_path(program) {
        return Ok(());
    }
    Err(LabError::NoProgram { program, package })
}

fn require_model(folder: &Path) -> Result<(), LabError> {
    if folder.is_dir() {
        Ok(())
    } else {
        Err(LabError::NoModel(folder.to_owned()))
    }
}
