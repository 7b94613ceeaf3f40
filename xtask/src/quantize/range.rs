//! How much of a layer's distribution the 256 steps of its output shall span.

use super::histogram::Histogram;
use std::collections::BTreeMap;

/// Least and greatest value that a layer's output is to represent, by the layer's name. Zero
/// lies between the two.
pub type Ranges = BTreeMap<String, (f32, f32)>;

/// Class logits below this are all the same to us: a score of 0.0003, which no threshold asks
/// for. Spending steps on them would blur the scores that matter.
pub const LOGIT_MIN: f32 = -8.0;

/// Steps between the least and the greatest integer.
const STEPS: f64 = 255.0;

/// How the range of a hidden layer is chosen. The extremes themselves are never it, because a
/// single outlier would widen the steps for all other values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// The least mean square of rounding and clipping errors together.
    #[default]
    Mse,
    /// This percentage of the values (say 99.99) reaches neither end; `50.0..=100.0`.
    Percentile(f64),
}

/// What a layer's output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Other layers read it.
    Hidden,
    /// Class logits: the top is never clipped, since it ranks the best detections; the bottom
    /// is, at [`LOGIT_MIN`].
    Scores,
    /// Box codes: few values of many belong to an object, so that the mean square, which the
    /// background rules, would clip the boxes of large objects; percentile 99.99 instead.
    Boxes,
}

/// Percentile for box codes.
const BOXES_PERCENTILE: f64 = 99.99;

/// The range for a distribution; `None` when nothing was observed.
pub(super) fn choose(histogram: &Histogram, role: Role, method: Method) -> Option<(f32, f32)> {
    let (min, max) = histogram.extremes()?;
    let (low, high) = match (role, method) {
        (Role::Scores, _) => (f64::from(min.max(LOGIT_MIN)), f64::from(max)),
        (Role::Boxes, _) => trimmed(histogram, BOXES_PERCENTILE),
        (Role::Hidden, Method::Percentile(percent)) => trimmed(histogram, percent),
        (Role::Hidden, Method::Mse) => least_error(histogram, min, max),
    };
    // Bin edges may lie a little beyond the values; zero must always be exact.
    let low = (low as f32).max(min).min(0.0);
    let high = (high as f32).min(max).max(0.0);
    Some((low, high))
}

fn trimmed(histogram: &Histogram, percent: f64) -> (f64, f64) {
    histogram.trimmed(1.0 - percent.clamp(50.0, 100.0) / 100.0)
}

/// The pair of bin edges with the least sum of squares of the errors: values inside are off by
/// a rounding error spread evenly over a step, values outside by their distance to the range,
/// zeros not at all.
fn least_error(histogram: &Histogram, min: f32, max: f32) -> (f64, f64) {
    let (above, below) = (histogram.clipped_above(), histogram.clipped_below());
    let (width, nonzero) = (histogram.width(), histogram.nonzero() as f64);
    let highs = candidates(f64::from(max.max(0.0)) / width);
    let lows = candidates(f64::from((-min).max(0.0)) / width);
    let mut best = (f64::INFINITY, 0, 0);
    for low in &lows {
        for high in &highs {
            let step = (low + high) as f64 * width / STEPS;
            let error = nonzero * step * step / 12.0 + above[*high] + below[*low];
            if error < best.0 {
                best = (error, *low, *high);
            }
        }
    }
    (-(best.1 as f64) * width, best.2 as f64 * width)
}

/// Up to 257 numbers of bins from 0 to `bins`, rounded up.
fn candidates(bins: f64) -> Vec<usize> {
    let last = bins.ceil() as usize;
    let step = last.div_ceil(256).max(1);
    (0..last).step_by(step).chain([last]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// About normal, by the sum of twelve.
    fn normal(random: &mut fastrand::Rng) -> f32 {
        (0..12).map(|_| random.f32()).sum::<f32>() - 6.0
    }

    fn histogram(values: &[f32]) -> Histogram {
        let mut h = Histogram::new();
        h.add(values);
        h
    }

    /// Mean square error of 256 steps over a range, worked out value by value.
    fn error(values: &[f32], (low, high): (f32, f32)) -> f64 {
        let step = f64::from(high - low) / STEPS;
        let zero = (-f64::from(low) / step).round_ties_even();
        let back = |v: f32| {
            let q = ((f64::from(v) / step).round_ties_even() + zero).clamp(0.0, STEPS);
            (q - zero) * step
        };
        values
            .iter()
            .map(|v| (back(*v) - f64::from(*v)).powi(2))
            .sum::<f64>()
            / values.len() as f64
    }

    #[test]
    fn an_outlier_does_not_widen_the_steps() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut values: Vec<f32> = (0..50_000).map(|_| normal(&mut random)).collect();
        values = values.repeat(20);
        values.extend([40.0, -35.0]);
        let h = histogram(&values);
        let (low, high) = choose(&h, Role::Hidden, Method::Mse).unwrap();
        assert!(
            (-15.0..-3.0).contains(&low) && (3.0..18.0).contains(&high),
            "{low} {high}"
        );
        assert!(error(&values, (low, high)) < 0.5 * error(&values, (-35.0, 40.0)));
        let (low, high) = choose(&h, Role::Hidden, Method::Percentile(99.9)).unwrap();
        assert!(
            (low + 3.1).abs() < 0.3 && (high - 3.1).abs() < 0.3,
            "{low} {high}"
        );
    }

    #[test]
    fn no_other_range_of_a_grid_has_a_smaller_error() {
        let mut random = fastrand::Rng::with_seed(2);
        // A ReLU6 with a long tail: mostly zeros.
        let long_tail = |r: &mut fastrand::Rng| (normal(r).powi(3) * 0.1).clamp(0.0, 6.0);
        let values: Vec<f32> = (0..20_000).map(|_| long_tail(&mut random)).collect();
        let chosen = choose(&histogram(&values), Role::Hidden, Method::Mse).unwrap();
        assert_eq!(chosen.0, 0.0);
        let least = (1..=60).map(|i| error(&values, (0.0, 0.1 * i as f32)));
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(error(&values, chosen) < 1.03 * least, "{chosen:?}");
    }

    #[test]
    fn scores_keep_their_top_and_lose_their_bottom() {
        let mut values = vec![-20.0; 100_000];
        values.push(4.5);
        let range = choose(&histogram(&values), Role::Scores, Method::Mse);
        assert_eq!(range, Some((LOGIT_MIN, 4.5)));
        let never_sure = choose(&histogram(&[-7.0, -3.0]), Role::Scores, Method::Mse);
        assert_eq!(never_sure, Some((-7.0, 0.0)));
    }

    #[test]
    fn odd_distributions_have_ranges_too() {
        for role in [Role::Hidden, Role::Scores, Role::Boxes] {
            for method in [
                Method::Mse,
                Method::Percentile(99.9),
                Method::Percentile(f64::NAN),
            ] {
                assert_eq!(choose(&histogram(&[]), role, method), None);
                let (low, high) = choose(&histogram(&[0.0; 9]), role, method).unwrap();
                assert_eq!((low, high), (0.0, 0.0));
                let (low, high) = choose(&histogram(&[-3.0; 9]), role, method).unwrap();
                assert!((low + 3.0).abs() < 0.01 && high == 0.0);
            }
        }
    }
}
