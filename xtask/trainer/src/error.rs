//! Why a run failed.

use crate::checkpoint::CheckpointError;
use crate::device::DeviceError;
use crate::export::ExportError;
use crate::model::ModelError;
use std::path::PathBuf;
use xtask::dataset::DatasetError;
use xtask::recipe::RecipeError;
use xtask::train_job::JobError;
use xtask::training::{ChannelsError, LoaderError};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The job is unusable.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The recipe cannot be written.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A data set is unusable.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The sets' channels differ, or cannot be measured.
    #[error(transparent)]
    Channels(#[from] ChannelsError),
    /// The pictures cannot be read.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The network cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model to start from, or the one that labels, is unusable.
    #[error("{option}: {source}")]
    Given {
        /// The option that names it.
        option: &'static str,
        /// What is wrong with it.
        source: lookout::model::ModelError,
    },
    /// The model to start from is of another kind.
    #[error("--start-from: {0}")]
    StartWeights(#[from] xtask::onnx::OnnxError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The model cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The work folder cannot be made or written.
    #[error("{path}: {source}")]
    Work {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing to learn from.
    #[error(
        "the data sets hold no usable training image; see the notes above for what was skipped"
    )]
    NoImages,
    /// There are pictures, but nothing is labelled in them.
    #[error(
        "the data sets hold {images} training images, but not one labelled object of our classes; see the notes above for what was dropped"
    )]
    NoObjects {
        /// How many images there are.
        images: usize,
    },
    /// The numbers exploded.
    #[error(
        "step {step}: the {what} is not a number: the run has diverged. {batch}. Go on from the last checkpoint with --resume and a smaller --learning-rate"
    )]
    Diverged {
        /// Number of the step.
        step: u64,
        /// Loss or gradient.
        what: &'static str,
        /// Where the batch is that caused it.
        batch: String,
    },
    /// The signals that stop a run cannot be caught.
    #[error("signal handler: {0}")]
    Signal(std::io::Error),
}
