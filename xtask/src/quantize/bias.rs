//! Bias correction (Nagel et al., 2019, section 4.2): rounding shifts the mean of what a
//! convolution puts out, because the errors of its weights and of its input do not cancel; the
//! shift is measured on pictures and taken out of the bias.

use super::layers::{Tensors, activate, inputs, normalised};
use super::twin::{Precision, Twin};
use super::{Dequantized, FoldedWeights, QuantizeError};
use crate::network::{INPUT, Layer, Network, Op};
use std::collections::BTreeMap;

/// A picture's tensors in both precisions, as far as a later layer still reads them.
struct Pair<'a> {
    float: Tensors<'a>,
    int8: Tensors<'a>,
}

/// How far the mean of every convolution's sums, before the activation, is above that of the
/// float network, `[outputs]` by the layer's name.
///
/// Layer by layer: each shift is measured with those of the layers before it taken out. All
/// pictures are held in memory at once, some 80 MB each for a large network; a few are enough,
/// since every place of a picture counts.
pub fn bias_shifts(
    twin: &Twin<'_>,
    pictures: &[Vec<u8>],
    mut tell: impl FnMut(usize),
) -> Result<BTreeMap<String, Vec<f32>>, QuantizeError> {
    let network = twin.network();
    if pictures.is_empty() {
        return Err(QuantizeError::NoPicture);
    }
    let pair = |pixels: &Vec<u8>| -> Result<Pair<'_>, QuantizeError> {
        let float = BTreeMap::from([(INPUT, normalised(network, pixels)?)]);
        let int8 = float.clone();
        Ok(Pair { float, int8 })
    };
    let mut pairs = pictures.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let mut shifts = BTreeMap::new();
    for (index, layer) in network.layers.iter().enumerate() {
        if let Some(shift) = advance(twin, layer, &mut pairs)? {
            shifts.insert(layer.name.clone(), shift);
        }
        for pair in &mut pairs {
            forget(network, index, pair);
        }
        tell(index + 1);
    }
    Ok(shifts)
}

/// Computes `layer` for all pictures in both precisions. The shift of a convolution is
/// returned, and not in the outputs any more.
fn advance<'a>(
    twin: &Twin<'a>,
    layer: &'a Layer,
    pairs: &mut [Pair<'a>],
) -> Result<Option<Vec<f32>>, QuantizeError> {
    let Op::Conv(conv) = &layer.op else {
        for pair in pairs {
            let float = twin.output(layer, Precision::Float, &inputs(&pair.float, layer)?)?;
            let int8 = twin.output(layer, Precision::Int8, &inputs(&pair.int8, layer)?)?;
            pair.float.insert(&layer.name, float);
            pair.int8.insert(&layer.name, int8);
        }
        return Ok(None);
    };
    let mut sums = Vec::with_capacity(pairs.len());
    let mut shift = vec![0.0f64; conv.outputs];
    for pair in &mut *pairs {
        let mut float = twin.sum(layer, Precision::Float, &inputs(&pair.float, layer)?)?;
        let int8 = twin.sum(layer, Precision::Int8, &inputs(&pair.int8, layer)?)?;
        let plane = (float.len() / conv.outputs).max(1);
        let channels = int8.chunks(plane).zip(float.chunks(plane));
        for (shift, (a, b)) in shift.iter_mut().zip(channels) {
            let difference = a.iter().zip(b).map(|(a, b)| f64::from(a - b));
            *shift += difference.sum::<f64>() / plane as f64;
        }
        activate(layer, &mut float);
        pair.float.insert(&layer.name, float);
        sums.push(int8);
    }
    let shift: Vec<f32> = shift
        .iter()
        .map(|sum| (sum / pairs.len() as f64) as f32)
        .collect();
    for (pair, mut values) in pairs.iter_mut().zip(sums) {
        let plane = (values.len() / conv.outputs).max(1);
        for (values, shift) in values.chunks_mut(plane).zip(&shift) {
            values.iter_mut().for_each(|v| *v -= shift);
        }
        activate(layer, &mut values);
        twin.scheme(&layer.name)?.round(&mut values);
        pair.int8.insert(&layer.name, values);
    }
    Ok(Some(shift))
}

/// Drops what no layer behind number `index` reads.
fn forget(network: &Network, index: usize, pair: &mut Pair<'_>) {
    let needed = |name: &str| {
        let later = network.layers.iter().skip(index + 1);
        later
            .flat_map(|layer| &layer.inputs)
            .any(|input| input == name)
    };
    pair.float.retain(|name, _| needed(name));
    pair.int8.retain(|name, _| needed(name));
}

