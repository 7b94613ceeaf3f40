//! Dense convolutions: tiles of pixels by a block of channels, sixteen inputs at a step.

use super::{Ends, LANES, VECTOR, pack};
use crate::int8::graph::{Conv, Shape};
use crate::int8::kernel::pack::{Packed, Weights};
use crate::int8::kernel::{RowIn, RowOut};
use std::arch::aarch64::int32x4_t;

/// Inputs of a pixel that fit its four bytes, where pixels of a picture have so many.
const PICTURE_INPUTS: usize = 4;

/// The instructions that multiply a tile, whose blocks have `V` vectors of sums.
pub trait Step<const V: usize> {
    /// Pixels of the widest tile, 8 at most.
    const PIXELS: usize;

    /// Writes the weights of a step as the instructions read them: 64 times `V`. `weight`
    /// gives one by the channel within the block and the input within the step.
    fn push(weights: &mut Vec<i8>, weight: impl Fn(usize, usize) -> i8);

    /// Adds to the sums of `P` pixels the products of 16 inputs, exactly.
    ///
    /// # Safety
    /// The CPU has the instructions; 16 bytes can be read at `x` and at as many places as
    /// there are pixels, `step_bytes` apart, and the weights of a step at `weight`.
    unsafe fn step<const P: usize>(
        sums: &mut [[int32x4_t; V]; P],
        x: *const u8,
        step_bytes: usize,
        weight: *const i8,
    );
}

/// Windows as a tile reads them: `rows` times `runs` runs of steps.
#[derive(Clone, Copy)]
struct Windows {
    /// First byte of the first window.
    data: *const u8,
    /// Bytes from one window to the next.
    step_bytes: usize,
    /// Rows, and bytes from one to the next.
    rows: usize,
    row_bytes: usize,
    /// Runs of a row, and bytes from one to the next.
    runs: usize,
    run_bytes: usize,
    /// Steps of a run.
    steps: usize,
}

impl Windows {
    /// The windows as they lie in the input. A row whose pixels are nothing but inputs is one
    /// run; what a run reads behind its inputs has weights of 0.
    fn new(packed: &Packed, x: &RowIn) -> Self {
        let [rows, columns] = packed.kernel;
        let pixel_steps = packed.inputs.div_ceil(VECTOR);
        let (runs, steps) = if x.pixel_bytes < VECTOR {
            (1, (columns * x.pixel_bytes).div_ceil(VECTOR))
        } else if x.pixel_bytes == pixel_steps * VECTOR {
            (1, columns * pixel_steps)
        } else {
            (columns, pixel_steps)
        };
        Self {
            data: x.data,
            step_bytes: x.step_bytes,
            rows,
            row_bytes: x.row_bytes,
            runs,
            run_bytes: x.pixel_bytes,
            steps,
        }
    }
}

/// Weights `[block, tap, step, as the instructions read them]`. Behind them, where the input
/// may be a picture of four bytes a pixel, `[block, kernel row, step, ..]`.
pub fn pack_dense<S: Step<V>, const V: usize>(conv: &Conv, input: &Shape) -> Packed {
    let weights = Weights::new(conv, input);
    let [rows, columns] = conv.window.kernel;
    let block = V * LANES;
    let firsts = (0..conv.bias.len()).step_by(block);
    let mut packed = Vec::new();
    for first in firsts.clone() {
        for tap in 0..rows * columns {
            for step in (0..input.channels).step_by(VECTOR) {
                S::push(&mut packed, |channel, i| {
                    weights.dense(first + channel, step + i, tap)
                });
            }
        }
    }
    if input.channels <= PICTURE_INPUTS {
        for first in firsts {
            for row in 0..rows {
                for step in (0..columns * PICTURE_INPUTS).step_by(VECTOR) {
                    S::push(&mut packed, |channel, i| {
                        let column = (step + i) / PICTURE_INPUTS;
                        if column < columns {
                            let tap = row * columns + column;
                            weights.dense(first + channel, i % PICTURE_INPUTS, tap)
                        } else {
                            0
                        }
                    });
                }
            }
        }
    }
    pack(conv, input, block, packed)
}

/// # Safety
/// The CPU has `S`'s instructions; `packed` comes from [`pack_dense`] with the same `S`; the
/// rest as for [`crate::int8::kernel::Kernels::dense_row`].
#[inline(always)]
pub unsafe fn dense_row<S: Step<V>, const V: usize>(packed: &Packed, x: RowIn, y: RowOut) {
    let windows = Windows::new(packed, &x);
    let block_bytes = |steps: usize| steps * V * LANES * VECTOR;
    let [rows, columns] = packed.kernel;
    let first = if x.pixel_bytes < VECTOR {
        packed.blocks.0.len() * block_bytes(rows * columns)
    } else {
        0
    };
    for index in 0..packed.blocks.0.len() {
        // SAFETY: the packed arrays hold all blocks; the pixels have room for all channels;
        // tiles are of the columns that are left.
        unsafe {
            let steps = windows.rows * windows.runs * windows.steps;
            let weight = packed
                .weight
                .as_ptr()
                .add(first + index * block_bytes(steps));
            let ends = Ends::new(packed, index * V * LANES);
            let (mut x, mut windows) = (x, windows);
            let mut y = RowOut {
                data: y.data.add(index * V * LANES),
                ..y
            };
            let mut tiles = x.columns.div_ceil(S::PIXELS);
            while tiles > 0 {
                let width = x.columns.div_ceil(tiles);
                match width {
                    1 => tile::<S, V, 1>(&ends, weight, &windows, y),
                    2 => tile::<S, V, 2>(&ends, weight, &windows, y),
                    3 => tile::<S, V, 3>(&ends, weight, &windows, y),
                    4 => tile::<S, V, 4>(&ends, weight, &windows, y),
                    5 if S::PIXELS > 4 => tile::<S, V, 5>(&ends, weight, &windows, y),
                    6 if S::PIXELS > 5 => tile::<S, V, 6>(&ends, weight, &windows, y),
                    7 if S::PIXELS > 6 => tile::<S, V, 7>(&ends, weight, &windows, y),
                    _ if S::PIXELS > 7 => tile::<S, V, 8>(&ends, weight, &windows, y),
                    _ => {}
                }
                windows.data = windows.data.wrapping_add(width * x.step_bytes);
                x.columns -= width;
                y.data = y.data.wrapping_add(width * y.pixel_bytes);
                tiles -= 1;
            }
        }
    }
}

/// `P` pixels by a block of channels.
///
/// # Safety
/// As for [`dense_row`]; `weight` points to the block's, `x` and `y` have `P` columns.
#[inline(always)]
unsafe fn tile<S: Step<V>, const V: usize, const P: usize>(
    ends: &Ends<V>,
    mut weight: *const i8,
    x: &Windows,
    y: RowOut,
) {
    // SAFETY: all offsets stay within the windows, what may be read behind them, the block's
    // weights and the pixels.
    unsafe {
        let mut sums = [ends.bias; P];
        for row in 0..x.rows {
            for run in 0..x.runs {
                let mut at = x.data.add(row * x.row_bytes + run * x.run_bytes);
                for _ in 0..x.steps {
                    S::step(&mut sums, at, x.step_bytes, weight);
                    at = at.add(VECTOR);
                    weight = weight.add(V * LANES * VECTOR);
                }
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            ends.store(*sums, y.data.add(p * y.pixel_bytes));
        }
    }
}
