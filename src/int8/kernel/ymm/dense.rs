//! Dense convolutions: a tile of 6 pixels by 16 channels.

use super::{BLOCK, Dot, Ends, STEP_BYTES, channel_of, loaded, pack, widened};
use crate::int8::graph::{Conv, Shape};
use crate::int8::kernel::pack::{Packed, Weights};
use crate::int8::kernel::portable::Portable;
use crate::int8::kernel::{Kernels, RowIn, RowOut};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Pixels of the widest tile.
const PIXELS: usize = 6;

/// Activations that fit the scratch, and most of a window. Larger windows, such as 3 x 3 of
/// 2736 channels, are left to the portable set.
const SCRATCH_VALUES: usize = 24 << 10;

/// Activations that are widened together, so that they stay in the first-level cache beside
/// their input and the weights of a block.
const WIDENED_TOGETHER: usize = 6 << 10;

/// Values that are widened at once; so many may be written behind the last.
const WIDEN_STEP: usize = 16;

/// Windows as a tile reads them: `rows` times `runs` runs of words.
#[derive(Clone, Copy)]
struct Windows {
    /// First byte of the first window.
    data: *const u8,
    /// Windows.
    columns: usize,
    /// Bytes from one window to the next.
    step_bytes: usize,
    /// Rows, and bytes from one to the next.
    rows: usize,
    row_bytes: usize,
    /// Runs of a row, and bytes from one to the next.
    runs: usize,
    run_bytes: usize,
    /// Words of a run.
    words: usize,
}

impl Windows {
    /// The windows as they lie in the input, words of four bytes. A row whose pixels are
    /// nothing but inputs is one run.
    fn new(packed: &Packed, x: &RowIn) -> Self {
        let [rows, columns] = packed.kernel;
        let seamless = packed.inputs * 4 == x.pixel_bytes;
        let joined = if seamless { columns } else { 1 };
        Self {
            data: x.data,
            columns: x.columns,
            step_bytes: x.step_bytes,
            rows,
            row_bytes: x.row_bytes,
            runs: columns / joined,
            run_bytes: x.pixel_bytes,
            words: packed.inputs * joined,
        }
    }

    /// The windows behind the first `columns`.
    fn skip(self, columns: usize) -> Self {
        Self {
            data: self.data.wrapping_add(columns * self.step_bytes),
            columns: self.columns - columns,
            ..self
        }
    }
}

/// Activations as numbers of 16 bits.
#[repr(align(64))]
struct Scratch([MaybeUninit<u16>; SCRATCH_VALUES + WIDEN_STEP]);

impl Scratch {
    /// Widens the bytes of some windows, which must fit, and gives them as windows of one run.
    ///
    /// # Safety
    /// The CPU has AVX2; the windows and the slack behind them can be read.
    #[inline(always)]
    unsafe fn widen(&mut self, x: Windows) -> Windows {
        let run_values = x.words * 4;
        let values = x.rows * x.runs * run_values;
        let first = self.0.as_mut_ptr().cast::<u16>();
        debug_assert!(x.columns * values <= SCRATCH_VALUES);
        // SAFETY: runs follow each other; what is written behind one is overwritten by the
        // next, and the scratch has room for that behind the last.
        unsafe {
            let mut to = first;
            for column in 0..x.columns {
                let window = x.data.add(column * x.step_bytes);
                for row in 0..x.rows {
                    for run in 0..x.runs {
                        let from = window.add(row * x.row_bytes + run * x.run_bytes);
                        for i in (0..run_values).step_by(WIDEN_STEP) {
                            _mm256_storeu_si256(to.add(i).cast(), widened(from.add(i)));
                        }
                        to = to.add(run_values);
                    }
                }
            }
        }
        Windows {
            data: first.cast(),
            columns: x.columns,
            step_bytes: 2 * values,
            rows: 1,
            row_bytes: 0,
            runs: 1,
            run_bytes: 0,
            words: values / 2,
        }
    }
}

