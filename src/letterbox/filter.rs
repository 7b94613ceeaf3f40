//! Weights of a one-dimensional, anti-aliased resampling.

use super::lanes::rounding;
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
}

/// A filter of units of four lanes, laid out for reading two units at once: every output pixel
/// has the same number of weights, some of them 0.
#[derive(Debug, Default)]
pub(super) struct PairFilter {
    /// Output pixels that have taps: all within these.
    pub(super) inside: Range<usize>,
    /// First unit of each output pixel inside.
    pub(super) firsts: Vec<u32>,
    /// Pairs of units of each output pixel.
    pub(super) pairs: usize,
    /// Weights of the pairs, those of one unit and then those of the next.
    pub(super) weights: Vec<[u16; 8]>,
    /// What the lanes start with.
    pub(super) start: [u16; 8],
}

impl PairFilter {
    /// For units that are pixels: R, G, B, none.
    pub(super) fn of_rgb(filter: &Filter) -> Self {
        let mut made = Self::new(filter, 1, |weight, unit| [weight(unit); 4]);
        made.start = [rounding(2, made.pairs); 8];
        made
    }

    /// For units that are two pixels and their chroma: Y, U, Y, V.
    pub(super) fn of_yuv(filter: &Filter) -> Self {
        let mut made = Self::new(filter, 2, |weight, unit| {
            let (first, second) = (weight(2 * unit), weight(2 * unit + 1));
            [first, first + second, second, first + second]
        });
        let (luma, chroma) = (rounding(4, made.pairs), rounding(2, made.pairs));
        made.start = [luma, chroma, luma, chroma, luma, chroma, luma, chroma];
        made
    }

    /// `unit_weights` gives the weights of a unit of `pixels` pixels from those of the pixels,
    /// counted from the first unit.
    fn new(
        filter: &Filter,
        pixels: usize,
        unit_weights: impl Fn(&dyn Fn(usize) -> u16, usize) -> [u16; 4],
    ) -> Self {
        let has_taps = |tap: &Tap| tap.count > 0;
        let begin = filter.taps.iter().position(has_taps).unwrap_or(0);
        let end = filter.taps.iter().rposition(has_taps).map_or(0, |i| i + 1);
        // Taps may begin in the middle of a unit.
        let before = |tap: &Tap| tap.first as usize % pixels;
        let units = |tap: &Tap| (before(tap) + tap.count as usize).div_ceil(pixels);
        let units_max = filter.taps.iter().map(units).max().unwrap_or(0);
        let pairs = units_max.div_ceil(2).max(1);
        let mut weights = Vec::with_capacity(pairs * (end - begin));
        for (output, tap) in (begin..end).zip(&filter.taps[begin..end]) {
            let (_, own) = filter.tap(output);
            let weight = |i: usize| {
                let i = i.checked_sub(before(tap));
                i.and_then(|i| own.get(i)).copied().unwrap_or(0)
            };
            weights.extend((0..pairs).map(|pair| {
                let [a, b] = [2 * pair, 2 * pair + 1].map(|unit| unit_weights(&weight, unit));
                std::array::from_fn(|lane| if lane < 4 { a[lane] } else { b[lane - 4] })
            }));
        }
        let firsts = filter.taps[begin..end].iter();
        Self {
            inside: begin..end,
            firsts: firsts.map(|tap| tap.first / pixels as u32).collect(),
            pairs,
            weights,
            start: [0; 8],
        }
    }
}
