//! What the sets with 256-bit vectors share: everything but the instruction that multiplies.
//!
//! Sums are taken of words: a word is 32 bits of activations of one pixel, two numbers of 16
//! bits or four bytes, and is multiplied by as many weights of each of eight channels
//! ([`Dot`]). All functions here are inlined into functions that enable the features which
//! the instruction needs; a closure with intrinsics would not be for sure, so there are none.
//!
//! Blocks have 16 channels, two vectors of sums. Element `e` of lane `l` of vector `v` is
//! channel `8 l + 4 v + e`: the order in which the saturating packs put channels 0 to 15.

mod add;
mod dense;
mod depthwise;

use super::pack::{Blocks, Packed, Weights};
use crate::int8::graph::{Conv, Shape};
use std::arch::x86_64::*;

pub use add::add_row;
pub use dense::{dense_row, pack_dense};
pub use depthwise::{depthwise_row, pack_depthwise};

/// Sums of a vector.
const LANES: usize = 8;

/// Channels of a block, in two vectors of sums.
const BLOCK: usize = 2 * LANES;

/// Bytes of weights that one word of activations is multiplied by, for a whole block.
const STEP_BYTES: usize = 2 * 32;

/// The instruction that multiplies.
pub trait Dot {
    /// Activations of a word.
    const VALUES: usize;

    /// Words of a dense tile that one turn of its loop takes; every run of words is a multiple.
    const UNROLL: usize;

    /// Writes one weight as the instruction reads it.
    fn push(weights: &mut Vec<i8>, weight: i8);

    /// Adds to each sum its word times its weights, exactly.
    ///
    /// # Safety
    /// The CPU has the instruction.
    unsafe fn dot(sums: __m256i, words: __m256i, weights: __m256i) -> __m256i;

    /// Words of a block's channels in the order of its sums: of each channel the bytes of
    /// `rows` rows, [`Dot::VALUES`] at most, zeros behind.
    ///
    /// # Safety
    /// The CPU has AVX2; [`BLOCK`] bytes can be read at `at` and at as many rows below.
    unsafe fn words(at: *const u8, row_bytes: usize, rows: usize) -> [__m256i; 2];
}

/// A vector as it lies in memory.
///
/// # Safety
/// The CPU has AVX2; 32 bytes can be read at `at`.
#[inline(always)]
unsafe fn loaded<T>(at: *const T) -> __m256i {
    // SAFETY: the caller's word; the read need not be aligned.
    unsafe { _mm256_loadu_si256(at.cast()) }
}

/// 16 bytes as numbers of 16 bits.
///
/// # Safety
/// The CPU has AVX2; 16 bytes can be read at `at`.
#[inline(always)]
pub unsafe fn widened(at: *const u8) -> __m256i {
    // SAFETY: the caller's word.
    unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(at.cast())) }
}

/// Biases and multipliers of one block.
struct Ends {
    bias: [__m256i; 2],
    multiplier: [__m256; 2],
    /// The output's zero point, in every 16 bits.
    zero: __m256i,
}

impl Ends {
    /// # Safety
    /// The CPU has AVX2; `packed` has the block that begins at channel `first`.
    #[inline(always)]
    unsafe fn new(packed: &Packed, first: usize) -> Self {
        // SAFETY: a block has two vectors of both.
        unsafe {
            let bias = packed.bias.as_ptr().add(first);
            let multiplier = packed.multiplier.as_ptr().add(first);
            Self {
                bias: [loaded(bias), loaded(bias.add(LANES))],
                multiplier: [
                    _mm256_loadu_ps(multiplier),
                    _mm256_loadu_ps(multiplier.add(LANES)),
                ],
                zero: _mm256_set1_epi16(packed.output_zero as i16),
            }
        }
    }

