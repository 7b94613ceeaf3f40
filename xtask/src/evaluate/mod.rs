//! Verb `evaluate`: COCO metrics of a model on data sets, through the firmware's own detector.

mod runner;

use crate::dataset::{Dataset, DatasetError, LoadOptions, PictureError, Split};
use crate::metrics::{Evaluator, Metrics};
use lookout::detector::{Detector, DetectorOptions};
use lookout::model::ModelError;
pub use runner::Evaluated;
use runner::worker;
pub(crate) use runner::{Found, evaluate};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Detections below this score are not asked for: they cost time and hardly move the figures.
const SCORE_MIN: f32 = 0.01;
/// Unreadable pictures named one by one.
const FAILURES_SHOWN: usize = 5;

/// Options of `cargo xtask evaluate`.
#[derive(clap::Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Data set with images/, annotations_val.json (or annotations.json) and dataset.toml.
    /// Given more than once, each set is reported on its own, and all of them together
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Which split: train or val [default: val where there is one, else train]
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,
    /// Only the first N images of each set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Images processed at a time; each thread loads the model for itself
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No picture of a set could be read.
    #[error("no picture of {} could be read; the first: {first}", root.display())]
    NoPicture {
        /// Folder of the set.
        root: PathBuf,
        /// What was wrong with the first one.
        first: PictureError,
    },
    /// The detector failed, which no picture should make it do.
    #[error("{}: {reason}", path.display())]
    Detector {
        /// The picture.
        path: PathBuf,
        /// What the detector said.
        reason: String,
    },
    /// A worker died.
    #[error("a worker thread panicked; its message is above, please report it")]
    Panicked,
    /// The figures could not be written.
    #[error("{}: cannot write the figures: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// The JSON file: the figures over all sets at the top, then those of each set.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    images: u64,
    #[serde(flatten)]
    metrics: Metrics,
    sets: Vec<SetReport>,
}

/// Figures of one set.
#[derive(Debug, Serialize)]
struct SetReport {
    name: String,
    data: PathBuf,
    split: &'static str,
    images: u64,
    unreadable: u64,
    #[serde(flatten)]
    metrics: Metrics,
}

/// Runs the verb: prints a table for each set and, for several sets, one for all of them.
pub fn run(args: EvaluateArgs) -> Result<(), EvaluateError> {
    if let Some(path) = &args.json {
        check_writable(path)?;
    }
    // All sets are read before the first image is: a wrong path shows at once.
    let datasets: Vec<Dataset> = args
        .data
        .iter()
        .map(|dir| load(dir, &args))
        .collect::<Result<_, _>>()?;
    let detectors = detectors(&args.model, args.threads)?;
    let model = detectors
        .first()
        .map(|d| d.model_id().to_owned())
        .unwrap_or_default();
    println!("model {model}");

    let mut workers: Vec<_> = detectors.into_iter().map(worker).collect();
    let mut pooled = Evaluator::new();
    let mut sets = Vec::with_capacity(datasets.len());
    for dataset in &datasets {
        let Evaluated {
            evaluator,
            images,
            failures,
        } = evaluate(dataset, &mut workers)?;
        let name = &dataset.description.name;
        println!("\n{name}, {} split, {images} images", dataset.split);
        print_failures(&failures);
        let metrics = evaluator.finish();
        print!("{metrics}");
        pooled.append(&evaluator);
        sets.push(SetReport {
            name: name.clone(),
            data: dataset.root.clone(),
            split: dataset.split.name(),
            images,
            unreadable: failures.len() as u64,
            metrics,
        });
    }
    let metrics = pooled.finish();
    let images = sets.iter().map(|set| set.images).sum();
    if sets.len() > 1 {
        print!("\nall sets together, {images} images\n{metrics}");
    }
    match &args.json {
        Some(path) => write_json(
            path,
            &Report {
                model,
                images,
                metrics,
                sets,
            },
        ),
        None => Ok(()),
    }
}

/// Shows all images of `dataset` to the model in folder `model`, `threads` at a time.
pub fn measure(model: &Path, dataset: &Dataset, threads: u8) -> Result<Evaluated, EvaluateError> {
    let detectors = detectors(model, threads)?;
    evaluate(
        dataset,
        &mut detectors.into_iter().map(worker).collect::<Vec<_>>(),
    )
}

/// One detector a thread, which report all that is worth a place on the curves.
fn detectors(model: &Path, threads: u8) -> Result<Vec<Detector>, EvaluateError> {
    let options = DetectorOptions {
        score_min: Some(SCORE_MIN),
        threads: 1,
        ..DetectorOptions::default()
    };
    let load = |_| Detector::load(model, &options).map_err(EvaluateError::from);
    (0..threads).map(load).collect()
}

/// Loads the split asked for, or the one that there is, and tells what is odd about it.
fn load(dir: &Path, args: &EvaluateArgs) -> Result<Dataset, DatasetError> {
    let split = args.split.unwrap_or_else(|| {
        let only_train = Dataset::has_split(dir, Split::Train)
            && !Dataset::has_split(dir, Split::Val)
            && !dir.join(Dataset::COMMON_FILE).is_file();
        if only_train { Split::Train } else { Split::Val }
    });
    let mut dataset = Dataset::load(dir, split, LoadOptions::EVALUATION)?;
    eprintln!("{}", dataset.summary());
    if args.split.is_none() && split == Split::Train {
        eprintln!("  warning: there is no val split; these are images to train on");
    }
    if let Some(limit) = args.limit {
        dataset.images.truncate(limit as usize);
    }
    Ok(dataset)
}

fn print_failures(failures: &[PictureError]) {
    if failures.is_empty() {
        return;
    }
    println!("left out, not readable: {} images", failures.len());
    for failure in failures.iter().take(FAILURES_SHOWN) {
        println!("  {failure}");
    }
}

/// Finds out before the hour of work whether its result can be kept.
fn check_writable(path: &Path) -> Result<(), EvaluateError> {
    let fail = |reason: String| EvaluateError::Json {
        path: path.to_owned(),
        reason,
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    file.map(drop).map_err(|error| fail(error.to_string()))
}

fn write_json(path: &Path, report: &Report) -> Result<(), EvaluateError> {
    let fail = |reason: String| EvaluateError::Json {
        path: path.to_owned(),
        reason,
    };
    let mut text = serde_json::to_string_pretty(report).map_err(|error| fail(error.to_string()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests;
