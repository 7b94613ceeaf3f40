//! The loops over all pixels, compiled for several kinds of CPU. Integers only, so that all of
//! them give the same.
//!
//! Sixteen bits are enough everywhere, which makes twice as many lanes as 32: a combined value
//! has 8 bits behind the point, a filtered one 7.

use super::filter::PairFilter;
use crate::lanes::for_each_cpu;
use crate::pixels::wide_rgb_of_yuv;

/// 1 as a weight of a row: 255 times it still fits 16 bits.
pub(super) const ROW_ONE: u16 = 1 << 8;

/// 1 as a weight of a column. A product keeps its upper 16 bits.
pub(super) const COLUMN_ONE: u16 = 1 << 15;

/// Bits behind the point of a filtered value.
const FILTERED_BITS: u32 = 7;

/// Elements that are combined at once, in registers.
const CHUNK: usize = 64;

for_each_cpu! {
/// Sums one row for each weight, `row_bytes` bytes apart, to one row.
pub(super) fn combine_rows(rows: &[u8], row_bytes: usize, weights: &[u16], out: &mut [u16]) {
    let (chunks, rest) = out.as_chunks_mut::<CHUNK>();
    for (index, chunk) in chunks.iter_mut().enumerate() {
        let mut sums = [0; CHUNK];
        for (k, weight) in weights.iter().enumerate() {
            let row = &rows[k * row_bytes + index * CHUNK..][..CHUNK];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += u16::from(*value) * weight;
            }
        }
        *chunk = sums;
    }
    let done = chunks.len() * CHUNK;
    rest.fill(0);
    for (k, weight) in weights.iter().enumerate() {
        for (sum, value) in rest.iter_mut().zip(&rows[k * row_bytes + done..]) {
            *sum += u16::from(*value) * weight;
        }
    }
}
}

for_each_cpu! {
/// R, G, B to pixels of four lanes.
pub(super) fn spread_rgb(rgb: &[u16], out: &mut [[u16; 4]]) {
    for (pixel, rgb) in out.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *pixel = [rgb[0], rgb[1], rgb[2], 0];
    }
}
}

for_each_cpu! {
/// Grey to pixels of four lanes.
pub(super) fn spread_grey(grey: &[u16], out: &mut [[u16; 4]]) {
    for (pixel, grey) in out.iter_mut().zip(grey) {
        *pixel = [*grey, *grey, *grey, 0];
    }
}
}

for_each_cpu! {
/// Luma and interleaved chroma of half the width to units of two pixels: Y, U, Y, V.
pub(super) fn spread_nv12(luma: &[u16], chroma: &[u16], out: &mut [[u16; 4]]) {
    let (lumas, last) = luma.as_chunks::<2>();
    let chroma = chroma.as_chunks::<2>().0;
    for ((unit, luma), chroma) in out.iter_mut().zip(lumas).zip(chroma) {
        *unit = [luma[0], chroma[0], luma[1], chroma[1]];
    }
    if let ([luma], Some([u, v]), Some(unit)) = (last, chroma.last(), out.get_mut(lumas.len())) {
        *unit = [*luma, *u, 0, *v];
    }
}
}

for_each_cpu! {
/// Luma and two planes of chroma of half the width to units of two pixels: Y, U, Y, V.
pub(super) fn spread_i420(luma: &[u16], u: &[u16], v: &[u16], out: &mut [[u16; 4]]) {
    let (lumas, last) = luma.as_chunks::<2>();
    for ((unit, luma), (u, v)) in out.iter_mut().zip(lumas).zip(u.iter().zip(v)) {
        *unit = [luma[0], *u, luma[1], *v];
    }
    let chroma = u.last().zip(v.last());
    if let ([luma], Some((u, v)), Some(unit)) = (last, chroma, out.get_mut(lumas.len())) {
        *unit = [*luma, *u, 0, *v];
    }
}
}

/// A filtered pixel: eight lanes. Those of one channel are not added by the filter, because
/// compilers make vectors only of what fills one.
pub(super) type Filtered = [u16; 8];

