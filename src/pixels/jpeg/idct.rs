//! From the coefficients of a block to its 64 pixels.
//!
//! The inverse cosine transform of Loeffler, Ligtenberg and Moschytz: 11 multiplications for
//! eight values, in integers of 13 fraction bits. Exact to one step, and the same on every
//! processor. Sums wrap, which only coefficients that no picture has can bring about.

use crate::lanes::for_each_cpu;
use std::num::Wrapping;

/// Coefficients, each horizontal frequency's eight vertical ones side by side.
pub(super) type Block = [i32; 64];

/// Where the coefficients of a scan lie in a [`Block`].
pub(super) const ORDER: [u8; 64] = {
    let mut order = [0; 64];
    let (mut x, mut y) = (0_u8, 0_u8);
    let mut k = 0;
    while k < 64 {
        order[k] = 8 * x + y;
        let is_upward = (x + y) % 2 == 0;
        match (is_upward, x, y) {
            (true, 7, _) => y += 1,
            (true, _, 0) => x += 1,
            (true, _, _) => (x, y) = (x + 1, y - 1),
            (false, _, 7) => x += 1,
            (false, 0, _) => y += 1,
            (false, _, _) => (x, y) = (x - 1, y + 1),
        }
        k += 1;
    }
    order
};

/// Fraction bits of the factors.
const FACTOR_BITS: usize = 13;
/// Fraction bits between the two passes.
const BETWEEN_BITS: usize = 2;

/// A factor in fixed point.
const fn factor(exact: f64) -> Wrapping<i32> {
    Wrapping((exact * (1 << FACTOR_BITS) as f64 + 0.5) as i32)
}

/// Eight values from eight frequencies, times the square root of 8 and 2 to [`FACTOR_BITS`].
#[inline(always)]
fn transform(x: [Wrapping<i32>; 8], round: Wrapping<i32>) -> [Wrapping<i32>; 8] {
    let turn = (x[2] + x[6]) * const { factor(0.541_196_100) };
    let (low, high) = (
        turn + x[2] * const { factor(0.765_366_865) },
        turn - x[6] * const { factor(1.847_759_065) },
    );
    let (sum, difference) = (
        ((x[0] + x[4]) << FACTOR_BITS) + round,
        ((x[0] - x[4]) << FACTOR_BITS) + round,
    );
    let even = [sum + low, difference + high, difference - high, sum - low];

    let turn = (x[7] + x[3] + x[5] + x[1]) * const { factor(1.175_875_602) };
    let a = (x[7] + x[1]) * const { factor(0.899_976_223) };
    let b = (x[5] + x[3]) * const { factor(2.562_915_447) };
    let c = turn - (x[7] + x[3]) * const { factor(1.961_570_560) };
    let d = turn - (x[5] + x[1]) * const { factor(0.390_180_644) };
    let odd = [
        x[1] * const { factor(1.501_321_110) } - a + d,
        x[3] * const { factor(3.072_711_026) } - b + c,
        x[5] * const { factor(2.053_119_869) } - b + d,
        x[7] * const { factor(0.298_631_336) } - a + c,
    ];
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

/// The pixels of a block whose first `N` frequencies in each direction may be other than zero.
#[inline(always)]
fn block_of<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    const ROUND: Wrapping<i32> = Wrapping(1 << (FACTOR_BITS - BETWEEN_BITS - 1));
    // Three bits for the two square roots of 8.
    const SHIFT: usize = FACTOR_BITS + BETWEEN_BITS + 3;
    /// Half a step, and the 128 that every mean lacks.
    const MIDDLE: Wrapping<i32> = Wrapping((1 << (SHIFT - 1)) + (128 << SHIFT));

    let mut rows = [[Wrapping(0); 8]; 8];
    for y in 0..N {
        let x = std::array::from_fn(|x| Wrapping(if x < N { block[8 * x + y] } else { 0 }));
        let values = transform(x, ROUND).map(|value| value >> (FACTOR_BITS - BETWEEN_BITS));
        for x in 0..8 {
            rows[x][y] = values[x];
        }
    }
    let mut pixels = [[0; 8]; 8];
    for x in 0..8 {
        let y = std::array::from_fn(|y| if y < N { rows[x][y] } else { Wrapping(0) });
        let values = transform(y, MIDDLE);
        for y in 0..8 {
            pixels[y][x] = (values[y] >> SHIFT).0.clamp(0, 255) as u8;
        }
    }
    for (row, pixels) in out.chunks_mut(stride).zip(&pixels) {
        if let Some(row) = row.first_chunk_mut() {
            *row = *pixels;
        }
    }
}

