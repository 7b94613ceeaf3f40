//! The network in integers.
//!
//! `QuantizeLinear` at the input, `QLinearConv` for every convolution, `Resize` on integers,
//! `DequantizeLinear` at the outputs. A residual is two `DequantizeLinear`, `Add` and
//! `QuantizeLinear`: there is no standard operator for it, and engines know this pattern.

use super::OnnxError;
use super::float::declare_outputs;
use super::graph::{Graph, conv_attributes};
use crate::network::{Conv, INPUT, Layer, Op};
use crate::quantize::{Int8Network, TensorScheme};

/// Writes a quantized network.
pub fn write_int8(int8: &Int8Network) -> Result<Vec<u8>, OnnxError> {
    let network = int8.network();
    let mut writer = Writer {
        graph: Graph::new(),
        int8,
    };
    let input = writer
        .graph
        .input(INPUT, [3, network.input_height, network.input_width])?;
    writer.quantize(&input, INPUT)?;
    for layer in &network.layers {
        match &layer.op {
            Op::Conv(conv) => writer.conv(layer, conv)?,
            Op::Add => writer.add(layer)?,
            Op::Upsample2 => writer
                .graph
                .upsample(&integers(&layer.inputs[0]), &integers(&layer.name))?,
        };
    }
    for name in network
        .heads
        .iter()
        .flat_map(|head| [&head.scores, &head.boxes])
    {
        writer.dequantize(name, name)?;
    }
    declare_outputs(&mut writer.graph, network);
    Ok(writer.graph.finish())
}

/// Name of the tensor that holds a layer's output as integers; the layer's own name is left to
/// its output as numbers.
pub(super) fn integers(layer: &str) -> String {
    format!("{layer}.u8")
}

struct Writer<'a> {
    graph: Graph,
    int8: &'a Int8Network,
}

impl Writer<'_> {
    /// Names of the scale and the zero point of a layer's output.
    fn scheme(&mut self, layer: &str) -> Result<[String; 2], OnnxError> {
        let TensorScheme { scale, zero_point } = self.int8.tensor(layer)?;
        let scale = self
            .graph
            .floats(&format!("{layer}.scale"), &[], &[scale])?;
        Ok([
            scale,
            self.graph
                .byte(&format!("{layer}.zero_point"), zero_point)?,
        ])
    }

    /// From the numbers in tensor `from` to the integers of `layer`.
    fn quantize(&mut self, from: &str, layer: &str) -> Result<String, OnnxError> {
        let [scale, zero] = self.scheme(layer)?;
        self.graph.node(
            "QuantizeLinear",
            &[from, &scale, &zero],
            &integers(layer),
            vec![],
        )
    }

    /// From the integers of `layer` to numbers in tensor `to`.
    fn dequantize(&mut self, layer: &str, to: &str) -> Result<String, OnnxError> {
        let [scale, zero] = self.scheme(layer)?;
        self.graph.node(
            "DequantizeLinear",
            &[&integers(layer), &scale, &zero],
            to,
            vec![],
        )
    }

    fn add(&mut self, layer: &Layer) -> Result<String, OnnxError> {
        let name = &layer.name;
        let a = self.dequantize(&layer.inputs[0], &format!("{name}.a"))?;
        let b = self.dequantize(&layer.inputs[1], &format!("{name}.b"))?;
        let sum = self
            .graph
            .node("Add", &[&a, &b], &format!("{name}.sum"), vec![])?;
        self.quantize(&sum, name)
    }

    fn conv(&mut self, layer: &Layer, conv: &Conv) -> Result<String, OnnxError> {
        let name = &layer.name;
        let weights = self.int8.conv(name)?;
        let [x_scale, x_zero] = self.scheme(&layer.inputs[0])?;
        let [y_scale, y_zero] = self.scheme(name)?;
        let (graph, channels) = (&mut self.graph, [conv.outputs]);
        let dims = [
            conv.outputs,
            conv.inputs / conv.groups,
            conv.kernel,
            conv.kernel,
        ];
        let weight = graph.bytes(&format!("{name}.weight"), &dims, &weights.weight)?;
        let scale = graph.floats(
            &format!("{name}.weight_scale"),
            &channels,
            &weights.weight_scale,
        )?;
        let zeros = vec![0; conv.outputs];
        let zero = graph.bytes(&format!("{name}.weight_zero_point"), &channels, &zeros)?;
        let bias = graph.ints(&format!("{name}.bias"), &channels, &weights.bias)?;
        let x = integers(&layer.inputs[0]);
        let inputs = [
            &x, &x_scale, &x_zero, &weight, &scale, &zero, &y_scale, &y_zero, &bias,
        ];
        let attributes = conv_attributes(conv);
        graph.node(
            "QLinearConv",
            &inputs.map(String::as_str),
            &integers(name),
            attributes,
        )
    }
}
