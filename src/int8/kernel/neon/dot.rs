//! The dot product: sums of four products of bytes in one instruction, four at a time.

use super::dense::{self, Step};
use super::{VECTOR, add, dot_depthwise, set};
use crate::int8::graph::{Add, Conv, Shape};
use crate::int8::kernel::pack::Packed;
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::aarch64::*;
use std::arch::asm;

/// Vectors of sums of a dense block.
const VECTORS: usize = 2;

/// The set for CPUs with the dot product.
#[derive(Debug)]
pub struct NeonDot;

/// Adds to each of four sums the four products of its weights and of the inputs `4 FOUR` to
/// `4 FOUR + 3`. The intrinsic is not in stable Rust yet.
///
/// # Safety
/// The CPU has the dot product, and the function into which this is inlined enables it.
#[inline(always)]
unsafe fn dot<const FOUR: usize>(
    mut sums: int32x4_t,
    weights: int8x16_t,
    inputs: int8x16_t,
) -> int32x4_t {
    // SAFETY: the instruction touches nothing but its registers.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.4b[{four}]",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            inputs = in(vreg) inputs,
            four = const FOUR,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Sums of four products.
struct Dot;

impl Step<VECTORS> for Dot {
    const PIXELS: usize = 8;

    /// `[four inputs, channel, input of the four]`.
    fn push(weights: &mut Vec<i8>, weight: impl Fn(usize, usize) -> i8) {
        for four in 0..4 {
            for channel in 0..VECTORS * 4 {
                weights.extend((0..4).map(|i| weight(channel, 4 * four + i)));
            }
        }
    }

    /// Of the 32 registers, 16 hold the sums of 8 pixels by 8 channels, 8 the inputs of the
    /// pixels, the rest weights: a step costs 16 loads for 64 multiplications. 4 pixels by 16
    /// channels would cost 20.
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
            unrolled!(FOUR in [0, 1, 2, 3] {
                let weight = weight.add(FOUR * VECTORS * VECTOR);
                let weights = [vld1q_s8(weight), vld1q_s8(weight.add(VECTOR))];
                for (sums, inputs) in sums.iter_mut().zip(inputs) {
                    sums[0] = dot::<FOUR>(sums[0], weights[0], inputs);
                    sums[1] = dot::<FOUR>(sums[1], weights[1], inputs);
                }
            });
        }
    }
}

/// # Safety
/// The CPU has the dot product; the rest as for [`crate::int8::kernel::Kernels::dense_row`].
#[inline(always)]
unsafe fn dense_row(packed: &Packed, x: RowIn, y: RowOut) {
    // SAFETY: the caller's word.
    unsafe { dense::dense_row::<Dot, VECTORS>(packed, x, y) }
}

set!(
    NeonDot,
    "neon-dot",
    "neon,dotprod",
    dense::pack_dense::<Dot, VECTORS>,
    dense_row,
    dot_depthwise::pack_depthwise,
    dot_depthwise::depthwise_row
);
