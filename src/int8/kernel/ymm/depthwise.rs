//! Depthwise convolutions: 16 channels, from the left to the right.

use super::{BLOCK, Dot, Ends, STEP_BYTES, channel_of, loaded, pack};
use crate::int8::graph::{Conv, Shape};
use crate::int8::kernel::pack::{Packed, Weights};
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::x86_64::__m256i;

/// Weights `[block, kernel column, group of rows, sum, rows of the group]`.
pub fn pack_depthwise<D: Dot>(conv: &Conv) -> Packed {
    let channels = conv.bias.len();
    let shape = Shape {
        channels,
        rows: 0,
        columns: 0,
    };
    let weights = Weights::new(conv, &shape);
    let [rows, columns] = conv.window.kernel;
    let mut packed = Vec::new();
    for first in (0..channels).step_by(BLOCK) {
        for column in 0..columns {
            for group in (0..rows).step_by(D::VALUES) {
                for channel in (0..BLOCK).map(|sum| first + channel_of(sum)) {
                    for row in group..group + D::VALUES {
                        let weight = if row < rows {
                            weights.depthwise(channel, row * columns + column)
                        } else {
                            0
                        };
                        D::push(&mut packed, weight);
                    }
                }
            }
        }
    }
    pack(conv, &shape, packed, channels)
}

/// # Safety
/// The CPU has AVX2 and `D`'s instruction; `packed` comes from [`pack_depthwise`] with the
/// same `D`; the rest as for [`crate::int8::kernel::Kernels::depthwise_row`].
#[inline(always)]
pub unsafe fn depthwise_row<D: Dot>(packed: &Packed, x: RowIn, y: RowOut) {
    // SAFETY: the caller's word.
    unsafe {
        match (packed.kernel[1], packed.stride) {
            (3, 1) => blocks::<D, 3, 1, 3>(packed, x, y),
            (3, _) => blocks::<D, 3, 2, 2>(packed, x, y),
            (_, 1) => blocks::<D, 5, 1, 5>(packed, x, y),
            (_, _) => blocks::<D, 5, 2, 3>(packed, x, y),
        }
    }
}

/// # Safety
/// As for [`depthwise_row`]; `OPEN` is the most outputs that see the same column.
#[inline(always)]
unsafe fn blocks<D: Dot, const SIDE: usize, const STRIDE: usize, const OPEN: usize>(
    packed: &Packed,
    x: RowIn,
    y: RowOut,
) {
    let block_bytes = SIDE * SIDE.div_ceil(D::VALUES) * STEP_BYTES;
    for index in 0..packed.blocks.0.len() {
        // SAFETY: the packed arrays hold all blocks. The last window is the last one that is
        // stored; its columns, and one behind it at most, are read.
        unsafe {
            let weight = packed.weight.as_ptr().add(index * block_bytes);
            let ends = Ends::new(packed, index * BLOCK);
            let mut at = x.data.add(index * BLOCK);
            let mut to = y.data.add(index * BLOCK);
            let mut sums = [ends.bias; OPEN];
            // Outputs that began before the row; they are dropped.
            for _ in 1..OPEN {
                advance::<D, SIDE, STRIDE, OPEN>(&ends, weight, at, &x, &mut sums);
                at = at.add(x.step_bytes);
            }
            for _ in 0..x.columns {
                let sums = advance::<D, SIDE, STRIDE, OPEN>(&ends, weight, at, &x, &mut sums);
                ends.store(sums, to);
                at = at.add(x.step_bytes);
                to = to.add(y.pixel_bytes);
            }
        }
    }
}

/// Adds `STRIDE` columns to all outputs that see them, and gives the one that is complete.
///
/// The rows of a column are made into words once, for all outputs: that is most of the work
/// beside the products. `sums` are of the outputs that have begun, the last one first; they
/// and the words stay in registers (12 of 16 for 5 x 5), weights are read by the multiplying
/// instruction.
///
/// # Safety
/// As for [`depthwise_row`]; `at` is the first of the columns, at the block's first channel.
#[inline(always)]
unsafe fn advance<D: Dot, const SIDE: usize, const STRIDE: usize, const OPEN: usize>(
    ends: &Ends,
    weight: *const i8,
    at: *const u8,
    x: &RowIn,
    sums: &mut [[__m256i; 2]; OPEN],
) -> [__m256i; 2] {
    let groups = SIDE.div_ceil(D::VALUES);
    // SAFETY: all offsets stay within the columns and the block's weights.
    unsafe {
        for column in 0..STRIDE {
            for group in 0..groups {
                let row = group * D::VALUES;
                let at = at.add(row * x.row_bytes + column * x.pixel_bytes);
                let words = D::words(at, x.row_bytes, D::VALUES.min(SIDE - row));
                for (age, sums) in sums.iter_mut().enumerate() {
                    let tap = column + age * STRIDE;
                    if tap >= SIDE {
                        continue;
                    }
                    let weight = weight.add((tap * groups + group) * STEP_BYTES);
                    let weights = [loaded(weight), loaded(weight.add(32))];
                    sums[0] = D::dot(sums[0], words[0], weights[0]);
                    sums[1] = D::dot(sums[1], words[1], weights[1]);
                }
            }
        }
    }
    let complete = sums[OPEN - 1];
    // Not `rotate_right`: it would send the sums through memory.
    for age in (1..OPEN).rev() {
        sums[age] = sums[age - 1];
    }
    sums[0] = ends.bias;
    complete
}
