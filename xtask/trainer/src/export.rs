//! Takes the averaged weights out of torch: folded, with the ranges of all activations on
//! real training images. The rest of the export needs no torch and lives in `xtask`.

use crate::batch::numbers;
use crate::events::{note, send};
use crate::model::{Mode, Model};
use crate::train::Run;
use std::collections::BTreeMap;
use tch::{Tensor, no_grad};
use xtask::export::{Export, export as finish};
use xtask::network::{Bias, NORM_EPSILON, Op};
use xtask::quantize::{
    ConvWeights, FoldedWeights, Method, Observer, QuantizeError, Ranges, fold_norm,
};
use xtask::training::calibration_pixels;

pub use xtask::export::ExportError;

/// Exports the moving average of the run's weights.
pub fn export(run: &mut Run) -> Result<(), ExportError> {
    use_average(run);
    let weights = folded(&run.model)?;
    note("measuring the ranges of activations on training images");
    let (ranges, pixels) = calibrate(run)?;
    let training = crate::card::training(run);
    let network = run.model.network();
    let (job, weights, ranges, pixels) = (&run.job, &weights, &ranges, &pixels);
    let export = Export {
        job,
        network,
        weights,
        ranges,
        pixels,
        training,
    };
    finish(&export, &mut |event| send(&event))
}

/// Replaces the weights by their moving average.
pub fn use_average(run: &mut Run) {
    no_grad(|| {
        for (name, parameter) in run.model.parameters.iter_mut() {
            if let Some(average) = run.optimizer.average.get(name) {
                parameter.copy_(average);
            }
        }
    });
}

/// Weights of every convolution with its batch normalisation folded in.
pub fn folded(model: &Model) -> Result<FoldedWeights, QuantizeError> {
    let parameter = |name: &str| numbers(&model.parameters[name]);
    let statistic = |name: &str| numbers(&model.statistics[name]);
    let mut folded = BTreeMap::new();
    for layer in &model.network().layers {
        let Op::Conv(conv) = &layer.op else { continue };
        let weight = parameter(&format!("{}.weight", conv.weight));
        let weights = match &conv.bias {
            Bias::Plain(bias) => ConvWeights {
                weight,
                bias: parameter(bias),
            },
            Bias::Norm(norm) => fold_norm(
                &weight,
                &parameter(&format!("{norm}.weight")),
                &parameter(&format!("{norm}.bias")),
                &statistic(&format!("{norm}.running_mean")),
                &statistic(&format!("{norm}.running_var")),
                NORM_EPSILON,
            )?,
        };
        folded.insert(layer.name.clone(), weights);
    }
    Ok(folded)
}

/// Ranges of all layers' outputs over the calibration images, and one of these images.
pub fn calibrate(run: &Run) -> Result<(Ranges, Vec<u8>), QuantizeError> {
    let grid = run.model.network().anchor_grid();
    let input = (run.job.input_height, run.job.input_width);
    let mut observer = Observer::new(run.model.network(), Method::default());
    let mut last = Vec::new();
    let images = calibration_pixels(
        run.set.clone(),
        &grid,
        input,
        run.job.seed,
        run.job.recipe.quantization.calibration_images as usize,
    );
    for pixels in images {
        let shape = [1, 3, i64::from(input.0), i64::from(input.1)];
        let tensor = Tensor::from_slice(&pixels).reshape(shape);
        no_grad(|| {
            let input = run.model.normalise(&tensor);
            run.model.forward(input, Mode::Infer, |layer, output| {
                observer.observe(layer, &numbers(output));
            });
        });
        last = pixels;
    }
    Ok((observer.ranges()?, last))
}
