//! The loops over all pixels, compiled for several kinds of CPU. Integers only, so that all of
//! them give the same.
//!
//! Sixteen bits are enough everywhere, which makes twice as many lanes as 32: a combined value
//! has 8 bits behind the point, a filtered one 7.

use super::filter::PairFilter;
use crate::lanes::for_each_cpu;
use crate::pixels::rgb_of_yuv;

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
/// Y0 U Y1 V to pixels of four lanes: Y, U, V.
pub(super) fn spread_yuyv(yuyv: &[u16], out: &mut [[u16; 4]]) {
    for (pair, yuyv) in out.chunks_mut(2).zip(yuyv.as_chunks::<4>().0) {
        for (pixel, luma) in pair.iter_mut().zip([yuyv[0], yuyv[2]]) {
            *pixel = [luma, yuyv[1], yuyv[3], 0];
        }
    }
}
}

for_each_cpu! {
/// Luma and interleaved chroma of half the width to pixels of four lanes: Y, U, V.
pub(super) fn spread_nv12(luma: &[u16], chroma: &[u16], out: &mut [[u16; 4]]) {
    let chroma = chroma.as_chunks::<2>().0;
    for ((pair, luma), [u, v]) in out.chunks_mut(2).zip(luma.chunks(2)).zip(chroma) {
        for (pixel, luma) in pair.iter_mut().zip(luma) {
            *pixel = [*luma, *u, *v, 0];
        }
    }
}
}

for_each_cpu! {
/// Luma and two planes of chroma of half the width to pixels of four lanes: Y, U, V.
pub(super) fn spread_i420(luma: &[u16], u: &[u16], v: &[u16], out: &mut [[u16; 4]]) {
    for ((pair, luma), (u, v)) in out.chunks_mut(2).zip(luma.chunks(2)).zip(u.iter().zip(v)) {
        for (pixel, luma) in pair.iter_mut().zip(luma) {
            *pixel = [*luma, *u, *v, 0];
        }
    }
}
}

/// Filters one row of pixels of four lanes into one that is as long as `filter.firsts`, with
/// [`FILTERED_BITS`] bits behind the point. Behind the row lie `2 * filter.pairs` more pixels,
/// whose weight is 0.
pub(super) fn filter_row(filter: &PairFilter, row: &[[u16; 4]], out: &mut [[u16; 8]]) {
    let (firsts, weights, row) = (&filter.firsts, &filter.weights, row.as_flattened());
    match filter.pairs {
        1 => filter_pairs::<1>(firsts, weights, row, out),
        2 => filter_pairs::<2>(firsts, weights, row, out),
        3 => filter_pairs::<3>(firsts, weights, row, out),
        4 => filter_pairs::<4>(firsts, weights, row, out),
        pairs => {
            let weights = weights.chunks_exact(pairs);
            for ((pixel, first), weights) in out.iter_mut().zip(firsts).zip(weights) {
                *pixel = filtered(*first, weights, row);
            }
        }
    }
}

for_each_cpu! {
fn filter_pairs<const PAIRS: usize>(
    firsts: &[u32],
    weights: &[[u16; 8]],
    row: &[u16],
    out: &mut [[u16; 8]],
) {
    let weights = weights.as_chunks::<PAIRS>().0;
    for ((pixel, first), weights) in out.iter_mut().zip(firsts).zip(weights) {
        *pixel = filtered(*first, weights, row);
    }
}
}

/// One output pixel, in two halves: of the first pixels of the pairs and of the second ones.
/// They are not added here, because compilers make vectors only of what fills one.
#[inline(always)]
fn filtered(first: u32, weights: &[[u16; 8]], row: &[u16]) -> [u16; 8] {
    let window = &row[4 * first as usize..][..8 * weights.len()];
    // Each product loses less than one unit, half of one on average.
    let mut sums = [(1 << (FILTERED_BITS - 1)) / 2 + weights.len() as u16 / 2; 8];
    for (pair, weights) in window.as_chunks::<8>().0.iter().zip(weights) {
        for lane in 0..8 {
            let product = u32::from(pair[lane]) * u32::from(weights[lane]);
            sums[lane] += (product >> 16) as u16;
        }
    }
    sums
}

/// The two halves of a filtered value, as a byte.
#[inline(always)]
fn byte(halves: &[u16; 8], lane: usize) -> u8 {
    ((halves[lane] + halves[lane + 4]) >> FILTERED_BITS) as u8
}

for_each_cpu! {
/// Filtered R, G, B to bytes.
pub(super) fn rgb_bytes(filtered: &[[u16; 8]], line: &mut [u8]) {
    for (rgb, lanes) in line.as_chunks_mut::<3>().0.iter_mut().zip(filtered) {
        *rgb = std::array::from_fn(|lane| byte(lanes, lane));
    }
}
}

for_each_cpu! {
/// Filtered Y, U, V to bytes R, G, B.
pub(super) fn yuv_bytes(filtered: &[[u16; 8]], line: &mut [u8]) {
    /// Pixels that are in registers at once.
    const PIXELS: usize = 16;
    let (chunks, rest) = line.as_chunks_mut::<{ 3 * PIXELS }>();
    let (filtered, filtered_rest) = filtered.as_chunks::<PIXELS>();
    for (chunk, filtered) in chunks.iter_mut().zip(filtered) {
        let samples: [[u8; PIXELS]; 3] =
            std::array::from_fn(|lane| filtered.each_ref().map(|halves| byte(halves, lane)));
        let mut rgb = [[0; PIXELS]; 3];
        for i in 0..PIXELS {
            let pixel = rgb_of_yuv(samples[0][i], samples[1][i], samples[2][i]);
            (rgb[0][i], rgb[1][i], rgb[2][i]) = (pixel[0], pixel[1], pixel[2]);
        }
        for (i, pixel) in chunk.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = [rgb[0][i], rgb[1][i], rgb[2][i]];
        }
    }
    for (rgb, halves) in rest.as_chunks_mut::<3>().0.iter_mut().zip(filtered_rest) {
        *rgb = rgb_of_yuv(byte(halves, 0), byte(halves, 1), byte(halves, 2));
    }
}
}
