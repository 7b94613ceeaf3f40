//! The figures as a JSON file: those over all sets at the top, then those of each set.

use super::{EvaluateError, Evaluated};
use crate::dataset::Dataset;
use crate::metrics::{Comparison, Metrics, OperatingPoint};
use lookout::class::ObjectClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file of figures is some kilobytes; anything longer is some other file.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What `evaluate --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFile {
    /// The model's name and the start of its hash.
    pub model: String,
    /// Images of all sets.
    pub images: u64,
    /// Figures over all sets.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The threshold to recommend for each class.
    #[serde(default)]
    pub recommended: BTreeMap<ObjectClass, OperatingPoint>,
    /// Figures of each set.
    #[serde(default)]
    pub sets: Vec<SetFigures>,
    /// The model that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub comparison: Option<ComparedModel>,
}

/// Figures of one set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetFigures {
    /// Name of the set.
    pub name: String,
    /// Its folder.
    pub data: PathBuf,
    /// `train` or `val`.
    pub split: String,
    /// Images shown.
    pub images: u64,
    /// Images that could not be read.
    pub unreadable: u64,
    /// The figures.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The model that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub comparison: Option<ComparedModel>,
}

/// The other model of a comparison, on the same images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedModel {
    /// Its name and the start of its hash.
    pub model: String,
    /// Its own figures.
    pub metrics: Metrics,
    /// How it differs.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl SetFigures {
    /// Figures of a set that was shown to a model.
    pub fn new(dataset: &Dataset, done: &Evaluated, metrics: Metrics) -> Self {
        Self {
            name: dataset.description.name.clone(),
            data: dataset.root.clone(),
            split: dataset.split.name().to_owned(),
            images: done.images,
            unreadable: done.failures.len() as u64,
            metrics,
            comparison: None,
        }
    }
}

impl EvaluationFile {
    /// Reads a file that `evaluate --json` has written, in this version or an earlier one.
    pub fn read(path: &Path) -> Result<Self, EvaluateError> {
        let failed = |reason: String| EvaluateError::Figures {
            path: path.to_owned(),
            reason,
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(format!("no figures: {error}")))
    }
}
