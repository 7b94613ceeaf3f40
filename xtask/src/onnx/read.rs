//! Reads the weights back out of a file that [`super::write_int8`] wrote, so that a new
//! training can go on from a finished model.

use super::OnnxError;
use super::int8::integers;
use crate::network::{Conv, Layer, Network, Op};
use crate::quantize::{ConvWeights, FoldedWeights};
use std::collections::HashMap;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::Framework;

/// The weights of every convolution of `network`, as numbers: off by half a step of the
/// integers from those that were trained.
///
/// # Errors
/// [`OnnxError::Read`] for bytes that are no ONNX file, [`OnnxError::Other`] for the file of
/// another network.
pub fn read_int8(onnx: &[u8], network: &Network) -> Result<FoldedWeights, OnnxError> {
    let proto = tract_onnx::onnx()
        .proto_model_for_read(&mut std::io::Cursor::new(onnx))
        .map_err(|e| OnnxError::Read(format!("{e:#}")))?;
    let graph = proto.graph.unwrap_or_default();
    let tensors = graph.initializer.iter().map(|t| (t.name.as_str(), t));
    let nodes = graph.node.iter().filter(|n| n.op_type == "QLinearConv");
    let file = File {
        tensors: tensors.collect(),
        convs: nodes
            .filter_map(|n| Some((n.output.first()?.as_str(), n)))
            .collect(),
    };
    let convs = network.layers.iter().filter_map(|layer| match &layer.op {
        Op::Conv(conv) => Some((layer, conv)),
        Op::Add | Op::Upsample2 => None,
    });
    convs
        .map(|(layer, conv)| Ok((layer.name.clone(), file.conv(layer, conv)?)))
        .collect()
}

/// What the file holds, by name.
struct File<'a> {
    tensors: HashMap<&'a str, &'a TensorProto>,
    /// By the name of the output.
    convs: HashMap<&'a str, &'a NodeProto>,
}

impl<'a> File<'a> {
    fn conv(&self, layer: &Layer, conv: &Conv) -> Result<ConvWeights, OnnxError> {
        let other = || OnnxError::Other(layer.name.clone());
        let node = self.convs.get(integers(&layer.name).as_str());
        let node = node.ok_or_else(other)?;
        // The bytes of the node's input at `index`, `count` elements of `size` bytes each.
        let constant = |index: usize, count: usize, size: usize| -> Result<&'a [u8], OnnxError> {
            let tensor = node.input.get(index).map(String::as_str);
            let tensor = tensor.and_then(|name| self.tensors.get(name));
            let raw = tensor.map(|t| &t.raw_data[..]);
            raw.filter(|raw| raw.len() == count * size)
                .ok_or_else(other)
        };
        let outputs = conv.outputs;
        let per_output = conv.inputs / conv.groups * conv.kernel * conv.kernel;
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
}

fn floats(raw: &[u8]) -> Vec<f32> {
    let (words, _) = raw.as_chunks();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
