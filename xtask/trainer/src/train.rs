//! A run from its job to the exported model.

use crate::checkpoint::{self, CheckpointError, State};
use crate::device::DeviceError;
use crate::events::{note, send};
use crate::export::{self, ExportError};
use crate::fake_quant::FakeQuant;
use crate::loss::Loss;
use crate::model::{Mode, Model, ModelError};
use crate::optimizer::Optimizer;
use crate::schedule::{Budget, Progress, rate};
use lookout::model::VerifiedModel;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};
use xtask::dataset::{Dataset, DatasetError, LoadOptions, Split};
use xtask::network::detector;
use xtask::onnx::read_int8;
use xtask::train_job::{JobError, TrainEvent, TrainJob};
use xtask::training::{Loader, LoaderError, Targets, TrainingSet, calibration_pixels};

const BATCH: u32 = 16;
const RATE: f64 = 1e-3;
const GAMMA: f64 = 2.0;
const EPOCHS: u32 = 30;

/// From this share of the budget on, training sees what the rounding to integers does. The
/// learning rate has fallen far by then, and rounding makes a step slower.
const FAKE_QUANT_FROM: f64 = 0.8;

/// Time between checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(180);

/// Steps over which the reported loss is smoothed.
const SMOOTHING_STEPS: f64 = 20.0;

/// So many steps in a row without a finite gradient mean that the run has diverged.
const BAD_STEPS_MAX: u32 = 20;

/// How a run ended.
pub enum Outcome {
    /// The model is in place.
    Exported,
    /// A signal stopped it; the checkpoint is written.
    Interrupted,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The job is unusable.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A data set is unusable.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The pictures cannot be read.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The network cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model to start from is unusable.
    #[error("--start-from: {0}")]
    Start(#[from] lookout::model::ModelError),
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
    /// The numbers exploded.
    #[error(
        "{BAD_STEPS_MAX} steps in a row without a finite gradient: the run has diverged; go on from the last checkpoint with a smaller --learning-rate"
    )]
    Diverged,
    /// The signals that stop a run cannot be caught.
    #[error("signal handler: {0}")]
    Signal(std::io::Error),
}

/// All that a run consists of.
pub struct Run {
    /// What was asked for.
    pub job: TrainJob,
    /// The network with its weights.
    pub model: Model,
    /// Optimiser and averaged weights.
    pub optimizer: Optimizer,
    /// Training images.
    pub set: Arc<TrainingSet>,
    /// How far it is.
    pub state: State,
}

/// Trains and exports.
pub fn run(job: TrainJob) -> Result<Outcome, TrainError> {
    let stop = stop_flag()?;
    let device = crate::device::choose(job.device)?;
    tch::manual_seed(job.seed as i64);
    let work = job.work.clone();
    std::fs::create_dir_all(&work)
        .and_then(|()| crate::events::log_to(&work))
        .map_err(|source| TrainError::Work { path: work, source })?;
    let mut sets = Vec::new();
    for dir in &job.data {
        let set = Dataset::load(dir, Split::Train, LoadOptions::TRAINING)?;
        set.summary().lines().for_each(note);
        sets.push(set);
    }
    let set = Arc::new(TrainingSet::new(sets));
    if set.is_empty() {
        return Err(TrainError::NoImages);
    }
    let network = detector(job.input_height as usize, job.input_width as usize);
    let mut model = Model::new(network, device, Kind::Float);
    match &job.start_from {
        Some(dir) => start_from(dir, &mut model, &set, &job)?,
        None => drop(model.load_pretrained(&job.pretrained)?),
    }
    let mut optimizer = Optimizer::new(&model.parameters);
    let state = State {
        progress: Progress::default(),
        optimizer_steps: 0,
        images_seen: 0,
        seed: job.seed,
        batch: job.batch.unwrap_or(BATCH),
        input: [job.input_height, job.input_width],
        tensors: String::new(),
    };
    let state = if job.resume && checkpoint::exists(&job.work) {
        let state = checkpoint::load(&job.work, &mut model, &mut optimizer, &state)?;
        note(format!("going on after {} batches", state.progress.batches));
        state
    } else {
        if job.resume {
            note(format!(
                "no checkpoint in {}: starting anew",
                job.work.display()
            ));
        }
        state
    };
    model.require_gradients();
    let mut run = Run {
        job,
        model,
        optimizer,
        set,
        state,
    };
    if !run.train(&stop)? {
        return Ok(Outcome::Interrupted);
    }
    // The checkpoint is whole: from here on the first signal already ends the process.
    stop.store(true, Ordering::Relaxed);
    export::export(&mut run)?;
    Ok(Outcome::Exported)
}

