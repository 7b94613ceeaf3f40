//! Why a run does not start, or could not go on.

use crate::annotate::AnnotateError;
use crate::config::ConfigError;
use crate::model::ModelError;
use crate::sink::SinkError;
use crate::source::SourceError;
use std::path::PathBuf;

/// Why a run did not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No model was given, and none is where models are looked for.
    #[error(
        "found no model in {}; give the folder of one with --model",
        list(searched)
    )]
    NoModel {
        /// Folders that were looked into.
        searched: Vec<PathBuf>,
    },
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The source cannot be opened. Cameras are never the cause: they are waited for.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A sink cannot be opened.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Annotated pictures cannot be written.
    #[error(transparent)]
    Annotate(#[from] AnnotateError),
    /// The operating system gave no thread.
    #[error("cannot start a thread: {0}; end other programs or raise `ulimit -u`")]
    Thread(#[from] std::io::Error),
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(", ")
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The source failed for good.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The detector failed on frame after frame.
    #[error("gave up after {failures} frames in a row that the detector failed on: {reason}")]
    Detector {
        /// Failures in a row.
        failures: u64,
        /// The last failure.
        reason: String,
    },
    /// A thread of the pipeline died.
    #[error(
        "the {thread} thread died ({message}); this is a bug in lookout, please report it; \
         a restart may help"
    )]
    Panicked {
        /// Which thread.
        thread: &'static str,
        /// The panic's message.
        message: String,
    },
}
