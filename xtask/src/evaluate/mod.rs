//! Verb `evaluate`: COCO metrics of a model on data sets, through the firmware's own detector,
//! and whether another model is better.

mod compare;
mod file;
pub(crate) mod runner;
mod thresholds;

use crate::dataset::{Dataset, DatasetError, LoadOptions, PictureError, Split};
use crate::metrics::{Aim, Evaluator, OperatingPoint, PrCurve, Scene, recommend};
pub use file::{ComparedModel, EvaluationFile, SetFigures};
use lookout::class::ObjectClass;
use lookout::detector::{Detector, DetectorOptions};
use lookout::model::ModelError;
pub use runner::Evaluated;
use runner::worker;
pub(crate) use runner::{Found, evaluate};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thresholds::ThresholdTable;
pub use thresholds::share;

/// Detections below this score are not asked for: they cost time and hardly move the figures.
pub(crate) const SCORE_MIN: f32 = 0.01;
/// Unreadable pictures named one by one.
const FAILURES_SHOWN: usize = 5;

/// Options of `cargo xtask evaluate`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Tell whether the model in this folder is better than --model, and how far chance may
    /// have made the difference. Its input may differ, its classes may not
    #[arg(long, value_name = "DIR")]
    pub compare: Option<PathBuf>,
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
    /// Recommend the lowest threshold of each class that reaches this precision, 0 to 1
    /// [default: the threshold with the largest F1]
    #[arg(long, value_name = "P", value_parser = share)]
    pub precision_min: Option<f64>,
    /// How often --compare draws the images anew
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub resamples: u32,
    /// Seed of these draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Images processed at a time; each thread loads the model for itself
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
}

const EXAMPLES: &str = "\
Examples:
  What a model reaches on the validation images of two sets, and the thresholds to use it with:
    cargo xtask evaluate --model models/road-288x512 --data data/city --data data/motorway

  Whether a newly trained model is better than the one in use:
    cargo xtask evaluate --model models/road-288x512 --compare models/new --data data/city

  As a file, for `cargo xtask report --peer old=old.json`:
    cargo xtask evaluate --model models/old --data data/city --json old.json

A difference is called better or worse when 95 % of the draws agree on its sign. Among ten
figures that do not differ at all, one looks so by chance in every second comparison. Sizes are those of
COCO: small is under 32 x 32 pixels of the picture, large over 96 x 96.";

impl EvaluateArgs {
    fn aim(&self) -> Aim {
        self.precision_min.map_or(Aim::F1, Aim::PrecisionMin)
    }
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
    /// There is nothing to find in any image.
    #[error(
        "{}: no object of our classes is labelled in any image, so there is nothing to measure; \
         check its annotations, or give another --data", .0.display()
    )]
    NoObjects(
        /// Folder of the first set.
        PathBuf,
    ),
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
    #[error("{}: cannot write the figures: {reason}; give another file, or make room", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file of figures could not be read back.
    #[error("{}: {reason}; give a file that `cargo xtask evaluate --json` has written", path.display())]
    Figures {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Runs the verb: prints a table for each set and, for several sets, one for all of them.
pub fn run(args: EvaluateArgs) -> Result<(), EvaluateError> {
    if let Some(path) = &args.json {
        check_writable(path)?;
    }
    // All sets and models are read before the first image is: a wrong path shows at once.
    let datasets = load_all(&args.data, args.split, args.limit)?;
    let mut model = Workers::load(&args.model, args.threads)?;
    let file = match &args.compare {
        Some(other) => {
            let mut other = Workers::load(other, args.threads)?;
            compare::run(&mut model, &mut other, &datasets, &args)?
        }
        None => evaluate_all(&mut model, &datasets, &args)?,
    };
    match &args.json {
        Some(path) => write_json(path, &file),
        None => Ok(()),
    }
}

fn evaluate_all(
    model: &mut Workers,
    datasets: &[Dataset],
    args: &EvaluateArgs,
) -> Result<EvaluationFile, EvaluateError> {
    println!("model {}", model.id);
    let mut pooled = Evaluator::new();
    let mut scenes = Vec::new();
    let mut sets = Vec::with_capacity(datasets.len());
    for dataset in datasets {
        let done = model.evaluate(dataset)?;
        print_heading(dataset, done.images);
        print_failures(&done.failures);
        let metrics = done.evaluator.finish();
        print!("{metrics}");
        pooled.append(&done.evaluator);
        sets.push(SetFigures::new(dataset, &done, metrics));
        scenes.extend(done.scenes);
    }
    let metrics = pooled.finish();
    let images = sets.iter().map(|set| set.images).sum();
    if sets.len() > 1 {
        print!("\nall sets together, {images} images\n{metrics}");
    }
    let recommended = recommended(&scenes.iter().collect::<Vec<_>>(), args.aim());
    print!("\n{}", ThresholdTable(&recommended, args.aim()));
    Ok(EvaluationFile {
        model: model.id.clone(),
        images,
        metrics,
        recommended,
        sets,
        comparison: None,
    })
}

/// The threshold to recommend for each class; classes for which there is none are missing.
pub fn recommended(scenes: &[&Scene], aim: Aim) -> BTreeMap<ObjectClass, OperatingPoint> {
    let of = |class| Some((class, recommend(&PrCurve::new(scenes, class), aim)?));
    ObjectClass::ALL.into_iter().filter_map(of).collect()
}

/// `name`, or with a number behind it where `is_free` says that another set has it.
pub(crate) fn unused_name(name: &str, is_free: impl Fn(&String) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_string()).chain(numbered);
    names.find(is_free).unwrap_or_default()
}

