//! AVX-512 with VNNI: sums of four products of bytes in one instruction, 16 at a time.
//!
//! Accumulators of a block of channels come in the order in which the saturating packs of the
//! end put bytes: with four vectors, element `e` of lane `l` of vector `v` is channel
//! `16 l + 4 v + e`, and three packs give 64 bytes in the channels' order without a permute.

use super::pack::{Blocks, Packed, Weights};
use super::{CHANNEL_STEP, Kernels, RowIn, RowOut};
use crate::int8::graph::{Add, Conv, Shape};
use std::arch::x86_64::*;

/// The set for CPUs with AVX512-VNNI.
#[derive(Debug)]
pub struct Avx512Vnni;

/// Channels of a vector of accumulators.
const LANES: usize = 16;

/// Channels that a depthwise tile takes at once.
const DEPTHWISE_CHANNELS: usize = 64;

/// Output pixels of a depthwise tile.
const DEPTHWISE_PIXELS: usize = 4;

/// Block sizes of dense layers: 4 to 1 vectors of accumulators a pixel.
const DENSE_BLOCKS: [usize; 4] = [64, 48, 32, 16];

/// The set, where this CPU has it.
pub fn detect() -> Option<&'static dyn Kernels> {
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    has.then_some(&Avx512Vnni as &dyn Kernels)
}

/// Channel of an accumulator within a block of `block` channels.
fn channel_of(block: usize, accumulator: usize) -> usize {
    let (v, lane, e) = (
        accumulator / LANES,
        accumulator % LANES / 4,
        accumulator % 4,
    );
    match block / LANES {
        4 => 16 * lane + 4 * v + e,
        2 | 3 if v < 2 => 8 * lane + 4 * v + e,
        _ => v * LANES + 4 * lane + e,
    }
}

fn pack(conv: &Conv, input: &Shape, blocks: Blocks, weight: Vec<i8>, inputs: usize) -> Packed {
    let weights = Weights::new(conv, input);
    let mut packed = Packed {
        weight,
        output_zero: conv.output_zero.into(),
        kernel: conv.window.kernel,
        stride: conv.window.stride[1],
        inputs,
        ..Packed::default()
    };
    let mut first = 0;
    for block in &blocks.0 {
        for accumulator in 0..*block {
            let channel = first + channel_of(*block, accumulator);
            packed.bias.push(weights.bias(channel, 0));
            packed.multiplier.push(weights.multiplier(channel));
        }
        first += block;
    }
    packed.blocks = blocks;
    packed
}

