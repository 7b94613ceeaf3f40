//! The card of a model that is being exported.

use crate::metrics::{ABSENT, Metrics};
use crate::network::{Head, INPUT, Network};
use lookout::anchors::BoxCoding;
use lookout::class::ObjectClass;
use lookout::model::{
    InputSpec, LevelSpec, ModelCard, OnnxFile, PerChannel, PixelLayout, Postprocess, SetMetrics,
    Training, sha256_hex,
};

/// Name of the network's file.
pub(super) const ONNX_FILE: &str = "model.onnx";

/// Score from which a detection is shown, unless told otherwise. Chosen by eye on the demo
/// drive and on a motorway clip: below it, most of what comes are doubles in other classes.
const SCORE_THRESHOLD: f32 = 0.4;

/// Overlap above which two boxes of a class are one object.
const NMS_IOU: f32 = 0.55;

/// A card without metrics.
pub(super) fn card(name: &str, network: &Network, training: &Training, onnx: &[u8]) -> ModelCard {
    let level = |head: &Head| LevelSpec {
        scores: head.scores.clone(),
        boxes: head.boxes.clone(),
        stride: head.stride,
        anchors: head.anchors.clone(),
    };
    ModelCard {
        format: 1,
        name: name.into(),
        classes: ObjectClass::ALL
            .iter()
            .map(|c| c.name().to_string())
            .collect(),
        input: InputSpec {
            tensor: INPUT.into(),
            height: network.input_height as u32,
            width: network.input_width as u32,
            mean: PerChannel(network.input_mean),
            std: PerChannel(network.input_std),
            layout: PixelLayout::RgbPlanes,
        },
        onnx: OnnxFile {
            file: ONNX_FILE.into(),
            sha256: sha256_hex(onnx),
            macs_millions: (network.macs() as f64 / 1e5).round() / 10.0,
            parameters: network.parameters(),
        },
        levels: network.heads.iter().map(level).collect(),
        postprocess: Postprocess {
            box_coding: BoxCoding::CentreSize,
            score_threshold: SCORE_THRESHOLD,
            nms_iou: NMS_IOU,
        },
        training: training.clone(),
        metrics: Default::default(),
    }
}

/// Makes the card that of another file of the same network.
pub(super) fn set_file(card: &mut ModelCard, onnx: &[u8]) {
    card.onnx.sha256 = sha256_hex(onnx);
}

/// What a card keeps of an evaluation, to four digits.
pub(super) fn set_metrics(metrics: &Metrics) -> SetMetrics {
    let round = |v: f64| (v * 1e4).round() / 1e4;
    let mut kept = SetMetrics {
        map: round(metrics.map),
        map50: round(metrics.map50),
        ..SetMetrics::default()
    };
    for (class, figures) in &metrics.per_class {
        if figures.ap != ABSENT {
            kept.ap.insert(class.name().into(), round(figures.ap));
            kept.ap50.insert(class.name().into(), round(figures.ap50));
        }
    }
    kept
}
