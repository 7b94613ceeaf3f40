//! Depthwise convolutions with the dot product: 8 pixels by 8 channels, four rows at a time.

use super::{Ends, LANES, VECTOR, pack, unknown};
use crate::int8::graph::{Conv, Shape};
use crate::int8::kernel::pack::{Packed, Weights};
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::aarch64::*;
use std::arch::asm;

/// Vectors of sums of a block.
const VECTORS: usize = 2;

/// Channels of a block.
const BLOCK: usize = VECTORS * LANES;

/// Pixels of a tile. The slack holds what the last tile of a row reads behind it.
const PIXELS: usize = 8;

/// Rows of a kernel that are multiplied at once.
const ROWS: usize = 4;

/// Weights `[block, group of rows, kernel column, channel, row of the group]`.
pub fn pack_depthwise(conv: &Conv) -> Packed {
    let shape = Shape {
        channels: conv.bias.len(),
        rows: 0,
        columns: 0,
    };
    let weights = Weights::new(conv, &shape);
    let [rows, columns] = conv.window.kernel;
    let mut packed = Vec::new();
    for first in (0..shape.channels).step_by(BLOCK) {
        for group in (0..rows).step_by(ROWS) {
            for column in 0..columns {
                for channel in first..first + BLOCK {
                    packed.extend((group..group + ROWS).map(|row| {
                        if row < rows {
                            weights.depthwise(channel, row * columns + column)
                        } else {
                            0
                        }
                    }));
                }
            }
        }
    }
    pack(conv, &shape, BLOCK, packed)
}

/// # Safety
/// The CPU has the dot product; `packed` comes from [`pack_depthwise`]; the rest as for
/// [`crate::int8::kernel::Kernels::depthwise_row`].
#[inline(always)]
pub unsafe fn depthwise_row(packed: &Packed, x: RowIn, y: RowOut) {
    // SAFETY: the caller's word.
    unsafe {
        match (packed.kernel[1], packed.stride) {
            (3, 1) => blocks::<3, 1>(packed, x, y),
            (3, _) => blocks::<3, 2>(packed, x, y),
            (_, 1) => blocks::<5, 1>(packed, x, y),
            (_, _) => blocks::<5, 2>(packed, x, y),
        }
    }
}

/// # Safety
/// As for [`depthwise_row`].
#[inline(always)]
unsafe fn blocks<const SIDE: usize, const STRIDE: usize>(packed: &Packed, x: RowIn, y: RowOut) {
    // Pixels of a tile that is not as wide.
    let mut aside = [0; PIXELS * BLOCK];
    let block_bytes = SIDE.div_ceil(ROWS) * SIDE * VECTORS * VECTOR;
    for index in 0..packed.blocks.0.len() {
        // SAFETY: the packed arrays hold all blocks. The last tile may have windows behind the
        // row, which the slack holds; they are not stored.
        unsafe {
            let weight = packed.weight.as_ptr().add(index * block_bytes);
            let ends = Ends::new(packed, index * BLOCK);
            let from = x.data.add(index * BLOCK);
            let to = y.data.add(index * BLOCK);
            for column in (0..x.columns).step_by(PIXELS) {
                let at = from.add(column * x.step_bytes);
                let sums = tile::<SIDE, STRIDE>(&ends, weight, at, &x);
                let pixels = x.columns - column;
                let to = to.add(column * y.pixel_bytes);
                let (first, pixel_bytes) = if pixels < PIXELS {
                    (aside.as_mut_ptr(), BLOCK)
                } else {
                    (to, y.pixel_bytes)
                };
                for (p, sums) in sums.iter().enumerate() {
                    ends.store(*sums, first.add(p * pixel_bytes));
                }
                if pixels < PIXELS {
                    for p in 0..pixels {
                        let pixel = aside.as_ptr().add(p * BLOCK);
                        to.add(p * y.pixel_bytes)
                            .copy_from_nonoverlapping(pixel, BLOCK);
                    }
                }
            }
        }
    }
}

/// The sums of 8 pixels by 8 channels.
///
/// The bytes of up to four rows of a column are interleaved once for all pixels that see it.
/// Of the 32 registers, 16 hold the sums, 6 or 10 the weights of a group of rows, the rest the
/// column.
///
/// # Safety
/// As for [`depthwise_row`]; `at` is the first byte of the first window's block.
#[inline(always)]
unsafe fn tile<const SIDE: usize, const STRIDE: usize>(
    ends: &Ends<VECTORS>,
    mut weight: *const i8,
    mut at: *const u8,
    x: &RowIn,
) -> [[int32x4_t; VECTORS]; PIXELS] {
    let mut sums = [ends.bias; PIXELS];
    // SAFETY: all offsets stay within the windows and the block's weights.
    unsafe {
        unrolled!(GROUP in [0, 1] {
            if GROUP * ROWS < SIDE {
                (weight, at) = (unknown(weight), unknown(at));
                let mut weights = [[vdupq_n_s8(0); VECTORS]; SIDE];
                for (column, weights) in weights.iter_mut().enumerate() {
                    let weight = weight.add((GROUP * SIDE + column) * VECTORS * VECTOR);
                    *weights = [vld1q_s8(weight), vld1q_s8(weight.add(VECTOR))];
                }
                unrolled!(COLUMN in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18] {
                    if COLUMN < (PIXELS - 1) * STRIDE + SIDE {
                        let at = at.add(COLUMN * x.pixel_bytes + GROUP * ROWS * x.row_bytes);
                        let rows = if SIDE - GROUP * ROWS < ROWS { SIDE - GROUP * ROWS } else { ROWS };
                        let column = interleaved(at, x.row_bytes, rows);
                        for (p, sums) in sums.iter_mut().enumerate() {
                            // Wraps where the column lies before the pixel's window.
                            let tap = COLUMN.wrapping_sub(p * STRIDE);
                            if tap < SIDE {
                                sums[0] = dot(sums[0], weights[tap][0], column[0]);
                                sums[1] = dot(sums[1], weights[tap][1], column[1]);
                            }
                        }
                    }
                });
            }
        });
    }
    sums
}

/// Of 8 channels the bytes of `rows` rows, four at most, zeros behind.
///
/// # Safety
/// The CPU has Neon; 16 bytes can be read at `at` and at as many rows below.
#[inline(always)]
unsafe fn interleaved(at: *const u8, row_bytes: usize, rows: usize) -> [int8x16_t; VECTORS] {
    // SAFETY: the caller's word.
    unsafe {
        let mut bytes = [vdupq_n_s8(0); ROWS];
        for (row, bytes) in bytes.iter_mut().enumerate().take(rows) {
            *bytes = vld1q_s8(at.add(row * row_bytes).cast());
        }
        let even = vreinterpretq_s16_s8(vzip1q_s8(bytes[0], bytes[1]));
        let odd = vreinterpretq_s16_s8(vzip1q_s8(bytes[2], bytes[3]));
        [
            vreinterpretq_s8_s16(vzip1q_s16(even, odd)),
            vreinterpretq_s8_s16(vzip2q_s16(even, odd)),
        ]
    }
}

/// Adds to each of four sums the products of four weights and four bytes. The intrinsic is not
/// in stable Rust yet.
///
/// # Safety
/// The CPU has the dot product, and the function into which this is inlined enables it.
#[inline(always)]
unsafe fn dot(mut sums: int32x4_t, weights: int8x16_t, column: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction touches nothing but its registers.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {column:v}.16b",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            column = in(vreg) column,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}
