//! The network in `f32`.

use super::OnnxError;
use super::graph::{Graph, conv_attributes};
use crate::network::{Activation, Conv, INPUT, Layer, Network, Op};
use crate::quantize::{FoldedWeights, check_network, layer_weights};

/// The network in `f32`: `Conv`, `Clip` for ReLU6, `Add` and `Resize`.
pub fn write_float(network: &Network, weights: &FoldedWeights) -> Result<Vec<u8>, OnnxError> {
    check_network(network)?;
    let mut graph = Graph::new();
    graph.input(INPUT, [3, network.input_height, network.input_width])?;
    for layer in &network.layers {
        let inputs: Vec<&str> = layer.inputs.iter().map(String::as_str).collect();
        match &layer.op {
            Op::Conv(conv) => write_conv(&mut graph, layer, conv, weights)?,
            Op::Add => graph.node("Add", &inputs, &layer.name, vec![])?,
            Op::Upsample2 => graph.upsample(inputs[0], &layer.name)?,
        };
    }
    declare_outputs(&mut graph, network);
    Ok(graph.finish())
}

/// Declares scores and boxes of each level in turn.
pub(super) fn declare_outputs(graph: &mut Graph, network: &Network) {
    for name in network
        .heads
        .iter()
        .flat_map(|head| [&head.scores, &head.boxes])
    {
        if let Some(layer) = network.layer(name) {
            graph.output(name, layer.shape);
        }
    }
}

fn write_conv(
    graph: &mut Graph,
    layer: &Layer,
    conv: &Conv,
    weights: &FoldedWeights,
) -> Result<String, OnnxError> {
    let (name, input) = (&layer.name, &layer.inputs[0]);
    let floats = layer_weights(weights, name, conv)?;
    let dims = [
        conv.outputs,
        conv.inputs / conv.groups,
        conv.kernel,
        conv.kernel,
    ];
    let weight = graph.floats(&format!("{name}.weight"), &dims, &floats.weight)?;
    let bias = graph.floats(&format!("{name}.bias"), &[conv.outputs], &floats.bias)?;
    let inputs = [input, weight.as_str(), &bias];
    let attributes = conv_attributes(conv);
    match conv.activation {
        Activation::None => graph.node("Conv", &inputs, name, attributes),
        Activation::Relu6 => {
            let sum = graph.node("Conv", &inputs, &format!("{name}.sum"), attributes)?;
            let (min, max) = (
                graph.floats("relu6.min", &[], &[0.0])?,
                graph.floats("relu6.max", &[], &[6.0])?,
            );
            graph.node("Clip", &[&sum, &min, &max], name, vec![])
        }
    }
}