/// Images on which the normalisations of a finished model are measured.
const START_IMAGES: usize = 48;

fn start_from(
    dir: &Path,
    model: &mut Model,
    set: &Arc<TrainingSet>,
    job: &TrainJob,
) -> Result<(), TrainError> {
    // Fresh kernels give the lengths.
    model.load_pretrained(&job.pretrained)?;
    let finished = VerifiedModel::read(dir)?;
    let weights = read_int8(&finished.onnx, model.network())?;
    let (height, width) = (job.input_height, job.input_width);
    let grid = model.network().anchor_grid();
    let images = calibration_pixels(set.clone(), &grid, (height, width), job.seed, START_IMAGES);
    let shape = [3, i64::from(height), i64::from(width)];
    let images: Vec<_> = images
        .map(|pixels| Tensor::from_slice(&pixels).reshape(shape))
        .collect();
    if images.is_empty() {
        return Err(TrainError::NoImages);
    }
    crate::start::take_over(model, &weights, &Tensor::stack(&images, 0));
    note(format!("starting from {}", dir.display()));
    Ok(())
}

/// A flag that SIGINT and SIGTERM raise; a second signal ends the process at once.
fn stop_flag() -> Result<Arc<AtomicBool>, TrainError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .map_err(TrainError::Signal)?;
    }
    Ok(stop)
}

impl Run {
    fn budget(&self) -> Budget {
        let (job, batch) = (&self.job, u64::from(self.state.batch));
        let epochs = job.epochs.or(job.minutes.is_none().then_some(EPOCHS));
        let images = self.set.len() as u64;
        Budget {
            steps: epochs.map(|epochs| (u64::from(epochs) * images).div_ceil(batch)),
            seconds: job.minutes.map(|minutes| minutes * 60.0),
        }
    }

    /// Trains until the budget is used up. Returns false when `stop` was raised before.
    fn train(&mut self, stop: &AtomicBool) -> Result<bool, TrainError> {
        let budget = self.budget();
        if budget.share(&self.state.progress) >= 1.0 {
            note("the training budget is used up: exporting");
            return Ok(true);
        }
        let grid = self.model.network().anchor_grid();
        let anchors: Vec<_> = grid.iter().collect();
        let weights = self.job.class_weights.unwrap_or([1.0; 8]);
        let gamma = self.job.gamma.unwrap_or(GAMMA);
        let loss = Loss::new(
            &anchors,
            weights,
            gamma,
            self.job.box_loss,
            self.model.device(),
        );
        let input = (self.job.input_height, self.job.input_width);
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
        let seen = self.state.images_seen;
        let mut loader =
            Loader::start(self.set.clone(), &grid, input, self.job.seed, seen, threads);
        let mut meter = Meter::new(self.state.progress);
        let mut saved = Instant::now();
        let mut bad_steps = 0;
        while budget.share(&self.state.progress) < 1.0 {
            if stop.load(Ordering::Relaxed) {
                self.save()?;
                note("stopped; the checkpoint is written, go on with --resume");
                return Ok(false);
            }
            if self.model.fake_quant.is_none()
                && budget.share(&self.state.progress) >= FAKE_QUANT_FROM
            {
                note("training goes on with rounded weights and activations");
                let (ranges, _) = export::calibrate(self).map_err(ExportError::from)?;
                self.model.fake_quant = Some(FakeQuant::new(ranges));
            }
            let begin = Instant::now();
            let waited = loader.ready() == 0;
            let peak = self.job.learning_rate.unwrap_or(RATE);
            let rate = rate(peak, &budget, &self.state.progress);
            let (class, boxes, norm) = self.step(&mut loader, &loss, rate)?;
            bad_steps = if norm.is_finite() { 0 } else { bad_steps + 1 };
            if bad_steps >= BAD_STEPS_MAX {
                return Err(TrainError::Diverged);
            }
            self.state.progress.batches += 1;
            self.state.progress.seconds += begin.elapsed().as_secs_f64();
            meter.add(class, boxes, waited);
            meter.report(&budget, &self.state);
            if saved.elapsed() >= CHECKPOINT_EVERY {
                self.save()?;
                saved = Instant::now();
            }
        }
        self.save()?;
        note(meter.waiting());
        if loader.failures() > 0 {
            note(format!(
                "{} pictures could not be read and were skipped",
                loader.failures()
            ));
        }
        Ok(true)
    }

