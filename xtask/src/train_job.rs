//! What `cargo xtask train-and-export` asks of the trainer, and what the trainer answers.
//!
//! The trainer is a program of its own, because it alone links libtorch. The two speak
//! plain data: one JSON file with a [`TrainJob`] in, one [`TrainEvent`] a line out. Both
//! programs use the types of this file, so that they cannot drift apart.

use crate::dataset::CombinedRiders;
use crate::recipe::{Recipe, RecipeError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The longest line of the trainer that is read as an event, in bytes.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// The largest job file that is read, in bytes.
pub const JOB_BYTES_MAX: u64 = 1024 * 1024;

/// File in the work folder to which the trainer appends its events, one a line.
pub const EVENT_LOG: &str = "events.jsonl";

/// What events call all validation sets together.
pub const ALL_SETS: &str = "all sets";

/// Largest side of the network's input, in pixels.
pub const INPUT_SIDE_MAX: u32 = 4096;

/// Where to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The first CUDA device where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// This CUDA device.
    Cuda(u32),
}

impl std::str::FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no device: write auto, cpu, cuda or cuda:N");
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// What comes after the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model is quantized, measured and put in place.
    #[default]
    Export,
    /// The float network is measured on the validation sets, and that is all.
    Measure,
}

/// One training run from data to exported model.
///
/// Paths are absolute. Of `epochs`, `steps` and `minutes` the first limit that is reached ends
/// the training; with none of them the trainer takes its own default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainJob {
    /// Folders of data sets, each with `images/` and COCO annotations.
    pub data: Vec<PathBuf>,
    /// Folders of the data sets whose val splits the model is measured on.
    pub validation: Vec<PathBuf>,
    /// Folder of the exported model.
    pub out: PathBuf,
    /// Height of the network's input in pixels, a multiple of 32.
    pub input_height: u32,
    /// Width of the network's input in pixels, a multiple of 32.
    pub input_width: u32,
    /// Where to train.
    pub device: Device,
    /// Passes over the training images.
    pub epochs: Option<u32>,
    /// Optimiser steps.
    pub steps: Option<u64>,
    /// Wall-clock limit of the training proper (export comes after it), in minutes.
    pub minutes: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Go on from the checkpoint in `work`.
    pub resume: bool,
    /// What becomes of boxes that hold a rider and the cycle.
    pub combined_riders: CombinedRiders,
    /// Fail on the first broken entry of a data set instead of skipping it.
    pub strict: bool,
    /// Share of each data set's training images that is used, 0 to 1; the seed draws them.
    #[serde(default = "all")]
    pub share: f64,
    /// How to train.
    pub recipe: Recipe,
    /// What comes after the training.
    #[serde(default)]
    pub finish: Finish,
    /// Export even when the int8 model is clearly worse than the float one.
    pub force: bool,
    /// Folder of a finished model to start from instead of the pretrained body alone.
    pub start_from: Option<PathBuf>,
    /// Pretrained EfficientNet-Lite0 as safetensors.
    pub pretrained: PathBuf,
    /// Folder of checkpoints and logs.
    pub work: PathBuf,
    /// The user's command line, for the model card.
    pub command: String,
}

fn all() -> f64 {
    1.0
}

/// Why a job could not be read, written or accepted.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The file cannot be read or written.
    #[error("training job {path}: {reason}")]
    File {
        /// The job file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// An option has a value that cannot work.
    #[error("{0}")]
    Value(String),
    /// The recipe cannot work.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

impl TrainJob {
    /// Writes the job as JSON.
    pub fn write(&self, path: &Path) -> Result<(), JobError> {
        let failed = |reason: String| JobError::File {
            path: path.into(),
            reason,
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(e.to_string()))?;
        std::fs::write(path, text).map_err(|e| failed(e.to_string()))
    }

    /// Reads a job and checks it.
    pub fn read(path: &Path) -> Result<Self, JobError> {
        use std::io::Read;
        let failed = |reason: String| JobError::File {
            path: path.into(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
        let mut text = String::new();
        file.take(JOB_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|e| failed(e.to_string()))?;
        let job: Self = serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
        job.check()?;
        Ok(job)
    }

    /// Whether every number is in range; the message names the option to change.
    pub fn check(&self) -> Result<(), JobError> {
        let bad = |text: String| Err(JobError::Value(text));
        let side_is_good =
            |side: u32| side > 0 && side.is_multiple_of(32) && side <= INPUT_SIDE_MAX;
        if self.data.is_empty() {
            return bad("no data: give at least one --data DIR".into());
        }
        if !side_is_good(self.input_height) || !side_is_good(self.input_width) {
            return bad(format!(
                "--input {}x{}: both sides must be multiples of 32, 32 to {INPUT_SIDE_MAX}",
                self.input_height, self.input_width
            ));
        }
        if self.epochs == Some(0) {
            return bad("--epochs must be at least 1".into());
        }
        if self.steps == Some(0) {
            return bad("--steps must be at least 1".into());
        }
        if !self.minutes.is_none_or(|m| m.is_finite() && m > 0.0) {
            return bad("--minutes must be a positive number".into());
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return bad(format!(
                "a share of {} of the images: it must be above 0 and at most 1",
                self.share
            ));
        }
        self.recipe.check(self.input_height, self.input_width)?;
        Ok(())
    }
}

/// The arithmetic a model was evaluated in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit float, as trained.
    Float,
    /// 8-bit integer, as exported.
    Int8,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Int8 => "int8",
        })
    }
}

