//! AVX-VNNI: sums of four products of bytes in one instruction, 8 at a time.

use super::pack::Packed;
use super::ymm::{self, Dot, set, widened};
use super::{Kernels, RowIn, RowOut};
use crate::int8::graph::{Add, Conv, Shape};
use std::arch::x86_64::*;

/// The set for CPUs with AVX-VNNI.
#[derive(Debug)]
pub struct AvxVnni;

/// The set, where this CPU has it.
pub fn detect() -> Option<&'static dyn Kernels> {
    let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
    has.then_some(&AvxVnni as &dyn Kernels)
}

/// The bytes of two rows of a block's channels, those below `rows`, in 16 bits each.
///
/// # Safety
/// As for [`Dot::words`].
#[inline(always)]
unsafe fn pairs(at: *const u8, row_bytes: usize, rows: usize) -> __m256i {
    // SAFETY: the caller's word; only `rows` rows are read.
    unsafe {
        match rows {
            0 => _mm256_setzero_si256(),
            1 => widened(at),
            _ => {
                let below = _mm256_slli_epi16::<8>(widened(at.add(row_bytes)));
                _mm256_or_si256(widened(at), below)
            }
        }
    }
}

/// Words of four bytes of a block's channels; see [`Dot::words`].
///
/// # Safety
/// As for [`Dot::words`].
#[inline(always)]
unsafe fn quads(at: *const u8, row_bytes: usize, rows: usize) -> [__m256i; 2] {
    // SAFETY: as for `pairs`.
    unsafe {
        let a = pairs(at, row_bytes, rows);
        let b = pairs(
            at.wrapping_add(2 * row_bytes),
            row_bytes,
            rows.saturating_sub(2),
        );
        [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
    }
}

/// Makes a [`Dot`] out of an intrinsic that adds four products of bytes.
macro_rules! quads {
    ($dot:ident, $intrinsic:ident) => {
        /// Words of four bytes.
        struct $dot;

        impl Dot for $dot {
            const VALUES: usize = 4;

            const UNROLL: usize = 1;

            fn push(weights: &mut Vec<i8>, weight: i8) {
                weights.push(weight);
            }

            #[inline(always)]
            unsafe fn dot(sums: __m256i, quads: __m256i, weights: __m256i) -> __m256i {
                // SAFETY: the caller's word.
                unsafe { $intrinsic(sums, quads, weights) }
            }

            #[inline(always)]
            unsafe fn words(at: *const u8, row_bytes: usize, rows: usize) -> [__m256i; 2] {
                // SAFETY: the caller's word.
                unsafe { quads(at, row_bytes, rows) }
            }
        }
    };
}

quads!(Quads, _mm256_dpbusd_avx_epi32);
set!(AvxVnni, "avx-vnni", Quads, "avx2,avxvnni");

/// The same loops with the instruction in AVX-512's encoding, so that they are tested on CPUs
/// that have only that.
#[cfg(test)]
pub mod wide_encoding {
    use super::*;

    /// The set for CPUs with AVX512-VNNI, 256 bits at a time.
    #[derive(Debug)]
    pub struct Avx512Vnni256;

    /// The set, where this CPU has it.
    pub fn detect() -> Option<&'static dyn Kernels> {
        let has = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni");
        has.then_some(&Avx512Vnni256 as &dyn Kernels)
    }

    quads!(Quads, _mm256_dpbusd_epi32);
    set!(
        Avx512Vnni256,
        "avx512-vnni-256",
        Quads,
        "avx2,avx512vl,avx512vnni"
    );
}
