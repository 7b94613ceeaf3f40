//! The loops over all pixels, compiled for several kinds of CPU. Integers only, so that all of
//! them give the same.

use super::PAD;
use super::filter::{Filter, Tap, WEIGHT_BITS};
use crate::lanes::for_each_cpu;

/// Elements behind a row that [`filter_row_of`] reads with its last pixel.
pub(super) const SLACK: usize = 4;

/// Bits by which a combined value is finer than a pixel.
const ROW_BITS: u32 = 6;

/// Elements that are combined at once, in registers.
const CHUNK: usize = 64;

/// Source rows of a picture, or of a ring that holds its last ones.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) data: &'a [u8],
    /// Bytes from one row to the next.
    pub(super) row_bytes: usize,
    /// Rows after which the ring begins anew.
    pub(super) count: usize,
    /// The row that the first weight belongs to.
    pub(super) first: usize,
}

for_each_cpu! {
/// Sums one row for each weight to one row that is [`ROW_BITS`] bits finer.
pub(super) fn combine_rows(rows: Rows<'_>, weights: &[i32], out: &mut [i16]) {
    for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
        let mut sums = [1 << (WEIGHT_BITS - ROW_BITS - 1); CHUNK];
        for (k, weight) in weights.iter().enumerate() {
            let row = (rows.first + k) % rows.count * rows.row_bytes;
            let row = &rows.data[row + chunk * CHUNK..][..out.len()];
            add_weighted(&mut sums, row, *weight);
        }
        for (value, sum) in out.iter_mut().zip(sums) {
            *value = (sum >> (WEIGHT_BITS - ROW_BITS)) as i16;
        }
    }
}
}

#[inline(always)]
fn add_weighted(sums: &mut [i32; CHUNK], row: &[u8], weight: i32) {
    // The whole chunk has a loop of its own, whose length the compiler knows.
    if let Ok(row) = <&[u8; CHUNK]>::try_from(row) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += i32::from(*value) * weight;
        }
    } else {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += i32::from(*value) * weight;
        }
    }
}

for_each_cpu! {
/// Filters one combined row, pixels of `E` elements, into pixels of R, G, B. Every tap that is
/// not empty has `K` weights.
fn filter_row_of<const K: usize, const E: usize>(
    taps: &[Tap],
    weights: &[i32],
    row: &[i16],
    line: &mut [u8],
) {
    for (pixel, tap) in line.as_chunks_mut::<3>().0.iter_mut().zip(taps) {
        let Some(weights) = weights[tap.weight as usize..].first_chunk::<K>() else {
            *pixel = [PAD; 3];
            continue;
        };
        if tap.count == 0 {
            *pixel = [PAD; 3];
            continue;
        }
        let window = &row[tap.first as usize * E..][..(K - 1) * E + 4];
        // Four lanes, the last of which is not wanted: a vector's width.
        let mut sums = [1 << (WEIGHT_BITS + ROW_BITS - 1); 4];
        for k in 0..K {
            for lane in 0..4 {
                sums[lane] += i32::from(window[k * E + lane]) * weights[k];
            }
        }
        *pixel = std::array::from_fn(|i| (sums[i] >> (WEIGHT_BITS + ROW_BITS)).clamp(0, 255) as u8);
    }
}
}

/// As [`filter_row_of`] for any number of taps.
fn filter_row_any(taps: &[Tap], weights: &[i32], row: &[i16], elements: usize, line: &mut [u8]) {
    for (pixel, tap) in line.as_chunks_mut::<3>().0.iter_mut().zip(taps) {
        let weights = &weights[tap.weight as usize..][..tap.count as usize];
        let window = &row[tap.first as usize * elements..];
        for (channel, value) in pixel.iter_mut().enumerate() {
            let products = window.iter().skip(channel).step_by(elements).zip(weights);
            let sum = products.map(|(value, weight)| i32::from(*value) * weight);
            let half = 1 << (WEIGHT_BITS + ROW_BITS - 1);
            let rounded = (sum.sum::<i32>() + half) >> (WEIGHT_BITS + ROW_BITS);
            *value = if weights.is_empty() {
                PAD
            } else {
                rounded.clamp(0, 255) as u8
            };
        }
    }
}

/// Filters one combined row, pixels of three or four elements, into pixels of R, G, B.
pub(super) fn filter_row(filter: &Filter, row: &[i16], elements: usize, line: &mut [u8]) {
    let (taps, weights) = (&filter.taps, &filter.weights);
    match (filter.even_count(), elements) {
        (Some(2), 3) => filter_row_of::<2, 3>(taps, weights, row, line),
        (Some(2), 4) => filter_row_of::<2, 4>(taps, weights, row, line),
        (Some(4), 3) => filter_row_of::<4, 3>(taps, weights, row, line),
        (Some(4), 4) => filter_row_of::<4, 4>(taps, weights, row, line),
        (Some(6), 3) => filter_row_of::<6, 3>(taps, weights, row, line),
        (Some(6), 4) => filter_row_of::<6, 4>(taps, weights, row, line),
        (Some(8), 3) => filter_row_of::<8, 3>(taps, weights, row, line),
        (Some(8), 4) => filter_row_of::<8, 4>(taps, weights, row, line),
        _ => filter_row_any(taps, weights, row, elements, line),
    }
}
