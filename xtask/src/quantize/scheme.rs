//! The integer network: scales, zero points and integer weights.
//!
//! Activations are `u8`, with zero point 0 behind a ReLU6. Weights are `i8` in -127..=127 with
//! zero point 0 and a scale for each output channel, biases `i32` in steps of input scale
//! times weight scale. ReLU6 costs nothing: the range of its output ends at 0 and at most at 6,
//! so that saturation clips.

use super::check::check_network;
use super::rounding::{settled_output, settled_sum, settled_weight_scale};
use super::tensor::{TensorScheme, input_bytes, input_scheme};
use super::{FoldedWeights, QuantizeError, Ranges, layer_weights};
use crate::network::{Activation, Conv, INPUT, Layer, Network, Op};
use std::collections::BTreeMap;

/// Upper end of ReLU6.
const RELU6_MAX: f32 = 6.0;

/// Least ratio of an accumulator's step to the output's step. Weights so small that their
/// channel needs less are noise (all of them together move the output by less than a step's
/// fraction), and their scale would ask for biases beyond any integer.
const MULTIPLIER_MIN: f32 = 1.0 / (1 << 20) as f32;

/// Largest bias; see [`super::check::PRODUCTS_MAX`].
const BIAS_MAX: f64 = (1 << 30) as f64;

/// Integer weights of one convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Conv {
    /// `[outputs, inputs / groups, kernel, kernel]`, row-major, -127..=127.
    pub weight: Vec<i8>,
    /// Size of a weight's step, `[outputs]`.
    pub weight_scale: Vec<f32>,
    /// `[outputs]`, in steps of input scale times weight scale.
    pub bias: Vec<i32>,
}

/// A network with integer weights, and how each of its tensors is represented.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Network {
    network: Network,
    tensors: BTreeMap<String, TensorScheme>,
    convs: BTreeMap<String, Int8Conv>,
}

impl Int8Network {
    /// Quantizes `network`. Needs the weights of every convolution and the range of every
    /// layer except upsamplings, which keep the integers of their input.
    pub fn new(
        network: &Network,
        weights: &FoldedWeights,
        ranges: &Ranges,
    ) -> Result<Self, QuantizeError> {
        check_network(network)?;
        let input = input_scheme(network.input_mean, network.input_std);
        let tensors = BTreeMap::from([(INPUT.to_string(), input)]);
        let mut int8 = Self {
            network: network.clone(),
            tensors,
            convs: BTreeMap::new(),
        };
        for layer in &network.layers {
            let scheme = int8.quantize_layer(layer, weights, ranges)?;
            int8.tensors.insert(layer.name.clone(), scheme);
        }
        Ok(int8)
    }

    /// The layers.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The input's integer for each pixel value of each channel.
    pub fn input_bytes(&self) -> [[u8; 256]; 3] {
        input_bytes(self.network.input_mean, self.network.input_std)
    }

    /// How the output of the layer of this name is represented; the picture's for
    /// [`INPUT`].
    pub fn tensor(&self, name: &str) -> Result<TensorScheme, QuantizeError> {
        self.tensors
            .get(name)
            .copied()
            .ok_or_else(|| QuantizeError::Network(name.to_string()))
    }

    /// Integer weights of the convolution of this name.
    pub fn conv(&self, name: &str) -> Result<&Int8Conv, QuantizeError> {
        self.convs
            .get(name)
            .ok_or_else(|| QuantizeError::WeightsMissing(name.to_string()))
    }

    fn quantize_layer(
        &mut self,
        layer: &Layer,
        weights: &FoldedWeights,
        ranges: &Ranges,
    ) -> Result<TensorScheme, QuantizeError> {
        let input = self.tensor(&layer.inputs[0])?;
        match &layer.op {
            Op::Upsample2 => Ok(input),
            Op::Add => {
                let (low, high) = range_of(&layer.name, ranges)?;
                Ok(settled_sum(
                    input,
                    self.tensor(&layer.inputs[1])?,
                    low,
                    high,
                ))
            }
            Op::Conv(conv) => {
                let range = range_of(&layer.name, ranges)?;
                let (int8, scheme) = quantize_conv(&layer.name, conv, weights, input, range)?;
                self.convs.insert(layer.name.clone(), int8);
                Ok(scheme)
            }
        }
    }
}

/// The range of a layer, widened to hold zero, which every scheme represents exactly.
fn range_of(layer: &str, ranges: &Ranges) -> Result<(f32, f32), QuantizeError> {
    let (low, high) = *ranges
        .get(layer)
        .ok_or_else(|| QuantizeError::RangeMissing(layer.to_string()))?;
    if !(low <= high && (high - low).is_finite()) {
        return Err(QuantizeError::Range(layer.to_string()));
    }
    Ok((low.min(0.0), high.max(0.0)))
}

