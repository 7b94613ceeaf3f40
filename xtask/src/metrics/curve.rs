//! From matched detections to precision over recall.

use super::matching::Outcome;

/// Number of recalls at which precision is read: 0.00, 0.01 ... 1.00.
pub(super) const RECALLS: usize = 101;

/// Sum over the curve of one class, size and threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Curve {
    /// Mean of the 101 interpolated precisions.
    pub average_precision: f64,
    /// Recall with all detections.
    pub recall: f64,
}

/// The curve of detections sorted best first; `to_find`, the number of objects, is above 0.
pub(super) fn curve(sorted: &[&Outcome], size: usize, bit: usize, to_find: u64) -> Curve {
    let mut recalls = Vec::with_capacity(sorted.len());
    let mut precisions = Vec::with_capacity(sorted.len());
    let (mut right, mut wrong) = (0u64, 0u64);
    for outcome in sorted {
        right += u64::from(outcome.right[size] >> bit & 1);
        wrong += u64::from(outcome.wrong[size] >> bit & 1);
        recalls.push(right as f64 / to_find as f64);
        // The epsilon, as in pycocotools, makes 0 of 0 a precision of 0.
        precisions.push(right as f64 / ((right + wrong) as f64 + f64::EPSILON));
    }
    // Interpolation: the best precision at this recall or any higher one.
    for index in (1..precisions.len()).rev() {
        precisions[index - 1] = precisions[index - 1].max(precisions[index]);
    }
    let mut sum = 0.0;
    let mut position = 0;
    for step in 0..RECALLS {
        let wanted = wanted_recall(step);
        while position < recalls.len() && recalls[position] < wanted {
            position += 1;
        }
        // Recalls that are never reached have precision 0.
        sum += precisions.get(position).copied().unwrap_or(0.0);
    }
    Curve {
        average_precision: sum / RECALLS as f64,
        recall: recalls.last().copied().unwrap_or(0.0),
    }
}

/// The recall of one of the [`RECALLS`] steps.
pub(super) fn wanted_recall(step: usize) -> f64 {
    if step + 1 == RECALLS {
        1.0
    } else {
        step as f64 * 0.01
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(right: bool) -> Outcome {
        let bits = [u16::from(right); 4];
        Outcome {
            right: bits,
            wrong: bits.map(|bit| 1 - bit),
            ..Outcome::default()
        }
    }

    #[test]
    fn a_perfect_and_an_empty_curve() {
        let found = [outcome(true), outcome(true)];
        let perfect = curve(&found.each_ref(), 0, 0, 2);
        assert!((perfect.average_precision - 1.0).abs() < 1e-12);
        assert_eq!(perfect.recall, 1.0);
        assert_eq!(
            curve(&[], 0, 0, 2),
            Curve {
                average_precision: 0.0,
                recall: 0.0
            }
        );
    }

    #[test]
    fn a_later_hit_lifts_what_is_before_it() {
        // Wrong, right: precision 1/2 up to recall 1/2, which is 51 of the 101 points.
        let found = [outcome(false), outcome(true)];
        let half = curve(&found.each_ref(), 0, 0, 2);
        assert!((half.average_precision - 0.5 * 51.0 / 101.0).abs() < 1e-12);
        assert_eq!(half.recall, 0.5);
    }
}