/// One line of the trainer's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum TrainEvent {
    /// One or more optimiser steps were made.
    Step {
        /// Steps done, those before a resume included.
        step: u64,
        /// Steps that the run will take, as far as it knows by now.
        steps: u64,
        /// Smoothed total loss. Like every number here it may be NaN, which JSON
        /// writes as `null`.
        #[serde(deserialize_with = "null_is_nan")]
        loss: f64,
        /// Part of the loss that comes from the classes.
        #[serde(deserialize_with = "null_is_nan")]
        loss_class: f64,
        /// Part of the loss that comes from the boxes.
        #[serde(deserialize_with = "null_is_nan")]
        loss_box: f64,
        /// Training speed.
        #[serde(deserialize_with = "null_is_nan")]
        images_per_s: f64,
        /// Time since this process began to train, in seconds.
        #[serde(deserialize_with = "null_is_nan")]
        elapsed_s: f64,
        /// Time that the training will still take, in seconds.
        #[serde(deserialize_with = "null_is_nan")]
        remaining_s: f64,
        /// Learning rate of the last step.
        #[serde(deserialize_with = "null_is_nan", default = "nan")]
        learning_rate: f64,
        /// Share of the time that was spent waiting for samples.
        #[serde(deserialize_with = "null_is_nan", default = "nan")]
        waited: f64,
    },
    /// Something that a person should know.
    Note {
        /// One line of text.
        text: String,
    },
    /// The training images have been listed.
    Images {
        /// How many there are.
        count: u64,
    },
    /// A validation set was evaluated.
    Evaluated {
        /// Name of the set.
        set: String,
        /// Float or int8.
        precision: Precision,
        /// Mean average precision over IoU 0.5 to 0.95.
        #[serde(deserialize_with = "null_is_nan")]
        map: f64,
        /// Mean average precision at IoU 0.5.
        #[serde(deserialize_with = "null_is_nan")]
        map50: f64,
        /// Step after which it was, on the way; `None` for the finished model.
        #[serde(default)]
        step: Option<u64>,
        /// Average precision at IoU 0.5 of the classes that occur, by name.
        #[serde(default)]
        ap50: BTreeMap<String, f64>,
        /// Mean average precision of small, medium and large objects, those that occur.
        #[serde(default)]
        map_by_size: BTreeMap<String, f64>,
    },
    /// The model is in place; the last event of a run that went well.
    Done {
        /// Folder of the model.
        out: PathBuf,
    },
}

fn nan() -> f64 {
    f64::NAN
}

/// A loss that diverged must still reach the person who watches it.
fn null_is_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl TrainEvent {
    /// What `metrics` say about the set, on the way after `step` or at the end.
    pub fn evaluated(
        set: &str,
        precision: Precision,
        step: Option<u64>,
        metrics: &crate::metrics::Metrics,
    ) -> Self {
        let occurs = |value: f64| value != crate::metrics::ABSENT;
        let sizes = [
            ("small", metrics.map_small),
            ("medium", metrics.map_medium),
            ("large", metrics.map_large),
        ];
        Self::Evaluated {
            set: set.into(),
            precision,
            map: metrics.map,
            map50: metrics.map50,
            step,
            ap50: metrics
                .per_class
                .iter()
                .filter(|(_, figures)| occurs(figures.ap50))
                .map(|(class, figures)| (class.name().into(), figures.ap50))
                .collect(),
            map_by_size: sizes
                .into_iter()
                .filter(|(_, map)| occurs(*map))
                .map(|(size, map)| (size.into(), map))
                .collect(),
        }
    }

    /// The event as one line of JSON, without a newline.
    ///
    /// Plain data cannot fail to be written; an empty line, which readers skip, would
    /// stand for the failure.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The event of a line, `None` when the line is not one (a library's chatter).
    pub fn from_line(line: &str) -> Option<Self> {
        if line.len() > EVENT_BYTES_MAX {
            return None;
        }
        serde_json::from_str(line.trim()).ok()
    }
}

#[cfg(test)]
#[path = "train_job_tests.rs"]
mod tests;
