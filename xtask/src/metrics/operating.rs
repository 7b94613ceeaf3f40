//! Precision over recall of one class, and the threshold to work at.

use super::descending;
use super::scene::Scene;
use lookout::class::ObjectClass;
use serde::{Deserialize, Serialize};

/// What a recommended threshold is to reach.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Aim {
    /// The largest F1: the harmonic mean of precision and recall.
    #[default]
    F1,
    /// As much recall as there is with at least this precision, `0..=1`.
    PrecisionMin(f64),
}

/// Precision over recall of one class at IoU 0.5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrCurve {
    /// Objects to be found.
    pub objects: u64,
    /// One point for each score that occurs, the best first.
    pub points: Vec<PrPoint>,
}

/// What a detector shows at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrPoint {
    /// The lowest score shown.
    pub score: f32,
    /// Objects found.
    pub right: u64,
    /// False alarms.
    pub wrong: u64,
    /// Share of what is shown that is right.
    pub precision: f64,
    /// Share of the objects that is found.
    pub recall: f64,
}

/// A threshold and what a class reaches with it on the images measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Scores from here on are shown.
    pub threshold: f32,
    /// Share of what is shown that is right.
    pub precision: f64,
    /// Share of the objects that is found.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Objects to be found.
    pub objects: u64,
    /// Objects found.
    pub right: u64,
    /// False alarms.
    pub wrong: u64,
}

impl PrCurve {
    /// The curve of one class over all scenes.
    pub fn new(scenes: &[&Scene], class: ObjectClass) -> Self {
        let mut hits: Vec<(f32, bool)> = scenes
            .iter()
            .flat_map(|scene| scene.findings_of(class))
            .filter(|finding| finding.is_right() || finding.is_wrong())
            .map(|finding| (finding.detection.score, finding.is_right()))
            .collect();
        hits.sort_by(|a, b| descending(a.0, b.0));
        let objects = scenes.iter().map(|scene| scene.objects_of(class)).sum();
        let mut curve = Self {
            objects,
            points: Vec::new(),
        };
        let (mut right, mut wrong) = (0, 0);
        for (index, &(score, is_right)) in hits.iter().enumerate() {
            right += u64::from(is_right);
            wrong += u64::from(!is_right);
            // Equal scores cannot be told apart by any threshold.
            if hits.get(index + 1).is_none_or(|next| next.0 < score) {
                curve.points.push(PrPoint {
                    score,
                    right,
                    wrong,
                    precision: right as f64 / (right + wrong) as f64,
                    recall: share(right, objects),
                });
            }
        }
        curve
    }

    /// What is reached with this threshold; `None` where there are no objects.
    pub fn at(&self, threshold: f32) -> Option<OperatingPoint> {
        if self.objects == 0 {
            return None;
        }
        let shown = self.points.partition_point(|p| p.score >= threshold);
        let (right, wrong) = match shown.checked_sub(1) {
            Some(last) => (self.points[last].right, self.points[last].wrong),
            None => (0, 0),
        };
        Some(OperatingPoint {
            threshold,
            precision: share(right, right + wrong),
            recall: share(right, self.objects),
            f1: f1(right, wrong, self.objects),
            objects: self.objects,
            right,
            wrong,
        })
    }

    /// At most `count` points that still show the curve's way.
    pub fn thinned(&self, count: usize) -> Vec<PrPoint> {
        let (points, count) = (&self.points, count.max(2));
        if points.len() <= count {
            return points.clone();
        }
        let last = points.len() - 1;
        (0..count)
            .map(|step| points[step * last / (count - 1)])
            .collect()
    }
}

/// The threshold to recommend for a class; `None` where there are no objects, none is ever
/// found or the precision asked for is never reached.
pub fn recommend(curve: &PrCurve, aim: Aim) -> Option<OperatingPoint> {
    let useful = |point: &&PrPoint| point.right > 0;
    let mut points = curve.points.iter().filter(useful);
    let chosen = match aim {
        // The first of equals: fewer false alarms.
        Aim::F1 => points.reduce(|best, point| {
            let value = |p: &PrPoint| f1(p.right, p.wrong, curve.objects);
            if value(point) > value(best) {
                point
            } else {
                best
            }
        })?,
        Aim::PrecisionMin(precision) => points.rfind(|point| point.precision >= precision)?,
    };
    curve.at(between(chosen.score, next_score(curve, chosen.score)))
}

