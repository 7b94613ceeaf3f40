//! Which detections of one image and class meet which objects.

use super::THRESHOLDS;
use crate::dataset::GroundTruth;
use lookout::detection::Detection;
use lookout::geometry::BBox;

/// Number of object sizes looked at: all, small, medium, large.
pub(super) const SIZES: usize = 4;

/// Smallest and largest area of each size in square pixels, both inclusive.
const AREA_RANGES: [(f64, f64); SIZES] =
    [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

/// The IoU thresholds 0.50, 0.55 ... 0.95, computed as numpy's `linspace` does: one of them
/// is not the nearest double to its decimal, and IoUs of whole-pixel boxes meet it exactly.
pub(super) fn iou_thresholds() -> [f64; THRESHOLDS] {
    let step = (0.95 - 0.5) / (THRESHOLDS - 1) as f64;
    let mut thresholds = std::array::from_fn(|index| index as f64 * step + 0.5);
    thresholds[THRESHOLDS - 1] = 0.95;
    thresholds
}

/// What became of one detection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Its score.
    pub score: f32,
    /// How many detections of this image and class are better.
    pub rank: u8,
    /// By size, one bit a threshold: right.
    pub right: [u16; SIZES],
    /// By size, one bit a threshold: wrong. Neither right nor wrong means ignored.
    pub wrong: [u16; SIZES],
}

/// An object as the matching needs it.
struct Object {
    bbox: BBox,
    crowd: bool,
    ignored: bool,
}

/// Matches `detections`, which are of one class and sorted best first, with the objects of
/// that class. `labelled` says whether unmatched detections are wrong. Appends an outcome a
/// detection to `outcomes`; returns how many objects of each size are to be found.
pub(super) fn match_image(
    objects: &[&GroundTruth],
    detections: &[&Detection],
    labelled: bool,
    outcomes: &mut Vec<Outcome>,
) -> [u64; SIZES] {
    let first = outcomes.len();
    outcomes.extend(
        detections
            .iter()
            .enumerate()
            .map(|(rank, detection)| Outcome {
                score: detection.score,
                rank: rank.min(usize::from(u8::MAX)) as u8,
                ..Outcome::default()
            }),
    );
    let outcomes = &mut outcomes[first..];
    let mut to_find = [0; SIZES];
    for (size, (area_min, area_max)) in AREA_RANGES.into_iter().enumerate() {
        let outside = |area: f64| area < area_min || area > area_max;
        let mut sorted: Vec<Object> = objects
            .iter()
            .map(|object| Object {
                bbox: object.bbox,
                crowd: object.crowd,
                ignored: object.crowd || outside(f64::from(object.area)),
            })
            .collect();
        // Stable: a detection prefers objects that count, then later ones.
        sorted.sort_by_key(|object| object.ignored);
        to_find[size] = sorted.iter().filter(|object| !object.ignored).count() as u64;

        let overlaps = overlaps(&sorted, detections);
        for (bit, threshold) in iou_thresholds().into_iter().enumerate() {
            let met = match_at(&sorted, &overlaps, detections.len(), threshold);
            for ((outcome, detection), met) in outcomes.iter_mut().zip(detections).zip(met) {
                let (right, wrong) = match met {
                    Some(object) => (!sorted[object].ignored, false),
                    None => (false, labelled && !outside(area(&detection.bbox))),
                };
                outcome.right[size] |= u16::from(right) << bit;
                outcome.wrong[size] |= u16::from(wrong) << bit;
            }
        }
    }
    to_find
}

/// What became of a detection at IoU 0.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It meets the object at this position.
    Right(usize),
    /// It meets none.
    Wrong,
    /// It meets a crowd region, or nobody has labelled what it may have met.
    Ignored,
}

/// As [`match_image`] at IoU 0.5 and for all sizes; tells which object was met.
pub(super) fn meetings(
    objects: &[&GroundTruth],
    detections: &[&Detection],
    labelled: bool,
) -> Vec<Meeting> {
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|&index| objects[index].crowd);
    let sorted: Vec<Object> = order
        .iter()
        .map(|&index| Object {
            bbox: objects[index].bbox,
            crowd: objects[index].crowd,
            ignored: objects[index].crowd,
        })
        .collect();
    let overlaps = overlaps(&sorted, detections);
    let met = match_at(&sorted, &overlaps, detections.len(), iou_thresholds()[0]);
    met.into_iter()
        .map(|met| match met {
            Some(object) if sorted[object].ignored => Meeting::Ignored,
            Some(object) => Meeting::Right(order[object]),
            None if labelled => Meeting::Wrong,
            None => Meeting::Ignored,
        })
        .collect()
}