/// Weights `[block, tap, word of inputs, sum, inputs of the word]`.
pub fn pack_dense<D: Dot>(conv: &Conv, input: &Shape) -> Packed {
    let taps = conv.window.kernel.iter().product::<usize>();
    let fours = input.channels.div_ceil(4);
    if D::VALUES != 4 && taps * fours * 4 > SCRATCH_VALUES {
        let mut packed = Portable.pack_dense(conv, input);
        packed.blocks.0.clear();
        return packed;
    }
    let weights = Weights::new(conv, input);
    let blocks = conv.bias.len().div_ceil(BLOCK);
    let words = taps * 4 * fours / D::VALUES;
    let mut packed = Vec::with_capacity(blocks * words * STEP_BYTES);
    for first in (0..conv.bias.len()).step_by(BLOCK) {
        for tap in 0..taps {
            for input in (0..4 * fours).step_by(D::VALUES) {
                for output in (0..BLOCK).map(|sum| first + channel_of(sum)) {
                    for j in 0..D::VALUES {
                        D::push(&mut packed, weights.dense(output, input + j, tap));
                    }
                }
            }
        }
    }
    pack(conv, input, packed, fours)
}

/// # Safety
/// The CPU has AVX2 and `D`'s instruction; `packed` comes from [`pack_dense`] with the same
/// `D`; the rest as for [`Kernels::dense_row`].
#[inline(always)]
pub unsafe fn dense_row<D: Dot>(packed: &Packed, x: RowIn, y: RowOut) {
    if packed.blocks.0.is_empty() {
        // SAFETY: the weights are the portable set's; the rest is the caller's word.
        return unsafe { Portable.dense_row(packed, x, y) };
    }
    let mut rest = Windows::new(packed, &x);
    if D::VALUES == 4 {
        // SAFETY: the caller's word.
        return unsafe { dense_columns::<D>(packed, rest, y) };
    }
    let mut scratch = Scratch([MaybeUninit::uninit(); SCRATCH_VALUES + WIDEN_STEP]);
    let values = rest.rows * rest.runs * rest.words * 4;
    let most = (WIDENED_TOGETHER / values).max(PIXELS.min(SCRATCH_VALUES / values));
    let mut groups = rest.columns.div_ceil(most);
    let mut y = y;
    while groups > 0 {
        // SAFETY: `columns` of those that are left; they fit the scratch.
        unsafe {
            let columns = rest.columns.div_ceil(groups);
            let group = scratch.widen(Windows { columns, ..rest });
            dense_columns::<D>(packed, group, y);
            rest = rest.skip(columns);
            y.data = y.data.add(columns * y.pixel_bytes);
        }
        groups -= 1;
    }
}

/// All channels of some windows, in tiles of about the same width.
///
/// # Safety
/// As for [`dense_row`].
#[inline(always)]
unsafe fn dense_columns<D: Dot>(packed: &Packed, x: Windows, y: RowOut) {
    let block_bytes = x.rows * x.runs * x.words * STEP_BYTES;
    for index in 0..packed.blocks.0.len() {
        // SAFETY: the packed arrays hold all blocks; the pixels have room for all channels.
        unsafe {
            let weight = packed.weight.as_ptr().add(index * block_bytes);
            let ends = Ends::new(packed, index * BLOCK);
            let (mut x, mut y) = (x, y);
            y.data = y.data.add(index * BLOCK);
            let mut tiles = x.columns.div_ceil(PIXELS);
            while tiles > 0 {
                let width = x.columns.div_ceil(tiles);
                match width {
                    1 => dense_tile::<D, 1>(&ends, weight, &x, y),
                    2 => dense_tile::<D, 2>(&ends, weight, &x, y),
                    3 => dense_tile::<D, 3>(&ends, weight, &x, y),
                    4 => dense_tile::<D, 4>(&ends, weight, &x, y),
                    5 => dense_tile::<D, 5>(&ends, weight, &x, y),
                    _ => dense_tile::<D, 6>(&ends, weight, &x, y),
                }
                x = x.skip(width);
                y.data = y.data.add(width * y.pixel_bytes);
                tiles -= 1;
            }
        }
    }
}

