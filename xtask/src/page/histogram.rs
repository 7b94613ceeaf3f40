//! Counts of values in bins.

use serde::Serialize;

/// No more bins than this are made.
const BINS_MAX: usize = 200;

/// Edges and contents of the bins of a [`histogram`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Histogram {
    /// Edges of the bins, one more than there are bins; empty without data.
    pub edges: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

/// Counts `values` in `bins` bins of equal width, or of equal ratio with `is_log`, between
/// `min` and `max`. What lies beyond is counted in the outermost bins; what is not finite (or
/// not above 0 on a logarithmic axis) is left out.
pub fn histogram(values: &[f64], bins: usize, (min, max): (f64, f64), is_log: bool) -> Histogram {
    let warp = |value: f64| if is_log { value.log10() } else { value };
    let unwarp = |value: f64| if is_log { 10f64.powf(value) } else { value };
    let bins = bins.clamp(1, BINS_MAX);
    let (low, high) = (warp(min), warp(max));
    let width = (high - low) / bins as f64;
    if !(low.is_finite() && width.is_finite() && width > 0.0) {
        return Histogram::default();
    }
    let mut counts = vec![0; bins];
    for value in values.iter().map(|value| warp(*value)) {
        if value.is_finite() {
            // The cast saturates.
            let bin = ((value - low) / width).floor() as usize;
            counts[bin.min(bins - 1)] += 1;
        }
    }
    let edges = (0..=bins).map(|bin| unwarp(low + bin as f64 * width));
    Histogram {
        edges: edges.collect(),
        counts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_fall_into_their_bins() {
        let linear = histogram(
            &[0.0, 0.5, 1.0, 3.9, 9.0, -2.0, f64::NAN],
            4,
            (0.0, 4.0),
            false,
        );
        assert_eq!(linear.counts, [3, 1, 0, 2]);
        assert_eq!(linear.edges, [0.0, 1.0, 2.0, 3.0, 4.0]);
        let log = histogram(&[2.0, 20.0, 0.0], 2, (1.0, 100.0), true);
        assert_eq!(log.counts, [1, 1]);
        assert!((log.edges[1] - 10.0).abs() < 1e-9);
        assert_eq!(
            histogram(&[1.0], 4, (3.0, 3.0), false),
            Histogram::default()
        );
        assert_eq!(histogram(&[1.0], 4, (0.0, 3.0), true), Histogram::default());
    }

    proptest! {
        #[test]
        fn no_finite_value_is_lost(values in proptest::collection::vec(any::<f64>(), 0..20)) {
            let finite = values.iter().filter(|value| value.is_finite()).count() as u64;
            let counted = histogram(&values, 7, (-1.0, 1.0), false).counts.iter().sum::<u64>();
            prop_assert_eq!(counted, finite);
        }
    }
}
