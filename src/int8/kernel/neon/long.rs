//! Neon without the dot product: products of bytes in 16 bits, added in pairs to 32.
//!
//! A Cortex-A57 begins one multiplication a cycle, of eight bytes; two products of weights
//! above -128 fit 16 bits together, so that every other result is added to the sums, by the
//! pipeline that does not multiply.

use super::dense::{self, Step};
use super::{VECTOR, add, depthwise, set};
use crate::int8::graph::{Add, Conv, Shape};
use crate::int8::kernel::pack::Packed;
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::aarch64::*;

/// Vectors of sums of a block.
const VECTORS: usize = 4;

/// The set for every CPU.
#[derive(Debug)]
pub struct Neon;

/// Whether the weights of two products that are added in 16 bits are so low that the sum may
/// not fit: only four times -128 makes it too large.
fn may_overflow(weights: &[i8]) -> bool {
    weights
        .chunks_exact(VECTOR)
        .any(|w| (0..VECTOR / 2).any(|i| w[i] == i8::MIN && w[i + VECTOR / 2] == i8::MIN))
}

/// Two products a 16-bit sum; `PAIRS` is false where that may overflow, and one is taken.
struct Long<const PAIRS: bool>;

impl<const PAIRS: bool> Step<VECTORS> for Long<PAIRS> {
    const PIXELS: usize = 4;

    /// `[turn, vector, half, channel, 2]`: in turn `t`, channel `c` of a vector meets the
    /// pairs of inputs `c + t` and `c + t + 4`, of eight.
    fn push(weights: &mut Vec<i8>, weight: impl Fn(usize, usize) -> i8) {
        for turn in 0..4 {
            for vector in 0..VECTORS {
                for (half, channel) in (0..2).flat_map(|half| (0..4).map(move |c| (half, c))) {
                    let pair = (4 * half + channel + turn) % 8;
                    weights.extend((0..2).map(|i| weight(4 * vector + channel, 2 * pair + i)));
                }
            }
        }
    }

    /// Of the 32 registers, 16 hold the sums of 4 pixels by 16 channels, 4 the inputs of the
    /// pixels, the rest weights and products. Inputs turn by a pair each time, so that no pair
    /// need be repeated for all channels: 3 instructions a pixel for 32 multiplications.
    #[inline(always)]
    unsafe fn step<const P: usize>(
        sums: &mut [[int32x4_t; VECTORS]; P],
        x: *const u8,
        step_bytes: usize,
        weight: *const i8,
    ) {
        // SAFETY: the caller's word.
        unsafe {
            let mut inputs = [vdupq_n_s8(0); P];
            for (p, inputs) in inputs.iter_mut().enumerate() {
                *inputs = vld1q_s8(x.add(p * step_bytes).cast());
            }
            unrolled!(TURN in [0, 1, 2, 3] {
                unrolled!(V in [0, 1, 2, 3] {
                    let weights = vld1q_s8(weight.add((TURN * VECTORS + V) * VECTOR));
                    for (sums, inputs) in sums.iter_mut().zip(inputs) {
                        sums[V] = products::<PAIRS>(sums[V], inputs, weights);
                    }
                });
                if TURN < 3 {
                    for inputs in &mut inputs {
                        *inputs = vextq_s8::<2>(*inputs, *inputs);
                    }
                }
            });
        }
    }
}

/// Adds 16 products to four sums.
///
/// # Safety
/// The CPU has Neon; two products fit 16 bits if they are to be added there.
#[inline(always)]
unsafe fn products<const PAIRS: bool>(
    sums: int32x4_t,
    inputs: int8x16_t,
    weights: int8x16_t,
) -> int32x4_t {
    // SAFETY: the caller's word.
    unsafe {
        let low = vmull_s8(vget_low_s8(inputs), vget_low_s8(weights));
        if PAIRS {
            return vpadalq_s16(sums, vmlal_high_s8(low, inputs, weights));
        }
        vpadalq_s16(vpadalq_s16(sums, low), vmull_high_s8(inputs, weights))
    }
}

/// # Safety
/// As for [`crate::int8::kernel::Kernels::dense_row`].
unsafe fn dense_row(packed: &Packed, x: RowIn, y: RowOut) {
    // SAFETY: every 64-bit ARM CPU that runs Linux has Neon; the rest is the caller's word.
    unsafe {
        if packed.may_overflow {
            dense::dense_row::<Long<false>, VECTORS>(packed, x, y);
        } else {
            dense::dense_row::<Long<true>, VECTORS>(packed, x, y);
        }
    }
}

fn pack_dense(conv: &Conv, input: &Shape) -> Packed {
    let mut packed = dense::pack_dense::<Long<true>, VECTORS>(conv, input);
    packed.may_overflow = may_overflow(&packed.weight);
    packed
}

set!(
    Neon,
    "neon",
    "neon",
    pack_dense,
    dense_row,
    depthwise::pack_depthwise,
    depthwise::depthwise_row
);
