//! The card of a model that is being exported.

use crate::metrics::{ABSENT, ClassMetrics, Metrics, OperatingPoint};
use crate::network::{Head, INPUT, Network};
use lookout::anchors::BoxCoding;
use lookout::class::ObjectClass;
use lookout::model::{
    InputSpec, LevelSpec, ModelCard, OnnxFile, PerChannel, PixelLayout, Postprocess, SetMetrics,
    Training, sha256_hex,
};
use std::collections::BTreeMap;

/// Name of the network's file.
pub(super) const ONNX_FILE: &str = "model.onnx";

/// Score from which a detection is shown, of classes that have no threshold of their own and
/// unless told otherwise. Chosen by eye on the demo
/// drive and on a motorway clip: below it, most of what comes are doubles in other classes.
const SCORE_THRESHOLD: f32 = 0.4;

/// With fewer validation objects of a class than this, its best threshold is chance.
pub(crate) const OBJECTS_MIN: u64 = 50;

/// Overlap above which two boxes of a class are one object.
pub(crate) const NMS_IOU: f32 = 0.55;

/// A card without metrics.
pub(crate) fn card(name: &str, network: &Network, training: &Training, onnx: &[u8]) -> ModelCard {
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
            class_thresholds: Default::default(),
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
pub(crate) fn set_metrics(metrics: &Metrics) -> SetMetrics {
    let round = |v: f64| (v * 1e4).round() / 1e4;
    let present = |v: f64| (v != ABSENT).then(|| round(v));
    let per_class = |of: fn(&ClassMetrics) -> f64| {
        let figures = metrics.per_class.iter();
        figures
            .filter_map(|(class, figures)| Some((class.name().into(), present(of(figures))?)))
            .collect()
    };
    SetMetrics {
        map: round(metrics.map),
        map50: round(metrics.map50),
        map_small: present(metrics.map_small),
        map_medium: present(metrics.map_medium),
        map_large: present(metrics.map_large),
        ap: per_class(|figures| figures.ap),
        ap50: per_class(|figures| figures.ap50),
        ap_small: per_class(|figures| figures.ap_small),
        ap_medium: per_class(|figures| figures.ap_medium),
        ap_large: per_class(|figures| figures.ap_large),
    }
}

/// What a card keeps of the recommended thresholds: those of classes that had enough objects
/// to choose on.
pub(crate) fn class_thresholds(
    recommended: &BTreeMap<ObjectClass, OperatingPoint>,
) -> BTreeMap<String, f32> {
    let enough = recommended.iter().filter(|(_, p)| p.objects >= OBJECTS_MIN);
    enough
        .map(|(class, point)| (class.name().into(), point.threshold))
        .collect()
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
