//! What the sets for 64-bit ARM share: everything but the instructions that multiply.
//!
//! Activations are stored as signed bytes, as weights are: the instructions multiply numbers
//! of one kind. Sums of a block of channels are in the channels' order, four a vector. All
//! functions here are inlined into functions that enable the features which the instructions
//! need.

mod add;
mod dense;
mod depthwise;
mod dot;
mod dot_depthwise;
mod long;

use super::Kernels;
use super::pack::{Blocks, Packed, Weights};
use crate::int8::graph::{Conv, Shape};
use std::arch::aarch64::*;
use std::arch::asm;

/// Sums of a vector.
const LANES: usize = 4;

/// Bytes of a vector.
const VECTOR: usize = 16;

/// What stored activations are combined with by exclusive or: makes them signed.
const FLIP: u8 = 0x80;

/// The sets that this CPU has, the fastest first.
pub fn detect() -> Vec<&'static dyn Kernels> {
    let dot = std::arch::is_aarch64_feature_detected!("dotprod");
    let mut sets: Vec<&'static dyn Kernels> = Vec::new();
    if dot {
        sets.push(&dot::NeonDot);
    }
    sets.push(&long::Neon);
    sets
}

/// Biases and multipliers of one block of `V` vectors of sums.
struct Ends<const V: usize> {
    bias: [int32x4_t; V],
    multiplier: [float32x4_t; V],
    /// The output's zero point as it is stored, in every 16 bits.
    zero: int16x8_t,
}

impl<const V: usize> Ends<V> {
    /// # Safety
    /// `packed` has the block that begins at channel `first`.
    #[inline(always)]
    unsafe fn new(packed: &Packed, first: usize) -> Self {
        // SAFETY: every 64-bit ARM CPU that runs Linux has Neon; a block has `V` vectors of
        // both.
        unsafe {
            let mut ends = Self {
                bias: [vdupq_n_s32(0); V],
                multiplier: [vdupq_n_f32(0.0); V],
                zero: vdupq_n_s16(packed.output_zero as i16 - i16::from(FLIP)),
            };
            for v in 0..V {
                ends.bias[v] = vld1q_s32(packed.bias.as_ptr().add(first + v * LANES));
                ends.multiplier[v] = vld1q_f32(packed.multiplier.as_ptr().add(first + v * LANES));
            }
            ends
        }
    }

    /// Writes one pixel.
    ///
    /// # Safety
    /// `4 V` bytes can be written at `y`.
    #[inline(always)]
    unsafe fn store(&self, sums: [int32x4_t; V], y: *mut u8) {
        for v in (0..V).step_by(2) {
            // SAFETY: Neon as above; the rest is the caller's word.
            unsafe {
                let low = vmulq_f32(vcvtq_f32_s32(sums[v]), self.multiplier[v]);
                let high = vmulq_f32(vcvtq_f32_s32(sums[v + 1]), self.multiplier[v + 1]);
                let steps = narrowed(vcvtnq_s32_f32(low), vcvtnq_s32_f32(high), self.zero);
                vst1_s8(y.add(v * LANES).cast(), steps);
            }
        }
    }
}

/// Eight numbers of steps, shifted by the zero point, as stored bytes.
///
/// # Safety
/// The CPU has Neon.
#[inline(always)]
unsafe fn narrowed(low: int32x4_t, high: int32x4_t, zero: int16x8_t) -> int8x8_t {
    // SAFETY: the caller's word.
    unsafe {
        // Saturating to 16 bits before the zero point is added changes nothing: what lies
        // beyond is saturated to a byte anyway.
        let steps = vqmovn_high_s32(vqmovn_s32(low), high);
        vqmovn_s16(vqaddq_s16(steps, zero))
    }
}

/// The pointer, of which the compiler then knows nothing: what is read there is read then and
/// not, for all tiles or rows at once, into more registers than there are.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block)]
fn unknown<T>(mut at: *const T) -> *const T {
    // SAFETY: there is no instruction, and nothing is read or written.
    unsafe { asm!("/* {at} */", at = inout(reg) at, options(nomem, nostack, preserves_flags)) }
    at
}

/// Everything of a convolution but its weights, which `weight` holds, for blocks of `block`
/// channels.
fn pack(conv: &Conv, input: &Shape, block: usize, weight: Vec<i8>) -> Packed {
    let weights = Weights::new(conv, input);
    let blocks = Blocks(vec![block; conv.bias.len().div_ceil(block)]);
    let channels = 0..blocks.channels();
    Packed {
        weight,
        bias: channels.clone().map(|c| weights.bias(c, FLIP)).collect(),
        multiplier: channels.map(|c| weights.multiplier(c)).collect(),
        output_zero: conv.output_zero.into(),
        kernel: conv.window.kernel,
        stride: conv.window.stride[1],
        inputs: input.channels,
        blocks,
        ..Packed::default()
    }
}

/// Makes a set of kernels out of its functions and the features that they need.
macro_rules! set {
    ($set:ident, $name:literal, $features:literal, $pack_dense:path, $dense_row:path,
     $pack_depthwise:path, $depthwise_row:path $(,)?) => {
        impl $crate::int8::kernel::Kernels for $set {
            fn name(&self) -> &'static str {
                $name
            }

            fn flip(&self) -> u8 {
                $crate::int8::kernel::neon::FLIP
            }

            fn pack_dense(&self, conv: &Conv, input: &Shape) -> Packed {
                $pack_dense(conv, input)
            }

            fn pack_depthwise(&self, conv: &Conv) -> Packed {
                $pack_depthwise(conv)
            }

            unsafe fn dense_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
                #[target_feature(enable = $features)]
                unsafe fn run(packed: &Packed, x: RowIn, y: RowOut) {
                    // SAFETY: the caller's word.
                    unsafe { $dense_row(packed, x, y) }
                }
                // SAFETY: the set is only given out where the CPU has the features; the rest
                // is the caller's word.
                unsafe { run(packed, x, y) }
            }

            unsafe fn depthwise_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
                #[target_feature(enable = $features)]
                unsafe fn run(packed: &Packed, x: RowIn, y: RowOut) {
                    // SAFETY: the caller's word.
                    unsafe { $depthwise_row(packed, x, y) }
                }
                // SAFETY: as above.
                unsafe { run(packed, x, y) }
            }

            unsafe fn add_row(
                &self,
                add: &Add,
                a: *const u8,
                b: *const u8,
                y: *mut u8,
                bytes: usize,
            ) {
                #[target_feature(enable = $features)]
                unsafe fn run(add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
                    // SAFETY: the caller's word.
                    unsafe { add::add_row(add, a, b, y, bytes) }
                }
                // SAFETY: as above.
                unsafe { run(add, a, b, y, bytes) }
            }
        }
    };
}
use set;