impl Kernels for Avx512Vnni {
    fn name(&self) -> &'static str {
        "avx512-vnni"
    }

    /// Weights `[block, tap, inputs / 4, accumulator, 4]`.
    fn pack_dense(&self, conv: &Conv, input: &Shape) -> Packed {
        let weights = Weights::new(conv, input);
        let taps = conv.window.kernel.iter().product::<usize>();
        let fours = input.channels.div_ceil(4);
        let blocks = Blocks::split(conv.bias.len(), &DENSE_BLOCKS);
        let mut packed = Vec::with_capacity(blocks.channels() * taps * fours * 4);
        let mut first = 0;
        for block in &blocks.0 {
            for (tap, four) in (0..taps).flat_map(|tap| (0..fours).map(move |four| (tap, four))) {
                for accumulator in 0..*block {
                    let output = first + channel_of(*block, accumulator);
                    packed.extend((0..4).map(|j| weights.dense(output, 4 * four + j, tap)));
                }
            }
            first += block;
        }
        pack(conv, input, blocks, packed, fours)
    }

    /// Weights `[block, kernel row, quad, output of the unit, accumulator, 4]`; see
    /// [`depthwise_tile`].
    fn pack_depthwise(&self, conv: &Conv) -> Packed {
        let channels = conv.bias.len();
        let shape = Shape {
            channels,
            rows: 0,
            columns: 0,
        };
        let weights = Weights::new(conv, &shape);
        let (side, stride) = (conv.window.kernel[1], conv.window.stride[1]);
        let (unit, quads) = unit_and_quads(side, stride);
        let blocks = Blocks(vec![
            DEPTHWISE_CHANNELS;
            channels.div_ceil(DEPTHWISE_CHANNELS)
        ]);
        let mut packed = Vec::new();
        for block in 0..blocks.0.len() {
            for row in 0..side {
                for (quad, output) in (0..quads).flat_map(|q| (0..unit).map(move |o| (q, o))) {
                    for accumulator in 0..DEPTHWISE_CHANNELS {
                        let within = channel_of(DEPTHWISE_CHANNELS, accumulator);
                        let channel = block * DEPTHWISE_CHANNELS + within;
                        packed.extend((0..4).map(|j| {
                            let column = (4 * quad + j).wrapping_sub(output * stride);
                            if column < side {
                                weights.depthwise(channel, row * side + column)
                            } else {
                                0
                            }
                        }));
                    }
                }
            }
        }
        pack(conv, &shape, blocks, packed, channels)
    }

    unsafe fn dense_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
        // SAFETY: the set is only given out where the CPU has the features; the rest is the
        // caller's word.
        unsafe { dense_row(packed, x, y) }
    }

    unsafe fn depthwise_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
        // SAFETY: as above.
        unsafe {
            match (packed.kernel[1], packed.stride) {
                (3, 1) => depthwise_row::<3, 2, 2, 1>(packed, x, y),
                (3, _) => depthwise_row::<3, 1, 4, 1>(packed, x, y),
                (_, 1) => depthwise_row::<5, 2, 2, 2>(packed, x, y),
                (_, _) => depthwise_row::<5, 1, 4, 2>(packed, x, y),
            }
        }
    }

    unsafe fn add_row(&self, add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
        // SAFETY: as above.
        unsafe { add_row(add, a, b, y, bytes) }
    }
}

/// Outputs that one unit of a depthwise tile gives, and quads of columns that it reads.
fn unit_and_quads(side: usize, stride: usize) -> (usize, usize) {
    let unit = 2 / stride;
    (unit, (side + unit - 1).div_ceil(4))
}

/// Steps of the output.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn steps(sum: __m512i, multiplier: __m512) -> __m512i {
    _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), multiplier))
}

/// 64 sums of one pixel as bytes in the order of the channels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bytes64(sums: [__m512i; 4], multipliers: [__m512; 4], zero: __m512i) -> __m512i {
    // Saturating to 16 bits before the zero point is added changes nothing: what lies beyond
    // is saturated to a byte anyway.
    let s = |v: usize| steps(sums[v], multipliers[v]);
    let low = _mm512_adds_epi16(_mm512_packs_epi32(s(0), s(1)), zero);
    let high = _mm512_adds_epi16(_mm512_packs_epi32(s(2), s(3)), zero);
    _mm512_packus_epi16(low, high)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bytes32(sums: [__m512i; 2], multipliers: [__m512; 2], zero: __m512i) -> __m256i {
    let s = |v: usize| steps(sums[v], multipliers[v]);
    let words = _mm512_adds_epi16(_mm512_packs_epi32(s(0), s(1)), zero);
    _mm512_cvtusepi16_epi8(_mm512_max_epi16(words, _mm512_setzero_si512()))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bytes16(sum: __m512i, multiplier: __m512, zero: __m512i) -> __m128i {
    let shifted = _mm512_add_epi32(steps(sum, multiplier), zero);
    _mm512_cvtusepi32_epi8(_mm512_max_epi32(shifted, _mm512_setzero_si512()))
}

/// Four bytes of a pixel, repeated.
///
/// # Safety
/// Four bytes can be read at `at`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn broadcast(at: *const u8) -> __m512i {
    // SAFETY: the caller's word; the read need not be aligned.
    _mm512_set1_epi32(unsafe { at.cast::<i32>().read_unaligned() })
}

