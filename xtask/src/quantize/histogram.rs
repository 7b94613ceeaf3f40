//! The distribution of a layer's output, gathered in one pass.

/// Bins of a histogram; half of them lie below zero.
pub(super) const BINS: usize = 4096;
const HALF: usize = BINS / 2;

/// Values of this size or more are no activations: the network is broken.
const LIMIT_MAX: f32 = (1u64 << 30) as f32;

/// Counts of the values in `BINS` equal bins over `-limit..limit`. When a value falls outside,
/// `limit` doubles and neighbouring bins merge, so that no pass over the data is needed to
/// find the limit first.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bins: Vec<u64>,
    /// A power of two, so that doubling it maps bins to bins without error.
    limit: f32,
    /// Values that are exactly zero: most of the output of a ReLU, and exact in every scheme.
    zeros: u64,
    min: f32,
    max: f32,
    wild: bool,
}

impl Histogram {
    pub(super) fn new() -> Self {
        let limit = 2f32.powi(-20);
        let (min, max) = (f32::INFINITY, f32::NEG_INFINITY);
        Self {
            bins: vec![0; BINS],
            limit,
            zeros: 0,
            min,
            max,
            wild: false,
        }
    }

    /// Adds all values.
    pub(super) fn add(&mut self, values: &[f32]) {
        if !values
            .iter()
            .fold(true, |sane, v| sane & (v.abs() < LIMIT_MAX))
        {
            self.wild = true;
            return;
        }
        let (min, max) = extremes(values);
        (self.min, self.max) = (self.min.min(min), self.max.max(max));
        let size = self.min.abs().max(self.max.abs());
        while !values.is_empty() && size >= self.limit {
            self.double();
        }
        // A u32 cannot overflow within one of these parts.
        for part in values.chunks(u32::MAX as usize) {
            self.count(part);
        }
    }

    /// Two tables are filled in turn, because runs of equal values would otherwise wait for
    /// their own last write.
    fn count(&mut self, values: &[f32]) {
        let scale = HALF as f32 / self.limit;
        let (first, last) = (-(HALF as f32), (HALF - 1) as f32);
        let mut tables = [[0u32; BINS]; 2];
        let mut index = [0u32; 64];
        for chunk in values.chunks(index.len()) {
            let mut zeros = 0u32;
            for (i, v) in index.iter_mut().zip(chunk) {
                *i = (floor((v * scale).clamp(first, last)) + HALF as i32) as u32;
                zeros += u32::from(*v == 0.0);
            }
            self.zeros += u64::from(zeros);
            for (k, i) in index[..chunk.len()].iter().enumerate() {
                tables[k % 2][*i as usize % BINS] += 1;
            }
        }
        for (bin, (a, b)) in self.bins.iter_mut().zip(tables[0].iter().zip(&tables[1])) {
            *bin += u64::from(*a) + u64::from(*b);
        }
    }

    fn double(&mut self) {
        let mut merged = vec![0; BINS];
        for (i, n) in self.bins.iter().enumerate() {
            merged[(i + HALF) / 2] += n;
        }
        self.bins = merged;
        self.limit *= 2.0;
    }

    /// Whether a value was infinite, no number or beyond all sense.
    pub(super) fn is_wild(&self) -> bool {
        self.wild
    }

    /// Least and greatest value, exact; `None` when there was none.
    pub(super) fn extremes(&self) -> Option<(f32, f32)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }

    /// Number of values that are not zero.
    pub(super) fn nonzero(&self) -> u64 {
        self.total() - self.zeros
    }

    /// Number of values.
    pub(super) fn total(&self) -> u64 {
        self.bins.iter().sum()
    }

    /// How many values lie outside of `low..=high`, and the sum of squares of how far they do;
    /// each value counts as the centre of its bin.
    pub(super) fn outside(&self, low: f64, high: f64) -> (u64, f64) {
        let width = self.width();
        let mut sum = (0, 0.0);
        for (i, n) in self.bins.iter().enumerate().filter(|(_, n)| **n > 0) {
            let centre = (i as f64 + 0.5 - HALF as f64) * width;
            let excess = (centre - high).max(low - centre);
            // The greatest value may lie anywhere in its bin, the range's end beside it too.
            if excess > 0.5 * width {
                sum = (sum.0 + n, sum.1 + *n as f64 * excess * excess);
            }
        }
        sum
    }

    /// Width of a bin.
    pub(super) fn width(&self) -> f64 {
        f64::from(self.limit) / HALF as f64
    }

    /// For each bin edge above zero, in steps of [`Self::width`] and starting with zero itself,
    /// the sum of squares by which values beyond it exceed it.
    pub(super) fn clipped_above(&self) -> Vec<f64> {
        self.clipped(|i| self.bins[HALF + i])
    }

    /// The same below zero, from zero downwards.
    pub(super) fn clipped_below(&self) -> Vec<f64> {
        self.clipped(|i| self.bins[HALF - 1 - i])
    }

    fn clipped(&self, count: impl Fn(usize) -> u64) -> Vec<f64> {
        let width = self.width();
        let mut costs = vec![0.0; HALF + 1];
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for i in (0..HALF).rev() {
            let (c, centre) = (count(i) as f64, (i as f64 + 0.5) * width);
            n += c;
            sum += c * centre;
            squares += c * centre * centre;
            let edge = i as f64 * width;
            costs[i] = (squares - 2.0 * edge * sum + edge * edge * n).max(0.0);
        }
        costs
    }

    /// The range that leaves at most the share `tail` of all values out at either end, to the
    /// width of a bin.
    pub(super) fn trimmed(&self, tail: f64) -> (f64, f64) {
        let allowed = tail * self.total() as f64;
        let cut = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut seen = 0;
            bins.take_while(|n| {
                seen += **n;
                seen as f64 <= allowed
            })
            .count()
        };
        let (low, high) = (cut(&mut self.bins.iter()), cut(&mut self.bins.iter().rev()));
        let edge = |i: usize| (i as f64 - HALF as f64) * self.width();
        (edge(low), edge(BINS - high))
    }
}

