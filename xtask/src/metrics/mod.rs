//! COCO detection metrics, the same as pycocotools gives for boxes.
//!
//! Average precision is the mean of 101 interpolated precisions at IoU 0.50, 0.55 ... 0.95;
//! average recall the mean of the recalls at these thresholds. At most 100 detections count
//! per image and class. Crowd regions, and objects outside the size looked at, are ignored
//! together with what matches them.
//!
//! Beyond pycocotools there is one thing: data sets that do not label every class in every
//! image. A detection of a class that is not labelled in its image counts neither as right
//! nor as wrong unless it matches a box. Where all classes are labelled, the figures are
//! those of pycocotools.

//!
//! Beside these figures there is what helps to use a model, all at IoU 0.5 and by the same
//! matching: precision over recall ([`PrCurve`]), the threshold to recommend
//! ([`OperatingPoint`]), what is taken for what ([`Confusion`]), whether scores can be trusted
//! ([`Calibration`]), the pictures that went best and worst ([`rank_pictures`]), and whether
//! one model is better than another ([`compare`]). They are computed from [`Scene`]s, which
//! keep what was found in each image.

mod bootstrap;
mod calibration;
mod confusion;
mod curve;
mod evaluator;
mod matching;
mod operating;
mod ranking;
mod scene;
mod table;

pub use bootstrap::{Bootstrap, Comparison, Difference, Stratum, Verdict, compare};
pub use calibration::{Calibration, CalibrationBin};
pub use confusion::Confusion;
pub use evaluator::Evaluator;
pub use operating::{Aim, OperatingPoint, PrCurve, PrPoint, recommend};
pub use ranking::{PictureTally, rank_pictures};
pub use scene::{Finding, Scene};

use lookout::class::ObjectClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of IoU thresholds.
pub(crate) const THRESHOLDS: usize = 10;

/// Value of a figure that does not exist because there are no objects to measure it on.
pub const ABSENT: f64 = -1.0;

/// All figures of one evaluation: shares `0..=1`, or [`ABSENT`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean average precision over classes, IoU 0.50:0.95.
    pub map: f64,
    /// The same at IoU 0.50 alone.
    pub map50: f64,
    /// The same at IoU 0.75 alone.
    pub map75: f64,
    /// mAP of objects under 32 x 32 pixels.
    pub map_small: f64,
    /// mAP of objects of 32 x 32 to 96 x 96 pixels.
    pub map_medium: f64,
    /// mAP of objects over 96 x 96 pixels.
    pub map_large: f64,
    /// Average recall with the best detection of each image and class.
    pub ar1: f64,
    /// Average recall with the 10 best detections of each image and class.
    pub ar10: f64,
    /// Average recall with the 100 best detections of each image and class.
    pub ar100: f64,
    /// Average recall of objects under 32 x 32 pixels.
    pub ar_small: f64,
    /// Average recall of objects of 32 x 32 to 96 x 96 pixels.
    pub ar_medium: f64,
    /// Average recall of objects over 96 x 96 pixels.
    pub ar_large: f64,
    /// Figures of every class, also of those without objects.
    pub per_class: BTreeMap<ObjectClass, ClassMetrics>,
}

/// Figures of one class. Where the class has no objects, both precisions are [`ABSENT`] and
/// the class is left out of all means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Average precision, IoU 0.50:0.95.
    pub ap: f64,
    /// Average precision at IoU 0.50.
    pub ap50: f64,
    /// Average precision, IoU 0.50:0.95, of objects under 32 x 32 pixels.
    #[serde(default = "absent")]
    pub ap_small: f64,
    /// The same of objects of 32 x 32 to 96 x 96 pixels.
    #[serde(default = "absent")]
    pub ap_medium: f64,
    /// The same of objects over 96 x 96 pixels.
    #[serde(default = "absent")]
    pub ap_large: f64,
    /// Number of objects; crowd regions are none.
    pub boxes: u64,
}

/// For files written before the sizes were kept.
fn absent() -> f64 {
    ABSENT
}

/// Order of scores, the best first.
pub(crate) fn descending(a: f32, b: f32) -> std::cmp::Ordering {
    b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
}
