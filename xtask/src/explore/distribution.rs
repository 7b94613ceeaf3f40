//! How a value is distributed: quantiles and a histogram.

use crate::page::{Histogram, histogram};
use serde::Serialize;

/// Bins of a histogram.
const BINS: usize = 40;

/// Distribution of one value; all zero without values.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many values.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// A twentieth of the values is below.
    pub p05: f64,
    /// A quarter is below.
    pub p25: f64,
    /// Half is below.
    pub p50: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// All but a twentieth are below.
    pub p95: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Values in bins.
    pub histogram: Histogram,
}

impl Distribution {
    /// Of the finite ones of `values`, with bins over `range`, of equal ratio with `is_log`.
    pub fn new(values: &[f64], range: (f64, f64), is_log: bool) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        Self {
            count: sorted.len() as u64,
            min: at(0.0),
            p05: at(0.05),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p95: at(0.95),
            max: at(1.0),
            mean: sorted.iter().sum::<f64>() / sorted.len().max(1) as f64,
            histogram: histogram(&sorted, BINS, range, is_log),
        }
    }

    /// Of counts, a bin each as long as there are few.
    pub fn of_counts(values: &[f64]) -> Self {
        let max = values.iter().copied().fold(0.0, f64::max);
        let mut distribution = Self::new(values, (0.0, max + 1.0), false);
        let bins = (max as usize).saturating_add(1);
        if bins <= BINS {
            distribution.histogram = histogram(values, bins, (0.0, bins as f64), false);
        }
        distribution
    }
}

/// Between the two nearest of the sorted values; 0 without any.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = share * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (sorted[low.min(last)], sorted[high.min(last)]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let d = Distribution::new(&[4.0, 0.0, 2.0, f64::NAN, 1.0, 3.0], (0.0, 4.0), false);
        assert_eq!(
            (d.count, d.min, d.p50, d.max, d.mean),
            (5, 0.0, 2.0, 4.0, 2.0)
        );
        assert!((d.p05 - 0.2).abs() < 1e-12 && (d.p95 - 3.8).abs() < 1e-12);
        assert_eq!((d.p25, d.p75), (1.0, 3.0));
        assert_eq!(d.histogram.counts.iter().sum::<u64>(), 5);
        let one = Distribution::new(&[7.0], (1.0, 10.0), true);
        assert_eq!((one.p05, one.p95), (7.0, 7.0));
        assert_eq!(Distribution::new(&[], (0.0, 1.0), false).p50, 0.0);
    }

    #[test]
    fn small_counts_have_a_bin_each() {
        let d = Distribution::of_counts(&[0.0, 2.0, 2.0, 3.0]);
        assert_eq!(d.histogram.counts, [1, 0, 2, 1]);
        assert_eq!(Distribution::of_counts(&[1e6]).histogram.counts.len(), BINS);
        assert_eq!(Distribution::of_counts(&[]).histogram.counts, [0]);
    }
}