for_each_cpu! {
/// Writes a block's pixels to `out`, whose rows are `stride` bytes apart.
pub(super) fn whole(block: &Block, out: &mut [u8], stride: usize) {
    block_of::<8>(block, out, stride);
}
}
for_each_cpu! {
/// As [`whole`], for a block that has only the lowest four frequencies in each direction.
pub(super) fn quarter(block: &Block, out: &mut [u8], stride: usize) {
    block_of::<4>(block, out, stride);
}
}

/// As [`whole`], for a block that has only a mean.
pub(super) fn mean(block: &Block, out: &mut [u8], stride: usize) {
    let value = ((Wrapping(block[0]) + Wrapping(4)) >> 3) + Wrapping(128);
    let value = value.0.clamp(0, 255) as u8;
    for row in out.chunks_mut(stride).take(8) {
        if let Some(row) = row.first_chunk_mut() {
            *row = [value; 8];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// The textbook formula, in floating point.
    fn exact(block: &Block) -> [f64; 64] {
        let scale = |frequency: usize| if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave = |at: usize, frequency: usize| {
            scale(frequency) * ((2 * at + 1) as f64 * frequency as f64 * PI / 16.0).cos()
        };
        std::array::from_fn(|pixel| {
            let each =
                |i: usize| f64::from(block[i]) * wave(pixel % 8, i / 8) * wave(pixel / 8, i % 8);
            ((0..64).map(each).sum::<f64>() / 4.0 + 128.0).clamp(0.0, 255.0)
        })
    }

    fn pixels(transform: fn(&Block, &mut [u8], usize), block: &Block) -> Vec<u8> {
        let mut out = vec![1; 8 * 11];
        transform(block, &mut out, 11);
        assert!(
            out.chunks(11).all(|row| row[8..] == [1; 3]),
            "beside the block"
        );
        out.chunks(11).flat_map(|row| row[..8].to_vec()).collect()
    }

    #[test]
    fn the_order_is_the_zigzag() {
        // Down the first column and along the first row, as the standard draws it.
        let place = |k: usize| (usize::from(ORDER[k]) % 8, usize::from(ORDER[k]) / 8);
        let first = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3)];
        assert!(
            first
                .into_iter()
                .enumerate()
                .all(|(k, want)| place(k) == want)
        );
        assert_eq!([place(35), place(62), place(63)], [(7, 0), (7, 6), (7, 7)]);
        assert!((0..10).all(|k| place(k).0 < 4 && place(k).1 < 4));
        let mut all = ORDER;
        all.sort_unstable();
        assert!(all.iter().zip(0..).all(|(&at, index)| at == index));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn pixels_are_within_a_step_of_the_formula(
            mean in -1024..1024_i32, each in proptest::collection::vec((1..64_usize, -300..300_i32), 0..20),
        ) {
            let mut block = [0; 64];
            block[0] = mean;
            for (at, value) in each {
                block[at] = value;
            }
            for (got, want) in pixels(whole, &block).into_iter().zip(exact(&block)) {
                prop_assert!((f64::from(got) - want).abs() < 0.6, "{got} {want}");
            }
        }

        #[test]
        fn shorter_ways_come_to_the_same(values in any::<[[i16; 4]; 4]>()) {
            let mut block = [0; 64];
            for (column, values) in block.chunks_mut(8).zip(values) {
                column[..4].copy_from_slice(&values.map(|value| i32::from(value) / 16));
            }
            prop_assert_eq!(pixels(quarter, &block), pixels(whole, &block));
            block[1..].fill(0);
            prop_assert_eq!(pixels(mean, &block), pixels(whole, &block));
        }

        #[test]
        fn no_coefficients_make_it_panic(values in proptest::collection::vec(any::<i32>(), 64)) {
            let mut block = [0; 64];
            block.copy_from_slice(&values);
            for transform in [whole, quarter, mean] {
                pixels(transform, &block);
            }
        }
    }
}
