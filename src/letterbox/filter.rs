//! Weights of a one-dimensional, anti-aliased resampling.

/// Bits of a filter weight's fraction; weights of one output pixel add up to exactly 1.
pub(super) const WEIGHT_BITS: u32 = 14;
/// The source pixels that make one output pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    pub(super) first: u32,
    pub(super) count: u32,
    /// Index of the first weight in [`Filter::weights`].
    pub(super) weight: u32,
}

/// A one-dimensional resampling filter. Output pixels outside the source have no taps.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) taps: Vec<Tap>,
    pub(super) weights: Vec<i32>,
    evened: Option<usize>,
}

impl Filter {
    /// Output pixel `o` lies at source position `(o + 0.5 - offset) / scale`.
    pub(super) fn new(source: u32, output: u32, scale: f32, offset: f32, mirrored: bool) -> Self {
        let mut filter = Self::default();
        let support = (1.0 / f64::from(scale)).max(1.0);
        for o in 0..output {
            let place = (f64::from(o) + 0.5 - f64::from(offset)) / f64::from(scale);
            let inside = place >= 0.0 && place < f64::from(source);
            let place = if mirrored {
                f64::from(source) - place
            } else {
                place
            };
            filter.push(source, inside.then_some(place), support);
        }
        filter
    }

    fn push(&mut self, source: u32, place: Option<f64>, support: f64) {
        let weight = self.weights.len() as u32;
        let Some(place) = place else {
            self.taps.push(Tap {
                first: 0,
                count: 0,
                weight,
            });
            return;
        };
        let first = (place - support).floor().max(0.0) as u32;
        let last = ((place + support).ceil() as u32).min(source).max(first + 1);
        let triangle = |i: u32| (1.0 - ((f64::from(i) + 0.5 - place) / support).abs()).max(0.0);
        let sum: f64 = (first..last).map(triangle).sum();
        let one = f64::from(1 << WEIGHT_BITS);
        self.weights
            .extend((first..last).map(|i| (triangle(i) / sum * one).round() as i32));
        // Rounding must not brighten or darken: the largest weight takes the difference.
        let own = &mut self.weights[weight as usize..];
        let error = (1 << WEIGHT_BITS) - own.iter().sum::<i32>();
        if let Some(largest) = own.iter_mut().max() {
            *largest += error;
        }
        self.taps.push(Tap {
            first,
            count: last - first,
            weight,
        });
    }

    /// Gives every output pixel that has taps the same even number of them, by weights of 0,
    /// so that a loop over them can be unrolled. Left alone where the source is too narrow.
    pub(super) fn even_out(&mut self, source: u32) {
        let count = self.taps_max().next_multiple_of(2) as u32;
        if count > source {
            return;
        }
        let mut weights = Vec::with_capacity(count as usize * self.taps.len());
        for tap in self.taps.iter_mut().filter(|tap| tap.count > 0) {
            let own = &self.weights[tap.weight as usize..][..tap.count as usize];
            let first = tap.first.min(source - count);
            let before = (tap.first - first) as usize;
            tap.weight = weights.len() as u32;
            weights.resize(weights.len() + before, 0);
            weights.extend(own);
            weights.resize((tap.weight + count) as usize, 0);
            (tap.first, tap.count) = (first, count);
        }
        self.weights = weights;
        self.evened = Some(count as usize);
    }

    /// The number of taps, if it is the same for all output pixels that have any.
    pub(super) fn even_count(&self) -> Option<usize> {
        self.evened
    }

    pub(super) fn tap(&self, output: usize) -> (usize, &[i32]) {
        let Tap {
            first,
            count,
            weight,
        } = self.taps[output];
        (
            first as usize,
            &self.weights[weight as usize..(weight + count) as usize],
        )
    }

    pub(super) fn taps_max(&self) -> usize {
        self.taps
            .iter()
            .map(|t| t.count as usize)
            .max()
            .unwrap_or(0)
    }
}
