//! Sums of two tensors: in `f32`, step by step as the portable set.

use super::{FLIP, VECTOR, narrowed};
use crate::int8::graph::Add;
use std::arch::aarch64::*;

/// Two inputs of a sum, and its output.
struct Sum {
    zeros: [int16x8_t; 2],
    scales: [float32x4_t; 2],
    per_unit: float32x4_t,
    zero: int16x8_t,
}

impl Sum {
    /// 8 bytes of one input as numbers.
    ///
    /// # Safety
    /// The CPU has Neon.
    #[inline(always)]
    unsafe fn numbers(&self, input: usize, bytes: int8x8_t) -> [float32x4_t; 2] {
        // SAFETY: the caller's word.
        unsafe {
            let steps = vsubq_s16(vmovl_s8(bytes), self.zeros[input]);
            let low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(steps)));
            let high = vcvtq_f32_s32(vmovl_high_s16(steps));
            [
                vmulq_f32(low, self.scales[input]),
                vmulq_f32(high, self.scales[input]),
            ]
        }
    }

    /// The sums of 8 bytes.
    ///
    /// # Safety
    /// The CPU has Neon.
    #[inline(always)]
    unsafe fn bytes(&self, a: int8x8_t, b: int8x8_t) -> int8x8_t {
        // SAFETY: the caller's word.
        unsafe {
            let (a, b) = (self.numbers(0, a), self.numbers(1, b));
            let low = vmulq_f32(vaddq_f32(a[0], b[0]), self.per_unit);
            let high = vmulq_f32(vaddq_f32(a[1], b[1]), self.per_unit);
            narrowed(vcvtnq_s32_f32(low), vcvtnq_s32_f32(high), self.zero)
        }
    }
}

/// # Safety
/// The CPU has Neon; the rest as for [`crate::int8::kernel::Kernels::add_row`].
#[inline(always)]
pub unsafe fn add_row(add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
    // A zero point as it is stored.
    let stored = |zero: u8| i16::from(zero) - i16::from(FLIP);
    let [first, second] = add.inputs;
    // SAFETY: `bytes` is a multiple of the 16 that a turn reads and writes.
    unsafe {
        let sum = Sum {
            zeros: [
                vdupq_n_s16(stored(first.zero_point)),
                vdupq_n_s16(stored(second.zero_point)),
            ],
            scales: [vdupq_n_f32(first.scale), vdupq_n_f32(second.scale)],
            per_unit: vdupq_n_f32(add.output_per_unit),
            zero: vdupq_n_s16(stored(add.output_zero)),
        };
        for i in (0..bytes).step_by(VECTOR) {
            let (a, b) = (vld1q_s8(a.add(i).cast()), vld1q_s8(b.add(i).cast()));
            let low = sum.bytes(vget_low_s8(a), vget_low_s8(b));
            let high = sum.bytes(vget_high_s8(a), vget_high_s8(b));
            vst1q_s8(y.add(i).cast(), vcombine_s8(low, high));
        }
    }
}
