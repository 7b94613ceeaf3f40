//! Collects images one by one and computes the figures at the end.

use super::curve::{Curve, curve};
use super::matching::{Outcome, SIZES, match_image};
use super::{ABSENT, ClassMetrics, Metrics, THRESHOLDS, descending};
use crate::dataset::GroundTruth;
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;

/// Detections beyond this many per image and class do not count.
const DETECTIONS_PER_CLASS_MAX: usize = 100;
/// Position of IoU 0.75 among the thresholds.
const THRESHOLD_75: usize = 5;

pub(super) const ALL: usize = 0;
const SMALL: usize = 1;
const MEDIUM: usize = 2;
const LARGE: usize = 3;

/// What is kept of one class: some 24 bytes a detection.
#[derive(Clone, Debug, Default)]
struct ClassRecord {
    outcomes: Vec<Outcome>,
    to_find: [u64; SIZES],
}

/// Computes [`Metrics`] over any number of images.
///
/// Detections of one score rank in the order in which they were added, as in pycocotools:
/// add images by rising id to get its figures to the last digit.
#[derive(Clone, Debug, Default)]
pub struct Evaluator {
    classes: [ClassRecord; ObjectClass::COUNT],
}

impl Evaluator {
    /// An evaluator without any image.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one image: its objects, which classes are labelled in it (by class index), and
    /// what was detected, in any order, in the same pixels as the objects. Detections with a
    /// score or a corner that is not finite are left out.
    pub fn add_image(
        &mut self,
        objects: &[GroundTruth],
        labelled: &[bool; ObjectClass::COUNT],
        detections: &[Detection],
    ) {
        for class in ObjectClass::ALL {
            let objects: Vec<&GroundTruth> = objects.iter().filter(|o| o.class == class).collect();
            let detections = counted(detections, class);
            let index = class.index();
            let record = &mut self.classes[index];
            let outcomes = &mut record.outcomes;
            let to_find = match_image(&objects, &detections, labelled[index], outcomes);
            record
                .to_find
                .iter_mut()
                .zip(to_find)
                .for_each(|(sum, count)| *sum += count);
        }
    }

    /// Adds all images of another evaluator after those of this one.
    pub fn append(&mut self, other: &Self) {
        for (record, other) in self.classes.iter_mut().zip(&other.classes) {
            record.outcomes.extend_from_slice(&other.outcomes);
            record
                .to_find
                .iter_mut()
                .zip(other.to_find)
                .for_each(|(sum, count)| *sum += count);
        }
    }

    /// The figures over all images added so far.
    pub fn finish(&self) -> Metrics {
        let precision = |size, bits| {
            mean(
                self.curves(size, DETECTIONS_PER_CLASS_MAX, bits)
                    .map(|c| c.average_precision),
            )
        };
        let recall = |size, ranks| mean(self.curves(size, ranks, 0..THRESHOLDS).map(|c| c.recall));
        let per_class = ObjectClass::ALL.map(|class| (class, self.class_metrics(class)));
        Metrics {
            map: precision(ALL, 0..THRESHOLDS),
            map50: precision(ALL, 0..1),
            map75: precision(ALL, THRESHOLD_75..THRESHOLD_75 + 1),
            map_small: precision(SMALL, 0..THRESHOLDS),
            map_medium: precision(MEDIUM, 0..THRESHOLDS),
            map_large: precision(LARGE, 0..THRESHOLDS),
            ar1: recall(ALL, 1),
            ar10: recall(ALL, 10),
            ar100: recall(ALL, DETECTIONS_PER_CLASS_MAX),
            ar_small: recall(SMALL, DETECTIONS_PER_CLASS_MAX),
            ar_medium: recall(MEDIUM, DETECTIONS_PER_CLASS_MAX),
            ar_large: recall(LARGE, DETECTIONS_PER_CLASS_MAX),
            per_class: per_class.into_iter().collect(),
        }
    }

    fn class_metrics(&self, class: ObjectClass) -> ClassMetrics {
        let record = &self.classes[class.index()];
        let precision = |size, bits| {
            let curves = record.curves(size, DETECTIONS_PER_CLASS_MAX, bits);
            mean(curves.into_iter().map(|curve| curve.average_precision))
        };
        ClassMetrics {
            ap: precision(ALL, 0..THRESHOLDS),
            ap50: precision(ALL, 0..1),
            ap_small: precision(SMALL, 0..THRESHOLDS),
            ap_medium: precision(MEDIUM, 0..THRESHOLDS),
            ap_large: precision(LARGE, 0..THRESHOLDS),
            boxes: record.to_find[ALL],
        }
    }

    /// The curves of all classes that have objects of this size.
    fn curves(
        &self,
        size: usize,
        ranks: usize,
        bits: std::ops::Range<usize>,
    ) -> impl Iterator<Item = Curve> {
        self.classes
            .iter()
            .flat_map(move |record| record.curves(size, ranks, bits.clone()))
    }
}

impl ClassRecord {
    /// One curve a threshold, from the `ranks` best detections of each image; none where
    /// there are no objects of this size.
    fn curves(&self, size: usize, ranks: usize, bits: std::ops::Range<usize>) -> Vec<Curve> {
        let to_find = self.to_find[size];
        if to_find == 0 {
            return Vec::new();
        }
        let mut sorted: Vec<&Outcome> = self
            .outcomes
            .iter()
            .filter(|outcome| usize::from(outcome.rank) < ranks)
            .collect();
        sorted.sort_by(|a, b| descending(a.score, b.score));
        bits.map(|bit| curve(&sorted, size, bit, to_find)).collect()
    }
}

/// The detections of a class that count, best first.
pub(super) fn counted(detections: &[Detection], class: ObjectClass) -> Vec<&Detection> {
    let mut counted: Vec<&Detection> = detections
        .iter()
        .filter(|d| d.class == class && is_finite(d))
        .collect();
    counted.sort_by(|a, b| descending(a.score, b.score));
    counted.truncate(DETECTIONS_PER_CLASS_MAX);
    counted
}

fn is_finite(detection: &Detection) -> bool {
    let BBox { x0, y0, x1, y1 } = detection.bbox;
    [detection.score, x0, y0, x1, y1]
        .iter()
        .all(|value| value.is_finite())
}

/// The mean, [`ABSENT`] of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    if count == 0 {
        ABSENT
    } else {
        sum / count as f64
    }
}