/// For every detection the object that it meets at this threshold. Greedy, best detection
/// first; an object is met once, a crowd region any number of times.
fn match_at(
    objects: &[Object],
    overlaps: &[f64],
    detection_count: usize,
    threshold: f64,
) -> Vec<Option<usize>> {
    let mut taken = vec![false; objects.len()];
    let mut met = vec![None; detection_count];
    for (row, met) in overlaps.chunks_exact(objects.len().max(1)).zip(&mut met) {
        let mut overlap_min = threshold.min(1.0 - 1e-10);
        let mut best: Option<usize> = None;
        for (index, object) in objects.iter().enumerate() {
            if taken[index] && !object.crowd {
                continue;
            }
            // What counts comes first: a match there is not given up for an ignored object.
            if object.ignored && best.is_some_and(|best| !objects[best].ignored) {
                break;
            }
            if row[index] >= overlap_min {
                overlap_min = row[index];
                best = Some(index);
            }
        }
        if let Some(index) = best {
            taken[index] = true;
        }
        *met = best;
    }
    met
}

/// Overlap of every detection (row) with every object (column).
fn overlaps(objects: &[Object], detections: &[&Detection]) -> Vec<f64> {
    detections
        .iter()
        .flat_map(|detection| {
            objects
                .iter()
                .map(|object| overlap(&detection.bbox, object))
        })
        .collect()
}

/// Intersection over union; over the detection's own area for crowd regions. In double
/// precision, as in pycocotools: comparisons with a threshold must come out alike.
fn overlap(detection: &BBox, object: &Object) -> f64 {
    let (d, o) = (corners(detection), corners(&object.bbox));
    let width = d[2].min(o[2]) - d[0].max(o[0]);
    let height = d[3].min(o[3]) - d[1].max(o[1]);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
    let whole = if object.crowd {
        area(detection)
    } else {
        area(detection) + area(&object.bbox) - shared
    };
    shared / whole
}

fn corners(bbox: &BBox) -> [f64; 4] {
    [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(f64::from)
}

fn area(bbox: &BBox) -> f64 {
    let [x0, y0, x1, y1] = corners(bbox);
    (x1 - x0).max(0.0) * (y1 - y0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookout::class::ObjectClass;

    fn object(x0: f32, x1: f32, crowd: bool) -> GroundTruth {
        let bbox = BBox::new(x0, 0.0, x1, 10.0);
        GroundTruth {
            class: ObjectClass::Car,
            bbox,
            crowd,
            area: bbox.area(),
        }
    }

    fn detection(x0: f32, x1: f32, score: f32) -> Detection {
        Detection::new(ObjectClass::Car, score, BBox::new(x0, 0.0, x1, 10.0))
    }

    #[test]
    fn thresholds_are_those_of_numpy() {
        let expected = [
            0.5,
            0.55,
            0.6,
            0.65,
            0.7,
            0.75,
            0.8,
            0.85,
            0.899_999_999_999_999_9,
            0.95,
        ];
        assert_eq!(iou_thresholds(), expected);
    }

    #[test]
    fn an_object_is_met_once_and_a_crowd_any_number_of_times() {
        let (car, crowd) = (object(0.0, 10.0, false), object(100.0, 200.0, true));
        let hits = [
            detection(0.0, 10.0, 0.9),
            detection(0.0, 9.0, 0.8),
            detection(100.0, 110.0, 0.7),
            detection(120.0, 130.0, 0.6),
        ];
        let mut outcomes = Vec::new();
        let found = match_image(&[&crowd, &car], &hits.each_ref(), true, &mut outcomes);
        assert_eq!(found, [1, 1, 0, 0]);
        let all = (1 << THRESHOLDS) - 1;
        assert_eq!(
            outcomes.iter().map(|o| o.right[0]).collect::<Vec<_>>(),
            [all, 0, 0, 0]
        );
        assert_eq!(
            outcomes.iter().map(|o| o.wrong[0]).collect::<Vec<_>>(),
            [0, all, 0, 0]
        );
    }

    #[test]
    fn without_labels_unmatched_detections_are_ignored() {
        let hits = [detection(0.0, 10.0, 0.9), detection(50.0, 60.0, 0.8)];
        let car = object(0.0, 10.0, false);
        let mut outcomes = Vec::new();
        match_image(&[&car], &hits.each_ref(), false, &mut outcomes);
        assert_ne!(outcomes[0].right[0], 0);
        assert_eq!((outcomes[1].right[0], outcomes[1].wrong[0]), (0, 0));
    }
}
