//! AVX2: products of numbers of 16 bits, added in pairs, 8 sums at a time.
//!
//! The instruction for bytes (`vpmaddubsw`) saturates at 16 bits, and keeps the multiplier
//! busy twice for the 32 products that two of the wider ones give; so bytes are widened, for
//! dense layers once for all channels, and every sum is exact.

use super::pack::Packed;
use super::ymm::{self, Dot, set, widened};
use super::{Kernels, RowIn, RowOut};
use crate::int8::graph::{Add, Conv, Shape};
use std::arch::x86_64::*;

/// The set for CPUs with AVX2.
#[derive(Debug)]
pub struct Avx2;

/// The set, where this CPU has it.
pub fn detect() -> Option<&'static dyn Kernels> {
    is_x86_feature_detected!("avx2").then_some(&Avx2 as &dyn Kernels)
}

/// Pairs of numbers of 16 bits.
struct Pairs;

impl Dot for Pairs {
    const VALUES: usize = 2;

    // The loop's own instructions would cost a tenth of what the CPU can begin a cycle.
    const UNROLL: usize = 2;

    fn push(weights: &mut Vec<i8>, weight: i8) {
        weights.extend(i16::from(weight).to_le_bytes().map(|byte| byte as i8));
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, words: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller's word.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(words, weights)) }
    }

    #[inline(always)]
    unsafe fn words(at: *const u8, row_bytes: usize, rows: usize) -> [__m256i; 2] {
        // SAFETY: the caller's word.
        unsafe {
            let a = widened(at);
            let b = match rows {
                1 => _mm256_setzero_si256(),
                _ => widened(at.add(row_bytes)),
            };
            [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
        }
    }
}

set!(Avx2, "avx2", Pairs, "avx2");