fn print_heading(dataset: &Dataset, images: u64) {
    let name = &dataset.description.name;
    println!("\n{name}, {} split, {images} images", dataset.split);
}

/// Shows all images of `dataset` to the model in folder `model`, `threads` at a time.
pub fn measure(model: &Path, dataset: &Dataset, threads: u8) -> Result<Evaluated, EvaluateError> {
    Workers::load(model, threads)?.evaluate(dataset)
}

/// A model ready to look at images, several at a time.
pub(crate) struct Workers {
    detectors: Vec<Detector>,
    /// The model's name and the start of its hash.
    pub(crate) id: String,
}

impl Workers {
    /// One detector a thread, which report all that is worth a place on the curves.
    pub(crate) fn load(model: &Path, threads: u8) -> Result<Self, EvaluateError> {
        let options = DetectorOptions {
            score_min: Some(SCORE_MIN),
            threads: 1,
            ..DetectorOptions::default()
        };
        let load = |_| Detector::load(model, &options).map_err(EvaluateError::from);
        let detectors: Vec<Detector> = (0..threads).map(load).collect::<Result<_, _>>()?;
        let id = detectors.first().map(|d| d.model_id().to_owned());
        Ok(Self {
            id: id.unwrap_or_default(),
            detectors,
        })
    }

    /// Shows them all images of a set.
    pub(crate) fn evaluate(&mut self, dataset: &Dataset) -> Result<Evaluated, EvaluateError> {
        let mut workers: Vec<_> = self.detectors.iter_mut().map(worker).collect();
        evaluate(dataset, &mut workers)
    }
}

/// Loads all sets; refuses them where nothing is labelled in any.
pub(crate) fn load_all(
    data: &[PathBuf],
    split: Option<Split>,
    limit: Option<u32>,
) -> Result<Vec<Dataset>, EvaluateError> {
    let load = |dir: &PathBuf| load(dir, split, limit);
    let datasets: Vec<Dataset> = data.iter().map(load).collect::<Result<_, _>>()?;
    let mut boxes = datasets.iter().flat_map(Dataset::boxes_by_class);
    match datasets.first() {
        Some(first) if boxes.all(|count| count == 0) => {
            Err(EvaluateError::NoObjects(first.root.clone()))
        }
        _ => Ok(datasets),
    }
}

/// Loads the split asked for, or the one that there is, and tells what is odd about it.
fn load(
    dir: &Path,
    asked_split: Option<Split>,
    limit: Option<u32>,
) -> Result<Dataset, DatasetError> {
    let split = asked_split.unwrap_or_else(|| {
        let only_train = Dataset::has_split(dir, Split::Train)
            && !Dataset::has_split(dir, Split::Val)
            && !dir.join(Dataset::COMMON_FILE).is_file();
        if only_train { Split::Train } else { Split::Val }
    });
    let mut dataset = Dataset::load(dir, split, LoadOptions::EVALUATION)?;
    eprintln!("{}", dataset.summary());
    if asked_split.is_none() && split == Split::Train {
        eprintln!("  warning: there is no val split; these are images to train on");
    }
    if let Some(limit) = limit {
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
pub(crate) fn check_writable(path: &Path) -> Result<(), EvaluateError> {
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

pub(crate) fn write_json(path: &Path, file: &impl Serialize) -> Result<(), EvaluateError> {
    let fail = |reason: String| EvaluateError::Json {
        path: path.to_owned(),
        reason,
    };
    let mut text = serde_json::to_string_pretty(file).map_err(|error| fail(error.to_string()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests;
