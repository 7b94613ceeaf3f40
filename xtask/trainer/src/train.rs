//! The training proper: step after step until the budget is used up.

use crate::batch::Batch;
use crate::board::Board;
use crate::checkpoint::{self, State};
use crate::error::TrainError;
use crate::events::note;
use crate::export::{self, ExportError};
use crate::fake_quant::FakeQuant;
use crate::look::look;
use crate::loss::Loss;
use crate::meter::{Meter, Step};
use crate::model::{Mode, Model};
use crate::optimizer::{self, Optimizer};
use crate::schedule::{Budget, rate};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tch::Kind;
use xtask::train_job::TrainJob;
use xtask::training::{
    DynamicAssigner, Loader, LoaderOptions, PictureCache, TrainingSet, Validation, class_weights,
    default_bytes_max,
};

/// Passes over the images where nobody sets a limit.
const EPOCHS: u32 = 30;

/// A look is better than the best before it when its mAP is higher by so much.
const GAIN_MIN: f64 = 1e-4;

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

/// What the loop holds beside the run.
struct Tools {
    budget: Budget,
    loader: Loader,
    composing: bool,
    cache: Arc<PictureCache>,
    loss: Loss,
    assigner: DynamicAssigner,
    meter: Meter,
    board: Board,
    validation: Validation,
    /// The batch of the next step, where it was made ahead.
    ready: Option<Batch>,
}

impl Run {
    fn budget(&self) -> Budget {
        let (job, batch) = (&self.job, u64::from(self.state.batch));
        let is_unlimited = job.minutes.is_none() && job.steps.is_none();
        let epochs = job.epochs.or(is_unlimited.then_some(EPOCHS));
        let images = self.set.len() as u64;
        let of_epochs = epochs.map(|epochs| (u64::from(epochs) * images).div_ceil(batch));
        Budget {
            steps: of_epochs.into_iter().chain(job.steps).min(),
            seconds: job.minutes.map(|minutes| minutes * 60.0),
        }
    }

    /// Trains until the budget is used up. Returns false when `stop` was raised before.
    pub fn train(&mut self, stop: &AtomicBool) -> Result<bool, TrainError> {
        let budget = self.budget();
        if budget.share(&self.state.progress) >= 1.0 {
            note("the training budget is used up");
            return Ok(true);
        }
        let mut tools = self.tools(budget)?;
        let (mut saved, mut counted) = (Instant::now(), Instant::now());
        while budget.share(&self.state.progress) < 1.0 {
            if stop.load(Ordering::Relaxed) {
                self.save()?;
                note("stopped; the checkpoint is written, go on with --resume");
                return Ok(false);
            }
            self.enter_phase(&mut tools)?;
            let step = self.step(&mut tools)?;
            self.state.progress.batches += 1;
            // By the clock on the wall: looks, checkpoints and phases count, too.
            self.state.progress.seconds += counted.elapsed().as_secs_f64();
            counted = Instant::now();
            tools.meter.add(&step);
            let (progress, batch) = (&self.state.progress, self.state.batch);
            if tools.meter.report(&budget, progress, batch, step.rate) {
                let (class, boxes) = tools.meter.losses();
                let values = [
                    ("loss/class", class),
                    ("loss/box", boxes),
                    ("loss/total", class + boxes),
                    ("learning rate", step.rate),
                    ("gradient norm", step.norm),
                    ("waiting share", tools.meter.waited(progress)),
                ];
                tools.board.scalars(progress.batches, &values);
            }
            self.look_if_due(&mut tools, stop)?;
            if saved.elapsed().as_secs_f64() >= self.state.recipe.schedule.checkpoint_every_s {
                self.save()?;
                saved = Instant::now();
            }
        }
        self.save()?;
        tools.board.flush();
        let stats = tools.loader.stats();
        note(stats.to_string());
        if stats.failures > 0 {
            note(format!(
                "{} pictures could not be read and were skipped",
                stats.failures
            ));
        }
        Ok(true)
    }

