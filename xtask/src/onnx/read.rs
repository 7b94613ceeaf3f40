//! Reads networks back out of the files that [`super::write_float`] and [`super::write_int8`]
//! wrote: to train on from a finished model, to quantize it anew, to compare the two.

use super::OnnxError;
use super::int8::integers;
use crate::network::{Activation, Conv, INPUT, Layer, Network, Op};
use crate::quantize::{ConvWeights, Dequantized, FoldedWeights, TensorScheme};
use std::collections::{BTreeMap, HashMap};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::Framework;

/// The weights of every convolution of `network`, as [`super::write_float`] wrote them.
///
/// # Errors
/// [`OnnxError::Read`] for bytes that are no ONNX file, [`OnnxError::Other`] for the file of
/// another network, one in integers among them.
pub fn read_float(onnx: &[u8], network: &Network) -> Result<FoldedWeights, OnnxError> {
    let graph = read(onnx)?;
    let file = File::new(&graph);
    let weights =
        |(layer, conv): (&Layer, &Conv)| Ok((layer.name.clone(), file.float_conv(layer, conv)?));
    convs(network).map(weights).collect()
}

/// The weights of every convolution of `network`, as numbers: off by half a step of the
/// integers from those that were trained.
///
/// # Errors
/// [`OnnxError::Read`] for bytes that are no ONNX file, [`OnnxError::Other`] for the file of
/// another network.
pub fn read_int8(onnx: &[u8], network: &Network) -> Result<FoldedWeights, OnnxError> {
    let graph = read(onnx)?;
    File::new(&graph).int8_weights(network)
}

/// All that the integers of the file stand for: weights as numbers, and how each layer's
/// output is represented.
///
/// # Errors
/// As [`read_int8`].
pub fn read_dequantized(onnx: &[u8], network: &Network) -> Result<Dequantized, OnnxError> {
    let graph = read(onnx)?;
    let file = File::new(&graph);
    let weights = file.int8_weights(network)?;
    let mut schemes: BTreeMap<String, TensorScheme> = BTreeMap::new();
    for layer in &network.layers {
        let other = || OnnxError::Other(layer.name.clone());
        let scheme = match &layer.op {
            // Inputs of QLinearConv: scale and zero point of y are numbers 6 and 7.
            Op::Conv(_) => file.scheme(&layer.name, 6)?,
            Op::Add => file.scheme(&layer.name, 1)?,
            Op::Upsample2 => {
                let input = layer.inputs.first().filter(|name| *name != INPUT);
                let input = input.and_then(|name| schemes.get(name));
                *input.ok_or_else(other)?
            }
        };
        schemes.insert(layer.name.clone(), scheme);
    }
    Ok(Dequantized { weights, schemes })
}

fn read(onnx: &[u8]) -> Result<GraphProto, OnnxError> {
    let proto = tract_onnx::onnx()
        .proto_model_for_read(&mut std::io::Cursor::new(onnx))
        .map_err(|e| OnnxError::Read(format!("{e:#}")))?;
    Ok(proto.graph.unwrap_or_default())
}

fn convs(network: &Network) -> impl Iterator<Item = (&Layer, &Conv)> {
    network.layers.iter().filter_map(|layer| match &layer.op {
        Op::Conv(conv) => Some((layer, conv)),
        Op::Add | Op::Upsample2 => None,
    })
}

/// What the file holds, by name.
struct File<'a> {
    tensors: HashMap<&'a str, &'a TensorProto>,
    /// By the name of the output.
    nodes: HashMap<&'a str, &'a NodeProto>,
}

impl<'a> File<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let tensors = graph.initializer.iter().map(|t| (t.name.as_str(), t));
        let nodes = graph.node.iter();
        Self {
            tensors: tensors.collect(),
            nodes: nodes
                .filter_map(|n| Some((n.output.first()?.as_str(), n)))
                .collect(),
        }
    }

    /// The bytes of the input at `index` of the node that puts out `output`: `bytes`
    /// of them.
    fn constant(&self, op: &str, output: &str, index: usize, bytes: usize) -> Option<&'a [u8]> {
        let node = self.nodes.get(output).filter(|node| node.op_type == op)?;
        let tensor = self.tensors.get(node.input.get(index)?.as_str())?;
        Some(&tensor.raw_data[..]).filter(|raw| raw.len() == bytes)
    }

    fn float_conv(&self, layer: &Layer, conv: &Conv) -> Result<ConvWeights, OnnxError> {
        let other = || OnnxError::Other(layer.name.clone());
        let sum = format!("{}.sum", layer.name);
        // Behind an activation the convolution's own output has another name.
        let output = match conv.activation {
            Activation::None => layer.name.as_str(),
            Activation::Relu6 => sum.as_str(),
        };
        let constant = |index: usize, count: usize| {
            let raw = self.constant("Conv", output, index, 4 * count);
            raw.map(floats).ok_or_else(other)
        };
        Ok(ConvWeights {
            weight: constant(1, conv.outputs * per_output(conv))?,
            bias: constant(2, conv.outputs)?,
        })
    }

    fn int8_weights(&self, network: &Network) -> Result<FoldedWeights, OnnxError> {
        convs(network)
            .map(|(layer, conv)| Ok((layer.name.clone(), self.int8_conv(layer, conv)?)))
            .collect()
    }

    fn int8_conv(&self, layer: &Layer, conv: &Conv) -> Result<ConvWeights, OnnxError> {
        let other = || OnnxError::Other(layer.name.clone());
        let output = integers(&layer.name);
        let constant = |index: usize, count: usize, size: usize| {
            let raw = self.constant("QLinearConv", &output, index, count * size);
            raw.ok_or_else(other)
        };
        let (outputs, per_output) = (conv.outputs, per_output(conv));
        // Inputs of QLinearConv: x, its scale and zero point, weights, theirs, y's, bias.
        let step_in = floats(constant(1, 1, 4)?)[0];
        let weight = constant(3, outputs * per_output, 1)?;
        let steps = floats(constant(4, outputs, 4)?);
        let bias = constant(8, outputs, 4)?;
        let (bias, _) = bias.as_chunks();
        let weight = weight.iter().enumerate();
        Ok(ConvWeights {
            weight: weight
                .map(|(i, w)| f32::from(w.cast_signed()) * steps[i / per_output])
                .collect(),
            bias: bias
                .iter()
                .zip(&steps)
                .map(|(b, step)| i32::from_le_bytes(*b) as f32 * step_in * step)
                .collect(),
        })
    }

    /// The scheme that the inputs at `index` and behind it of a layer's node give its output.
    fn scheme(&self, layer: &str, index: usize) -> Result<TensorScheme, OnnxError> {
        let output = integers(layer);
        let constant = |index: usize, bytes: usize| {
            let find = |op| self.constant(op, &output, index, bytes);
            find("QLinearConv").or_else(|| find("QuantizeLinear"))
        };
        let other = || OnnxError::Other(layer.to_string());
        let scale = floats(constant(index, 4).ok_or_else(other)?)[0];
        let zero_point = constant(index + 1, 1).ok_or_else(other)?[0];
        if !(scale.is_finite() && scale > 0.0) {
            return Err(other());
        }
        Ok(TensorScheme { scale, zero_point })
    }
}

/// Weights of one output channel.
fn per_output(conv: &Conv) -> usize {
    conv.inputs / conv.groups * conv.kernel * conv.kernel
}

fn floats(raw: &[u8]) -> Vec<f32> {
    let (words, _) = raw.as_chunks();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
