//! Whether a graph is sound. What holds after this, kernels and plan rely on.

use super::Int8Error;
use super::graph::{Conv, Graph, Node, Op, Shape, Window};

/// Most nodes of a graph.
const NODES_MAX: usize = 4096;

/// Longest side of a tensor, and most channels.
const SIDE_MAX: usize = 1 << 14;

/// Largest side of a window, and largest step.
const WINDOW_MAX: usize = 31;

/// Largest sum of products in steps of the output: far below where `f32` to `i32` overflows.
const STEPS_MAX: f64 = (1u32 << 30) as f64;

/// Checks the whole graph.
pub fn check(graph: &Graph) -> Result<(), Int8Error> {
    let fail = |node: &str, reason| {
        let node = node.to_owned();
        Err(Int8Error::Graph { node, reason })
    };
    if graph.nodes.len() > NODES_MAX {
        return fail("the graph", "has too many nodes");
    }
    if graph.outputs.is_empty() || graph.outputs.iter().any(|o| *o >= graph.nodes.len()) {
        return fail("the graph", "has no outputs, or outputs that do not exist");
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.inputs.iter().any(|input| *input >= index) {
            return fail(&node.name, "reads a tensor that comes later");
        }
        let inputs: Vec<Shape> = node.inputs.iter().map(|i| graph.nodes[*i].shape).collect();
        if let Some(reason) = fault(node, &inputs) {
            return fail(&node.name, reason);
        }
    }
    Ok(())
}

fn fault(node: &Node, inputs: &[Shape]) -> Option<&'static str> {
    let out = node.shape;
    let sides = [out.channels, out.rows, out.columns];
    if sides.iter().any(|side| *side == 0 || *side > SIDE_MAX) {
        return Some("is empty or too large");
    }
    let sound = match (&node.op, inputs) {
        (Op::Input(_), []) => true,
        (Op::Conv(conv), [x]) => return conv_fault(conv, x, &out),
        (Op::Add(add), [a, b]) => {
            let scales = [
                add.inputs[0].scale,
                add.inputs[1].scale,
                add.output_per_unit,
            ];
            let small = |s: &f32| s.is_finite() && *s > 0.0;
            // 255 steps of both inputs, in steps of the output.
            let steps = 255.0
                * (f64::from(scales[0]) + f64::from(scales[1]))
                * f64::from(add.output_per_unit);
            *a == out && *b == out && scales.iter().all(small) && steps < STEPS_MAX
        }
        (Op::Upsample([rows, columns]), [x]) => {
            (1..=WINDOW_MAX).contains(rows)
                && (1..=WINDOW_MAX).contains(columns)
                && out.channels == x.channels
                && out.rows == x.rows * rows
                && out.columns == x.columns * columns
        }
        (Op::Concat, [_, ..]) => {
            inputs.iter().map(|x| x.channels).sum::<usize>() == out.channels
                && inputs
                    .iter()
                    .all(|x| x.rows == out.rows && x.columns == out.columns)
        }
        (Op::MaxPool(window), [x]) => {
            return if x.channels == out.channels && covers(window, x, &out) {
                None
            } else {
                Some("has a window that leaves the tensor")
            };
        }
        _ => return Some("has the wrong number of inputs"),
    };
    (!sound).then_some("does not fit its inputs")
}

/// Whether every position of the window overlaps the tensor.
fn covers(window: &Window, x: &Shape, out: &Shape) -> bool {
    let side = |i: usize, input: usize, output: usize| {
        let (kernel, stride, before) = (window.kernel[i], window.stride[i], window.before[i]);
        (1..=WINDOW_MAX).contains(&kernel)
            && (1..=WINDOW_MAX).contains(&stride)
            && before < kernel
            && (output - 1) * stride < input + before
    };
    side(0, x.rows, out.rows) && side(1, x.columns, out.columns)
}

fn conv_fault(conv: &Conv, x: &Shape, out: &Shape) -> Option<&'static str> {
    let groups = conv.groups;
    if groups == 0 || !x.channels.is_multiple_of(groups) || !out.channels.is_multiple_of(groups) {
        return Some("has groups that do not divide its channels");
    }
    let taps = conv.window.kernel.iter().product::<usize>();
    let weights = out.channels * (x.channels / groups) * taps;
    let counts = [conv.bias.len(), conv.multiplier.len()];
    if conv.weight.len() != weights || counts != [out.channels; 2] {
        return Some("has weights that do not fit its shape");
    }
    if !covers(&conv.window, x, out) {
        return Some("has a window that leaves the tensor");
    }
    // The sum may wrap on its way, but not at its end.
    let per_output = conv.weights_per_output();
    for (output, weights) in conv.weight.chunks_exact(per_output).enumerate() {
        let zero = i64::from(conv.input_zero);
        let (mut low, mut high) = (i64::from(conv.bias[output]), i64::from(conv.bias[output]));
        for weight in weights.iter().map(|w| i64::from(*w)) {
            let ends = [-zero * weight, (255 - zero) * weight];
            low += ends[0].min(ends[1]);
            high += ends[0].max(ends[1]);
        }
        let multiplier = conv.multiplier[output];
        let largest = low.unsigned_abs().max(high.unsigned_abs()) as f64;
        let sound = multiplier.is_finite()
            && multiplier >= 0.0
            && largest < f64::from(i32::MAX)
            && largest * f64::from(multiplier) < STEPS_MAX;
        if !sound {
            return Some("has sums that overflow");
        }
    }
    None
}
