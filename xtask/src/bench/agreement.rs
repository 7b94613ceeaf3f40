//! Whether an engine computed the shipped network at all, so that nobody times a wrong one.

use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;

/// Least correlation of each output with the shipped network's. The network in `f32` and
/// ncnn's symmetric int8 differ from it by what rounding did; a wrong layer leaves nothing.
pub(super) const CORRELATION_MIN: f64 = 0.97;

/// Least share of detections that two lists have in common. Those whose score is about the
/// threshold come and go with a step of an integer.
pub(super) const SHARED_MIN: f64 = 0.9;

/// Overlap from which two detections are the same.
const IOU_MIN: f32 = 0.8;

/// How near two results are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Agreement {
    /// Largest difference of two numbers.
    pub(super) difference_max: f64,
    /// Least correlation, or share of detections: 1 for equal results, not a number for
    /// results that cannot be compared.
    pub(super) least: f64,
}

impl Agreement {
    /// Whether the results are at least so near; what is not a number never is.
    pub(super) fn reaches(self, least: f64) -> bool {
        self.least >= least
    }
}

/// Compares outputs one by one. Those of an engine come in one piece.
pub(super) fn of_outputs(expected: &[Vec<f32>], found: &[f32]) -> Agreement {
    let total: usize = expected.iter().map(Vec::len).sum();
    if total != found.len() {
        return Agreement {
            difference_max: f64::INFINITY,
            least: f64::NAN,
        };
    }
    let mut agreement = Agreement {
        difference_max: 0.0,
        least: 1.0,
    };
    let mut rest = found;
    for expected in expected {
        let (found, after) = rest.split_at(expected.len());
        rest = after;
        for (a, b) in expected.iter().zip(found) {
            let difference = f64::from((a - b).abs());
            // A comparison would pass over what is not a number.
            agreement.difference_max = if difference.is_nan() {
                f64::INFINITY
            } else {
                agreement.difference_max.max(difference)
            };
        }
        let correlation = correlation(expected, found);
        if correlation.is_nan() || correlation < agreement.least {
            agreement.least = correlation;
        }
        if agreement.least.is_nan() {
            break;
        }
    }
    agreement
}

/// Pearson's correlation of two lists of the same length.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean =
        |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut only_a, mut only_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        both += a * b;
        only_a += a * a;
        only_b += b * b;
    }
    both / (only_a * only_b).sqrt()
}

/// Compares detections: `found` holds six numbers each, as [`super::engines::numbers`] gives
/// them. Differences are those of scores.
pub(super) fn of_detections(expected: &[Detection], found: &[f32]) -> Agreement {
    let found: Vec<Detection> = found.chunks_exact(6).filter_map(detection).collect();
    let mut taken = vec![false; found.len()];
    let (mut shared, mut difference_max) = (0, 0.0f64);
    for one in expected {
        let same = |(i, other): &(usize, &Detection)| {
            !taken[*i] && other.class == one.class && other.bbox.iou(&one.bbox) >= IOU_MIN
        };
        if let Some((i, other)) = found.iter().enumerate().find(same) {
            taken[i] = true;
            shared += 1;
            difference_max = difference_max.max(f64::from((one.score - other.score).abs()));
        }
    }
    let most = expected.len().max(found.len());
    Agreement {
        difference_max,
        least: f64::from(shared) / most as f64,
    }
}

fn detection(numbers: &[f32]) -> Option<Detection> {
    let &[class, score, x0, y0, x1, y1] = numbers else {
        return None;
    };
    Some(Detection::new(
        ObjectClass::from_index(class as usize)?,
        score,
        BBox::new(x0, y0, x1, y1),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::engines::numbers;
    use super::*;

    #[test]
    fn outputs_are_compared_one_by_one() {
        let expected = [vec![1.0, 2.0, 3.0], vec![0.0, 5.0]];
        let same = of_outputs(&expected, &[1.0, 2.0, 3.0, 0.0, 5.0]);
        assert!(same.difference_max == 0.0 && (same.least - 1.0).abs() < 1e-12);
        let offset = of_outputs(&expected, &[1.5, 2.5, 3.5, 0.0, 5.0]);
        assert!(offset.difference_max == 0.5 && (offset.least - 1.0).abs() < 1e-12);
        let turned = of_outputs(&expected, &[1.0, 2.0, 3.0, 5.0, 0.0]);
        assert!(turned.difference_max == 5.0 && (turned.least + 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_compared_does_not_agree() {
        let expected = [vec![1.0, 2.0], vec![3.0, 4.0]];
        for found in [&[1.0, 2.0, 3.0][..], &[1.0, f32::NAN, 3.0, 4.0], &[7.0; 4]] {
            let agreement = of_outputs(&expected, found);
            assert!(!agreement.reaches(CORRELATION_MIN), "{agreement:?}");
        }
    }

    #[test]
    fn detections_are_matched_by_class_and_place() {
        let at = |x: f32, score| {
            Detection::new(ObjectClass::Car, score, BBox::new(x, 0.0, x + 10.0, 10.0))
        };
        let expected = [at(0.0, 0.9), at(50.0, 0.5)];
        let flat = |list: &[Detection]| list.iter().flat_map(numbers).collect::<Vec<f32>>();
        let same = of_detections(&expected, &flat(&[at(50.5, 0.25), at(0.0, 0.9)]));
        assert!(same.least == 1.0 && (same.difference_max - 0.25).abs() < 1e-6);
        assert_eq!(of_detections(&expected, &flat(&[at(0.0, 0.9)])).least, 0.5);
        let mut truck = at(0.0, 0.9);
        truck.class = ObjectClass::Truck;
        assert_eq!(
            of_detections(&expected, &flat(&[truck, at(20.0, 0.5)])).least,
            0.0
        );
        assert!(of_detections(&[], &[]).least.is_nan());
    }
}