/// As an integer. The method of the same name is a call on plain x86-64, and this loop is hot.
fn floor(v: f32) -> i32 {
    let truncated = v as i32;
    truncated - i32::from(truncated as f32 > v)
}

/// Least and greatest value. Sixteen lanes run side by side, because one alone would wait for
/// its own last result.
fn extremes(values: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([f32::INFINITY; 16], [f32::NEG_INFINITY; 16]);
    for chunk in values.chunks(16) {
        for ((low, high), v) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = if *v < *low { *v } else { *low };
            *high = if *v > *high { *v } else { *high };
        }
    }
    let least = low.into_iter().fold(f32::INFINITY, f32::min);
    (least, high.into_iter().fold(f32::NEG_INFINITY, f32::max))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn growing_keeps_the_counts_where_they_belong() {
        let small: Vec<f32> = (-500..500).map(|i| (i as f32 + 0.5) * 0.001).collect();
        let large: Vec<f32> = small.iter().map(|v| v * 100.0).collect();
        let mut grown = Histogram::new();
        grown.add(&small);
        grown.add(&large);
        let mut at_once = Histogram::new();
        at_once.add(&[large, small].concat());
        assert_eq!(grown.limit, 64.0);
        assert!(grown.bins == at_once.bins);
        assert_eq!(grown.total(), 2000);
        assert_eq!(grown.bins[..HALF].iter().sum::<u64>(), 1000);
        assert_eq!(grown.extremes(), at_once.extremes());
    }

    #[test]
    fn clipping_costs_what_it_cuts() {
        let mut h = Histogram::new();
        let values: Vec<f32> = (0..4000).map(|i| (i as f32 - 2000.0) * 0.001).collect();
        h.add(&values);
        let exact = |f: &dyn Fn(f64) -> f64| values.iter().map(|v| f(f64::from(*v)).powi(2)).sum();
        let edge = (1.0 / h.width()) as usize;
        let above: f64 = exact(&|v| (v - 1.0).max(0.0));
        let below: f64 = exact(&|v| (-1.0 - v).max(0.0));
        assert!((h.clipped_above()[edge] / above - 1.0).abs() < 0.01);
        assert!((h.clipped_below()[edge] / below - 1.0).abs() < 0.01);
    }

    #[test]
    fn values_outside_are_counted_and_measured() {
        let mut h = Histogram::new();
        h.add(&[0.0; 90]);
        h.add(&[-2.0, -2.0, 3.0, 1.0, -1.0]);
        let (count, squares) = h.outside(-1.0, 1.0);
        assert_eq!(count, 3);
        assert!((squares - 6.0).abs() < 0.02, "{squares}");
        assert_eq!(h.outside(-2.0, 3.0), (0, 0.0));
    }

    #[test]
    fn trimming_leaves_the_tails_out() {
        let mut h = Histogram::new();
        h.add(&(0..10_000).map(|i| i as f32 * 1e-4).collect::<Vec<_>>());
        let (low, high) = h.trimmed(0.01);
        assert!((low - 0.01).abs() <= h.width() && (high - 0.99).abs() <= h.width());
        assert!(h.trimmed(0.0).1 >= 0.9999);
    }

    #[test]
    fn zeros_and_wild_values_are_told_apart() {
        let mut h = Histogram::new();
        h.add(&[]);
        assert_eq!(h.extremes(), None);
        h.add(&[0.0, -0.0, 3.0]);
        assert_eq!((h.nonzero(), h.extremes()), (1, Some((-0.0, 3.0))));
        for wild in [f32::NAN, f32::INFINITY, -1e30] {
            let mut h = h.clone();
            h.add(&[1.0, wild]);
            assert!(h.is_wild());
        }
    }
}