    /// Makes some steps and writes a checkpoint, as a run does that is interrupted then.
    #[cfg(test)]
    pub fn train_steps(&mut self, count: u64) -> Result<(), TrainError> {
        let mut tools = self.tools(self.budget())?;
        for _ in 0..count {
            self.enter_phase(&mut tools)?;
            self.step(&mut tools)?;
            self.state.progress.batches += 1;
            self.look_if_due(&mut tools, &AtomicBool::new(false))?;
        }
        self.save()
    }

    fn tools(&self, budget: Budget) -> Result<Tools, TrainError> {
        let grid = self.model.network().anchor_grid();
        let anchors: Vec<_> = grid.iter().collect();
        let recipe = &self.job.recipe;
        let weights = class_weights(&recipe.loss.class_weights, &self.set.boxes_by_class());
        let composing = self.composes(&budget);
        let mib = recipe.schedule.cache_mib.map(|mib| mib << 20);
        let cache = Arc::new(PictureCache::new(mib.unwrap_or_else(default_bytes_max)));
        let looked_at = match recipe.evaluation.times {
            0 => Validation::new(&[], 0)?,
            _ => Validation::new(&self.job.validation, recipe.evaluation.images_max as usize)?,
        };
        let mut board = Board::open(&self.job.work, &self.state.progress);
        board.recipe(&recipe.to_toml()?);
        Ok(Tools {
            budget,
            loader: self.loader(composing, &cache),
            composing,
            cache,
            loss: Loss::new(&anchors, weights, &recipe.loss, self.model.device()),
            assigner: DynamicAssigner::new(&grid),
            meter: Meter::new(self.state.progress),
            board,
            validation: looked_at,
            ready: None,
        })
    }

    /// Whether samples are put together from several images at this point.
    fn composes(&self, budget: &Budget) -> bool {
        let recipe = &self.job.recipe.augmentation;
        recipe.mosaic_share.max(recipe.paste_share) > 0.0
            && budget.share(&self.state.progress) < recipe.compose_until
    }

    /// A loader that begins with the next sample of the sequence.
    fn loader(&self, composing: bool, cache: &Arc<PictureCache>) -> Loader {
        let options = LoaderOptions {
            input: (self.job.input_height, self.job.input_width),
            seed: self.job.seed,
            first: self.state.images_seen,
            threads: std::thread::available_parallelism().map_or(2, |n| n.get()),
            augmentation: self.job.recipe.augmentation.clone(),
            composing,
            assignment: self.job.recipe.loss.assignment,
            cache: Some(cache.clone()),
        };
        let grid = self.model.network().anchor_grid();
        Loader::start(self.set.clone(), &grid, &options)
    }

    /// Does what comes with the share of the budget that is used by now.
    fn enter_phase(&mut self, tools: &mut Tools) -> Result<(), TrainError> {
        let composing = self.composes(&tools.budget);
        if composing != tools.composing {
            note("training goes on with single images");
            tools.composing = composing;
            tools.loader = self.loader(composing, &tools.cache);
            tools.ready = None;
        }
        let share = tools.budget.share(&self.state.progress);
        let from = self.job.recipe.quantization.from;
        if self.model.fake_quant.is_none() && from < 1.0 && share >= from {
            note("training goes on with rounded weights and activations");
            let (ranges, _) = export::calibrate(self).map_err(ExportError::from)?;
            self.state.ranges = Some(ranges.clone());
            // Rounding to integers needs more digits than 16-bit floats have.
            self.model.compute_in(Kind::Float);
            self.model.fake_quant = Some(FakeQuant::new(ranges));
        }
        Ok(())
    }

