//! A run from its job to the exported model.

use crate::checkpoint::{self, State};
use crate::error::TrainError;
use crate::events::{note, send};
use crate::export;
use crate::fake_quant::FakeQuant;
use crate::look::measure_finished;
use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::schedule::Progress;
use crate::train::Run;
use lookout::model::VerifiedModel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Device, Kind, Tensor};
use xtask::dataset::{Dataset, LoadOptions, Split};
use xtask::network::Network;
use xtask::onnx::read_int8;
use xtask::recipe::Precision;
use xtask::train_job::{Finish, TrainEvent, TrainJob};
use xtask::training::{TrainingSet, Validation, calibration_pixels, fitted_anchors};

/// Images on which the normalisations of a finished model are measured.
const START_IMAGES: usize = 48;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is in place, or measured, as the job wants it.
    Finished,
    /// A signal stopped it; the checkpoint is written.
    Interrupted,
}

/// Trains, and exports or measures.
pub fn run(job: TrainJob) -> Result<Outcome, TrainError> {
    let stop = stop_flag()?;
    let mut run = prepare(job)?;
    if !run.train(&stop)? {
        return Ok(Outcome::Interrupted);
    }
    // The checkpoint is whole: from here on the first signal already ends the process.
    stop.store(true, Ordering::Relaxed);
    match run.job.finish {
        Finish::Export => export::export(&mut run)?,
        Finish::Measure => {
            export::use_average(&mut run);
            let images_max = run.job.recipe.evaluation.images_max as usize;
            let validation = Validation::new(&run.job.validation, images_max)?;
            measure_finished(&run.model, &validation);
            send(&TrainEvent::Done {
                out: run.job.work.clone(),
            });
        }
    }
    Ok(Outcome::Finished)
}

/// Reads the data, makes the network, and goes on from the checkpoint where that is wanted.
pub fn prepare(job: TrainJob) -> Result<Run, TrainError> {
    let device = crate::device::choose(job.device)?;
    let work = |source| TrainError::Work {
        path: job.work.clone(),
        source,
    };
    std::fs::create_dir_all(&job.work).map_err(work)?;
    crate::events::log_to(&job.work).map_err(work)?;
    job.recipe.write(&job.work)?;
    let set = training_set(&job)?;
    let finished = finished(&job)?;
    let input = finished.as_ref().map(|model| &model.card.input);
    let recipe = &job.recipe.network;
    let normalisation = recipe.normalisation.resolve(set.sets(), input, job.seed)?;
    note(normalisation.to_string());
    let network = normalisation.apply(network(&job, &set)?);
    let compute = compute_kind(job.recipe.schedule.precision, device);
    let prior = job.recipe.network.object_prior;
    let mut model = Model::new(network, device, compute, prior, job.seed);
    match &finished {
        Some(finished) => start_from(finished, &mut model, &set, &job)?,
        None if job.recipe.network.pretrained => drop(model.load_pretrained(&job.pretrained)?),
        None => {}
    }
    model.freeze(job.recipe.schedule.frozen_stride as usize);
    let frozen = model.frozen().clone();
    let mut optimizer = Optimizer::new(&mut model.parameters, &frozen, &job.recipe.schedule);
    let state = resumed(&job, &mut model, &mut optimizer)?;
    if let Some(ranges) = &state.ranges {
        model.compute_in(Kind::Float);
        model.fake_quant = Some(FakeQuant::new(ranges.clone()));
    }
    model.require_gradients();
    Ok(Run {
        job,
        model,
        optimizer,
        set,
        state,
    })
}