/// `weights` with the shifts taken out of their biases. Quantized with the same ranges, they
/// have the same integer weights as before.
///
/// # Errors
/// As [`bias_shifts`].
pub fn correct_biases(
    network: &Network,
    weights: &FoldedWeights,
    int8: &Dequantized,
    pictures: &[Vec<u8>],
    tell: impl FnMut(usize),
) -> Result<FoldedWeights, QuantizeError> {
    let twin = Twin::new(network, weights, int8)?;
    let shifts = bias_shifts(&twin, pictures, tell)?;
    let mut corrected = weights.clone();
    for (name, conv) in &mut corrected {
        for (bias, shift) in conv
            .bias
            .iter_mut()
            .zip(shifts.get(name).into_iter().flatten())
        {
            *bias -= shift;
        }
    }
    Ok(corrected)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::{Activation, Builder, Conv, detector};
    use crate::quantize::testing::{random_picture, random_weights};
    use crate::quantize::{ConvWeights, TensorScheme};

    /// Two 1x1 convolutions, one after the other.
    fn two_convs() -> Network {
        let mut builder = Builder::new(4, 8);
        let conv = |inputs: usize| Conv {
            inputs,
            outputs: 2,
            kernel: 1,
            stride: 1,
            groups: 1,
            weight: "w".into(),
            bias: crate::network::Bias::Plain("b".into()),
            activation: Activation::None,
        };
        builder.conv("first", INPUT, conv(3));
        builder.conv("second", "first", conv(2));
        builder.finish()
    }

    fn layer(weight: &[f32], bias: [f32; 2]) -> ConvWeights {
        ConvWeights {
            weight: weight.to_vec(),
            bias: bias.to_vec(),
        }
    }

    #[test]
    fn a_known_shift_is_taken_out() {
        let network = two_convs();
        let float = FoldedWeights::from([
            (
                "first".into(),
                layer(&[0.5, -1.0, 0.25, 1.0, 0.5, 0.0], [0.1, -0.2]),
            ),
            ("second".into(), layer(&[1.0, 0.0, 0.5, -0.5], [0.0, 0.3])),
        ]);
        // The first weight of the first layer is rounded up by 0.1, the bias of the second
        // layer by 0.01. Steps so fine that they do not matter.
        let mut weights = float.clone();
        weights.get_mut("first").unwrap().weight[0] += 0.1;
        weights.get_mut("second").unwrap().bias[1] += 0.01;
        let fine = TensorScheme {
            scale: 0.05,
            zero_point: 128,
        };
        let schemes = ["first", "second"].map(|name| (name.to_string(), fine));
        let int8 = Dequantized {
            weights,
            schemes: schemes.into(),
        };
        // Red is 64 steps above the middle throughout: 0.5 as the network reads it.
        let mut picture = vec![127 + 64; 32];
        picture.extend([100; 64]);
        let pictures = [picture.clone(), picture];
        let twin = Twin::new(&network, &float, &int8).unwrap();
        let shifts = bias_shifts(&twin, &pictures, |_| ()).unwrap();
        assert!((shifts["first"][0] - 0.05).abs() < 1e-5, "{shifts:?}");
        assert!(shifts["first"][1].abs() < 1e-5, "{shifts:?}");
        // The first layer's shift does not reach the second any more, only its rounding.
        assert!(shifts["second"][0].abs() < 0.026, "{shifts:?}");
        let corrected = correct_biases(&network, &float, &int8, &pictures, |_| ()).unwrap();
        assert!((corrected["first"].bias[0] - 0.05).abs() < 1e-5);
        assert_eq!(corrected["first"].weight, float["first"].weight);
        assert!(bias_shifts(&twin, &[], |_| ()).is_err());
    }

    #[test]
    fn corrected_networks_are_nearer_to_the_float_mean() {
        let mut random = fastrand::Rng::with_seed(3);
        let network = detector(64, 64);
        let float = random_weights(&network, &mut random);
        let pictures: Vec<_> = (0..2)
            .map(|_| random_picture(&network, &mut random))
            .collect();
        // All weights are too large by a hundredth, as bad rounding might make them.
        let mut weights = float.clone();
        for conv in weights.values_mut() {
            conv.weight.iter_mut().for_each(|w| *w *= 1.01);
        }
        let coarse = TensorScheme {
            scale: 0.01,
            zero_point: 100,
        };
        let scheme = |layer: &Layer| (layer.name.clone(), coarse);
        let schemes = network.layers.iter().map(scheme).collect();
        let int8 = Dequantized { weights, schemes };
        let corrected = correct_biases(&network, &float, &int8, &pictures, |_| ()).unwrap();
        let mut after = int8.clone();
        for (name, conv) in &mut after.weights {
            for (i, bias) in conv.bias.iter_mut().enumerate() {
                *bias += corrected[name].bias[i] - float[name].bias[i];
            }
        }
        let left = |int8: &Dequantized| -> f32 {
            let twin = Twin::new(&network, &float, int8).unwrap();
            let shifts = bias_shifts(&twin, &pictures, |_| ()).unwrap();
            shifts["scores_8"].iter().map(|shift| shift.abs()).sum()
        };
        assert!(
            left(&after) < 1e-3 + 0.05 * left(&int8),
            "{} {}",
            left(&after),
            left(&int8)
        );
    }
}