/// `P` pixels by `16 V` channels of a dense convolution.
///
/// `P * V` vectors of sums stay in registers (24 to 28 of 32), `V` hold the weights of four
/// inputs, one the four bytes of a pixel: a step of four inputs costs `P + V` loads for
/// `P * V` instructions of 64 products each, and none waits for another.
///
/// # Safety
/// As for [`Kernels::dense_row`]; `block` is a block of `packed` with `16 V` channels, `x` and
/// `y` have `P` columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn dense_tile<const P: usize, const V: usize>(
    packed: &Packed,
    block: &Block,
    x: &RowIn,
    y: &RowOut,
) {
    // SAFETY: all offsets stay within the windows, the block's weights and the pixels.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); V]; P];
        for v in 0..V {
            let bias = _mm512_loadu_si512(block.bias.add(v * LANES).cast());
            for sum in &mut sums {
                sum[v] = bias;
            }
        }
        let mut w = block.weight;
        for row in 0..packed.kernel[0] {
            for column in 0..packed.kernel[1] {
                let mut at = x.data.add(row * x.row_bytes + column * x.pixel_bytes);
                for _ in 0..packed.inputs {
                    let mut weights = [_mm512_setzero_si512(); V];
                    for (v, weight) in weights.iter_mut().enumerate() {
                        *weight = _mm512_loadu_si512(w.add(v * 4 * LANES).cast());
                    }
                    w = w.add(V * 4 * LANES);
                    for (p, sum) in sums.iter_mut().enumerate() {
                        let pixel = broadcast(at.add(p * x.step_bytes));
                        for v in 0..V {
                            sum[v] = _mm512_dpbusd_epi32(sum[v], pixel, weights[v]);
                        }
                    }
                    at = at.add(4);
                }
            }
        }
        for (p, sum) in sums.iter().enumerate() {
            store::<V>(
                sum,
                packed.output_zero,
                block,
                y.data.add(p * y.pixel_bytes),
            );
        }
    }
}

/// Writes the sums of one pixel as bytes.
///
/// # Safety
/// `16 V` bytes can be written at `y`, as many multipliers be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn store<const V: usize>(sums: &[__m512i; V], zero: i32, block: &Block, y: *mut u8) {
    // SAFETY: the caller's word.
    unsafe {
        let m = |v: usize| _mm512_loadu_ps(block.multiplier.add(v * LANES));
        let words = _mm512_set1_epi16(zero as i16);
        match V {
            4 => {
                let sums = [sums[0], sums[1], sums[2], sums[3]];
                let bytes = bytes64(sums, [m(0), m(1), m(2), m(3)], words);
                _mm512_storeu_si512(y.cast(), bytes);
            }
            2 | 3 => {
                let bytes = bytes32([sums[0], sums[1]], [m(0), m(1)], words);
                _mm256_storeu_si256(y.cast(), bytes);
                if V == 3 {
                    let bytes = bytes16(sums[2], m(2), _mm512_set1_epi32(zero));
                    _mm_storeu_si128(y.add(2 * LANES).cast(), bytes);
                }
            }
            _ => {
                let bytes = bytes16(sums[0], m(0), _mm512_set1_epi32(zero));
                _mm_storeu_si128(y.cast(), bytes);
            }
        }
    }
}

/// One block of output channels.
struct Block {
    weight: *const i8,
    bias: *const i32,
    multiplier: *const f32,
}

/// # Safety
/// As for [`Kernels::dense_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn dense_row(packed: &Packed, x: RowIn, y: RowOut) {
    let per_channel = packed.kernel[0] * packed.kernel[1] * packed.inputs * 4;
    let mut first = 0;
    for size in &packed.blocks.0 {
        // SAFETY: the packed arrays hold all blocks; the pixels have room for all channels.
        unsafe {
            let block = Block {
                weight: packed.weight.as_ptr().add(first * per_channel),
                bias: packed.bias.as_ptr().add(first),
                multiplier: packed.multiplier.as_ptr().add(first),
            };
            let y = RowOut {
                data: y.data.add(first),
                ..y
            };
            match size / LANES {
                4 => dense_block::<4>(packed, &block, x, y, 6),
                3 => dense_block::<3>(packed, &block, x, y, 8),
                2 => dense_block::<2>(packed, &block, x, y, 12),
                _ => dense_block::<1>(packed, &block, x, y, 14),
            }
        }
        first += size;
    }
}

