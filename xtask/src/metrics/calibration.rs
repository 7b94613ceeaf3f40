//! Whether a score of 0.7 is right seven times of ten.

use super::operating::share;
use super::scene::Scene;
use lookout::class::ObjectClass;
use serde::Serialize;

/// Number of bins of scores.
const BINS: usize = 10;

/// The reliability of scores at IoU 0.5. Detections that nobody can judge, because their class
/// is not labelled in the image or they lie in a crowd region, are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Ten bins of equal width over `0..=1`, the lowest first.
    pub bins: Vec<CalibrationBin>,
    /// Expected calibration error over all detections: the mean distance between a bin's
    /// scores and its share of right ones, weighted by its detections. `None` without any.
    pub error: Option<f64>,
    /// The same over the detections shown, that is from the class's threshold on.
    pub error_shown: Option<f64>,
}

/// The detections with scores in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// How many there are.
    pub detections: u64,
    /// How many of them are right.
    pub right: u64,
    /// Mean of their scores; 0 where there are none.
    pub score_mean: f64,
    /// Share of right ones; 0 where there are none.
    pub share_right: f64,
}

impl Calibration {
    /// Counts the detections of one class, or of all, over all scenes.
    pub fn new(
        scenes: &[&Scene],
        class: Option<ObjectClass>,
        thresholds: &[f32; ObjectClass::COUNT],
    ) -> Self {
        let findings = || {
            scenes.iter().flat_map(|scene| &scene.findings).filter(|f| {
                class.is_none_or(|class| f.detection.class == class)
                    && (f.is_right() || f.is_wrong())
            })
        };
        let marks = || findings().map(|f| (f.detection.score, f.is_right()));
        let shown = findings()
            .filter(|f| f.detection.score >= thresholds[f.detection.class.index()])
            .map(|f| (f.detection.score, f.is_right()));
        let bins = bins(marks());
        Self {
            error: error(&bins),
            error_shown: error(&self::bins(shown)),
            bins: bins.to_vec(),
        }
    }
}

fn bins(marks: impl Iterator<Item = (f32, bool)>) -> [CalibrationBin; BINS] {
    let mut bins = [CalibrationBin::default(); BINS];
    for (score, is_right) in marks {
        let index = ((score * BINS as f32) as usize).min(BINS - 1);
        bins[index].detections += 1;
        bins[index].right += u64::from(is_right);
        bins[index].score_mean += f64::from(score);
    }
    for bin in &mut bins {
        bin.score_mean /= bin.detections.max(1) as f64;
        bin.share_right = share(bin.right, bin.detections);
    }
    bins
}

fn error(bins: &[CalibrationBin; BINS]) -> Option<f64> {
    let all: u64 = bins.iter().map(|bin| bin.detections).sum();
    let distance =
        |bin: &CalibrationBin| bin.detections as f64 * (bin.score_mean - bin.share_right).abs();
    (all > 0).then(|| bins.iter().map(distance).sum::<f64>() / all as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::tests::{ALL_LABELLED, detection, object};
    use super::*;
    use ObjectClass::{Car, Truck};

    #[test]
    fn bins_and_error_of_a_known_case() {
        // Of four at 0.75 three are right, of two at 0.25 none, one at 1 is right.
        let objects: Vec<_> = (0..4).map(|place| object(Car, place)).collect();
        let mut detections: Vec<_> = [0, 1, 2, 9].map(|p| detection(Car, p, 0.75)).into();
        detections.extend([7, 8].map(|place| detection(Car, place, 0.25)));
        detections.push(detection(Car, 3, 1.0));
        let scene = Scene::new(0, &objects, &ALL_LABELLED, &detections);
        let whole = Calibration::new(&[&scene], Some(Car), &[0.5; 8]);
        assert_eq!((whole.bins[7].detections, whole.bins[7].right), (4, 3));
        assert_eq!(whole.bins[7].share_right, 0.75);
        assert_eq!(whole.bins[9].detections, 1, "1.0 is in the last bin");
        assert!((whole.error.unwrap() - 2.0 * 0.25 / 7.0).abs() < 1e-12);
        assert_eq!(whole.error_shown, Some(0.0));
        assert_eq!(Calibration::new(&[&scene], None, &[0.5; 8]), whole);
        let none = Calibration::new(&[&scene], Some(Truck), &[0.5; 8]);
        assert_eq!((none.error, none.error_shown), (None, None));
    }

    #[test]
    fn what_nobody_can_judge_is_left_out() {
        let mut labelled = ALL_LABELLED;
        labelled[Truck.index()] = false;
        let scene = Scene::new(0, &[], &labelled, &[detection(Truck, 0, 0.9)]);
        assert_eq!(Calibration::new(&[&scene], None, &[0.5; 8]).error, None);
    }
}
