//! Verb `smoke`: the whole way from images to a model, small enough for every change.
//!
//! Renders a tiny data set, trains on it, interrupts by budget, resumes, exports, and looks at
//! what came out. The export itself compares the file with the integer reference; here it is
//! seen to have done so.

use crate::bench::PythonError;
use crate::dataset::CombinedRiders;
use crate::render_drive::{self, RenderDriveArgs, RenderDriveError};
use crate::tensorboard::{self, TensorboardError};
use crate::train_and_export::{self, InputSize, TrainAndExportArgs, TrainAndExportError};
use crate::train_job::{Device, EVENT_LOG, TrainEvent};
use crate::workspace::{self, WorkspaceError};
use lookout::detector::{Detector, DetectorOptions};
use lookout::drive::{Drive, DriveConfig, DriveError};
use lookout::frame::PixelFormat;
use lookout::model::ModelError;
use lookout::pixels::Picture;
use std::path::{Path, PathBuf};

/// Steps at either end of a run whose losses are averaged.
const LOSS_STEPS: usize = 5;

/// Options of `cargo xtask smoke`.
#[derive(clap::Args, Clone, Debug)]
pub struct SmokeArgs {
    /// Steps of training in all, half of them before the interruption; about a minute
    #[arg(long, value_name = "N", default_value_t = 240)]
    pub steps: u64,
}

