//! Distributions of values, in the buckets that TensorBoard is used to.

use super::TensorboardError;
use super::proto::HistogramProto;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Smallest right edge above zero.
const LIMIT_MIN: f64 = 1e-12;

/// Where edges end; what is larger falls into the last bucket.
const LIMIT_MAX: f64 = 1e20;

/// From one edge to the next.
const GROWTH: f64 = 1.1;

/// Most buckets of a distribution that the caller has counted itself.
const BUCKETS_MAX: usize = 1 << 16;

/// Right edges of the buckets: a tenth apart on either side of zero.
static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let positive: Vec<f64> = std::iter::successors(Some(LIMIT_MIN), |limit| Some(limit * GROWTH))
        .take_while(|limit| *limit < LIMIT_MAX)
        .chain([f64::MAX])
        .collect();
    let negative = positive.iter().rev().map(|limit| -limit);
    negative
        .chain([0.0])
        .chain(positive.iter().copied())
        .collect()
});

/// A distribution; values that are not finite are counted apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Right edge of each bucket, which does not belong to it.
    limits: Cow<'static, [f64]>,
    counts: Vec<u64>,
    min: f64,
    max: f64,
    sum: f64,
    sum_squares: f64,
    not_finite: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            limits: Cow::Borrowed(&LIMITS),
            counts: vec![0; LIMITS.len()],
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            sum_squares: 0.0,
            not_finite: 0,
        }
    }
}

impl Histogram {
    /// The distribution of these values.
    pub fn of(values: &[f32]) -> Self {
        let mut histogram = Self::default();
        histogram.add(values);
        histogram
    }

    /// A distribution that was counted elsewhere: `counts[i]` values from `edges[i]` up to
    /// `edges[i + 1]`. Sums are taken as if they lay in the middle.
    ///
    /// # Errors
    /// [`TensorboardError::Value`] unless there is one edge more than counts, 65,536 counts at
    /// most, and the edges are finite and rise.
    pub fn of_counts(edges: &[f64], counts: &[u64]) -> Result<Self, TensorboardError> {
        let refuse = |text: &str| Err(TensorboardError::Value(format!("histogram: {text}")));
        let (Some((_, limits)), 1..=BUCKETS_MAX) = (edges.split_first(), counts.len()) else {
            return refuse("1 to 65536 buckets are needed");
        };
        if limits.len() != counts.len() {
            return refuse("there must be one edge more than counts");
        }
        if edges.iter().any(|edge| !edge.is_finite()) || !edges.is_sorted_by(|a, b| a < b) {
            return refuse("edges must be finite and rise");
        }
        let mut histogram = Self {
            limits: Cow::Owned(limits.to_vec()),
            counts: counts.to_vec(),
            ..Self::default()
        };
        for (pair, count) in edges.windows(2).zip(counts) {
            let &[left, right] = pair else { continue };
            if *count > 0 {
                let (middle, count) = (left / 2.0 + right / 2.0, *count as f64);
                histogram.min = histogram.min.min(left);
                histogram.max = histogram.max.max(right);
                histogram.sum += count * middle;
                histogram.sum_squares += count * middle * middle;
            }
        }
        Ok(histogram)
    }

    /// Adds values.
    pub fn add(&mut self, values: &[f32]) {
        for value in values {
            if value.is_finite() {
                self.count(f64::from(*value));
            } else {
                self.not_finite += 1;
            }
        }
    }

    fn count(&mut self, value: f64) {
        let bucket = self.limits.partition_point(|limit| *limit <= value);
        // The last edge is the largest number of all, and lies in the last bucket.
        let bucket = bucket.min(self.counts.len().saturating_sub(1));
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.sum_squares += value * value;
    }