    /// One optimiser step; returns class loss, box loss and the gradients' norm.
    fn step(
        &mut self,
        loader: &mut Loader,
        loss: &Loss,
        rate: f64,
    ) -> Result<(f64, f64, f64), TrainError> {
        let (pixels, targets) = self.batch(loader)?;
        let input = self.model.normalise(&pixels);
        let outputs = self.model.forward(input, Mode::Train, |_, _| {});
        let parts = loss.of(&outputs, &targets);
        parts.total.backward();
        let norm = self.optimizer.step(&mut self.model.parameters, rate);
        Ok((parts.class, parts.boxes, norm))
    }

    fn batch(&mut self, loader: &mut Loader) -> Result<(Tensor, Vec<Targets>), TrainError> {
        let [height, width] = self.state.input.map(i64::from);
        let (mut pixels, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..self.state.batch {
            let (sample, target) = loader.next_sample()?;
            pixels.push(Tensor::from_slice(&sample.pixels).reshape([3, height, width]));
            targets.push(target);
        }
        self.state.images_seen += u64::from(self.state.batch);
        Ok((Tensor::stack(&pixels, 0), targets))
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.state.optimizer_steps = self.optimizer.steps;
        let state = self.state.clone();
        checkpoint::save(&self.job.work, &mut self.model, &mut self.optimizer, state)?;
        Ok(())
    }
}

/// Smooths what is reported.
struct Meter {
    start: Instant,
    begun: Progress,
    reported: Option<Instant>,
    steps: f64,
    class: f64,
    boxes: f64,
    waits: u64,
}

impl Meter {
    fn new(begun: Progress) -> Self {
        let start = Instant::now();
        Self {
            start,
            begun,
            reported: None,
            steps: 0.0,
            class: 0.0,
            boxes: 0.0,
            waits: 0,
        }
    }

    fn add(&mut self, class: f64, boxes: f64, waited: bool) {
        self.steps += 1.0;
        let share = 1.0 / self.steps.min(SMOOTHING_STEPS);
        self.class += (class - self.class) * share;
        self.boxes += (boxes - self.boxes) * share;
        self.waits += u64::from(waited);
    }

    /// At most one event a second.
    fn report(&mut self, budget: &Budget, state: &State) {
        if self
            .reported
            .is_some_and(|at| at.elapsed() < Duration::from_secs(1))
        {
            return;
        }
        self.reported = Some(Instant::now());
        let seconds = (state.progress.seconds - self.begun.seconds).max(1e-9);
        let batches = state.progress.batches - self.begun.batches;
        send(&TrainEvent::Step {
            step: state.progress.batches,
            steps: budget.steps_expected(&state.progress),
            loss: self.class + self.boxes,
            loss_class: self.class,
            loss_box: self.boxes,
            images_per_s: (batches * u64::from(state.batch)) as f64 / seconds,
            elapsed_s: self.start.elapsed().as_secs_f64(),
            remaining_s: budget.seconds_left(&state.progress),
        });
    }

    fn waiting(&self) -> String {
        format!(
            "{} of {} steps began with no sample ready",
            self.waits, self.steps
        )
    }
}
