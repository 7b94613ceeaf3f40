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

/// How the range of a hidden layer is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// The least mean square of rounding and clipping errors together.
    #[default]
    Mse,
    /// This percentage of the values (say 99.99) reaches neither end; `50.0..=100.0`.
    Percentile(f64),
    /// From the least to the greatest value: nothing is clipped, and a single outlier widens
    /// the steps for all other values.
    MinMax,
    /// For each layer the one of the others whose mean square error is the least, clipping
    /// weighed by what the layer is for.
    Auto,
}

/// What [`Method::Auto`] chooses from.
const CANDIDATES: [Method; 5] = [
    Method::Mse,
    Method::MinMax,
    Method::Percentile(99.9),
    Method::Percentile(99.99),
    Method::Percentile(99.999),
];

/// Percentile where none is given.
const PERCENTILE: f64 = 99.99;

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!("`{text}` is no method: write auto, mse, minmax, percentile or percentile:99.9")
        };
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "mse" => Ok(Self::Mse),
            None if text == "minmax" => Ok(Self::MinMax),
            None if text == "percentile" => Ok(Self::Percentile(PERCENTILE)),
            Some(("percentile", number)) => {
                let percent = number.parse().map_err(|_| bad())?;
                let sane = (50.0..=100.0).contains(&percent);
                sane.then_some(Self::Percentile(percent)).ok_or_else(bad)
            }
            _ => Err(bad()),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mse => f.write_str("mse"),
            Self::Percentile(percent) => write!(f, "percentile:{percent}"),
            Self::MinMax => f.write_str("minmax"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// What a layer's output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Other layers read it.
    Hidden,
    /// Scores or boxes are computed from it directly. Its few large values are the objects,
    /// and nothing behind it averages their errors away.
    HeadInput,
    /// Class logits: the top is never clipped, since it ranks the best detections; the bottom
    /// is, at [`LOGIT_MIN`].
    Scores,
    /// Box codes: few values of many belong to an object, so that the mean square, which the
    /// background rules, would clip the boxes of large objects; percentile 99.99 instead.
    Boxes,
}

/// Percentile for box codes.
const BOXES_PERCENTILE: f64 = 99.99;

/// How much worse than rounding [`Method::Auto`] takes clipping to be, square against square,
/// where [`Role::HeadInput`] makes it matter.
const HEAD_CLIPPING: f64 = 8.0;

/// A range, how it was come by and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Choice {
    /// The method; never [`Method::Auto`]. Scores and boxes have rules of their own: `None`.
    #[serde(serialize_with = "as_text")]
    pub method: Option<Method>,
    /// Least value that is represented.
    pub low: f32,
    /// Greatest value that is represented.
    pub high: f32,
    /// Share of the values that lie outside.
    pub clipped: f64,
    /// Expected mean square of a value's error, clipping and rounding together.
    pub error: f64,
}

fn as_text<S: serde::Serializer>(method: &Option<Method>, to: S) -> Result<S::Ok, S::Error> {
    match method {
        Some(method) => to.collect_str(method),
        None => to.serialize_none(),
    }
}

/// The range for a distribution; `None` when nothing was observed.
pub(super) fn choose(histogram: &Histogram, role: Role, method: Method) -> Option<Choice> {
    let (min, max) = histogram.extremes()?;
    let fixed = |low, high| Some(rate(histogram, None, (low, high), 1.0).0);
    match (role, method) {
        (Role::Scores, _) => fixed(f64::from(min.max(LOGIT_MIN)), f64::from(max)),
        (Role::Boxes, _) => {
            let (low, high) = trimmed(histogram, BOXES_PERCENTILE);
            fixed(low, high)
        }
        (_, Method::Auto) => {
            let weight = if role == Role::HeadInput {
                HEAD_CLIPPING
            } else {
                1.0
            };
            let rated =
                CANDIDATES.map(|m| rate(histogram, Some(m), by_method(histogram, m), weight));
            let best = rated.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
            best.map(|(choice, _)| choice)
        }
        (_, method) => Some(rate(histogram, Some(method), by_method(histogram, method), 1.0).0),
    }
}

fn by_method(histogram: &Histogram, method: Method) -> (f64, f64) {
    let (min, max) = histogram.extremes().unwrap_or_default();
    match method {
        Method::MinMax => (f64::from(min), f64::from(max)),
        Method::Percentile(percent) => trimmed(histogram, percent),
        Method::Mse | Method::Auto => least_error(histogram, min, max),
    }
}