/// `P` pixels by 16 channels.
///
/// Of the 16 registers, 12 hold the sums of 6 pixels, two the weights of one word for all
/// pixels, one the word of a pixel, and one the products before they are added, where that
/// takes an instruction of its own. A word costs 8 loads for 12 multiplications; 4 pixels by
/// 3 vectors would cost 7, but leave no register for the products.
///
/// # Safety
/// As for [`dense_row`]; `weight` points to the block's, `x` and `y` have `P` columns.
#[inline(always)]
unsafe fn dense_tile<D: Dot, const P: usize>(
    ends: &Ends,
    mut weight: *const i8,
    x: &Windows,
    y: RowOut,
) {
    // SAFETY: all offsets stay within the windows, the block's weights and the pixels.
    unsafe {
        let mut sums = [ends.bias; P];
        for row in 0..x.rows {
            for run in 0..x.runs {
                let mut at = x.data.add(row * x.row_bytes + run * x.run_bytes);
                for _ in 0..x.words / D::UNROLL {
                    for _ in 0..D::UNROLL {
                        let weights = [loaded(weight), loaded(weight.add(32))];
                        for (p, sums) in sums.iter_mut().enumerate() {
                            let word = at.add(p * x.step_bytes).cast::<i32>().read_unaligned();
                            let words = _mm256_set1_epi32(word);
                            sums[0] = D::dot(sums[0], words, weights[0]);
                            sums[1] = D::dot(sums[1], words, weights[1]);
                        }
                        at = at.add(4);
                        weight = weight.add(STEP_BYTES);
                    }
                }
            }
        }
        let pixel = |p: usize| y.data.add(p * y.pixel_bytes);
        for p in (1..P).step_by(2) {
            ends.store_two([sums[p - 1], sums[p]], [pixel(p - 1), pixel(p)]);
        }
        if P % 2 == 1 {
            ends.store(sums[P - 1], pixel(P - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::int8::graph::Window;
    use crate::int8::kernel::{SLACK_BYTES, available};

    /// Windows around the size of the scratch: some leave no room for six pixels, and one is
    /// larger than it.
    #[test]
    fn large_windows_give_the_portable_bytes() {
        const COLUMNS: usize = 7;
        for channels in [4096, 4112, 12304, SCRATCH_VALUES, SCRATCH_VALUES + 4] {
            let mut random = fastrand::Rng::with_seed(channels as u64);
            let conv = Conv {
                window: Window {
                    kernel: [1, 1],
                    stride: [1, 1],
                    before: [0, 0],
                },
                groups: 1,
                weight: (0..3 * channels).map(|_| random.i8(..)).collect(),
                bias: (0..3).map(|_| random.i32(-9000..9000)).collect(),
                multiplier: vec![1e-5, 3e-5, 1e-4],
                input_zero: 128,
                output_zero: 120,
            };
            let shape = Shape {
                channels,
                rows: 1,
                columns: COLUMNS,
            };
            let pixel_bytes = channels.next_multiple_of(BLOCK);
            let bytes: Vec<u8> = (0..COLUMNS * pixel_bytes + SLACK_BYTES)
                .map(|_| random.u8(..))
                .collect();
            let x = RowIn {
                data: bytes.as_ptr(),
                row_bytes: COLUMNS * pixel_bytes,
                pixel_bytes,
                step_bytes: pixel_bytes,
                columns: COLUMNS,
            };
            let run = |set: &dyn Kernels| {
                let mut bytes = vec![0; COLUMNS * BLOCK];
                let y = RowOut {
                    data: bytes.as_mut_ptr(),
                    pixel_bytes: BLOCK,
                };
                let packed = set.pack_dense(&conv, &shape);
                // SAFETY: both rows have all columns, the input its slack.
                unsafe { set.dense_row(&packed, x, y) };
                let pixels = bytes.chunks_exact(BLOCK);
                pixels
                    .flat_map(|pixel| pixel[..3].to_vec())
                    .collect::<Vec<u8>>()
            };
            let expected = run(&Portable);
            for set in available() {
                assert_eq!(
                    run(set),
                    expected,
                    "{} with {channels} channels",
                    set.name()
                );
            }
        }
    }
}
