//! Mean average precision of a network that is partly in floats, partly in integers.

use super::QuantizeReportError;
use crate::dataset::Dataset;
use crate::evaluate::{Found, evaluate};
use crate::metrics::Evaluator;
use crate::network::Network;
use crate::quantize::{Precision, QuantizeError, Twin};
use lookout::class::ObjectClass;
use lookout::decode::{BoxDecoder, LevelOutput};
use lookout::letterbox::{Letterbox, Resampler};
use lookout::model::ModelCard;
use lookout::pixels::Picture;

/// Detections below this score are not asked for, as in `evaluate`.
const SCORE_MIN: f32 = 0.01;

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
        let pixels = planes(&mut resampler, picture, &letterbox, [height, width]);
        let tensors = twin.run(&pixels, precision).map_err(|e| e.to_string())?;
        let levels = levels(twin.network(), |name| tensors.get(name).map(Vec::as_slice));
        decoder.decode(&levels.map_err(|e| e.to_string())?, &letterbox, found);
        Ok(())
    }
}

/// The picture on the model's input, `[3, height, width]`.
fn planes(
    resampler: &mut Resampler,
    picture: &Picture<'_>,
    letterbox: &Letterbox,
    [height, width]: [u32; 2],
) -> Vec<u8> {
    let (plane, width) = ((height * width) as usize, width as usize);
    let mut pixels = vec![0; 3 * plane];
    resampler.draw(picture, &letterbox.view(), |y, row| {
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            for (channel, value) in pixel.iter().enumerate() {
                pixels[channel * plane + y * width + x] = *value;
            }
        }
    });
    pixels
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
