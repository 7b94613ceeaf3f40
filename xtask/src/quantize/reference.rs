//! The integer network in plain loops: slow, and obviously right.
//!
//! Every step is what the ONNX operators mean, in onnxruntime's reading: sums of products in
//! `i32`, then one `f32` product with `input scale * weight scale / output scale` (worked out
//! in that order, in `f32`), rounding to nearest with halves to even, zero point, saturation.

use super::rounding::{multiplier, requantize};
use super::{Int8Network, QuantizeError};
use crate::network::{Conv, INPUT, Layer, Op};
use std::collections::BTreeMap;

/// Runs `int8` on a picture: red, green and blue planes, `[3, input_height, input_width]`.
/// Returns the outputs in the order of the file: scores and boxes of each level in turn, as
/// the numbers that their integers stand for.
pub fn run(int8: &Int8Network, pixels: &[u8]) -> Result<Vec<Vec<f32>>, QuantizeError> {
    let tensors = run_layers(int8, pixels)?;
    let outputs = int8
        .network()
        .heads
        .iter()
        .flat_map(|head| [&head.scores, &head.boxes]);
    let dequantized = |name: &String| {
        let scheme = int8.tensor(name)?;
        let integers = tensors
            .get(name.as_str())
            .ok_or_else(|| QuantizeError::Network(name.clone()))?;
        Ok(integers.iter().map(|q| scheme.dequantize(*q)).collect())
    };
    outputs.map(dequantized).collect()
}

/// The integers of every layer by its name, and those of the picture as [`INPUT`].
pub fn run_layers<'a>(
    int8: &'a Int8Network,
    pixels: &[u8],
) -> Result<BTreeMap<&'a str, Vec<u8>>, QuantizeError> {
    let network = int8.network();
    let expected = 3 * network.input_height * network.input_width;
    if pixels.len() != expected {
        return Err(QuantizeError::Picture {
            found: pixels.len(),
            expected,
        });
    }
    let planes = pixels.chunks((expected / 3).max(1)).zip(int8.input_bytes());
    let integers = |(plane, bytes): (&[u8], [u8; 256])| -> Vec<u8> {
        plane.iter().map(|p| bytes[usize::from(*p)]).collect()
    };
    let mut tensors = BTreeMap::from([(INPUT, planes.flat_map(integers).collect())]);
    for layer in &network.layers {
        let missing = || QuantizeError::Network(layer.name.clone());
        let inputs: Option<Vec<&[u8]>> = layer
            .inputs
            .iter()
            .map(|name| tensors.get(name.as_str()).map(Vec::as_slice))
            .collect();
        let output = match (&layer.op, inputs.ok_or_else(missing)?.as_slice()) {
            (Op::Conv(conv), [x]) => run_conv(int8, layer, conv, x)?,
            (Op::Add, [a, b]) => run_add(int8, layer, a, b)?,
            (Op::Upsample2, [x]) => upsample(x, layer.shape),
            _ => return Err(missing()),
        };
        tensors.insert(&layer.name, output);
    }
    Ok(tensors)
}

fn run_conv(
    int8: &Int8Network,
    layer: &Layer,
    conv: &Conv,
    x: &[u8],
) -> Result<Vec<u8>, QuantizeError> {
    let input = int8.tensor(&layer.inputs[0])?;
    let (output, weights) = (int8.tensor(&layer.name)?, int8.conv(&layer.name)?);
    let [_, rows, columns] = layer.shape;
    let plane = x.len() / conv.inputs;
    let input_columns = input_columns(int8, layer);
    let per_group = conv.inputs / conv.groups;
    let taps = conv.kernel * conv.kernel;
    let mut y = Vec::with_capacity(conv.outputs * rows * columns);
    for c in 0..conv.outputs {
        let multiplier = multiplier(input, weights.weight_scale[c], output);
        let first = c / (conv.outputs / conv.groups) * per_group;
        let planes = &x[first * plane..(first + per_group) * plane];
        let kernels = &weights.weight[c * per_group * taps..(c + 1) * per_group * taps];
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = weights.bias[c];
                for (plane, kernel) in planes.chunks(plane).zip(kernels.chunks(taps)) {
                    let zero = i32::from(input.zero_point);
                    sum += products(plane, input_columns, kernel, conv, (row, column), zero);
                }
                let steps = requantize(sum, multiplier);
                y.push((steps + i32::from(output.zero_point)).clamp(0, 255) as u8);
            }
        }
    }
    Ok(y)
}

/// Columns of the tensor that `layer` reads.
fn input_columns(int8: &Int8Network, layer: &Layer) -> usize {
    let network = int8.network();
    network
        .layer(&layer.inputs[0])
        .map_or(network.input_width, |input| input.shape[2])
}

/// Sum of products of one kernel and one plane at one place. Padding stands for zero, so that
/// it adds nothing.
fn products(
    plane: &[u8],
    columns: usize,
    kernel: &[i8],
    conv: &Conv,
    (row, column): (usize, usize),
    zero: i32,
) -> i32 {
    let pad = conv.kernel / 2;
    let rows = plane.len() / columns;
    let mut sum = 0;
    for (tap, weight) in kernel.iter().enumerate() {
        let r = (row * conv.stride + tap / conv.kernel).wrapping_sub(pad);
        let c = (column * conv.stride + tap % conv.kernel).wrapping_sub(pad);
        if r < rows && c < columns {
            sum += (i32::from(plane[r * columns + c]) - zero) * i32::from(*weight);
        }
    }
    sum
}

fn run_add(
    int8: &Int8Network,
    layer: &Layer,
    a: &[u8],
    b: &[u8],
) -> Result<Vec<u8>, QuantizeError> {
    let (scheme_a, scheme_b) = (
        int8.tensor(&layer.inputs[0])?,
        int8.tensor(&layer.inputs[1])?,
    );
    let output = int8.tensor(&layer.name)?;
    let sum =
        |(a, b): (&u8, &u8)| output.quantize(scheme_a.dequantize(*a) + scheme_b.dequantize(*b));
    Ok(a.iter().zip(b).map(sum).collect())
}

fn upsample(x: &[u8], [_, _, columns]: [usize; 3]) -> Vec<u8> {
    let mut y = Vec::with_capacity(4 * x.len());
    for row in x.chunks(columns / 2) {
        for _ in 0..2 {
            y.extend(row.iter().flat_map(|v| [*v, *v]));
        }
    }
    y
}
