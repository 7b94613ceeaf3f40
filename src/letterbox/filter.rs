//! Weights of a one-dimensional, anti-aliased resampling.

use std::ops::Range;

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
    /// Weights in fractions of [`Self::one`]; those of one output pixel add up to it.
    pub(super) weights: Vec<u16>,
    one: u16,
}

/// Where the source lies on the output, in one dimension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Output pixels per source pixel.
    pub(super) scale: f32,
    /// Output position of the source's edge.
    pub(super) offset: f32,
    pub(super) mirrored: bool,
}

impl Filter {
    /// Output pixel `o` lies at source position `(o + 0.5 - offset) / scale`.
    pub(super) fn new(source: u32, output: u32, axis: Axis, one: u16) -> Self {
        let mut filter = Self {
            one,
            ..Self::default()
        };
        let scale = f64::from(axis.scale);
        let support = (1.0 / scale).max(1.0);
        for o in 0..output {
            let place = (f64::from(o) + 0.5 - f64::from(axis.offset)) / scale;
            let inside = place >= 0.0 && place < f64::from(source);
            let place = if axis.mirrored {
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
        let one = f64::from(self.one);
        // The running sum is what is rounded, so that all weights together are exactly 1:
        // rounding must not brighten or darken.
        let (mut exact, mut given) = (0.0, 0);
        self.weights.extend((first..last).map(|i| {
            exact += triangle(i) / sum * one;
            let weight = exact.round() as u32 - given;
            given += weight;
            weight as u16
        }));
        self.taps.push(Tap {
            first,
            count: last - first,
            weight,
        });
    }

    /// The first source pixel and the weights of an output pixel.
    pub(super) fn tap(&self, output: usize) -> (usize, &[u16]) {
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

    /// The most weights that an output pixel has.
    pub(super) fn taps_max(&self) -> usize {
        let counts = self.taps.iter().map(|tap| tap.count as usize);
        counts.max().unwrap_or(0)
    }
}

/// A filter of pixels of four lanes, laid out for reading two pixels at once: every output
/// pixel has the same number of weights, some of them 0.
#[derive(Debug, Default)]
pub(super) struct PairFilter {
    /// Output pixels that have taps: all within these.
    pub(super) inside: Range<usize>,
    /// First source pixel of each output pixel inside.
    pub(super) firsts: Vec<u32>,
    /// Pairs of source pixels of each output pixel.
    pub(super) pairs: usize,
    /// Weights of the pairs, the first one's four times and then the second one's.
    pub(super) weights: Vec<[u16; 8]>,
}

impl From<&Filter> for PairFilter {
    fn from(filter: &Filter) -> Self {
        let has_taps = |tap: &Tap| tap.count > 0;
        let begin = filter.taps.iter().position(has_taps).unwrap_or(0);
        let end = filter.taps.iter().rposition(has_taps).map_or(0, |i| i + 1);
        let pairs = filter.taps_max().div_ceil(2).max(1);
        let mut weights = Vec::with_capacity(pairs * (end - begin));
        for output in begin..end {
            let (_, own) = filter.tap(output);
            let weight = |i: usize| own.get(i).copied().unwrap_or(0);
            weights.extend((0..pairs).map(|pair| {
                let (a, b) = (weight(2 * pair), weight(2 * pair + 1));
                [a, a, a, a, b, b, b, b]
            }));
        }
        Self {
            inside: begin..end,
            firsts: filter.taps[begin..end]
                .iter()
                .map(|tap| tap.first)
                .collect(),
            pairs,
            weights,
        }
    }
}
