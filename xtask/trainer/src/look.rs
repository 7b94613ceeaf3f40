//! Looks at the validation sets in the course of a training.

use crate::batch::level_outputs;
use crate::events::{note, send};
use crate::model::{Mode, Model};
use crate::optimizer::Optimizer;
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Tensor, no_grad};
use xtask::metrics::{Evaluator, Metrics};
use xtask::train_job::{ALL_SETS, Precision, TrainEvent};
use xtask::training::{Finding, Validation};

/// Name of the sets together in events.
const TOGETHER: &str = "validation sample";

/// Images with boxes that are kept of each look.
const SHOWN: usize = 6;

/// What a look found.
pub struct Look {
    /// Over all sets together.
    pub metrics: Metrics,
    /// Some of the images.
    pub shown: Vec<Finding>,
    /// Their `(width, height)` in pixels.
    pub input: (u32, u32),
}

/// What the averaged weights find in `validation`. `None` where `stop` was raised meanwhile.
pub fn look(
    model: &Model,
    optimizer: &mut Optimizer,
    validation: &Validation,
    step: u64,
    stop: &AtomicBool,
) -> Option<Look> {
    optimizer.swap_average();
    let mut shown = Vec::new();
    let evaluators = measure(model, validation, |finding| {
        // The first with anything to see.
        if shown.len() < SHOWN && !finding.labelled.is_empty() {
            shown.push(finding);
        }
        !stop.load(Ordering::Relaxed)
    });
    optimizer.swap_average();
    if evaluators.len() < validation.sets().len() {
        return None;
    }
    let metrics = together(&evaluators).finish();
    send(&TrainEvent::evaluated(
        TOGETHER,
        Precision::Float,
        Some(step),
        &metrics,
    ));
    let network = model.network();
    let input = (network.input_width as u32, network.input_height as u32);
    Some(Look {
        metrics,
        shown,
        input,
    })
}

/// Measures the finished float network on all sets and tells the figures.
pub fn measure_finished(model: &Model, validation: &Validation) {
    let evaluators = measure(model, validation, |_| true);
    for (set, evaluator) in validation.sets().iter().zip(&evaluators) {
        let metrics = evaluator.finish();
        let event = TrainEvent::evaluated(&set.description.name, Precision::Float, None, &metrics);
        send(&event);
    }
    if evaluators.is_empty() {
        note("no validation set: nobody knows how good this model is");
        return;
    }
    let metrics = together(&evaluators).finish();
    let event = TrainEvent::evaluated(ALL_SETS, Precision::Float, None, &metrics);
    send(&event);
}

fn measure(
    model: &Model,
    validation: &Validation,
    seen: impl FnMut(Finding) -> bool,
) -> Vec<Evaluator> {
    let network = model.network();
    let shape = [
        1,
        3,
        network.input_height as i64,
        network.input_width as i64,
    ];
    let infer = |pixels: &[u8]| {
        no_grad(|| {
            let input = model.normalise(&Tensor::from_slice(pixels).reshape(shape));
            level_outputs(model, &model.forward(input, Mode::Infer, |_, _| {}))
        })
    };
    validation.measure(network, infer, seen)
}

fn together(evaluators: &[Evaluator]) -> Evaluator {
    let mut pool = Evaluator::new();
    evaluators.iter().for_each(|e| pool.append(e));
    pool
}