/// Filters one row of units of four lanes into one that is as long as `filter.firsts`, with
/// [`FILTERED_BITS`] bits behind the point. Behind the row lie `2 * filter.pairs` more units,
/// whose weight is 0.
pub(super) fn filter_row(filter: &PairFilter, row: &[u16], out: &mut [Filtered]) {
    match filter.pairs {
        1 => filter_pairs::<1>(filter, row, out),
        2 => filter_pairs::<2>(filter, row, out),
        3 => filter_pairs::<3>(filter, row, out),
        4 => filter_pairs::<4>(filter, row, out),
        pairs => {
            let weights = filter.weights.chunks_exact(pairs);
            for ((pixel, first), weights) in out.iter_mut().zip(&filter.firsts).zip(weights) {
                *pixel = filtered(filter.start, *first, weights, row);
            }
        }
    }
}

for_each_cpu! {
fn filter_pairs<const PAIRS: usize>(filter: &PairFilter, row: &[u16], out: &mut [Filtered]) {
    let weights = filter.weights.as_chunks::<PAIRS>().0;
    for ((pixel, first), weights) in out.iter_mut().zip(&filter.firsts).zip(weights) {
        *pixel = filtered(filter.start, *first, weights, row);
    }
}
}

/// One output pixel.
#[inline(always)]
fn filtered(start: [u16; 8], first: u32, weights: &[[u16; 8]], row: &[u16]) -> Filtered {
    let window = &row[4 * first as usize..][..8 * weights.len()];
    let mut sums = start;
    for (pair, weights) in window.as_chunks::<8>().0.iter().zip(weights) {
        for lane in 0..8 {
            let product = u32::from(pair[lane]) * u32::from(weights[lane]);
            sums[lane] += (product >> 16) as u16;
        }
    }
    sums
}

/// What eight lanes start with, so that a channel that is the sum of `lanes` of them is rounded
/// to the nearest byte. Each of the `pairs` products of a lane loses less than one unit, half of
/// one on average.
pub(super) fn rounding(lanes: u16, pairs: usize) -> u16 {
    (1 << (FILTERED_BITS - 1)) / lanes + pairs as u16 / 2
}

/// The lower and the upper four lanes added, two lanes in a word. As words they need no more
/// instructions than as lanes, since no lane exceeds 16 bits, and a word is what arithmetic on
/// colours needs in the end.
#[inline(always)]
fn halves(filtered: &Filtered) -> [u32; 2] {
    let [a, b, c, d]: [u32; 4] = bytemuck::cast(*filtered);
    [a + c, b + d]
}

/// The first and the second lane of a word, as bytes.
#[inline(always)]
fn lanes(word: u32) -> [u32; 2] {
    let (low, high) = (word & 0xffff, word >> 16);
    if cfg!(target_endian = "little") {
        [low, high]
    } else {
        [high, low]
    }
}

for_each_cpu! {
/// Filtered R, G, B to bytes, the fourth of which is 0.
pub(super) fn rgb_bytes(filtered: &[Filtered], line: &mut [[u8; 4]]) {
    for (out, filtered) in line.iter_mut().zip(filtered) {
        let [[red, green], [blue, _]] = halves(filtered).map(lanes);
        let [red, green, blue] = [red, green, blue].map(|sum| sum >> FILTERED_BITS);
        *out = (red | green << 8 | blue << 16).to_le_bytes();
    }
}
}

for_each_cpu! {
/// Filtered Y, U, Y, V to bytes R, G, B, 0.
pub(super) fn yuv_bytes(filtered: &[Filtered], line: &mut [[u8; 4]]) {
    for (out, filtered) in line.iter_mut().zip(filtered) {
        let [[luma, u], [more, v]] = halves(filtered).map(lanes);
        let yuv = [luma + more, u, v].map(|sum| (sum >> FILTERED_BITS) as i32);
        let [r, g, b] = wide_rgb_of_yuv(yuv[0], yuv[1], yuv[2]).map(|value| value as u32);
        *out = (r | g << 8 | b << 16).to_le_bytes();
    }
}
}
