//! From trained weights to a model in its folder: written in float and in int8, measured in
//! both with the firmware's own detector, and put in place only if int8 is as good. A report
//! on it goes into the work folder.

mod card;
#[cfg(test)]
mod panorama_tests;
mod place;
mod verify;

pub(crate) use card::{NMS_IOU, OBJECTS_MIN, card as model_card, class_thresholds, set_metrics};
pub use place::PlaceError;
pub(crate) use place::name as folder_name;
pub use verify::{Agreement, VerifyError, verify};

use crate::dataset::{Dataset, DatasetError, LoadOptions, Split};
use crate::evaluate::{EvaluateError, Evaluated, measure, recommended, unused_name};
use crate::metrics::{Aim, Evaluator, Scene};
use crate::network::Network;
use crate::onnx::{OnnxError, write_float, write_int8};
use crate::quantize::{FoldedWeights, Int8Network, QuantizeError, Ranges};
use crate::report::{MeasuredSet, PICTURES_PER_CLASS, Subject, TrainingLog, measure_speed};
use crate::train_job::{EVENT_LOG, Precision, TrainEvent, TrainJob};
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

/// A card for tests of what reads cards.
#[cfg(test)]
pub(crate) fn card_for_tests(name: &str, network: &Network, training: &Training) -> ModelCard {
    card::card(name, network, training, b"")
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

/// Names of the report's files in the work folder.
const REPORT_PAGE: &str = "report.html";
const REPORT_JSON: &str = "report.json";

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
    // The model is in place: whatever happens to the report, it stays.
    let text = report(export.job, &card, &measured);
    tell(TrainEvent::Note { text });
    tell(TrainEvent::Done {
        out: export.job.out.clone(),
    });
    Ok(())
}

/// Writes the report on the model into the work folder; gives a line that says where it is, or
/// why there is none.
fn report(job: &TrainJob, card: &ModelCard, measured: &[MeasuredSet]) -> String {
    if measured.is_empty() {
        return "no report: there is no validation set to measure on".into();
    }
    let log = TrainingLog::read(&job.work.join(EVENT_LOG));
    let subject = Subject {
        card,
        sets: measured,
        aim: Aim::F1,
        log: log.ok(),
        peers: Vec::new(),
        speed: measure_speed(&job.out, measured),
        pictures_per_class: PICTURES_PER_CLASS.into(),
    };
    let page = job.work.join(REPORT_PAGE);
    match crate::report::write(&subject, &page, Some(&job.work.join(REPORT_JSON))) {
        Ok(()) => format!("the report on the model is in {}", page.display()),
        Err(error) => format!("the model is in place, but there is no report on it: {error}"),
    }
}

/// Measures both models on every validation split that there is.
fn measure_all(
    job: &TrainJob,
    float: &Path,
    int8: &Path,
    tell: &mut dyn FnMut(TrainEvent),
) -> Result<Vec<MeasuredSet>, ExportError> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(64)) as u8;
    let mut all = Vec::new();
    for dir in &job.validation {
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
        let set = unused_name(&place::name(dir), |name| {
            all.iter().all(|other: &MeasuredSet| other.name != *name)
        });
        let mut run = |model, precision| -> Result<_, ExportError> {
            let evaluated = measure(model, &dataset, threads)?;
            let metrics = evaluated.evaluator.finish();
            tell(TrainEvent::evaluated(&set, precision, None, &metrics));
            Ok(evaluated)
        };
        let float = run(float, Precision::Float)?;
        let int8 = run(int8, Precision::Int8)?;
        all.push(MeasuredSet {
            name: set,
            dataset,
            model: int8,
            float: Some(float),
        });
    }
    Ok(all)
}

/// Refuses a model that quantization has spoilt, unless forced.
fn compare(
    job: &TrainJob,
    measured: &[MeasuredSet],
    tell: &mut dyn FnMut(TrainEvent),
) -> Result<(), ExportError> {
    let pooled = |of: fn(&MeasuredSet) -> Option<&Evaluated>| {
        let mut pool = Evaluator::new();
        let all = measured.iter().filter_map(of);
        all.for_each(|one| pool.append(&one.evaluator));
        pool.finish().map
    };
    let (float, int8) = (pooled(|m| m.float.as_ref()), pooled(|m| Some(&m.model)));
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

/// Writes on the card what was measured, and the thresholds that come of it.
fn add_metrics(card: &mut ModelCard, measured: &[MeasuredSet]) {
    let figures = |one: &Evaluated| card::set_metrics(&one.evaluator.finish());
    for set in measured {
        let figures = SplitMetrics {
            images: set.model.images,
            float: set.float.as_ref().map(figures).unwrap_or_default(),
            int8: figures(&set.model),
        };
        card.metrics.insert(set.name.clone(), figures);
    }
    let scenes: Vec<&Scene> = measured.iter().flat_map(|set| &set.model.scenes).collect();
    card.postprocess.class_thresholds = card::class_thresholds(&recommended(&scenes, Aim::F1));
}

#[cfg(test)]
mod tests;
