//! Sums of two tensors: in `f32`, step by step as the portable set.

use super::{BLOCK, LANES, store_bytes};
use crate::int8::graph::Add;
use std::arch::x86_64::*;

/// Two inputs of a sum, and its output.
struct Sum {
    zeros: [__m256i; 2],
    scales: [__m256; 2],
    per_unit: __m256,
}

impl Sum {
    /// 8 bytes of one input as numbers.
    ///
    /// # Safety
    /// The CPU has AVX2; 8 bytes can be read at `at`.
    #[inline(always)]
    unsafe fn number(&self, input: usize, at: *const u8) -> __m256 {
        // SAFETY: the caller's word.
        unsafe {
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(at.cast()));
            let steps = _mm256_cvtepi32_ps(_mm256_sub_epi32(bytes, self.zeros[input]));
            _mm256_mul_ps(steps, self.scales[input])
        }
    }

    /// The sums of 8 bytes in steps of the output.
    ///
    /// # Safety
    /// As for [`Sum::number`], with both pointers.
    #[inline(always)]
    unsafe fn steps(&self, a: *const u8, b: *const u8) -> __m256i {
        // SAFETY: the caller's word.
        unsafe {
            let sum = _mm256_add_ps(self.number(0, a), self.number(1, b));
            _mm256_cvtps_epi32(_mm256_mul_ps(sum, self.per_unit))
        }
    }
}

/// # Safety
/// The CPU has AVX2; the rest as for [`crate::int8::kernel::Kernels::add_row`].
#[inline(always)]
pub unsafe fn add_row(add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
    let [first, second] = add.inputs;
    // SAFETY: `bytes` is a multiple of the 16 that a turn reads and writes.
    unsafe {
        let sum = Sum {
            zeros: [
                _mm256_set1_epi32(first.zero_point.into()),
                _mm256_set1_epi32(second.zero_point.into()),
            ],
            scales: [_mm256_set1_ps(first.scale), _mm256_set1_ps(second.scale)],
            per_unit: _mm256_set1_ps(add.output_per_unit),
        };
        let zero = _mm256_set1_epi16(add.output_zero.into());
        for i in (0..bytes).step_by(BLOCK) {
            let low = sum.steps(a.add(i), b.add(i));
            let high = sum.steps(a.add(i + LANES), b.add(i + LANES));
            let steps = _mm256_packs_epi32(low, high);
            let steps = _mm256_permute4x64_epi64::<0b11_01_10_00>(steps);
            store_bytes(_mm256_adds_epi16(steps, zero), y.add(i));
        }
    }
}