/// The range as a choice, and its error with clipping weighed by `weight`.
fn rate(
    histogram: &Histogram,
    method: Option<Method>,
    (low, high): (f64, f64),
    weight: f64,
) -> (Choice, f64) {
    let (min, max) = histogram.extremes().unwrap_or_default();
    // Bin edges may lie a little beyond the values; zero must always be exact.
    let low = (low as f32).max(min).min(0.0);
    let high = (high as f32).min(max).max(0.0);
    let (outside, squares) = histogram.outside(f64::from(low), f64::from(high));
    let step = f64::from(high - low) / STEPS;
    let inside = histogram.nonzero().saturating_sub(outside) as f64;
    let rounding = inside * step * step / 12.0;
    let total = histogram.total().max(1) as f64;
    let choice = Choice {
        method,
        low,
        high,
        clipped: outside as f64 / total,
        error: (rounding + squares) / total,
    };
    (choice, rounding + weight * squares)
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

    /// The range alone.
    fn choose(h: &Histogram, role: Role, method: Method) -> Option<(f32, f32)> {
        super::choose(h, role, method).map(|choice| (choice.low, choice.high))
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
        for role in [Role::Hidden, Role::HeadInput, Role::Scores, Role::Boxes] {
            for method in [
                Method::Mse,
                Method::Percentile(99.9),
                Method::Percentile(f64::NAN),
                Method::MinMax,
                Method::Auto,
            ] {
                assert_eq!(choose(&histogram(&[]), role, method), None);
                let (low, high) = choose(&histogram(&[0.0; 9]), role, method).unwrap();
                assert_eq!((low, high), (0.0, 0.0));
                let (low, high) = choose(&histogram(&[-3.0; 9]), role, method).unwrap();
                assert!((low + 3.0).abs() < 0.01 && high == 0.0);
            }
        }
    }

    #[test]
    fn auto_takes_the_smaller_error() {
        let mut random = fastrand::Rng::with_seed(4);
        for (outlier, tail) in [(0.0f32, 1), (9.0, 1), (30.0, 3), (300.0, 5)] {
            let mut values: Vec<f32> = (0..30_000)
                .map(|_| normal(&mut random).powi(tail))
                .collect();
            values.push(outlier);
            let h = histogram(&values);
            let choose = |method| super::choose(&h, Role::Hidden, method).unwrap();
            let auto = choose(Method::Auto);
            for method in CANDIDATES {
                let other = choose(method);
                assert!(auto.error <= other.error, "{outlier}: {auto:?} {other:?}");
                // The expectation is not quite the error of these very values.
                let found = |choice: Choice| error(&values, (choice.low, choice.high));
                assert!(
                    found(auto) < 1.1 * found(other),
                    "{outlier}: {auto:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_expected_is_what_happens() {
        let mut random = fastrand::Rng::with_seed(5);
        let values: Vec<f32> = (0..30_000).map(|_| normal(&mut random)).collect();
        let h = histogram(&values);
        for method in CANDIDATES {
            let choice = super::choose(&h, Role::Hidden, method).unwrap();
            let range = (choice.low, choice.high);
            let (expected, found) = (choice.error, error(&values, range));
            assert!(
                (expected / found - 1.0).abs() < 0.05,
                "{method}: {expected} {found}"
            );
            assert_eq!(choice.method, Some(method));
            let outside = values
                .iter()
                .filter(|v| **v < range.0 || **v > range.1)
                .count();
            let clipped = outside as f64 / values.len() as f64;
            assert!((choice.clipped - clipped).abs() < 1e-3);
        }
    }

    #[test]
    fn large_values_before_the_heads_are_kept() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut values: Vec<f32> = (0..50_000)
            .map(|_| 0.3 * normal(&mut random).abs())
            .collect();
        values.extend((0..40).map(|i| 3.0 + 0.05 * i as f32));
        let h = histogram(&values);
        let high = |role| choose(&h, role, Method::Auto).unwrap().1;
        assert!(high(Role::HeadInput) > 4.5, "{}", high(Role::HeadInput));
        assert!(high(Role::HeadInput) >= high(Role::Hidden));
    }

    #[test]
    fn methods_are_read_as_they_are_written() {
        for method in CANDIDATES.into_iter().chain([Method::Auto]) {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        assert_eq!("percentile".parse(), Ok(Method::Percentile(PERCENTILE)));
        for bad in [
            "",
            "max",
            "percentile:",
            "percentile:20",
            "percentile:NaN",
            "mse:3",
        ] {
            assert!(bad.parse::<Method>().is_err(), "{bad}");
        }
    }
}
