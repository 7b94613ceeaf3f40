//! Verb `report`: all that is known of a model on one page, and the same figures as JSON.
//!
//! `train-and-export` ends with such a page, in its work folder: the pictures in it make it too
//! large for the folder of a model, which stays network and card.

mod figures;
mod log;
mod page;
mod pictures;
mod sections;
mod speed;

pub use figures::{ClassFigures, Contestant, RankedPicture, ReportFigures, SetReport};
pub use log::{LearningPoint, TrainingLog};
pub use speed::Speed;

use crate::dataset::{Dataset, Split};
use crate::evaluate::{
    EvaluateError, Evaluated, EvaluationFile, Workers, load_all, share, unused_name,
};
use crate::metrics::Aim;
use crate::page::{PageError, write_file};
use lookout::model::{ModelCard, VerifiedModel};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask report`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Data set with images/, annotations_val.json (or annotations.json) and dataset.toml. May
    /// be given more than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// The page to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Folder of the same model in float, to show what quantization costs; training leaves it
    /// in the folder `float` of its work folder
    #[arg(long, value_name = "DIR")]
    pub float: Option<PathBuf>,
    /// The training's events.jsonl, for the curves; it is in the work folder, too
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Figures of another model to stand beside, from `cargo xtask evaluate --json FILE` on the
    /// same data. May be given more than once
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    pub peer: Vec<(String, PathBuf)>,
    /// Recommend the lowest threshold of each class that reaches this precision, 0 to 1
    /// [default: the threshold with the largest F1]
    #[arg(long, value_name = "P", value_parser = share)]
    pub precision_min: Option<f64>,
    /// Best and worst pictures shown of each class, so many of each
    #[arg(long, value_name = "N", default_value_t = PICTURES_PER_CLASS, value_parser = clap::value_parser!(u8).range(0..=20))]
    pub pictures: u8,
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

/// Pictures of each class and kind unless told otherwise.
pub(crate) const PICTURES_PER_CLASS: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  A page on the model in use, to be opened in any browser, offline too:
    cargo xtask report --model models/road-288x512 --data data/city --out report.html

  With the training's curves, the loss by quantization, and another model beside it:
    cargo xtask evaluate --model models/old --data data/city --json old.json
    cargo xtask report --model models/new --data data/city --peer old=old.json \\
      --float target/train/new/float --log target/train/new/events.jsonl --out report.html

The page shows precision and recall at every threshold, what is taken for what, whether scores
mean what they say, the best and worst pictures of each class, the speed on this machine, and
the data and licences of the model's card.";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The model or the data cannot be used.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// A file cannot be written.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The figures cannot be written as JSON.
    #[error("the figures cannot be written as JSON: {0}; this is a bug")]
    Json(#[from] serde_json::Error),
    /// There is no place for the page.
    #[error("{}: {reason}; give --out a file name in a folder that is there", path.display())]
    Out {
        /// The file asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The training's events cannot be read.
    #[error("{}: {reason}; give the events.jsonl of a training's work folder, or leave --log out", path.display())]
    Log {
        /// The file asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// One data set that was shown to the model.
pub struct MeasuredSet {
    /// Name of the set, unlike any other's.
    pub name: String,
    /// The set.
    pub dataset: Dataset,
    /// What the model found.
    pub model: Evaluated,
    /// What it found before quantization.
    pub float: Option<Evaluated>,
}

/// A model and all that is known of it.
pub struct Subject<'a> {
    /// Its card.
    pub card: &'a ModelCard,
    /// The sets that it was measured on.
    pub sets: &'a [MeasuredSet],
    /// What a recommended threshold is to reach.
    pub aim: Aim,
    /// How it was trained.
    pub log: Option<TrainingLog>,
    /// Figures of others, by name.
    pub peers: Vec<(String, EvaluationFile)>,
    /// How fast it is here, or why nobody knows.
    pub speed: Result<Speed, String>,
    /// Best and worst pictures of each class, so many of each.
    pub pictures_per_class: usize,
}

/// Runs the verb.
pub fn run(args: &ReportArgs) -> Result<(), ReportError> {
    for path in [Some(&args.out), args.json.as_ref()].into_iter().flatten() {
        check_out(path)?;
    }
    // Everything is read before the first image is shown: a wrong path shows at once.
    let log = args.log.as_deref().map(TrainingLog::read).transpose()?;
    let peers = args.peer.iter().map(|(name, path)| {
        let file = EvaluationFile::read(path)?;
        Ok((name.clone(), file))
    });
    let peers = peers.collect::<Result<_, EvaluateError>>()?;
    let datasets = load_all(&args.data, args.split, args.limit)?;
    let card = VerifiedModel::read(&args.model)
        .map_err(EvaluateError::from)?
        .card;
    let mut model = Workers::load(&args.model, args.threads)?;
    let float = args.float.as_deref();
    let mut float = float
        .map(|dir| Workers::load(dir, args.threads))
        .transpose()?;
    let mut sets: Vec<MeasuredSet> = Vec::with_capacity(datasets.len());
    for dataset in datasets {
        let name = unused_name(&dataset.description.name, |name| {
            sets.iter().all(|set| set.name != *name)
        });
        let found = model.evaluate(&dataset)?;
        let before = float.as_mut().map(|float| float.evaluate(&dataset));
        sets.push(MeasuredSet {
            name,
            model: found,
            float: before.transpose()?,
            dataset,
        });
    }
    let speed = speed::measure(&args.model, &sets);
    let subject = Subject {
        card: &card,
        sets: &sets,
        aim: args.precision_min.map_or(Aim::F1, Aim::PrecisionMin),
        log,
        peers,
        speed,
        pictures_per_class: args.pictures.into(),
    };
    write(&subject, &args.out, args.json.as_deref())?;
    println!("the report is in {}", args.out.display());
    Ok(())
}

/// Writes the page and, where wanted, the figures that it shows.
pub fn write(subject: &Subject<'_>, out: &Path, json: Option<&Path>) -> Result<(), ReportError> {
    let figures = ReportFigures::new(subject);
    if let Some(path) = json {
        let mut text = serde_json::to_string_pretty(&figures)?;
        text.push('\n');
        write_file(path, text.as_bytes())?;
    }
    page::page(subject, &figures).write(out)?;
    Ok(())
}

/// How fast the model in this folder is on the pictures of these sets; for [`Subject::speed`].
pub fn measure_speed(model: &Path, sets: &[MeasuredSet]) -> Result<Speed, String> {
    speed::measure(model, sets)
}

/// Finds out before the hour of work whether its result can be kept.
fn check_out(path: &Path) -> Result<(), ReportError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let refuse = |reason| {
        let path = path.to_owned();
        Err(ReportError::Out { path, reason })
    };
    if path.is_dir() || path.file_name().is_none() {
        refuse("is a folder")
    } else if !folder.is_dir() {
        refuse("its folder is not there")
    } else {
        Ok(())
    }
}

/// `NAME=FILE` of the command line.
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write NAME=FILE, as in old=old.json".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
