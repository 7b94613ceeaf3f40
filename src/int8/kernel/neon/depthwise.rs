//! Depthwise convolutions: two pixels by 16 channels, two taps at a time.

use super::{Ends, VECTOR, pack, unknown};
use crate::int8::graph::{Conv, Shape};
use crate::int8::kernel::pack::{Packed, Weights};
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::aarch64::*;
use std::arch::asm;

/// Vectors of sums of a block: 16 channels.
const VECTORS: usize = 4;

/// Pixels of a tile.
const PIXELS: usize = 2;

/// Row and column of a tap, in the order in which they are multiplied: of two rows the taps of
/// a column together, then the last row. Two neighbours of the order are a pair.
const fn tap(side: usize, index: usize) -> [usize; 2] {
    let paired = side * (side - 1);
    if index < paired {
        [index / (2 * side) * 2 + index % 2, index % (2 * side) / 2]
    } else {
        [side - 1, index - paired]
    }
}

/// Weights `[block, tap, channel]`, taps in the order of [`tap`].
pub fn pack_depthwise(conv: &Conv) -> Packed {
    let shape = Shape {
        channels: conv.bias.len(),
        rows: 0,
        columns: 0,
    };
    let weights = Weights::new(conv, &shape);
    let side = conv.window.kernel[1];
    let taps = side * side;
    let mut packed = Vec::new();
    for first in (0..shape.channels).step_by(VECTOR) {
        for index in 0..taps {
            let [row, column] = tap(side, index);
            let tap = row * side + column;
            packed.extend((first..first + VECTOR).map(|c| weights.depthwise(c, tap)));
        }
    }
    let mut packed = pack(conv, &shape, VECTOR, packed);
    packed.may_overflow = packed.weight.chunks_exact(taps * VECTOR).any(may_overflow);
    packed
}

/// Whether two products of neighbouring taps of a block may not fit 16 bits together: only
/// four times -128 makes them too large.
fn may_overflow(block: &[i8]) -> bool {
    block.chunks_exact(2 * VECTOR).any(|taps| {
        let (first, second) = taps.split_at(VECTOR);
        let mut pairs = first.iter().zip(second);
        pairs.any(|pair| pair == (&i8::MIN, &i8::MIN))
    })
}

/// # Safety
/// The CPU has Neon; `packed` comes from [`pack_depthwise`]; the rest as for
/// [`crate::int8::kernel::Kernels::depthwise_row`].
#[inline(always)]
pub unsafe fn depthwise_row(packed: &Packed, x: RowIn, y: RowOut) {
    // SAFETY: the caller's word.
    unsafe {
        match (packed.kernel[1], packed.stride, packed.may_overflow) {
            (3, 1, false) => blocks::<3, 1, true>(packed, x, y),
            (3, 1, true) => blocks::<3, 1, false>(packed, x, y),
            (3, _, false) => blocks::<3, 2, true>(packed, x, y),
            (3, _, true) => blocks::<3, 2, false>(packed, x, y),
            (_, 1, false) => blocks::<5, 1, true>(packed, x, y),
            (_, 1, true) => blocks::<5, 1, false>(packed, x, y),
            (_, _, false) => blocks::<5, 2, true>(packed, x, y),
            (_, _, true) => blocks::<5, 2, false>(packed, x, y),
        }
    }
}

/// # Safety
/// As for [`depthwise_row`].
#[inline(always)]
unsafe fn blocks<const SIDE: usize, const STRIDE: usize, const PAIRS: bool>(
    packed: &Packed,
    x: RowIn,
    y: RowOut,
) {
    for index in 0..packed.blocks.0.len() {
        // SAFETY: the packed arrays hold all blocks. The last tile may have one window behind
        // the row, which the slack holds; it is not stored.
        unsafe {
            let weight = packed.weight.as_ptr().add(index * SIDE * SIDE * VECTOR);
            let ends = Ends::<VECTORS>::new(packed, index * VECTOR);
            let mut at = x.data.add(index * VECTOR);
            let mut to = y.data.add(index * VECTOR);
            let mut left = x.columns;
            while left > 0 {
                let sums = tile::<SIDE, STRIDE, PAIRS>(&ends, weight, at, &x);
                ends.store(sums[0], to);
                if left > 1 {
                    ends.store(sums[1], to.add(y.pixel_bytes));
                }
                at = at.wrapping_add(PIXELS * x.step_bytes);
                to = to.wrapping_add(PIXELS * y.pixel_bytes);
                left = left.saturating_sub(PIXELS);
            }
        }
    }
}