/// All columns of one block, in tiles of about the same width, `widest` at most.
///
/// # Safety
/// As for [`dense_tile`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn dense_block<const V: usize>(
    packed: &Packed,
    block: &Block,
    mut x: RowIn,
    mut y: RowOut,
    widest: usize,
) {
    let mut tiles = x.columns.div_ceil(widest);
    while tiles > 0 {
        let width = x.columns.div_ceil(tiles);
        // SAFETY: `width` of the columns that are left.
        unsafe {
            match width {
                1 => dense_tile::<1, V>(packed, block, &x, &y),
                2 => dense_tile::<2, V>(packed, block, &x, &y),
                3 => dense_tile::<3, V>(packed, block, &x, &y),
                4 => dense_tile::<4, V>(packed, block, &x, &y),
                5 => dense_tile::<5, V>(packed, block, &x, &y),
                6 => dense_tile::<6, V>(packed, block, &x, &y),
                7 => dense_tile::<7, V>(packed, block, &x, &y),
                8 => dense_tile::<8, V>(packed, block, &x, &y),
                9 => dense_tile::<9, V>(packed, block, &x, &y),
                10 => dense_tile::<10, V>(packed, block, &x, &y),
                11 => dense_tile::<11, V>(packed, block, &x, &y),
                12 => dense_tile::<12, V>(packed, block, &x, &y),
                13 => dense_tile::<13, V>(packed, block, &x, &y),
                _ => dense_tile::<14, V>(packed, block, &x, &y),
            }
            x.data = x.data.add(width * x.step_bytes);
            y.data = y.data.add(width * y.pixel_bytes);
        }
        x.columns -= width;
        tiles -= 1;
    }
}

/// Bytes of two neighbouring pixels, interleaved: low and high half of each lane.
///
/// # Safety
/// 64 bytes can be read at both pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn pair(at: *const u8, pixel_bytes: usize) -> [__m512i; 2] {
    // SAFETY: the caller's word.
    unsafe {
        let a = _mm512_loadu_si512(at.cast());
        let b = _mm512_loadu_si512(at.add(pixel_bytes).cast());
        [_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)]
    }
}

/// Adds the products of a quad of 64 channels.
///
/// # Safety
/// 256 weights can be read at `w`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn multiply_quad(sum: [__m512i; 4], quad: [__m512i; 4], w: *const i8) -> [__m512i; 4] {
    // SAFETY: the caller's word.
    let weights = |v: usize| unsafe { _mm512_loadu_si512(w.add(v * 4 * LANES).cast()) };
    [
        _mm512_dpbusd_epi32(sum[0], quad[0], weights(0)),
        _mm512_dpbusd_epi32(sum[1], quad[1], weights(1)),
        _mm512_dpbusd_epi32(sum[2], quad[2], weights(2)),
        _mm512_dpbusd_epi32(sum[3], quad[3], weights(3)),
    ]
}

/// Four pixels of 64 channels of a depthwise convolution.
///
/// The bytes of four neighbouring columns (a quad) are interleaved, so that one instruction
/// adds four taps of a row. A unit is the `U` outputs that begin in the same quad: their
/// weights are the same, shifted. Quads begin at every second column, and each serves all
/// units that read it. 16 vectors hold the sums, 4 the quad, 4 the pairs that it and the next
/// one are made of; weights are read from memory by the multiplying instruction.
///
/// # Safety
/// As for [`Kernels::depthwise_row`]; `x` is at the block's first channel and of one tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn depthwise_tile<
    const SIDE: usize,
    const U: usize,
    const UNITS: usize,
    const QUADS: usize,
