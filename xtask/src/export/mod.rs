//! From trained weights to a model in its folder: written in float and in int8, measured in
//! both with the firmware's own detector, and put in place only if int8 is as good.

mod card;
mod place;
#[cfg(test)]
mod tests;
mod verify;

pub use place::PlaceError;
pub use verify::{Agreement, VerifyError, verify};

use crate::dataset::{Dataset, DatasetError, LoadOptions, Split};
use crate::evaluate::{EvaluateError, measure};
use crate::metrics::{Evaluator, Metrics};
use crate::network::Network;
use crate::onnx::{OnnxError, write_float, write_int8};
use crate::quantize::{FoldedWeights, Int8Network, QuantizeError, Ranges};
use crate::train_job::{Precision, TrainEvent, TrainJob};
use lookout::model::{ModelCard, SplitMetrics, Training};
use std::path::Path;

/// By how much mean average precision may fall through quantization, on all validation
/// images together.
pub const MAP_LOSS_MAX: f64 = 0.02;

/// Why a model was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Weights or activations cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The written file does not mean what was meant.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A validation set cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A model cannot be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The files cannot be put in place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Quantization has spoilt the model.
    #[error(
        "mAP falls from {float:.3} to {int8:.3} by quantization, more than {MAP_LOSS_MAX}: the model is not exported; train longer, or export it all the same with --force --resume"
    )]
    MapLoss {
        /// mAP in float.
        float: f64,
        /// mAP in int8.
        int8: f64,
    },
}

/// What an export needs.
pub struct Export<'a> {
    /// What was asked for.
    pub job: &'a TrainJob,
    /// The network.
    pub network: &'a Network,
    /// Its weights, batch normalisation folded.
    pub weights: &'a FoldedWeights,
    /// Ranges of all layers' outputs.
    pub ranges: &'a Ranges,
    /// A training image as the network sees it, `[3, height, width]`, to verify the file on.
    pub pixels: &'a [u8],
    /// Where the weights come from.
    pub training: Training,
}

/// Figures of one validation set in both precisions.
struct Measured {
    set: String,
    images: u64,
    float: Evaluator,
    int8: Evaluator,
}

/// Writes, measures and puts in place. `tell` hears of each set measured.
pub fn export(export: &Export<'_>, tell: &mut dyn FnMut(TrainEvent)) -> Result<(), ExportError> {
    let float = export.job.work.join("float");
    let int8 = export.job.work.join("int8");
    let bytes = write_float(export.network, export.weights)?;
    let name = place::name(&export.job.out);
    let mut card = card::card(&name, export.network, &export.training, &bytes);
    place::write(&float, &card, &bytes)?;
    let network = Int8Network::new(export.network, export.weights, export.ranges)?;
    let bytes = write_int8(&network)?;
    let Agreement { outputs, differing } = verify(&network, &bytes, export.pixels)?;
    let text = format!(
        "the exported network agrees with its integer reference: of {outputs} outputs \
         {differing} differ, by one step"
    );
    tell(TrainEvent::Note { text });
    card::set_file(&mut card, &bytes);
    place::write(&int8, &card, &bytes)?;
    let measured = measure_all(export.job, &float, &int8, tell)?;
    compare(export.job, &measured, tell)?;
    add_metrics(&mut card, &measured);
    place::write(&int8, &card, &bytes)?;
    place::install(&int8, &export.job.out)?;
    tell(TrainEvent::Done {
        out: export.job.out.clone(),
    });
    Ok(())
}

/// Measures both models on every validation split that there is.
fn measure_all(
    job: &TrainJob,
    float: &Path,
    int8: &Path,
    tell: &mut dyn FnMut(TrainEvent),
) -> Result<Vec<Measured>, ExportError> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(64)) as u8;
    let mut all = Vec::new();
    for dir in &job.data {
        let common = dir.join(Dataset::COMMON_FILE).is_file();
        if !common && !Dataset::has_split(dir, Split::Val) {
            tell(TrainEvent::Note {
                text: format!("{}: no annotations_val.json, not measured", dir.display()),
            });
            continue;
        }
        let dataset = Dataset::load(dir, Split::Val, LoadOptions::EVALUATION)?;
        for text in dataset.warnings.clone() {
            tell(TrainEvent::Note { text });
        }
        if dataset.images.is_empty() {
            continue;
        }
        let set = unused_name(&place::name(dir), &all);
        let mut run = |model, precision| -> Result<_, ExportError> {
            let evaluated = measure(model, &dataset, threads)?;
            let Metrics { map, map50, .. } = evaluated.evaluator.finish();
            tell(TrainEvent::Evaluated {
                set: set.clone(),
                precision,
                map,
                map50,
            });
            Ok(evaluated)
        };
        let float = run(float, Precision::Float)?;
        let int8 = run(int8, Precision::Int8)?;
        all.push(Measured {
            set,
            images: float.images,
            float: float.evaluator,
            int8: int8.evaluator,
        });
    }
    Ok(all)
}

/// `name`, or with a number behind it where another folder has the same name.
fn unused_name(name: &str, measured: &[Measured]) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let is_free = |name: &String| measured.iter().all(|m| m.set != *name);
    let mut names = std::iter::once(name.to_string()).chain(numbered);
    names.find(is_free).unwrap_or_default()
}

/// Refuses a model that quantization has spoilt, unless forced.
fn compare(
    job: &TrainJob,
    measured: &[Measured],
    tell: &mut dyn FnMut(TrainEvent),
) -> Result<(), ExportError> {
    let pooled = |of: fn(&Measured) -> &Evaluator| {
        let mut pool = Evaluator::new();
        measured.iter().for_each(|m| pool.append(of(m)));
        pool.finish().map
    };
    let (float, int8) = (pooled(|m| &m.float), pooled(|m| &m.int8));
    if measured.is_empty() {
        let text = "no validation set: nobody knows how good this model is".into();
        tell(TrainEvent::Note { text });
        return Ok(());
    }
    let text =
        format!("all validation images together: mAP {float:.4} in float, {int8:.4} in int8");
    tell(TrainEvent::Note { text });
    if float - int8 <= MAP_LOSS_MAX {
        return Ok(());
    }
    if job.force {
        let text = format!(
            "exported by force: quantization costs {:.3} mAP",
            float - int8
        );
        tell(TrainEvent::Note { text });
        return Ok(());
    }
    Err(ExportError::MapLoss { float, int8 })
}

fn add_metrics(card: &mut ModelCard, measured: &[Measured]) {
    for m in measured {
        let figures = SplitMetrics {
            images: m.images,
            float: card::set_metrics(&m.float.finish()),
            int8: card::set_metrics(&m.int8.finish()),
        };
        card.metrics.insert(m.set.clone(), figures);
    }
}