/// The sums of two pixels by 16 channels.
///
/// Of the 32 registers, 8 hold the sums, up to 12 the inputs of two rows, the rest weights and
/// products. Two taps cost each pixel 4 multiplications, which only one of a Cortex-A57's two
/// pipelines can do, and 4 additions, which keep the other one as busy.
///
/// # Safety
/// As for [`depthwise_row`]; `at` is the first byte of the first window's block.
#[inline(always)]
unsafe fn tile<const SIDE: usize, const STRIDE: usize, const PAIRS: bool>(
    ends: &Ends<VECTORS>,
    mut weight: *const i8,
    mut at: *const u8,
    x: &RowIn,
) -> [[int32x4_t; VECTORS]; PIXELS] {
    let mut sums = [ends.bias; PIXELS];
    // SAFETY: all offsets stay within the windows and the block's weights.
    unsafe {
        unrolled!(PAIR in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] {
            weight = unknown(weight);
            if PAIR.is_multiple_of(SIDE) {
                at = unknown(at);
            }
            if 2 * PAIR < SIDE * SIDE {
                for (p, sums) in sums.iter_mut().enumerate() {
                    let input = |index: usize| {
                        let [row, column] = tap(SIDE, index);
                        let column = column + p * STRIDE;
                        at.add(row * x.row_bytes + column * x.pixel_bytes)
                    };
                    let (first, second) = (2 * PAIR, 2 * PAIR + 1);
                    let one = product(input(first), weight.add(first * VECTOR));
                    if second == SIDE * SIDE {
                        add(sums, one);
                    } else if PAIRS {
                        add(sums, product_and(one, input(second), weight.add(second * VECTOR)));
                    } else {
                        add(sums, one);
                        add(sums, product(input(second), weight.add(second * VECTOR)));
                    }
                }
            }
        });
    }
    sums
}

/// 16 products of bytes.
///
/// # Safety
/// The CPU has Neon; 16 bytes can be read at both.
#[inline(always)]
unsafe fn product(x: *const u8, weight: *const i8) -> [int16x8_t; 2] {
    // SAFETY: the caller's word.
    unsafe {
        let (x, weight) = (vld1q_s8(x.cast()), vld1q_s8(weight));
        [
            vmull_s8(vget_low_s8(x), vget_low_s8(weight)),
            high_product(x, weight),
        ]
    }
}

/// 16 products of bytes, added to others.
///
/// # Safety
/// As for [`product`]; the sums fit 16 bits.
#[inline(always)]
unsafe fn product_and(sums: [int16x8_t; 2], x: *const u8, weight: *const i8) -> [int16x8_t; 2] {
    // SAFETY: the caller's word.
    unsafe {
        let (x, weight) = (vld1q_s8(x.cast()), vld1q_s8(weight));
        [
            vmlal_s8(sums[0], vget_low_s8(x), vget_low_s8(weight)),
            high_product_and(sums[1], x, weight),
        ]
    }
}

/// The products of the last 8 bytes. The compiler makes two instructions of the intrinsic
/// where a vector has more than one use.
///
/// # Safety
/// The CPU has Neon.
#[inline(always)]
unsafe fn high_product(x: int8x16_t, weight: int8x16_t) -> int16x8_t {
    let products;
    // SAFETY: the instruction touches nothing but its registers.
    unsafe {
        asm!(
            "smull2 {products:v}.8h, {x:v}.16b, {weight:v}.16b",
            products = lateout(vreg) products,
            x = in(vreg) x,
            weight = in(vreg) weight,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    products
}

/// The products of the last 8 bytes, added to others; see [`high_product`].
///
/// # Safety
/// The CPU has Neon.
#[inline(always)]
unsafe fn high_product_and(mut sums: int16x8_t, x: int8x16_t, weight: int8x16_t) -> int16x8_t {
    // SAFETY: the instruction touches nothing but its registers.
    unsafe {
        asm!(
            "smlal2 {sums:v}.8h, {x:v}.16b, {weight:v}.16b",
            sums = inout(vreg) sums,
            x = in(vreg) x,
            weight = in(vreg) weight,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Adds 16 numbers of 16 bits to the sums of a pixel.
///
/// # Safety
/// The CPU has Neon.
#[inline(always)]
unsafe fn add(sums: &mut [int32x4_t; VECTORS], terms: [int16x8_t; 2]) {
    // SAFETY: the caller's word.
    unsafe {
        for (i, terms) in terms.into_iter().enumerate() {
            sums[2 * i] = vaddw_s16(sums[2 * i], vget_low_s16(terms));
            sums[2 * i + 1] = vaddw_high_s16(sums[2 * i + 1], terms);
        }
    }
}
