//! Mean average precision of a network that is partly in floats, partly in integers.

use super::QuantizeReportError;
use crate::dataset::Dataset;
use crate::evaluate::{Found, SCORE_MIN, evaluate};
use crate::metrics::Evaluator;
use crate::network::Network;
use crate::quantize::{Precision, QuantizeError, Twin};
use crate::training::planes;
use lookout::class::ObjectClass;
use lookout::decode::{BoxDecoder, LevelOutput};
use lookout::letterbox::{Letterbox, Resampler};
use lookout::model::ModelCard;
use lookout::pixels::Picture;

/// mAP over all `sets` together.
pub(super) fn mean_average_precision(
    twin: &Twin<'_>,
    card: &ModelCard,
    sets: &[Dataset],
    precision: impl Fn(&str) -> Precision + Send + Copy,
) -> Result<f64, QuantizeReportError> {
    let mut pooled = Evaluator::new();
    for set in sets {
        let mut worker = worker(twin, card, precision);
        pooled.append(&evaluate(set, std::slice::from_mut(&mut worker))?.evaluator);
    }
    Ok(pooled.finish().map)
}

/// The firmware's way from a picture to detections, with the twin in the engine's place.
fn worker(
    twin: &Twin<'_>,
    card: &ModelCard,
    precision: impl Fn(&str) -> Precision + Send + Copy,
) -> impl FnMut(&Picture<'_>, &mut Found) -> Result<(), String> + Send {
    let (height, width) = (card.input.height, card.input.width);
    let post = &card.postprocess;
    let grid = card.anchor_grid();
    let mut decoder = BoxDecoder::new(
        grid,
        post.box_coding,
        [SCORE_MIN; ObjectClass::COUNT],
        post.nms_iou,
    );
    let mut resampler = Resampler::new(width, height);
    move |picture, found| {
        let letterbox = Letterbox::new(picture.width(), picture.height(), width, height);
        let pixels = planes(&mut resampler, picture, &letterbox.view(), (height, width));
        let tensors = twin.run(&pixels, precision).map_err(|e| e.to_string())?;
        let levels = levels(twin.network(), |name| tensors.get(name).map(Vec::as_slice));
        decoder.decode(&levels.map_err(|e| e.to_string())?, &letterbox, found);
        Ok(())
    }
}

fn levels<'t>(
    network: &Network,
    tensor: impl Fn(&str) -> Option<&'t [f32]>,
) -> Result<Vec<LevelOutput<'t>>, QuantizeError> {
    let output = |name: &String| {
        let missing = || QuantizeError::Network(name.clone());
        tensor(name).ok_or_else(missing)
    };
    let level = |head: &crate::network::Head| {
        Ok(LevelOutput {
            scores: output(&head.scores)?,
            boxes: output(&head.boxes)?,
        })
    };
    network.heads.iter().map(level).collect()
}