    /// The 16 sums of one pixel as steps of the output in 16 bits, in the channels' order.
    ///
    /// # Safety
    /// The CPU has AVX2.
    #[inline(always)]
    unsafe fn steps(&self, sums: [__m256i; 2]) -> __m256i {
        // SAFETY: the caller's word.
        unsafe {
            let low = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[0]), self.multiplier[0]);
            let high = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[1]), self.multiplier[1]);
            // Saturating to 16 bits before the zero point is added changes nothing: what lies
            // beyond is saturated to a byte anyway.
            let steps = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            _mm256_adds_epi16(steps, self.zero)
        }
    }

    /// Writes one pixel.
    ///
    /// # Safety
    /// The CPU has AVX2; 16 bytes can be written at `y`.
    #[inline(always)]
    unsafe fn store(&self, sums: [__m256i; 2], y: *mut u8) {
        // SAFETY: the caller's word.
        unsafe { store_bytes(self.steps(sums), y) }
    }

    /// Writes two pixels: one permute serves both.
    ///
    /// # Safety
    /// The CPU has AVX2; 16 bytes can be written at each `y`.
    #[inline(always)]
    unsafe fn store_two(&self, sums: [[__m256i; 2]; 2], y: [*mut u8; 2]) {
        // SAFETY: the caller's word.
        unsafe {
            let bytes = _mm256_packus_epi16(self.steps(sums[0]), self.steps(sums[1]));
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            _mm_storeu_si128(y[0].cast(), _mm256_castsi256_si128(bytes));
            _mm_storeu_si128(y[1].cast(), _mm256_extracti128_si256::<1>(bytes));
        }
    }
}

/// Writes 16 numbers of 16 bits as bytes, saturated.
///
/// # Safety
/// The CPU has AVX2; 16 bytes can be written at `y`.
#[inline(always)]
unsafe fn store_bytes(steps: __m256i, y: *mut u8) {
    // SAFETY: the caller's word.
    unsafe {
        let high = _mm256_extracti128_si256::<1>(steps);
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(steps), high);
        _mm_storeu_si128(y.cast(), bytes);
    }
}

/// Channel of a sum within its block.
fn channel_of(sum: usize) -> usize {
    let (v, lane, e) = (sum / LANES, sum % LANES / 4, sum % 4);
    8 * lane + 4 * v + e
}

/// Everything of a convolution but its weights, which `weight` holds.
fn pack(conv: &Conv, input: &Shape, weight: Vec<i8>, inputs: usize) -> Packed {
    let weights = Weights::new(conv, input);
    let mut packed = Packed {
        weight,
        output_zero: conv.output_zero.into(),
        kernel: conv.window.kernel,
        stride: conv.window.stride[1],
        inputs,
        blocks: Blocks(vec![BLOCK; conv.bias.len().div_ceil(BLOCK)]),
        ..Packed::default()
    };
    for sum in 0..packed.blocks.channels() {
        let channel = sum - sum % BLOCK + channel_of(sum % BLOCK);
        packed.bias.push(weights.bias(channel, 0));
        packed.multiplier.push(weights.multiplier(channel));
    }
    packed
}

/// Makes a set of kernels out of a [`Dot`] and the features that it needs.
macro_rules! set {
    ($set:ident, $name:literal, $dot:ty, $features:literal) => {
        impl $crate::int8::kernel::Kernels for $set {
            fn name(&self) -> &'static str {
                $name
            }

            fn pack_dense(&self, conv: &Conv, input: &Shape) -> Packed {
                ymm::pack_dense::<$dot>(conv, input)
            }

            fn pack_depthwise(&self, conv: &Conv) -> Packed {
                ymm::pack_depthwise::<$dot>(conv)
            }

            unsafe fn dense_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
                #[target_feature(enable = $features)]
                unsafe fn run(packed: &Packed, x: RowIn, y: RowOut) {
                    // SAFETY: the caller's word.
                    unsafe { ymm::dense_row::<$dot>(packed, x, y) }
                }
                // SAFETY: the set is only given out where the CPU has the features; the rest
                // is the caller's word.
                unsafe { run(packed, x, y) }
            }

            unsafe fn depthwise_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
                #[target_feature(enable = $features)]
                unsafe fn run(packed: &Packed, x: RowIn, y: RowOut) {
                    // SAFETY: the caller's word.
                    unsafe { ymm::depthwise_row::<$dot>(packed, x, y) }
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
                    unsafe { ymm::add_row(add, a, b, y, bytes) }
                }
                // SAFETY: as above.
                unsafe { run(add, a, b, y, bytes) }
            }
        }
    };
}
pub(super) use set;
