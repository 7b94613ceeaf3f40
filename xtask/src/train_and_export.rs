//! Verb `train-and-export`: from images to a model that the board runs, by one command.
//!
//! This program stays light: it fetches what training needs, builds the trainer (the only
//! program that links libtorch) and runs it.

use crate::dataset::{CombinedRiders, DatasetError, DatasetLocation};
use crate::fetch::cache::Cache;
use crate::fetch::{FetchError, libtorch};
use crate::pretrained;
use crate::recipe::{BoxLoss, ClassWeights, Recipe, RecipeError};
use crate::train_job::{Device, Finish, JobError, TrainJob};
use crate::trainer::{self, Outcome, TrainerError};
use crate::workspace::{self, WorkspaceError};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask train-and-export`.
#[derive(clap::Args, Clone, Debug)]
pub struct TrainAndExportArgs {
    /// Data set to train on: COCO, YOLO, Pascal VOC, KITTI or BDD100K as they come, dataset.toml
    /// beside them; where the folder does not tell, kind:DIR as in kitti:DIR. May be given more
    /// than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Folder of the finished model
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Input of the network, height x width in pixels, both multiples of 32
    #[arg(long, value_name = "HxW", default_value = "288x512")]
    pub input: InputSize,
    /// Where to train: auto, cpu, cuda or cuda:N. A GPU needs about 2 GB more of libraries,
    /// which auto fetches only where an NVIDIA driver runs
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// Train for so many passes over the images
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    pub epochs: Option<u32>,
    /// Train for so many steps: with the same seed, data and machine the result is the same
    #[arg(long, value_name = "N", conflicts_with_all = ["minutes", "epochs"])]
    pub steps: Option<u64>,
    /// Train for so long; evaluation and export come on top
    #[arg(long, value_name = "M")]
    pub minutes: Option<f64>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Go on from the checkpoint of an earlier run with the same --work
    #[arg(long)]
    pub resume: bool,
    /// Folder of a finished model to start from, with the same network and any input; the
    /// pretrained body when left out
    #[arg(long, value_name = "DIR")]
    pub start_from: Option<PathBuf>,
    /// How to train, as a TOML file; the whole of it, defaults written out, is put as
    /// recipe.toml beside the checkpoint. The options below go before it
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Images in one step [default: the recipe's]
    #[arg(long, value_name = "N")]
    pub batch: Option<u32>,
    /// Highest learning rate [default: the recipe's]
    #[arg(long, value_name = "R")]
    pub learning_rate: Option<f64>,
    /// Focusing exponent of the focal loss; 0 makes it plain cross-entropy [default: the recipe's]
    #[arg(long, value_name = "G")]
    pub gamma: Option<f64>,
    /// Weights of the classes: equal, frequency, effective-number, or class=weight with commas
    /// between, where classes not named weigh 1 [default: the recipe's]
    #[arg(long, value_name = "LIST")]
    pub class_weights: Option<ClassWeights>,
    /// Loss of the boxes: giou or smooth-l1 [default: the recipe's]
    #[arg(long, value_name = "LOSS")]
    pub box_loss: Option<BoxLoss>,
    /// What becomes of boxes that hold a rider and the cycle: split (the rider's share of the
    /// box), class (only the class is learnt) or ignore
    #[arg(long, value_name = "RULE", default_value = "split")]
    pub combined_riders: CombinedRiders,
    /// Stop at the first broken entry of a data set instead of skipping it
    #[arg(long)]
    pub strict: bool,
    /// Export even when int8 is clearly worse than float on the validation sets
    #[arg(long)]
    pub force: bool,
    /// Folder of checkpoints and logs [default: target/train/NAME, NAME the last part of --out]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
}

/// Height and width of the network's input, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Height.
    pub height: u32,
    /// Width.
    pub width: u32,
}

impl std::str::FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|side| *side > 0);
        let sides = text
            .split_once('x')
            .and_then(|(h, w)| Some((number(h)?, number(w)?)));
        let (height, width) =
            sides.ok_or_else(|| format!("`{text}` is no size: write HxW, as in 288x512"))?;
        Ok(Self { height, width })
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainAndExportError {
    /// The options cannot work.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A data set is not where it should be, or of no known form.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The recipe cannot be read.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// What training needs could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The trainer could not be built or failed.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// The folder of build results is unknown.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A path of the command line cannot be used.
    #[error("{path}: {reason}")]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The user stopped it.
    #[error("stopped; add --resume to the same command to go on from the checkpoint in {0}")]
    Interrupted(PathBuf),
}

impl TrainAndExportError {
    /// What the process should end with: the trainer's own code where it has failed, 130
    /// after Ctrl-C as shells expect it, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted(_) => 130,
            Self::Trainer(TrainerError::Failed(code)) => u8::try_from(*code).unwrap_or(1).max(1),
            _ => 1,
        }
    }
}

/// Runs the verb; gives the folder of the finished model.
pub fn run(args: &TrainAndExportArgs) -> Result<PathBuf, TrainAndExportError> {
    let mut job = job(
        args,
        &workspace::target_dir()?,
        command_line(std::env::args()),
    )?;
    let cache = Cache::open()?;
    let libtorch = libtorch::ensure(&cache, wants_cuda(job.device))?;
    job.pretrained = pretrained::ensure(&cache)?;
    eprintln!("building the trainer (a few minutes the first time)");
    let program = trainer::build(&libtorch)?;
    let failed = |reason: std::io::Error| {
        let reason = reason.to_string();
        TrainAndExportError::Path {
            path: job.work.clone(),
            reason,
        }
    };
    std::fs::create_dir_all(&job.work).map_err(failed)?;
    let job_file = job.work.join("job.json");
    job.write(&job_file)?;
    match trainer::run(&program, &libtorch, &job_file)? {
        Outcome::Done(out) => Ok(out),
        Outcome::Interrupted => Err(TrainAndExportError::Interrupted(job.work)),
    }
}

/// The job of these options. Everything is checked here that can be, because the
/// download and the build that follow take minutes.
fn job(
    args: &TrainAndExportArgs,
    target: &Path,
    command: String,
) -> Result<TrainJob, TrainAndExportError> {
    let data: Vec<PathBuf> = args
        .data
        .iter()
        .map(|path| data_folder(path))
        .collect::<Result<_, _>>()?;
    let out = absolute(&args.out)?;
    let Some(name) = out.file_name() else {
        let reason = "is no name for a model: write --out models/NAME".into();
        return Err(TrainAndExportError::Path { path: out, reason });
    };
    let work = match &args.work {
        Some(work) => absolute(work)?,
        None => target.join("train").join(name),
    };
    let job = TrainJob {
        validation: data.clone(),
        data,
        input_height: args.input.height,
        input_width: args.input.width,
        device: args.device,
        epochs: args.epochs,
        steps: args.steps,
        minutes: args.minutes,
        seed: args.seed,
        resume: args.resume,
        combined_riders: args.combined_riders,
        strict: args.strict,
        share: 1.0,
        recipe: recipe(args)?,
        finish: Finish::Export,
        force: args.force,
        start_from: args.start_from.as_deref().map(absolute).transpose()?,
        pretrained: PathBuf::new(),
        out,
        work,
        command,
    };
    job.check()?;
    Ok(job)
}

/// The recipe file with the options of the command line put over it.
fn recipe(args: &TrainAndExportArgs) -> Result<Recipe, TrainAndExportError> {
    let mut recipe = match &args.recipe {
        Some(path) => Recipe::read(path)?,
        None => Recipe::default(),
    };
    let (loss, schedule) = (&mut recipe.loss, &mut recipe.schedule);
    schedule.batch = args.batch.unwrap_or(schedule.batch);
    schedule.learning_rate = args.learning_rate.unwrap_or(schedule.learning_rate);
    loss.gamma = args.gamma.unwrap_or(loss.gamma);
    loss.boxes = args.box_loss.unwrap_or(loss.boxes);
    if let Some(weights) = &args.class_weights {
        loss.class_weights = weights.clone();
    }
    Ok(recipe)
}

fn absolute(path: &Path) -> Result<PathBuf, TrainAndExportError> {
    std::path::absolute(path).map_err(|error| TrainAndExportError::Path {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// The data set's place, its folder as an absolute path; whatever cannot be a data set is
/// refused here, because the download and the build that follow take minutes.
pub fn data_folder(path: &Path) -> Result<PathBuf, TrainAndExportError> {
    let mut place = DatasetLocation::from_path(path)?;
    place.root = absolute(&place.root)?;
    place.detect()?;
    Ok(place.to_string().into())
}

/// Whether the libraries for a GPU are worth their download here.
pub fn wants_cuda(device: Device) -> bool {
    is_cuda_wanted(device, has_nvidia_driver())
}

fn is_cuda_wanted(device: Device, driver: bool) -> bool {
    match device {
        Device::Cuda(_) => true,
        Device::Auto => driver,
        Device::Cpu => false,
    }
}

fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}

/// The command as a person would type it again.
pub(crate) fn command_line(args: impl Iterator<Item = String>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    let quoted = args.skip(1).map(|arg| {
        if !arg.is_empty() && arg.chars().all(is_plain) {
            return arg;
        }
        format!("'{}'", arg.replace('\'', r"'\''"))
    });
    ["cargo".to_owned(), "xtask".to_owned()]
        .into_iter()
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[path = "train_and_export_tests.rs"]
mod tests;