    /// Values that are NaN or infinite; they lie in no bucket.
    pub fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// The message. Runs of empty buckets become one, which keeps it short.
    pub(super) fn to_proto(&self) -> HistogramProto {
        let (mut limits, mut counts) = (Vec::new(), Vec::<f64>::new());
        for (limit, count) in self.limits.iter().zip(&self.counts) {
            let count = *count as f64;
            if let (0.0, Some(last), Some(0.0)) = (count, limits.last_mut(), counts.last()) {
                *last = *limit;
            } else {
                limits.push(*limit);
                counts.push(count);
            }
        }
        let num: u64 = self.counts.iter().sum();
        let extreme = |value: f64| if num == 0 { 0.0 } else { value };
        HistogramProto {
            min: extreme(self.min),
            max: extreme(self.max),
            num: num as f64,
            sum: self.sum,
            sum_squares: self.sum_squares,
            bucket_limit: limits,
            bucket: counts,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_are_those_of_tensorflow() {
        assert_eq!(LIMITS.len(), 2 * 775 + 1);
        assert!(LIMITS.is_sorted_by(|a, b| a < b));
        assert_eq!(LIMITS[775..778], [0.0, 1e-12, 1e-12 * 1.1]);
        assert_eq!(LIMITS.first(), Some(&f64::MIN));
        assert_eq!(LIMITS.last(), Some(&f64::MAX));
    }

    #[test]
    fn what_is_not_finite_lies_in_no_bucket() {
        let values = [1.0, f32::NAN, f32::INFINITY, -2.0, f32::NEG_INFINITY];
        let histogram = Histogram::of(&values);
        assert_eq!(histogram.not_finite(), 3);
        let proto = histogram.to_proto();
        assert_eq!((proto.num, proto.min, proto.max), (2.0, -2.0, 1.0));
        assert_eq!((proto.sum, proto.sum_squares), (-1.0, 5.0));
        assert_eq!(proto.bucket.iter().sum::<f64>(), 2.0);
    }

    #[test]
    fn nothing_is_a_distribution_too() {
        let proto = Histogram::of(&[]).to_proto();
        assert_eq!((proto.num, proto.min, proto.max), (0.0, 0.0, 0.0));
        assert_eq!(proto.bucket, [0.0]);
        assert_eq!(proto.bucket_limit, [f64::MAX]);
    }

    #[test]
    fn counts_of_others_are_taken_over() {
        let histogram = Histogram::of_counts(&[0.0, 1.0, 2.0, 3.0], &[0, 4, 0]).unwrap();
        let proto = histogram.to_proto();
        assert_eq!((proto.min, proto.max, proto.num), (1.0, 2.0, 4.0));
        assert_eq!((proto.sum, proto.sum_squares), (6.0, 9.0));
        assert_eq!(proto.bucket_limit, [1.0, 2.0, 3.0]);
        assert_eq!(proto.bucket, [0.0, 4.0, 0.0]);
        for (edges, counts) in [
            (&[0.0][..], &[][..]),
            (&[][..], &[1][..]),
            (&[0.0, 1.0], &[1, 1]),
            (&[1.0, 0.0], &[1]),
            (&[0.0, f64::NAN], &[1]),
            (&[0.0, f64::INFINITY], &[1]),
        ] {
            assert!(Histogram::of_counts(edges, counts).is_err(), "{edges:?}");
        }
    }

    proptest! {
        /// Every value lies left of the edge of its bucket and not left of the one before.
        #[test]
        fn values_lie_in_their_buckets(value in any::<f32>()) {
            prop_assume!(value.is_finite());
            let proto = Histogram::of(&[value]).to_proto();
            prop_assert!(proto.bucket.len() <= 3);
            let bucket = proto.bucket.iter().position(|count| *count == 1.0).unwrap();
            prop_assert!(f64::from(value) < proto.bucket_limit[bucket]);
            if bucket > 0 {
                prop_assert!(f64::from(value) >= proto.bucket_limit[bucket - 1]);
            }
        }

        #[test]
        fn edges_rise_and_counts_add_up(values in prop::collection::vec(any::<f32>(), 0..300)) {
            let histogram = Histogram::of(&values);
            let proto = histogram.to_proto();
            prop_assert!(proto.bucket_limit.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(proto.bucket.len(), proto.bucket_limit.len());
            let counted = proto.bucket.iter().sum::<f64>() as u64 + histogram.not_finite();
            prop_assert_eq!(counted, values.len() as u64);
        }
    }
}