fn quantize_conv(
    layer: &str,
    conv: &Conv,
    weights: &FoldedWeights,
    input: TensorScheme,
    (low, high): (f32, f32),
) -> Result<(Int8Conv, TensorScheme), QuantizeError> {
    let floats = layer_weights(weights, layer, conv)?;
    let wild = || QuantizeError::WeightsWild(layer.to_string());
    let per_output = floats.weight.len() / conv.outputs;
    let largest = |channel: &[f32]| channel.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let mut scales: Vec<f32> = floats
        .weight
        .chunks(per_output)
        .map(|channel| largest(channel) / 127.0)
        .collect();

    // An output step finer than the accumulator's own step tells nothing, and would let the
    // product overflow an i32.
    let step_min = scales
        .iter()
        .fold(0.0f32, |max, scale| max.max(input.scale * scale));
    let scheme = match conv.activation {
        Activation::None => TensorScheme::spanning(low, high, step_min),
        Activation::Relu6 => TensorScheme::spanning(0.0, high.min(RELU6_MAX), step_min),
    };
    if !scheme.scale.is_finite()
        || (conv.activation == Activation::Relu6 && scheme.scale * 255.0 > 1.0001 * RELU6_MAX)
    {
        return Err(wild());
    }

    let scheme = settled_output(input, scheme);
    let accumulator_min = MULTIPLIER_MIN * scheme.scale;
    let mut bias = Vec::with_capacity(conv.outputs);
    for (scale, b) in scales.iter_mut().zip(&floats.bias) {
        let for_bias = (f64::from(b.abs()) / BIAS_MAX) as f32;
        let least = accumulator_min.max(for_bias) / input.scale;
        *scale = settled_weight_scale(input, scale.max(least), scheme);
        let steps = f64::from(*b) / (f64::from(input.scale) * f64::from(*scale));
        if !scale.is_finite() || input.scale * *scale > 1.001 * scheme.scale {
            return Err(wild());
        }
        bias.push(steps.round_ties_even().clamp(-BIAS_MAX, BIAS_MAX) as i32);
    }
    let to_integer = |(i, w): (usize, &f32)| {
        (w / scales[i / per_output])
            .round_ties_even()
            .clamp(-127.0, 127.0)
    };
    let weight = floats
        .weight
        .iter()
        .enumerate()
        .map(|w| to_integer(w) as i8)
        .collect();
    Ok((
        Int8Conv {
            weight,
            weight_scale: scales,
            bias,
        },
        scheme,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::Bias;
    use crate::quantize::ConvWeights;

    /// One 1x1 convolution of the picture with two outputs.
    fn one_conv(
        activation: Activation,
        weight: [f32; 6],
        bias: [f32; 2],
    ) -> (Network, FoldedWeights) {
        let conv = Conv {
            inputs: 3,
            outputs: 2,
            kernel: 1,
            stride: 1,
            groups: 1,
            weight: "w".into(),
            bias: Bias::Plain("b".into()),
            activation,
        };
        let (name, inputs) = ("conv".to_string(), vec![INPUT.to_string()]);
        let layers = vec![Layer {
            name,
            inputs,
            op: Op::Conv(conv),
            shape: [2, 1, 1],
        }];
        let network = Network {
            input_height: 1,
            input_width: 1,
            input_mean: [127.0; 3],
            input_std: [128.0; 3],
            layers,
            heads: vec![],
        };
        let weights = ConvWeights {
            weight: weight.to_vec(),
            bias: bias.to_vec(),
        };
        (
            network,
            FoldedWeights::from([("conv".to_string(), weights)]),
        )
    }

    /// Of the tests' network.
    const INPUT_SCHEME: TensorScheme = TensorScheme {
        scale: 1.0 / 128.0,
        zero_point: 127,
    };

    fn quantized(
        activation: Activation,
        weight: [f32; 6],
        bias: [f32; 2],
        range: (f32, f32),
    ) -> Result<(Int8Conv, TensorScheme), QuantizeError> {
        let (network, weights) = one_conv(activation, weight, bias);
        let ranges = Ranges::from([("conv".to_string(), range)]);
        let int8 = Int8Network::new(&network, &weights, &ranges)?;
        Ok((int8.conv("conv")?.clone(), int8.tensor("conv")?))
    }

    /// Settling moves scales by less than a thousandth.
    fn is_about(scheme: TensorScheme, scale: f32, zero_point: u8) -> bool {
        (scheme.scale / scale - 1.0).abs() < 1e-3 && scheme.zero_point == zero_point
    }

    const WEIGHT: [f32; 6] = [0.5, -1.0, 0.25, 2.0, 0.0, -0.1];

    #[test]
    fn weights_and_biases_are_near_their_floats() {
        let (conv, scheme) = quantized(Activation::None, WEIGHT, [0.3, -0.7], (-2.0, 3.0)).unwrap();
        assert_eq!(conv.weight[1], -127);
        assert_eq!(conv.weight[3], 127);
        for (i, w) in WEIGHT.iter().enumerate() {
            let scale = conv.weight_scale[i / 3];
            assert!((f32::from(conv.weight[i]) * scale - w).abs() <= 0.5001 * scale);
        }
        for (c, b) in [0.3f32, -0.7].into_iter().enumerate() {
            let step = INPUT_SCHEME.scale * conv.weight_scale[c];
            assert!((conv.bias[c] as f32 * step - b).abs() <= 0.5001 * step);
        }
        assert!(is_about(scheme, 5.0 / 255.0, 102), "{scheme:?}");
    }

    #[test]
    fn relu6_becomes_saturation() {
        let scheme = |range| {
            quantized(Activation::Relu6, WEIGHT, [0.0; 2], range)
                .unwrap()
                .1
        };
        assert!(is_about(scheme((-9.0, 4.0)), 4.0 / 255.0, 0));
        assert!(is_about(scheme((0.0, 90.0)), 6.0 / 255.0, 0));
    }

    #[test]
    fn dead_channels_keep_sane_multipliers() {
        for weight in [0.0, 1e-30, 1e-12] {
            let weight = [1.0, 0.5, -0.5, weight, -weight, 0.0];
            for bias in [0.0, 5.0, -1e4, 1e6] {
                let (conv, scheme) =
                    quantized(Activation::None, weight, [0.1, bias], (-1.0, 1.0)).unwrap();
                for scale in &conv.weight_scale {
                    let multiplier = INPUT_SCHEME.scale * scale / scheme.scale;
                    assert!(
                        (0.99 * MULTIPLIER_MIN..=1.001).contains(&multiplier),
                        "{multiplier}"
                    );
                }
                let step = INPUT_SCHEME.scale * conv.weight_scale[1];
                let back = conv.bias[1] as f32 * step;
                assert!(
                    (back - bias).abs() <= 1e-6 * bias.abs().max(1.0),
                    "{back} {bias}"
                );
            }
        }
    }

    #[test]
    fn a_layer_that_was_zero_throughout_is_no_trouble() {
        let (conv, scheme) = quantized(Activation::Relu6, WEIGHT, [-9.0; 2], (0.0, 0.0)).unwrap();
        assert!(scheme.scale >= INPUT_SCHEME.scale * conv.weight_scale[1]);
        let none = quantized(Activation::None, [0.0; 6], [0.0; 2], (0.0, 0.0)).unwrap();
        assert!(none.1.scale > 0.0 && none.0.bias == [0, 0]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let bad = |weight, bias, range| quantized(Activation::Relu6, weight, bias, range);
        let wild = Err(QuantizeError::WeightsWild("conv".into()));
        let mut nan = WEIGHT;
        nan[2] = f32::NAN;
        assert_eq!(bad(nan, [0.0; 2], (0.0, 1.0)), wild);
        assert_eq!(bad([1e30; 6], [0.0; 2], (0.0, 1.0)), wild);
        assert_eq!(bad([f32::MAX; 6], [0.0; 2], (0.0, 1.0)), wild);
        assert_eq!(bad(WEIGHT, [1e30; 2], (0.0, 1.0)), wild);
        let range = Err(QuantizeError::Range("conv".into()));
        assert_eq!(bad(WEIGHT, [0.0; 2], (2.0, 1.0)), range);
        assert_eq!(bad(WEIGHT, [0.0; 2], (f32::NAN, 1.0)), range);
        assert_eq!(bad(WEIGHT, [0.0; 2], (f32::MIN, f32::MAX)), range);
        let (network, mut weights) = one_conv(Activation::None, WEIGHT, [0.0; 2]);
        let missing = Int8Network::new(&network, &weights, &Ranges::new());
        assert_eq!(missing, Err(QuantizeError::RangeMissing("conv".into())));
        let ranges = Ranges::from([("conv".to_string(), (0.0, 1.0))]);
        weights.get_mut("conv").unwrap().bias.pop();
        let count = Int8Network::new(&network, &weights, &ranges);
        assert!(matches!(
            count,
            Err(QuantizeError::WeightsCount { found: 1, .. })
        ));
        let missing = Int8Network::new(&network, &FoldedWeights::new(), &ranges);
        assert_eq!(missing, Err(QuantizeError::WeightsMissing("conv".into())));
    }
}
