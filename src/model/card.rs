//! The card of a model, `model.toml`: all that is needed to use it and to judge it.

use super::per_channel::PerChannel;
use crate::anchors::{AnchorGrid, AnchorLevel, BoxCoding};
use crate::class::ObjectClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// No mean of pixel values lies outside them.
const MEAN_RANGE: RangeInclusive<f32> = 0.0..=255.0;

/// Far beyond any deviation of pixel values, on both sides.
const STD_RANGE: RangeInclusive<f32> = 1e-3..=1e3;

/// A model's card. `format` is 1; a card of another format is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of the card's own form.
    pub format: u32,
    /// Name of the model, equal to its folder's.
    pub name: String,
    /// Names of the classes in the order of the score outputs; the library's list exactly.
    pub classes: Vec<String>,
    /// The picture that goes in.
    pub input: InputSpec,
    /// The ONNX file.
    pub onnx: OnnxFile,
    /// Outputs and anchors of each feature level.
    pub levels: Vec<LevelSpec>,
    /// Thresholds.
    pub postprocess: Postprocess,
    /// Where it comes from.
    pub training: Training,
    /// Average precision per data set, by the set's folder name.
    #[serde(default)]
    pub metrics: BTreeMap<String, SplitMetrics>,
}

/// The input: one picture `[1, 3, height, width]`, `f32`, R G B planes, each value
/// `(pixel - mean) / std` with mean and deviation of its channel. A sensor that is no camera
/// gives its three channels in the places of R, G and B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Name of the tensor.
    pub tensor: String,
    /// Rows, a multiple of 32.
    pub height: u32,
    /// Columns, a multiple of 32.
    pub width: u32,
    /// Subtracted from each pixel value.
    pub mean: PerChannel,
    /// Divides the difference.
    pub std: PerChannel,
    /// `rgb-planes`: the only layout so far.
    pub layout: PixelLayout,
}

impl InputSpec {
    /// The number that goes in for each pixel value of each channel.
    pub fn pixel_numbers(&self) -> [[f32; 256]; 3] {
        pixel_numbers(self.mean.0, self.std.0)
    }
}

/// The number `(pixel - mean) / std` for each of the 256 pixel values of each channel. The one
/// place where pixels become numbers: training, export and every engine use it.
pub fn pixel_numbers(mean: [f32; 3], std: [f32; 3]) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        let (mean, std) = (mean[channel], std[channel]);
        std::array::from_fn(|pixel| (pixel as f32 - mean) / std)
    })
}

/// Whether a card may hold this mean and this deviation of pixel values; the error says what is
/// wrong with them.
pub fn check_normalisation(mean: PerChannel, std: PerChannel) -> Result<(), String> {
    let all = |values: PerChannel, range: &RangeInclusive<f32>| {
        values.0.iter().all(|value| range.contains(value))
    };
    if !all(mean, &MEAN_RANGE) {
        let (low, high) = (MEAN_RANGE.start(), MEAN_RANGE.end());
        return Err(format!(
            "mean is {mean}, not a pixel value from {low} to {high}"
        ));
    }
    if !all(std, &STD_RANGE) {
        let (low, high) = (STD_RANGE.start(), STD_RANGE.end());
        return Err(format!(
            "std is {std}, not a deviation from {low} to {high}"
        ));
    }
    Ok(())
}

/// How pixels lie in the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelLayout {
    /// Batch, channel (R, G, B), row, column.
    RgbPlanes,
}

/// The network's file beside the card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxFile {
    /// File name, without a folder.
    pub file: String,
    /// SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Multiply-accumulates of one inference, in millions.
    pub macs_millions: f64,
    /// Number of parameters.
    pub parameters: u64,
}

/// One feature level: two output tensors and the anchors that they are relative to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSpec {
    /// Name of the class logits, `[1, anchors * classes, height / stride, width / stride]`.
    pub scores: String,
    /// Name of the box codes, `[1, anchors * 4, height / stride, width / stride]`.
    pub boxes: String,
    /// Input pixels per cell.
    pub stride: u32,
    /// `[width, height]` of each anchor in input pixels.
    pub anchors: Vec<[f32; 2]>,
}

/// What happens to the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postprocess {
    /// How boxes are coded.
    pub box_coding: BoxCoding,
    /// Score below which a detection is not worth showing, unless told otherwise.
    pub score_threshold: f32,
    /// Overlap above which two boxes of a class are the same object.
    pub nms_iou: f32,
    /// The same as `score_threshold` for single classes, by name. Classes that are not here,
    /// for want of objects to choose on, and cards from before it have `score_threshold`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub class_thresholds: BTreeMap<String, f32>,
}

impl Postprocess {
    /// The threshold of each class, by class index.
    pub fn thresholds(&self) -> [f32; ObjectClass::COUNT] {
        ObjectClass::ALL.map(|class| {
            let own = self.class_thresholds.get(class.name());
            own.copied().unwrap_or(self.score_threshold)
        })
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The command line that made it.
    pub command: String,
    /// Starting point of the weights and its licence.
    pub pretrained: String,
    /// Pictures shown, repetitions counted.
    pub images_seen: u64,
    /// Hours of training on `device`.
    pub hours: f64,
    /// What it was trained on.
    pub device: String,
    /// What the card's reader should know and no other field says.
    pub notes: String,
    /// The data sets.
    pub data: Vec<DataSource>,
}

/// A data set that a model learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Name.
    pub name: String,
    /// Licence, in the words of its description.
    pub licence: String,
    /// Pictures used for training.
    pub images: u64,
    /// Labelled objects used for training.
    pub objects: u64,
}

/// Metrics on one split, before and after quantization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitMetrics {
    /// Pictures of the split.
    pub images: u64,
    /// The network in `f32`.
    pub float: SetMetrics,
    /// The shipped network.
    pub int8: SetMetrics,
}

/// COCO metrics; a class without an object in the split is absent from the maps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMetrics {
    /// Mean average precision at IoU 0.5 to 0.95.
    pub map: f64,
    /// Mean average precision at IoU 0.5.
    pub map50: f64,
    /// mAP of objects under 32 x 32 pixels of the picture; this and the other sizes are
    /// missing where there are none of that size, and on cards from before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_small: Option<f64>,
    /// mAP of objects of 32 x 32 to 96 x 96 pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_medium: Option<f64>,
    /// mAP of objects over 96 x 96 pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_large: Option<f64>,
    /// Average precision at IoU 0.5 to 0.95 per class.
    pub ap: BTreeMap<String, f64>,
    /// Average precision at IoU 0.5 per class.
    pub ap50: BTreeMap<String, f64>,
    /// Average precision of the class's objects under 32 x 32 pixels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ap_small: BTreeMap<String, f64>,
    /// Average precision of those of 32 x 32 to 96 x 96 pixels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ap_medium: BTreeMap<String, f64>,
    /// Average precision of those over 96 x 96 pixels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ap_large: BTreeMap<String, f64>,
}

impl ModelCard {
    /// The anchors over the model's input.
    pub fn anchor_grid(&self) -> AnchorGrid {
        let level = |l: &LevelSpec| AnchorLevel {
            stride: l.stride,
            shapes: l.anchors.clone(),
        };
        let levels = self.levels.iter().map(level).collect();
        AnchorGrid::new(levels, self.input.height, self.input.width)
    }
}
