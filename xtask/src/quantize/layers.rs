//! The network in floats, one layer at a time, so that every output can be looked at or
//! changed before the next layer reads it.

use super::{FoldedWeights, QuantizeError, check_network, layer_weights};
use crate::network::{Activation, Conv, INPUT, Layer, Network, Op};
use std::collections::BTreeMap;
use std::sync::Arc;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::conv::KernelFormat;
use tract_onnx::tract_core::ops::cnn::{Conv as TractConv, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Upper end of ReLU6.
const RELU6_MAX: f32 = 6.0;

/// Outputs of layers by name, `[channels, rows, columns]` each; the picture as [`INPUT`].
pub type Tensors<'a> = BTreeMap<&'a str, Vec<f32>>;

/// Computes single layers of a network with one set of weights; tract does the convolutions.
#[derive(Debug)]
pub struct LayerEngine {
    convs: BTreeMap<String, Arc<TypedRunnableModel>>,
}

impl LayerEngine {
    /// Plans every convolution of `network`.
    pub fn new(network: &Network, weights: &FoldedWeights) -> Result<Self, QuantizeError> {
        check_network(network)?;
        let mut convs = BTreeMap::new();
        for layer in &network.layers {
            let Op::Conv(conv) = &layer.op else { continue };
            let [_, rows, columns] = input_shape(network, layer, 0);
            let floats = layer_weights(weights, &layer.name, conv)?;
            let model = plan(conv, [rows, columns], &floats.weight, &floats.bias);
            let model = model.map_err(|e| QuantizeError::Engine(layer.name.clone(), text(&e)))?;
            convs.insert(layer.name.clone(), model);
        }
        Ok(Self { convs })
    }

    /// What `layer` makes of `inputs`, before its activation.
    pub fn sum(
        &self,
        network: &Network,
        layer: &Layer,
        inputs: &[&[f32]],
    ) -> Result<Vec<f32>, QuantizeError> {
        let other = || QuantizeError::Network(layer.name.clone());
        match (&layer.op, inputs) {
            (Op::Conv(conv), [x]) => {
                let [_, rows, columns] = input_shape(network, layer, 0);
                let model = self.convs.get(&layer.name).ok_or_else(other)?;
                run(model, &[1, conv.inputs, rows, columns], x)
                    .map_err(|e| QuantizeError::Engine(layer.name.clone(), text(&e)))
            }
            (Op::Add, [a, b]) => Ok(a.iter().zip(*b).map(|(a, b)| a + b).collect()),
            (Op::Upsample2, [x]) => Ok(upsample(x, layer.shape)),
            _ => Err(other()),
        }
    }

    /// Outputs of all layers for a picture `[3, height, width]`.
    pub fn run<'a>(
        &self,
        network: &'a Network,
        pixels: &[u8],
    ) -> Result<Tensors<'a>, QuantizeError> {
        let mut tensors = BTreeMap::from([(INPUT, normalised(network, pixels)?)]);
        for layer in &network.layers {
            let mut output = self.sum(network, layer, &inputs(&tensors, layer)?)?;
            activate(layer, &mut output);
            tensors.insert(&layer.name, output);
        }
        Ok(tensors)
    }
}

/// A picture as the network reads it; its size is checked.
pub fn normalised(network: &Network, pixels: &[u8]) -> Result<Vec<f32>, QuantizeError> {
    let expected = 3 * network.input_height * network.input_width;
    if pixels.len() != expected {
        return Err(QuantizeError::Picture {
            found: pixels.len(),
            expected,
        });
    }
    Ok(network.normalised(pixels))
}

/// Applies the activation of `layer`.
pub fn activate(layer: &Layer, values: &mut [f32]) {
    if is_relu6(layer) {
        values.iter_mut().for_each(|v| *v = v.clamp(0.0, RELU6_MAX));
    }
}

/// Whether a ReLU6 ends the layer.
pub(super) fn is_relu6(layer: &Layer) -> bool {
    matches!(&layer.op, Op::Conv(conv) if conv.activation == Activation::Relu6)
}

/// What `layer` reads.
pub(crate) fn inputs<'t>(
    tensors: &'t Tensors<'_>,
    layer: &Layer,
) -> Result<Vec<&'t [f32]>, QuantizeError> {
    let found = layer
        .inputs
        .iter()
        .map(|name| tensors.get(name.as_str()).map(Vec::as_slice));
    found
        .collect::<Option<_>>()
        .ok_or_else(|| QuantizeError::Network(layer.name.clone()))
}

/// Shape of the tensor that `layer` reads as its input number `index`.
pub(super) fn input_shape(network: &Network, layer: &Layer, index: usize) -> [usize; 3] {
    let picture = [3, network.input_height, network.input_width];
    let input = layer.inputs.get(index).and_then(|name| network.layer(name));
    input.map_or(picture, |input| input.shape)
}

fn upsample(x: &[f32], [_, _, columns]: [usize; 3]) -> Vec<f32> {
    let mut y = Vec::with_capacity(4 * x.len());
    for row in x.chunks(columns / 2) {
        for _ in 0..2 {
            y.extend(row.iter().flat_map(|v| [*v, *v]));
        }
    }
    y
}

fn text(error: &TractError) -> String {
    format!("{error:#}")
}

/// The convolution alone as a model of tract's.
fn plan(
    conv: &Conv,
    [rows, columns]: [usize; 2],
    weight: &[f32],
    bias: &[f32],
) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = TypedModel::default();
    let x = model.add_source("x", f32::fact([1, conv.inputs, rows, columns]))?;
    let per_group = conv.inputs / conv.groups;
    let kernel_shape = [conv.outputs, per_group, conv.kernel, conv.kernel];
    let kernel = model.add_const("weight", Tensor::from_shape(&kernel_shape, weight)?)?;
    let bias = model.add_const("bias", Tensor::from_shape(&[conv.outputs], bias)?)?;
    let pad: TVec<usize> = tvec!(conv.kernel / 2; 2);
    let spec = PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: tvec!(conv.kernel; 2),
        padding: PaddingSpec::Explicit(pad.clone(), pad),
        dilations: None,
        strides: Some(tvec!(conv.stride; 2)),
        input_channels: conv.inputs,
        output_channels: conv.outputs,
    };
    let op = TractConv {
        pool_spec: spec,
        kernel_fmt: KernelFormat::OIHW,
        group: conv.groups,
        q_params: None,
    };
    let output = model.wire_node("conv", op, &[x, kernel, bias])?;
    model.select_output_outlets(&output)?;
    model.into_optimized()?.into_runnable()
}

fn run(model: &Arc<TypedRunnableModel>, shape: &[usize], x: &[f32]) -> TractResult<Vec<f32>> {
    let outputs = model.run(tvec!(Tensor::from_shape(shape, x)?.into()))?;
    let output = outputs.first().map(|output| {
        let plain = output.try_as_plain_ram()?;
        Ok(plain.as_slice::<f32>()?.to_vec())
    });
    output.unwrap_or_else(|| Ok(Vec::new()))
}
