//! The graph in plain loops, on planes: what every set of kernels must equal.

use super::graph::{Conv, Graph, Op, Shape, Window};
use super::kernel::add_bytes;

/// All tensors `[channels, rows, columns]` of the graph, given its inputs.
pub fn run(graph: &Graph, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut tensors: Vec<Vec<u8>> = Vec::new();
    for node in &graph.nodes {
        let x = |i: usize| (&tensors[node.inputs[i]], graph.nodes[node.inputs[i]].shape);
        let out = node.shape;
        let places = (0..out.channels).flat_map(|c| {
            (0..out.rows).flat_map(move |r| (0..out.columns).map(move |k| (c, r, k)))
        });
        let tensor = match &node.op {
            Op::Input(nth) => inputs[*nth].clone(),
            Op::Conv(conv) => places
                .map(|at| convolve(conv, x(0), out.channels, at))
                .collect(),
            Op::Add(add) => {
                let pairs = x(0).0.iter().zip(x(1).0);
                pairs.map(|(a, b)| add_bytes(add, [*a, *b])).collect()
            }
            Op::Upsample([rows, columns]) => places
                .map(|(c, r, k)| value(x(0), c, r / rows, k / columns))
                .collect(),
            Op::Concat => (0..node.inputs.len())
                .flat_map(|i| x(i).0.clone())
                .collect(),
            Op::MaxPool(window) => places
                .map(|(c, r, k)| {
                    let seen = taps(window, x(0).1, r, k).map(|(_, r, k)| value(x(0), c, r, k));
                    seen.max().unwrap_or(0)
                })
                .collect(),
        };
        tensors.push(tensor);
    }
    tensors
}

fn value((data, shape): (&Vec<u8>, Shape), channel: usize, row: usize, column: usize) -> u8 {
    data[(channel * shape.rows + row) * shape.columns + column]
}

/// Taps of the window at an output's place that lie inside the tensor: number, row, column.
fn taps(
    window: &Window,
    shape: Shape,
    row: usize,
    column: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    let Window {
        kernel,
        stride,
        before,
    } = *window;
    (0..kernel[0] * kernel[1]).filter_map(move |tap| {
        let r = (row * stride[0] + tap / kernel[1]).checked_sub(before[0])?;
        let c = (column * stride[1] + tap % kernel[1]).checked_sub(before[1])?;
        (r < shape.rows && c < shape.columns).then_some((tap, r, c))
    })
}

fn convolve(
    conv: &Conv,
    x: (&Vec<u8>, Shape),
    outputs: usize,
    (output, row, column): (usize, usize, usize),
) -> u8 {
    let per_group = x.1.channels / conv.groups;
    let first = output / (outputs / conv.groups) * per_group;
    let size = conv.window.kernel.iter().product::<usize>();
    let mut sum = conv.bias[output];
    for channel in 0..per_group {
        for (tap, r, c) in taps(&conv.window, x.1, row, column) {
            let weight = conv.weight[(output * per_group + channel) * size + tap];
            let v = i32::from(value(x, first + channel, r, c)) - i32::from(conv.input_zero);
            sum += v * i32::from(weight);
        }
    }
    let steps = (sum as f32 * conv.multiplier[output]).round_ties_even() as i32;
    (steps + i32::from(conv.output_zero)).clamp(0, 255) as u8
}
