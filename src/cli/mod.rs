//! The command line program, a thin user of the library.

mod args;
mod bench;
mod capture;
mod config;
mod doctor;
mod host;
mod release;
mod reload;
mod replay;
mod run;
mod viewers;

pub use args::{BenchArgs, BenchFormat, Cli, ConfigArgs, ConfigVerb, DoctorArgs, RunArgs, Verb};
pub use capture::{CaptureArgs, CaptureError};
pub use release::{InstallArgs, ReleaseArgs, ReleaseError, ReleaseVerb, text as status_text};
pub use replay::{ReplayArgs, ReplayError};

use crate::config::ConfigError;
use crate::live::LiveError;
use crate::pipeline::{RunError, StartError};
use crate::recording::RecordError;
use crate::sink::LINE_CLEAR;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a wrong command line, as clap gives it too.
const EXIT_USAGE: u8 = 2;

/// Whether a status line is on the terminal, which log lines must clear away first.
static STATUS_LINE_LIVE: AtomicBool = AtomicBool::new(false);

/// Why a command failed. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(ConfigError),
    /// The run did not start.
    #[error(transparent)]
    Start(StartError),
    /// The run broke off.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A recording failed.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Nothing can be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A replay failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The live page cannot be served.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A command about releases failed.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Something outside failed.
    #[error("{what}: {source}")]
    System {
        /// What could not be done.
        what: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The doctor found something that keeps live detection from working. It has said so itself.
    #[error("live detection could not run; see FAIL above")]
    Unfit,
    /// The benchmark has nothing to show.
    #[error("not one frame was looked at; run `lookout doctor`")]
    NothingMeasured,
    /// tract runs the network.
    #[error(
        "tract runs this network, and does not tell where its time goes; the log says why the int8 \
         engine does not"
    )]
    NotExplained,
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => Self::Config(error),
            other => Self::Start(other),
        }
    }
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(EXIT_USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Does what the command line says. This is the whole program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    init_log();
    let result = match &cli.verb {
        None => run::run(&cli.run),
        Some(Verb::Run(args)) => run::run(args),
        Some(Verb::Bench(args)) => bench::run(args),
        Some(Verb::Doctor(args)) => doctor::run(args),
        Some(Verb::Config(args)) => config::run(args),
        Some(Verb::Replay(args)) => replay::run(args),
        Some(Verb::Capture(args)) => capture::run(args).map_err(CliError::from),
        Some(Verb::Release(args)) => release::run(args).map_err(CliError::from),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lookout: {error}");
            error.exit_code()
        }
    }
}

/// Writes `text` to standard output.
fn print(text: &str) -> Result<(), CliError> {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|source| CliError::System {
        what: "cannot write to standard output; is its reader gone?",
        source,
    })
}

/// Logs to standard error: what other crates warn of, and what changes in lookout itself.
fn init_log() {
    let default = env_logger::Env::default().default_filter_or("warn,lookout=info");
    env_logger::Builder::from_env(default)
        .format(|out, record| {
            let clear = if STATUS_LINE_LIVE.load(Ordering::Relaxed) {
                LINE_CLEAR
            } else {
                ""
            };
            let level = record.level();
            let style = out.default_level_style(level);
            let time = out.timestamp_seconds();
            writeln!(
                out,
                "{clear}{time} {style}{level}{style:#} {}",
                record.args()
            )
        })
        .init();
}