fn training_set(job: &TrainJob) -> Result<Arc<TrainingSet>, TrainError> {
    let mut sets = Vec::new();
    for dir in &job.data {
        let options = LoadOptions {
            combined_riders: job.combined_riders,
            strict: job.strict,
            ..LoadOptions::TRAINING
        };
        let mut set = Dataset::load(dir, Split::Train, options)?;
        set.summary().lines().for_each(note);
        if job.share < 1.0 {
            set.keep_share(job.share, job.seed);
            note(format!("  {} of the images are used", set.images.len()));
        }
        sets.push(set);
    }
    if let Some(model) = &job.recipe.augmentation.pseudo_labels {
        let added = xtask::training::pseudo_label(&mut sets, model, &mut |text| note(text))
            .map_err(|source| TrainError::Given {
                option: "augmentation.pseudo_labels",
                source,
            })?;
        note(format!(
            "{added} objects that no set labels were added by {}",
            model.display()
        ));
    }
    let set = TrainingSet::new(sets);
    if set.is_empty() {
        return Err(TrainError::NoImages);
    }
    if set.boxes_by_class().iter().sum::<u64>() == 0 {
        return Err(TrainError::NoObjects { images: set.len() });
    }
    send(&TrainEvent::Images {
        count: set.len() as u64,
    });
    Ok(Arc::new(set))
}

/// The network that the recipe describes, its anchors fitted to the data where it says so.
fn network(job: &TrainJob, set: &TrainingSet) -> Result<Network, TrainError> {
    let recipe = &job.recipe.network;
    let input = (job.input_height, job.input_width);
    let anchors = match recipe.fixed_anchors() {
        Some(anchors) => anchors,
        None => {
            let anchors = fitted_anchors(set, input, recipe.strides().len(), job.seed)
                .ok_or(TrainError::NoObjects { images: set.len() })?;
            note(format!("anchors fitted to the data: {anchors:?}"));
            anchors
        }
    };
    Ok(recipe
        .architecture(anchors)
        .network(job.input_height as usize, job.input_width as usize))
}

/// The kind of number that convolutions compute in.
fn compute_kind(precision: Precision, device: Device) -> Kind {
    match (precision, device) {
        (Precision::Bfloat16, _) | (Precision::Auto, Device::Cuda(_)) => Kind::BFloat16,
        _ => Kind::Float,
    }
}

/// The state of the checkpoint, or that of a fresh run.
fn resumed(
    job: &TrainJob,
    model: &mut Model,
    optimizer: &mut Optimizer,
) -> Result<State, TrainError> {
    let state = State {
        progress: Progress::default(),
        optimizer_steps: 0,
        images_seen: 0,
        seed: job.seed,
        batch: job.recipe.schedule.batch,
        input: [job.input_height, job.input_width],
        recipe: job.recipe.clone(),
        looks: 0,
        best: None,
        looks_without_gain: 0,
        ranges: None,
        tensors: String::new(),
    };
    if job.resume && checkpoint::exists(&job.work) {
        let state = checkpoint::load(&job.work, model, optimizer, &state)?;
        note(format!("going on after {} batches", state.progress.batches));
        return Ok(state);
    }
    if job.resume {
        note(format!(
            "no checkpoint in {}: starting anew",
            job.work.display()
        ));
    }
    Ok(state)
}

/// The model to start from, where there is one.
fn finished(job: &TrainJob) -> Result<Option<VerifiedModel>, TrainError> {
    let read = |dir: &std::path::PathBuf| VerifiedModel::read(dir);
    let read = job.start_from.as_ref().map(read).transpose();
    read.map_err(|source| TrainError::Given {
        option: "--start-from",
        source,
    })
}

fn start_from(
    finished: &VerifiedModel,
    model: &mut Model,
    set: &Arc<TrainingSet>,
    job: &TrainJob,
) -> Result<(), TrainError> {
    if job.recipe.network.pretrained {
        // Fresh kernels give the lengths.
        model.load_pretrained(&job.pretrained)?;
    }
    let weights = read_int8(&finished.onnx, model.network())?;
    let input = (job.input_height, job.input_width);
    let grid = model.network().anchor_grid();
    let images = calibration_pixels(set.clone(), &grid, input, job.seed, START_IMAGES);
    let shape = [3, i64::from(input.0), i64::from(input.1)];
    let images: Vec<_> = images
        .map(|pixels| Tensor::from_slice(&pixels).reshape(shape))
        .collect();
    if images.is_empty() {
        return Err(TrainError::NoImages);
    }
    crate::start::take_over(model, &weights, &Tensor::stack(&images, 0));
    note(format!("starting from {}", finished.card.name));
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

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