>(
    block: &Block,
    x: &RowIn,
) -> [[__m512i; 4]; DEPTHWISE_PIXELS] {
    // SAFETY: all offsets stay within the windows, the slack and the block's weights.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); 4]; DEPTHWISE_PIXELS];
        for v in 0..4 {
            let bias = _mm512_loadu_si512(block.bias.add(v * LANES).cast());
            for sum in &mut sums {
                sum[v] = bias;
            }
        }
        for row in 0..SIDE {
            let at = x.data.add(row * x.row_bytes);
            let w = block.weight.add(row * QUADS * U * 4 * 4 * LANES);
            let mut left = pair(at, x.pixel_bytes);
            unrolled!(PLACE in [0, 1, 2, 3, 4, 5] {
                if PLACE < UNITS + 2 * (QUADS - 1) {
                    let right = pair(at.add(2 * (PLACE + 1) * x.pixel_bytes), x.pixel_bytes);
                    let quad = [
                        _mm512_unpacklo_epi16(left[0], right[0]),
                        _mm512_unpackhi_epi16(left[0], right[0]),
                        _mm512_unpacklo_epi16(left[1], right[1]),
                        _mm512_unpackhi_epi16(left[1], right[1]),
                    ];
                    unrolled!(Q in [0, 1] {
                        // Wraps where this quad ends before the place: no unit then.
                        let unit = usize::wrapping_sub(PLACE, 2 * Q);
                        if Q < QUADS && unit < UNITS {
                            unrolled!(OUTPUT in [0, 1] {
                                if OUTPUT < U {
                                    let w = w.add((Q * U + OUTPUT) * 4 * 4 * LANES);
                                    let sum = &mut sums[unit * U + OUTPUT];
                                    *sum = multiply_quad(*sum, quad, w);
                                }
                            });
                        }
                    });
                    left = right;
                }
            });
        }
        sums
    }
}

/// # Safety
/// As for [`Kernels::depthwise_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn depthwise_row<
    const SIDE: usize,
    const U: usize,
    const UNITS: usize,
    const QUADS: usize,
>(
    packed: &Packed,
    x: RowIn,
    y: RowOut,
) {
    let per_block = SIDE * QUADS * U * 4 * 4 * LANES;
    let zero = _mm512_set1_epi16(packed.output_zero as i16);
    for index in 0..packed.blocks.0.len() {
        let first = index * DEPTHWISE_CHANNELS;
        let channels = (packed.inputs - first).next_multiple_of(CHANNEL_STEP);
        let mask = u64::MAX >> (DEPTHWISE_CHANNELS - channels.min(DEPTHWISE_CHANNELS));
        // SAFETY: the packed arrays hold all blocks; tiles stay within the row.
        unsafe {
            let block = Block {
                weight: packed.weight.as_ptr().add(index * per_block),
                bias: packed.bias.as_ptr().add(first),
                multiplier: packed.multiplier.as_ptr().add(first),
            };
            let m: [__m512; 4] =
                std::array::from_fn(|v| _mm512_loadu_ps(block.multiplier.add(v * LANES)));
            for column in (0..x.columns).step_by(DEPTHWISE_PIXELS) {
                let tile = RowIn {
                    data: x.data.add(column * x.step_bytes + first),
                    ..x
                };
                let sums = depthwise_tile::<SIDE, U, UNITS, QUADS>(&block, &tile);
                let pixels = DEPTHWISE_PIXELS.min(x.columns - column);
                for (pixel, sums) in sums.iter().enumerate().take(pixels) {
                    let at = y.data.add((column + pixel) * y.pixel_bytes + first);
                    _mm512_mask_storeu_epi8(at.cast(), mask, bytes64(*sums, m, zero));
                }
            }
        }
    }
}

/// # Safety
/// As for [`Kernels::add_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn add_row(add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
    let zeros = add.inputs.map(|s| _mm512_set1_epi32(s.zero_point.into()));
    let scales = add.inputs.map(|s| _mm512_set1_ps(s.scale));
    let per_unit = _mm512_set1_ps(add.output_per_unit);
    let zero = _mm512_set1_epi32(add.output_zero.into());
    for i in (0..bytes).step_by(LANES) {
        // SAFETY: `bytes` is a multiple of the vector's elements.
        unsafe {
            let number = |at: *const u8, input: usize| {
                let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(at.add(i).cast()));
                let steps = _mm512_cvtepi32_ps(_mm512_sub_epi32(bytes, zeros[input]));
                _mm512_mul_ps(steps, scales[input])
            };
            let sum = _mm512_add_ps(number(a, 0), number(b, 1));
            let steps = _mm512_cvtps_epi32(_mm512_mul_ps(sum, per_unit));
            let shifted = _mm512_max_epi32(_mm512_add_epi32(steps, zero), _mm512_setzero_si512());
            _mm_storeu_si128(y.add(i).cast(), _mm512_cvtusepi32_epi8(shifted));
        }
    }
}
