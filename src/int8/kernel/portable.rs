//! Plain Rust: runs everywhere, and shows what the other sets compute.

use super::pack::{Blocks, Packed, Weights};
use super::{CHANNEL_STEP, Kernels, RowIn, RowOut};
use crate::int8::graph::{Add, Conv, Shape};

/// The set without special instructions.
#[derive(Debug)]
pub struct Portable;

/// One byte of the output.
fn requantize(sum: i32, multiplier: f32, zero: i32) -> u8 {
    let steps = (sum as f32 * multiplier).round_ties_even() as i32;
    steps.saturating_add(zero).clamp(0, 255) as u8
}

impl Kernels for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    /// Weights `[outputs, taps, inputs]`.
    fn pack_dense(&self, conv: &Conv, input: &Shape) -> Packed {
        let taps = conv.window.kernel.iter().product::<usize>();
        let weights = Weights::new(conv, input);
        let outputs = conv.bias.len();
        let mut weight = Vec::with_capacity(outputs * taps * input.channels);
        for output in 0..outputs {
            for tap in 0..taps {
                weight.extend((0..input.channels).map(|i| weights.dense(output, i, tap)));
            }
        }
        pack(conv, &weights, weight, input.channels)
    }

    /// Weights `[taps, channels]`.
    fn pack_depthwise(&self, conv: &Conv) -> Packed {
        let taps = conv.window.kernel.iter().product::<usize>();
        let channels = conv.bias.len();
        let shape = Shape {
            channels,
            rows: 0,
            columns: 0,
        };
        let weights = Weights::new(conv, &shape);
        let weight = (0..taps)
            .flat_map(|tap| (0..channels).map(move |c| (c, tap)))
            .map(|(c, tap)| weights.depthwise(c, tap))
            .collect();
        pack(conv, &weights, weight, channels)
    }

    unsafe fn dense_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
        let [rows, columns] = packed.kernel;
        let per_output = rows * columns * packed.inputs;
        for column in 0..x.columns {
            for output in 0..packed.bias.len() {
                let mut sum = packed.bias[output];
                let weights = &packed.weight[output * per_output..][..per_output];
                for (tap, weights) in weights.chunks_exact(packed.inputs).enumerate() {
                    let at = column * x.step_bytes
                        + tap / columns * x.row_bytes
                        + tap % columns * x.pixel_bytes;
                    // SAFETY: the window can be read, says the caller; a pixel has as many
                    // bytes as there are inputs.
                    let pixel =
                        unsafe { std::slice::from_raw_parts(x.data.add(at), packed.inputs) };
                    for (v, w) in pixel.iter().zip(weights) {
                        sum = sum.wrapping_add(i32::from(*v) * i32::from(*w));
                    }
                }
                let byte = requantize(sum, packed.multiplier[output], packed.output_zero);
                // SAFETY: the pixel can be written and has at least one byte a channel.
                unsafe { *y.data.add(column * y.pixel_bytes + output) = byte };
            }
        }
    }

    unsafe fn depthwise_row(&self, packed: &Packed, x: RowIn, y: RowOut) {
        let [rows, columns] = packed.kernel;
        for column in 0..x.columns {
            for channel in 0..packed.inputs {
                let mut sum = packed.bias[channel];
                for tap in 0..rows * columns {
                    let at = column * x.step_bytes
                        + tap / columns * x.row_bytes
                        + tap % columns * x.pixel_bytes
                        + channel;
                    // SAFETY: the window can be read, says the caller.
                    let value = unsafe { *x.data.add(at) };
                    let weight = packed.weight[tap * packed.inputs + channel];
                    sum = sum.wrapping_add(i32::from(value) * i32::from(weight));
                }
                let byte = requantize(sum, packed.multiplier[channel], packed.output_zero);
                // SAFETY: the pixel can be written and has at least one byte a channel.
                unsafe { *y.data.add(column * y.pixel_bytes + channel) = byte };
            }
        }
    }

    unsafe fn add_row(&self, add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize) {
        debug_assert_eq!(bytes % CHANNEL_STEP, 0);
        for i in 0..bytes {
            // SAFETY: so many bytes can be read, says the caller.
            let pair = unsafe { [*a.add(i), *b.add(i)] };
            let byte = add_bytes(add, pair);
            // SAFETY: and so many be written.
            unsafe { *y.add(i) = byte };
        }
    }
}

/// The sum of two bytes: as numbers, in `f32`, as the graph's operators define it.
pub fn add_bytes(add: &Add, pair: [u8; 2]) -> u8 {
    let [a, b] = [0, 1].map(|i| {
        let scheme = add.inputs[i];
        (i32::from(pair[i]) - i32::from(scheme.zero_point)) as f32 * scheme.scale
    });
    let steps = ((a + b) * add.output_per_unit).round_ties_even() as i32;
    steps
        .saturating_add(i32::from(add.output_zero))
        .clamp(0, 255) as u8
}

fn pack(conv: &Conv, weights: &Weights<'_>, weight: Vec<i8>, inputs: usize) -> Packed {
    let outputs = conv.bias.len();
    Packed {
        weight,
        bias: (0..outputs).map(|o| weights.bias(o, 0)).collect(),
        multiplier: conv.multiplier.clone(),
        output_zero: conv.output_zero.into(),
        kernel: conv.window.kernel,
        stride: conv.window.stride[1],
        inputs,
        blocks: Blocks(vec![outputs]),
        may_overflow: false,
    }
}
