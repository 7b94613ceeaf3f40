//! All figures of a report; the page shows them, and `explore.json` holds them.

use super::anchors::AnchorFit;
use super::distribution::Distribution;
use super::finding::Finding;
use lookout::anchors::AnchorLevel;
use lookout::class::ObjectClass;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was found out about the data sets.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Height of the model's input, in pixels.
    pub input_height: u32,
    /// Width of the model's input, in pixels.
    pub input_width: u32,
    /// The detector that looked for faults.
    pub model: Option<String>,
    /// Only so many images of each split were looked at.
    pub limit: Option<u32>,
    /// Images of all sets.
    pub images: u64,
    /// Images without a box of our classes.
    pub images_without_box: u64,
    /// Boxes, regions to be ignored not counted.
    pub boxes: u64,
    /// Regions to be ignored.
    pub crowd_regions: u64,
    /// Each split of each set.
    pub sets: Vec<SetReport>,
    /// All eight classes, in index order.
    pub classes: Vec<ClassReport>,
    /// Boxes in an image.
    pub boxes_per_image: Distribution,
    /// The files.
    pub pictures: PictureReport,
    /// How well anchors suit the boxes.
    pub anchors: AnchorReport,
    /// What is worth a look.
    pub findings: Vec<Finding>,
    /// Labels (rows) and confident detections (columns) by class index; the last row counts
    /// detections without a label, the last column labels without a detection.
    pub confusion: Option<Vec<Vec<u64>>>,
}

/// One split of one set.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    /// Name from `dataset.toml`.
    pub name: String,
    /// The folder.
    pub data: PathBuf,
    /// `train`, `val` or `train and val`.
    pub split: &'static str,
    /// Licence from `dataset.toml`.
    pub licence: String,
    /// Images looked at.
    pub images: u64,
    /// Those without a box of our classes.
    pub images_without_box: u64,
    /// Boxes by class name; classes that the set does not label are absent.
    pub boxes: BTreeMap<&'static str, u64>,
    /// Classes that the set says it labels.
    pub labelled: Vec<&'static str>,
    /// Regions to be ignored.
    pub crowd_regions: u64,
    /// Persons on cycles that count as riders.
    pub relabelled: u64,
    /// Boxes cut at the picture's edge, in the whole split.
    pub clipped: u64,
    /// Entries left out, in the whole split.
    pub skipped: u64,
    /// Why the first of them were.
    pub skipped_reasons: Vec<String>,
    /// Boxes of categories that are none of our classes, in the whole split.
    pub dropped: BTreeMap<String, u64>,
    /// What else is odd.
    pub warnings: Vec<String>,
}

/// Whether a class can be learnt from the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// There are boxes.
    Present,
    /// A set labels the class, and there is no box.
    LabelledWithoutBox,
    /// No set labels the class.
    NotLabelled,
}

/// One class in all sets.
#[derive(Clone, Debug, Serialize)]
pub struct ClassReport {
    /// The class.
    pub class: ObjectClass,
    /// Whether there are examples.
    pub presence: Presence,
    /// Boxes.
    pub boxes: u64,
    /// Images with such a box.
    pub images: u64,
    /// Boxes by split.
    pub boxes_by_split: BTreeMap<&'static str, u64>,
    /// Images with such a box by split.
    pub images_by_split: BTreeMap<&'static str, u64>,
    /// Width on the input, in pixels.
    pub width_pixels: Distribution,
    /// Height on the input, in pixels.
    pub height_pixels: Distribution,
    /// Area on the input, in square pixels.
    pub area_pixels: Distribution,
    /// Width by height.
    pub aspect_ratio: Distribution,
    /// Share of the boxes whose area on the input is below 16 x 16 pixels; null without boxes,
    /// as all shares.
    pub share_under_16: f64,
    /// Share of the boxes whose area on the input is below 32 x 32 pixels.
    pub share_under_32: f64,
    /// Share of the boxes that overlap another of the image by more than 0.3 IoU.
    pub share_overlap_0_3: f64,
    /// Share of the boxes that overlap another of the image by more than 0.5 IoU.
    pub share_overlap_0_5: f64,
    /// Share of the boxes that touch the picture's edge.
    pub share_truncated: f64,
    /// Fit of the network's anchors.
    pub given_anchors: AnchorFit,
    /// Fit of the suggested anchors.
    pub suggested_anchors: Option<AnchorFit>,
    /// Weight in inverse proportion to the boxes.
    pub weight_inverse: f32,
    /// Weight by the effective number with beta 0.999.
    pub weight_effective_0_999: f32,
    /// Weight by the effective number with beta 0.9999.
    pub weight_effective_0_9999: f32,
    /// How many boxes cover each cell of a grid over the picture, row by row from the top.
    pub places: Vec<Vec<u64>>,
}

/// The picture files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PictureReport {
    /// Files that were read.
    pub read: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// The first of them, and why.
    pub unreadable_files: Vec<String>,
    /// Files of another size than the annotations say.
    pub other_size: u64,
    /// The first of them.
    pub other_size_files: Vec<String>,
    /// Mean luma of a picture, in 0 to 255.
    pub brightness: Distribution,
}

/// How well anchors suit the boxes.
#[derive(Clone, Debug, Serialize)]
pub struct AnchorReport {
    /// The network's.
    pub given: Vec<AnchorLevel>,
    /// Their fit.
    pub given_fit: AnchorFit,
    /// Those that k-means suggests.
    pub suggested: Vec<AnchorLevel>,
    /// Their fit.
    pub suggested_fit: Option<AnchorFit>,
    /// Seed of k-means.
    pub seed: u64,
}

impl Report {
    /// Classes with this presence.
    pub fn with_presence(&self, presence: Presence) -> impl Iterator<Item = &ClassReport> {
        self.classes
            .iter()
            .filter(move |class| class.presence == presence)
    }

    /// Names of the splits, each once, in the order of the sets.
    pub fn splits(&self) -> Vec<&'static str> {
        let mut splits: Vec<&'static str> = Vec::new();
        for set in &self.sets {
            if !splits.contains(&set.split) {
                splits.push(set.split);
            }
        }
        splits
    }
}