/// Why the smoke test failed.
#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    /// The folder of build results is unknown.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The data set cannot be made.
    #[error(transparent)]
    Render(#[from] RenderDriveError),
    /// Training or export failed.
    #[error(transparent)]
    Train(#[from] TrainAndExportError),
    /// The firmware refuses the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The drive cannot be rendered.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// TensorBoard cannot be asked, or does not see what was written.
    #[error(transparent)]
    Tensorboard(#[from] TensorboardError),
    /// A file cannot be read or removed.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It ran, but not as it should.
    #[error("smoke test: {0}")]
    Wrong(String),
}

/// Runs the verb.
pub fn run(args: &SmokeArgs) -> Result<(), SmokeError> {
    let root = workspace::target_dir()?.join("smoke");
    if root.exists() {
        std::fs::remove_dir_all(&root).map_err(|e| SmokeError::File {
            path: root.clone(),
            reason: e.to_string(),
        })?;
    }
    let data = root.join("drives");
    render_drive::run(&RenderDriveArgs {
        out: data.clone(),
        frames: 48,
        seed: 4000,
        width: 320,
        height: 192,
    })?;
    let mut job = TrainAndExportArgs {
        data: vec![data],
        out: root.join("model"),
        input: InputSize {
            height: 96,
            width: 160,
        },
        device: Device::Cpu,
        epochs: None,
        // Not minutes: a busy machine would learn too little in them.
        steps: Some((args.steps / 2).max(1)),
        minutes: None,
        seed: 1,
        resume: false,
        start_from: None,
        batch: Some(8),
        learning_rate: None,
        gamma: None,
        class_weights: None,
        box_loss: None,
        recipe: None,
        combined_riders: CombinedRiders::default(),
        strict: false,
        // A minute's model finds next to nothing; what quantization costs it means nothing.
        force: true,
        work: Some(root.join("work")),
    };
    train_and_export::run(&job)?;
    let log = root.join("work").join(EVENT_LOG);
    let before = steps(&events(&log)?);
    job.resume = true;
    job.steps = Some(args.steps);
    train_and_export::run(&job)?;
    let events = events(&log)?;
    check_resumed(&before, &steps(&events))?;
    check_loss(&events)?;
    if !events
        .iter()
        .any(|e| matches!(e, TrainEvent::Note { text } if text.contains("integer reference")))
    {
        return Err(SmokeError::Wrong(
            "the export did not verify the network".into(),
        ));
    }
    check_board(&root.join("work").join(tensorboard::FOLDER))?;
    check_model(&job.out)?;
    println!("smoke test passed: trained, resumed, exported, verified and run");
    Ok(())
}

fn events(path: &Path) -> Result<Vec<TrainEvent>, SmokeError> {
    let text = std::fs::read_to_string(path).map_err(|e| SmokeError::File {
        path: path.into(),
        reason: e.to_string(),
    })?;
    Ok(text.lines().filter_map(TrainEvent::from_line).collect())
}

fn steps(events: &[TrainEvent]) -> Vec<u64> {
    let step = |e: &TrainEvent| {
        if let TrainEvent::Step { step, .. } = e {
            Some(*step)
        } else {
            None
        }
    };
    events.iter().filter_map(step).collect()
}

/// The steps of the second run go on behind those of the first.
fn check_resumed(before: &[u64], all: &[u64]) -> Result<(), SmokeError> {
    let (Some(last), Some(next)) = (before.last(), all.get(before.len())) else {
        return Err(SmokeError::Wrong("a run told of no step".into()));
    };
    if next <= last || !all.is_sorted() {
        return Err(SmokeError::Wrong(format!(
            "resumed at step {next} after step {last}"
        )));
    }
    println!("resumed at step {next} after step {last}");
    Ok(())
}

fn check_loss(events: &[TrainEvent]) -> Result<(), SmokeError> {
    let loss = |e: &TrainEvent| {
        if let TrainEvent::Step { loss, .. } = e {
            Some(*loss)
        } else {
            None
        }
    };
    let losses: Vec<f64> = events.iter().filter_map(loss).collect();
    let count = LOSS_STEPS.min(losses.len() / 2).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let first = mean(losses.get(..count).unwrap_or_default());
    let last = mean(
        losses
            .get(losses.len().saturating_sub(count)..)
            .unwrap_or_default(),
    );
    println!("loss {first:.3} at first, {last:.3} at last");
    // Written so that a loss that is not a number fails, too.
    if last < 0.95 * first {
        Ok(())
    } else {
        Err(SmokeError::Wrong(format!(
            "the loss did not fall: {first:.3} at first, {last:.3} at last"
        )))
    }
}

/// TensorBoard sees what the training wrote for it. Where there is no Python, only CI minds.
fn check_board(dir: &Path) -> Result<(), SmokeError> {
    if tensorboard::event_files(dir)?.is_empty() {
        let text = format!("no events for TensorBoard in {}", dir.display());
        return Err(SmokeError::Wrong(text));
    }
    let series = match tensorboard::check_with_tensorboard(dir, &[]) {
        Err(TensorboardError::Python(reason @ PythonError::Missing(_)))
            if std::env::var_os("CI").is_none() =>
        {
            println!("TensorBoard was not asked: {reason}");
            return Ok(());
        }
        result => result?,
    };
    println!(
        "TensorBoard shows {} numbers, {} distributions, {} pictures and {} texts as written",
        series.scalars.len(),
        series.histograms.len(),
        series.images.len(),
        series.texts.len()
    );
    Ok(())
}

/// The firmware takes the model and looks at a picture with it.
fn check_model(dir: &Path) -> Result<(), SmokeError> {
    let options = DetectorOptions {
        score_min: Some(0.05),
        threads: 1,
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(dir, &options)?;
    let config = DriveConfig::default();
    let (width, height) = (config.width, config.height);
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    Drive::new(config)?.render(0, &mut rgb, &mut boxes);
    let wrong = |e: &dyn std::fmt::Display| SmokeError::Wrong(e.to_string());
    let picture = Picture::new(PixelFormat::Rgb8, width, height, 3 * width as usize, &rgb)
        .map_err(|e| wrong(&e))?;
    let mut found = heapless::Vec::new();
    detector
        .detect(&picture, &mut found)
        .map_err(|e| wrong(&e))?;
    println!(
        "{}: {} detections on the drive's first frame",
        detector.model_id(),
        found.len()
    );
    Ok(())
}
