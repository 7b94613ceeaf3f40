//! Verb `bench`: the shipped model in this engine and in others, one picture, one table.
//!
//! Every engine runs in a process of its own ([`worker`] speaks to it, [`serve`] is what
//! answers in ours, `worker.py` in theirs). All of a thread count are started together, and
//! they take turns round by round, so that a change of clock or load meets all of them.

mod agreement;
mod contestants;
pub(crate) mod cpu;
mod engines;
mod forms;
mod job;
mod match_up;
pub(crate) mod python;
mod report;
mod row;
mod rten_form;
pub mod serve;
pub(crate) mod statistics;
mod worker;

pub(crate) use forms::{numbers, picture, planes};
pub use python::PythonError;
pub(crate) use worker::run_limited;

use crate::onnx::OnnxError;
use lookout::model::ModelError;
use std::path::{Path, PathBuf};

/// Options of `cargo xtask bench`.
#[derive(clap::Args, Clone, Debug)]
pub struct BenchArgs {
    /// Also run onnxruntime, OpenVINO, LiteRT and ncnn from PyPI (needs python3 and, the first
    /// time, the network), and write the table to bench.md in the model's folder
    #[arg(long)]
    pub peers: bool,
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub model: PathBuf,
    /// Turns of each engine
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// Inferences of each turn; a slow engine ends its turn after two seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub iterations: u16,
    /// Thread counts to measure, with commas between
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2], value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: Vec<u8>,
    /// Write the rows to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// With --peers: print the table only, and leave bench.md as it is
    #[arg(long)]
    pub no_write: bool,
    /// An engine that does not answer for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub timeout_s: u16,
}

/// Why there is no table. An engine that fails is a row of the table instead.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model is of another network than this program's.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// There is no environment with the other engines.
    #[error("{0}. Without --peers, bench needs no Python")]
    Python(#[from] PythonError),
    /// A program that prepares the match failed.
    #[error("{what}: {reason}; its own message is above")]
    Step {
        /// What was to be done.
        what: &'static str,
        /// What happened.
        reason: String,
    },
    /// The shipped network cannot be run as the measure for all engines.
    #[error("the shipped network does not run: {0}; check the model with `cargo xtask evaluate`")]
    Reference(String),
    /// Nothing was measured.
    #[error("no engine finished; the reasons are above")]
    Nothing,
    /// A file cannot be written or read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl BenchError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File {
            path,
            reason: error.to_string(),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// [`BenchError`]; an engine that fails or hangs is a row that says why.
pub fn run(args: &BenchArgs) -> Result<(), BenchError> {
    let python = args.peers.then(python::environment).transpose()?;
    let forms = forms::prepare(&args.model, python.as_deref())?;
    let load_average = cpu::load_average();
    let mut rows = Vec::new();
    let mut threads = args.threads.clone();
    threads.sort_unstable();
    threads.dedup();
    for threads in threads {
        rows.extend(match_up::run(args, &forms, threads)?);
    }
    let report = report::Report {
        model: forms.model_name.clone(),
        cpu: cpu::name(),
        load_average,
        rounds: args.rounds,
        iterations: args.iterations,
        rows,
    };
    print!("{}", report.markdown());
    if let Some(path) = &args.json {
        std::fs::write(path, report.json()).map_err(BenchError::file(path))?;
    }
    if args.peers && !args.no_write {
        let path = args.model.join("bench.md");
        std::fs::write(&path, report.markdown()).map_err(BenchError::file(&path))?;
        println!("written to {}", path.display());
    }
    if report.rows.iter().all(|row| row.median_ms.is_none()) {
        return Err(BenchError::Nothing);
    }
    Ok(())
}