/// The best score under `score`.
fn next_score(curve: &PrCurve, score: f32) -> Option<f32> {
    let next = curve.points.partition_point(|point| point.score >= score);
    curve.points.get(next).map(|point| point.score)
}

/// A threshold that lets `score` through but not `next`: in the middle, to four digits where
/// there is room, since scores of an integer network come in steps.
fn between(score: f32, next: Option<f32>) -> f32 {
    let middle = (score + next.unwrap_or(score)) / 2.0;
    let rounded = (middle * 1e4).round() / 1e4;
    let separates = |value: f32| value <= score && next.is_none_or(|next| next < value);
    [rounded, (score * 1e4).floor() / 1e4]
        .into_iter()
        .find(|&value| separates(value))
        .unwrap_or(score)
}

/// F1 of what was found: twice the right ones over all that was shown or to be found.
fn f1(right: u64, wrong: u64, objects: u64) -> f64 {
    share(2 * right, right + wrong + objects)
}

/// A share, 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::tests::{ALL_LABELLED, detection, object};
    use super::*;
    use ObjectClass::Car;
    use proptest::prelude::*;

    /// Right at 0.9, wrong at 0.8, right at 0.7 (two, one of them wrong), wrong at 0.2.
    fn scene() -> Scene {
        let objects = [object(Car, 0), object(Car, 1), object(Car, 2)];
        let detections = [
            detection(Car, 0, 0.9),
            detection(Car, 7, 0.8),
            detection(Car, 1, 0.7),
            detection(Car, 8, 0.7),
            detection(Car, 9, 0.2),
        ];
        Scene::new(0, &objects, &ALL_LABELLED, &detections)
    }

    #[test]
    fn equal_scores_are_one_point() {
        let curve = PrCurve::new(&[&scene()], Car);
        let points: Vec<_> = curve.points.iter().map(|p| (p.right, p.wrong)).collect();
        assert_eq!(points, [(1, 0), (1, 1), (2, 2), (2, 3)]);
        assert_eq!(curve.points[2].recall, 2.0 / 3.0);
        assert_eq!(curve.at(0.95).unwrap().recall, 0.0);
        assert_eq!(curve.at(0.7).unwrap().right, 2);
        assert!(PrCurve::new(&[], Car).at(0.5).is_none());
    }

    #[test]
    fn the_recommended_threshold_follows_the_aim() {
        let curve = PrCurve::new(&[&scene()], Car);
        let best = recommend(&curve, Aim::F1).unwrap();
        assert_eq!((best.right, best.wrong), (2, 2));
        assert_eq!(best.threshold, 0.45, "between 0.7 and 0.2");
        let precise = recommend(&curve, Aim::PrecisionMin(0.9)).unwrap();
        assert_eq!((precise.right, precise.wrong), (1, 0));
        assert_eq!(precise.threshold, 0.85);
        let all = recommend(&curve, Aim::PrecisionMin(0.1)).unwrap();
        assert_eq!((all.wrong, all.threshold), (3, 0.2));
        let blind = Scene::new(0, &[object(Car, 0)], &ALL_LABELLED, &[]);
        let blind = PrCurve::new(&[&blind], Car);
        assert_eq!(recommend(&blind, Aim::F1), None);
        assert_eq!(recommend(&blind, Aim::PrecisionMin(0.0)), None);
        let none_reaches = recommend(&curve, Aim::PrecisionMin(1.1));
        assert_eq!(none_reaches, None);
    }

    proptest! {
        #[test]
        fn no_other_threshold_has_a_larger_f1(
            hits in prop::collection::vec((0u32..12, 0u16..=64), 0..40),
            other in 0.0f32..1.0,
        ) {
            let objects: Vec<_> = (0..6).map(|place| object(Car, place)).collect();
            let detections: Vec<_> = hits
                .iter()
                .map(|&(place, score)| detection(Car, place, f32::from(score) / 64.0))
                .collect();
            let scene = Scene::new(0, &objects, &ALL_LABELLED, &detections);
            let curve = PrCurve::new(&[&scene], Car);
            let best = recommend(&curve, Aim::F1).map_or(0.0, |point| point.f1);
            prop_assert!(best >= curve.at(other).unwrap().f1);
            // The threshold itself does what is said of it.
            if let Some(point) = recommend(&curve, Aim::F1) {
                let shown = scene.shown(&[point.threshold; 8]).count() as u64;
                prop_assert_eq!(shown, point.right + point.wrong);
            }
        }
    }
}