    /// One optimiser step. A GPU is asked for results as late as can be: until then it computes
    /// while this thread puts the next batch together.
    fn step(&mut self, tools: &mut Tools) -> Result<Step, TrainError> {
        let rate = rate(
            &self.job.recipe.schedule,
            &tools.budget,
            &self.state.progress,
        );
        let first = self.state.images_seen;
        let (mut batch, mut waited_s) = match tools.ready.take() {
            Some(batch) => (batch, 0.0),
            None => self.next_batch(tools)?,
        };
        self.state.images_seen += u64::from(self.state.batch);
        let input = self.model.normalise(&batch.pixels);
        let outputs = self.model.forward(input, Mode::Train, |_, _| {});
        batch.assign(self.job.recipe.loss.assignment, &tools.assigner, &outputs);
        let parts = tools.loss.of(&outputs, batch.targets());
        let gradients = optimizer::gradients(&parts.total, &self.model.parameters);
        let norm = optimizer::norm(&gradients);
        if self.model.device().is_cuda() {
            let (next, seconds) = self.next_batch(tools)?;
            tools.ready = Some(next);
            waited_s += seconds;
        }
        let (norm, (class, boxes)) = (norm.double_value(&[]), parts.shares());
        if !(class + boxes).is_finite() {
            return Err(self.diverged("loss", &batch, first));
        }
        if !norm.is_finite() {
            return Err(self.diverged("gradient", &batch, first));
        }
        self.optimizer.step(&gradients, norm, rate);
        Ok(Step {
            class,
            boxes,
            norm,
            rate,
            waited_s,
        })
    }

    /// The next samples, and the seconds that it took to get them.
    fn next_batch(&self, tools: &mut Tools) -> Result<(Batch, f64), TrainError> {
        let begin = Instant::now();
        let batch = Batch::next(&mut tools.loader, self.state.batch, self.state.input)?;
        Ok((batch, begin.elapsed().as_secs_f64()))
    }

    /// The error of a step whose numbers exploded; the batch is kept.
    fn diverged(&self, what: &'static str, batch: &Batch, first: u64) -> TrainError {
        let batch = match batch.keep(&self.job.work, first) {
            Some(path) => format!("The batch that caused it is in {}", path.display()),
            None => "The batch that caused it could not be kept".into(),
        };
        TrainError::Diverged {
            step: self.state.progress.batches + 1,
            what,
            batch,
        }
    }

    /// Looks at the validation sets where it is time, and stops early where nothing has
    /// become better for long.
    fn look_if_due(&mut self, tools: &mut Tools, stop: &AtomicBool) -> Result<(), TrainError> {
        let recipe = self.job.recipe.evaluation.clone();
        let share = tools.budget.share(&self.state.progress);
        let due = (share * f64::from(recipe.times)) as u32;
        if tools.validation.is_empty() || due <= self.state.looks || share >= 1.0 {
            return Ok(());
        }
        let step = self.state.progress.batches;
        let (model, optimizer) = (&self.model, &mut self.optimizer);
        let Some(look) = look(model, optimizer, &tools.validation, step, stop) else {
            return Ok(());
        };
        self.state.looks = due;
        tools.board.look(step, &look);
        let pixels = look.shown.first().map_or(&[][..], |f| &f.pixels);
        tools.board.distributions(step, &self.model, pixels);
        let map = look.metrics.map;
        if self
            .state
            .best
            .is_none_or(|(_, best)| map > best + GAIN_MIN)
        {
            self.state.best = Some((step, map));
            self.state.looks_without_gain = 0;
            checkpoint::save_best(&self.job.work, &mut self.model, &self.optimizer)?;
        } else {
            self.state.looks_without_gain += 1;
        }
        let from = self.job.recipe.quantization.from;
        let patience = recipe.patience;
        if patience > 0 && self.state.looks_without_gain >= patience && share < from {
            self.stop_early(from - share)?;
        }
        Ok(())
    }

    /// Goes back to the best weights and on to the last part of the training.
    fn stop_early(&mut self, skipped: f64) -> Result<(), TrainError> {
        let (step, map) = self.state.best.unwrap_or_default();
        note(format!(
            "nothing has become better since step {step} (mAP {map:.4}): its weights are taken"
        ));
        checkpoint::load_best(&self.job.work, &mut self.model, &mut self.optimizer)?;
        self.state.progress.skipped += skipped;
        self.state.looks_without_gain = 0;
        Ok(())
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.state.optimizer_steps = self.optimizer.steps;
        let state = self.state.clone();
        checkpoint::save(&self.job.work, &mut self.model, &mut self.optimizer, state)?;
        Ok(())
    }
}
