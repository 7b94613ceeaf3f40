//! Verb `load`: what showing, recording and publishing cost detection. Runs with all of it and
//! runs with none take turns, so that both meet the same machine.

mod company;
mod figures;
mod program;

use crate::bench::python::PythonError;
use crate::command::CommandError;
use crate::lab::clip::ClipError;
use crate::workspace::{self, WorkspaceError};
use company::Company;
use figures::Figures;
use program::{Program, clip};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask load`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask load --rounds 3 --seconds 20\n\n\
Compares `lookout run` with a page that ten browsers watch, a recording, an MQTT broker, a Zenoh \
router and rules with `lookout run` alone, on a camera-like stream of JPEG pictures. Broker, \
router and browsers run on this computer too, and cost it their part."
)]
pub struct LoadArgs {
    /// Turns of each
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Length of a turn in seconds
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=3600))]
    pub seconds: u32,
    /// Pictures a second
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub fps: u32,
    /// Browsers
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=16))]
    pub clients: u32,
    /// Without Zenoh, whose build takes minutes
    #[arg(long)]
    pub no_zenoh: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The firmware cannot be built.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The pictures cannot be made.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// There is no Zenoh for Python.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// A file or program cannot be used.
    #[error("{path}: {source}")]
    File {
        /// The file or program.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A part does not do what it should.
    #[error("{0}")]
    Wrong(String),
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> LoadError {
    let path = path.to_owned();
    move |source| LoadError::File {
        path: path.clone(),
        source,
    }
}

/// Runs the verb.
pub fn run(args: &LoadArgs) -> Result<(), LoadError> {
    let folder = workspace::target_dir()?.join("load");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(file_error(&folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
    let program = Program::build(&folder, !args.no_zenoh)?;
    clip(&program.clip(), args.seconds * args.fps)?;
    let (mut alone, mut accompanied) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let figures = program.run(args, &[])?;
        println!("round {round}: alone         {figures}");
        alone.push(figures);
        let company = Company::start(&folder, args)?;
        let figures = program.run(args, company.options());
        let what = company.finish()?;
        let figures = figures?;
        println!("round {round}: with company  {figures}; {what}");
        accompanied.push(figures);
    }
    let (alone, accompanied) = (Figures::median(alone), Figures::median(accompanied));
    println!("medians: alone         {alone}");
    println!("         with company  {accompanied}");
    println!(
        "with company / alone: frames a second {:.3}, age p50 {:.3}, p99 {:.3}",
        accompanied.frames_per_s / alone.frames_per_s,
        accompanied.age_us_p50 / alone.age_us_p50,
        accompanied.age_us_p99 / alone.age_us_p99
    );
    Ok(())
}
