//! Trainings whose networks are measured and not exported: the rungs of a ladder, the points of a
//! learning curve. Each has a folder of its own; one that was cut off goes on, and one that has
//! come to its end on the same terms is not made again.

mod log;
mod terms;

pub use log::{Figures, Logged, read_log};
pub use terms::{Budget, Terms, conditions_line};

use crate::fetch::FetchError;
use crate::fetch::cache::Cache;
use crate::fetch::libtorch::{self, Libtorch};
use crate::pretrained;
use crate::recipe::RecipeError;
use crate::train_and_export::{TrainAndExportError, wants_cuda};
use crate::train_job::{Device, EVENT_LOG, JobError, TrainJob};
use crate::trainer::{self, TrainerError};
use std::path::{Path, PathBuf};

/// File with a training's job, in its folder.
const JOB_FILE: &str = "job.json";

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum TrainingsError {
    /// The options cannot work.
    #[error(transparent)]
    Options(#[from] TrainAndExportError),
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A job cannot work or be written.
    #[error(transparent)]
    Job(#[from] JobError),
    /// What training needs could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The trainer could not be built.
    #[error(transparent)]
    Build(TrainerError),
    /// The trainer failed.
    #[error("{name}: {source}")]
    Trainer {
        /// Name of the training.
        name: String,
        /// What went wrong.
        source: TrainerError,
    },
    /// A file cannot be read or written.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A network was trained, but nothing was measured.
    #[error(
        "{0} has no figures: none of the data sets has a val split of its own (annotations_val.json)"
    )]
    NotMeasured(String),
    /// The user stopped it.
    #[error("stopped; the same command goes on from here")]
    Interrupted,
}

/// What all trainings need.
pub struct Trainings {
    libtorch: Libtorch,
    program: PathBuf,
    /// Weights of the body.
    pub pretrained: PathBuf,
}

impl Trainings {
    /// Fetches what training on `device` needs, and builds the trainer.
    pub fn prepare(device: Device) -> Result<Self, TrainingsError> {
        let cache = Cache::open()?;
        let libtorch = libtorch::ensure(&cache, wants_cuda(device))?;
        Ok(Self {
            program: trainer::build(&libtorch).map_err(TrainingsError::Build)?,
            libtorch,
            pretrained: pretrained::ensure(&cache)?,
        })
    }

    /// The figures of `job`, which people call `name`, trained now where that has not been done.
    pub fn measure(&self, name: &str, job: &TrainJob) -> Result<(Figures, Logged), TrainingsError> {
        job.check()?;
        let (work, path) = (&job.work, job.work.join(JOB_FILE));
        let is_same = TrainJob::read(&path).is_ok_and(|earlier| earlier == *job);
        // What another recipe or budget has left is no beginning for this one.
        if work.exists() && !is_same {
            std::fs::remove_dir_all(work).map_err(|e| file(work, &e))?;
        }
        if let Some(logged) = logged(work).filter(|logged| logged.figures.is_some()) {
            return figures(name, logged);
        }
        std::fs::create_dir_all(work).map_err(|e| file(work, &e))?;
        job.write(&path)?;
        let ran = trainer::run(&self.program, &self.libtorch, &path);
        let ran = ran.map_err(|source| TrainingsError::Trainer {
            name: name.into(),
            source,
        })?;
        match ran {
            trainer::Outcome::Done(_) => figures(name, logged(work).unwrap_or_default()),
            trainer::Outcome::Interrupted => Err(TrainingsError::Interrupted),
        }
    }
}

fn logged(work: &Path) -> Option<Logged> {
    read_log(&work.join(EVENT_LOG)).ok()
}

fn figures(name: &str, logged: Logged) -> Result<(Figures, Logged), TrainingsError> {
    let figures = logged.figures.clone();
    let figures = figures.ok_or_else(|| TrainingsError::NotMeasured(name.into()))?;
    Ok((figures, logged))
}

/// The same path from the root.
pub fn absolute(path: &Path) -> Result<PathBuf, TrainingsError> {
    std::path::absolute(path).map_err(|e| file(path, &e))
}

/// An error about a file.
pub fn file(path: &Path, reason: &dyn std::fmt::Display) -> TrainingsError {
    TrainingsError::File {
        path: path.into(),
        reason: reason.to_string(),
    }
}

/// Writes `value` as JSON, whole or not at all.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), TrainingsError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| file(path, &e))?;
    text.push(b'\n');
    crate::page::write_file(path, &text).map_err(|e| file(path, &e))
}
