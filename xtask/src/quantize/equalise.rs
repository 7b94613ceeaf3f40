//! Cross-layer equalisation (Nagel et al., 2019, section 4.1), for activations.
//!
//! All channels of a tensor share one step, so that a channel of small values has few of its
//! 256 integers left. Where only convolutions read a tensor, channel `c` can be divided by
//! `s[c] <= 1` in the layer that makes it (weights and bias), and the weights that read it be
//! multiplied by `s[c]`: the network computes the same. Every output channel has a weight step
//! of its own, so the first costs nothing, nor does the second where the reader is depthwise;
//! a reader that mixes channels loses some of its weights' precision, and gets only the root.
//!
//! ReLU6 is in the way of it: behind the division it would clip at `6 * s[c]` of the old
//! channel. So a channel is divided only as far as the largest value that it had on the
//! calibration pictures, with a margin, stays below 6, and a channel that reaches 6 is left as
//! it is. On pictures with larger values than all of those the clip does come sooner.

use super::layers::is_relu6;
use super::{FoldedWeights, QuantizeError, check_network};
use crate::network::{Conv, Layer, Network, Op};
use std::collections::BTreeMap;

/// Upper end of ReLU6.
const RELU6_MAX: f32 = 6.0;

/// By how much a channel's values on other pictures may be larger.
const MARGIN: f32 = 1.25;

/// Least factor; channels that are smaller still carry next to nothing.
const SCALE_MIN: f32 = 1.0 / 16.0;

/// The same network with evener channels. `sizes` holds the largest absolute value of each
/// output channel, as [`super::channel_sizes`] finds it.
pub fn equalise(
    network: &Network,
    weights: &FoldedWeights,
    sizes: &BTreeMap<String, Vec<f32>>,
) -> Result<FoldedWeights, QuantizeError> {
    check_network(network)?;
    let mut evened = weights.clone();
    for layer in &network.layers {
        let Some(readers) = readers(network, layer) else {
            continue;
        };
        let sizes = sizes.get(&layer.name);
        let sizes = sizes.ok_or_else(|| QuantizeError::RangeMissing(layer.name.clone()))?;
        let depthwise = readers.iter().all(|(_, conv)| is_depthwise(conv));
        let scales = scales(sizes, is_relu6(layer), depthwise);
        divide_outputs(&mut evened, layer, &scales)?;
        for (reader, conv) in readers {
            multiply_inputs(&mut evened, reader, conv, &scales)?;
        }
    }
    Ok(evened)
}

/// The convolutions that read `layer`, a convolution itself; `None` where anything else reads
/// it or nothing does.
fn readers<'a>(network: &'a Network, layer: &Layer) -> Option<Vec<(&'a Layer, &'a Conv)>> {
    let is_conv = matches!(layer.op, Op::Conv(_));
    let reads = |reader: &&Layer| reader.inputs.contains(&layer.name);
    let conv = |reader: &'a Layer| match &reader.op {
        Op::Conv(conv) if is_depthwise(conv) || conv.groups == 1 => Some((reader, conv)),
        _ => None,
    };
    let readers: Option<Vec<_>> = network.layers.iter().filter(reads).map(conv).collect();
    readers.filter(|readers| is_conv && !readers.is_empty())
}

fn is_depthwise(conv: &Conv) -> bool {
    conv.groups == conv.inputs && conv.groups == conv.outputs
}

/// What each channel is to be divided by.
fn scales(sizes: &[f32], relu6: bool, depthwise: bool) -> Vec<f32> {
    let with_margin = |size: f32| {
        let size = MARGIN * size;
        if relu6 { size.min(RELU6_MAX) } else { size }
    };
    let largest = sizes.iter().fold(0.0f32, |max, s| max.max(with_margin(*s)));
    let scale = |size: &f32| {
        let share = with_margin(*size) / largest;
        let scale = if depthwise { share } else { share.sqrt() };
        // Also where nothing was ever put out, or what was put out is no number.
        if scale > SCALE_MIN {
            scale.min(1.0)
        } else {
            SCALE_MIN
        }
    };
    if largest.is_finite() && largest > 0.0 {
        sizes.iter().map(scale).collect()
    } else {
        vec![1.0; sizes.len()]
    }
}

fn divide_outputs(
    weights: &mut FoldedWeights,
    layer: &Layer,
    scales: &[f32],
) -> Result<(), QuantizeError> {
    let conv = weights.get_mut(&layer.name);
    let conv = conv.ok_or_else(|| QuantizeError::WeightsMissing(layer.name.clone()))?;
    let per_output = (conv.weight.len() / scales.len().max(1)).max(1);
    for (row, scale) in conv.weight.chunks_mut(per_output).zip(scales) {
        row.iter_mut().for_each(|w| *w /= scale);
    }
    conv.bias.iter_mut().zip(scales).for_each(|(b, s)| *b /= s);
    Ok(())
}

fn multiply_inputs(
    weights: &mut FoldedWeights,
    layer: &Layer,
    conv: &Conv,
    scales: &[f32],
) -> Result<(), QuantizeError> {
    let floats = weights.get_mut(&layer.name);
    let floats = floats.ok_or_else(|| QuantizeError::WeightsMissing(layer.name.clone()))?;
    let taps = conv.kernel * conv.kernel;
    // Kernels of one tap set each: channel after channel, again for every output; a depthwise
    // layer has one for each channel.
    for (kernel, scale) in floats.weight.chunks_mut(taps).zip(scales.iter().cycle()) {
        kernel.iter_mut().for_each(|w| *w *= scale);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::detector;
    use crate::quantize::testing::{random_picture, random_weights};
    use crate::quantize::{LayerEngine, channel_sizes};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn the_float_network_computes_the_same(seed in any::<u64>(), spread in 0.0f32..4.0) {
            let mut random = fastrand::Rng::with_seed(seed);
            let network = detector(32, 32);
            let mut weights = random_weights(&network, &mut random);
            // Channels of very different sizes, as training makes them.
            for conv in weights.values_mut() {
                let per_output = conv.weight.len() / conv.bias.len();
                for (row, bias) in conv.weight.chunks_mut(per_output).zip(&mut conv.bias) {
                    let size = (-spread * random.f32()).exp();
                    row.iter_mut().for_each(|w| *w *= size);
                    *bias *= size;
                }
            }
            let pictures: Vec<_> = (0..2).map(|_| random_picture(&network, &mut random)).collect();
            let sizes = channel_sizes(&network, &weights, &pictures, |_| ()).unwrap();
            let evened = equalise(&network, &weights, &sizes).unwrap();
            prop_assert!(evened != weights);
            let engines = [&weights, &evened].map(|w| LayerEngine::new(&network, w).unwrap());
            for picture in &pictures {
                let [a, b] = engines.each_ref().map(|e| e.run(&network, picture).unwrap());
                for name in network.heads.iter().flat_map(|head| [&head.scores, &head.boxes]) {
                    let (a, b) = (&a[name.as_str()], &b[name.as_str()]);
                    let size = a.iter().fold(1e-3f32, |max, v| max.max(v.abs()));
                    for (a, b) in a.iter().zip(b) {
                        prop_assert!((a - b).abs() < 1e-3 * size, "{name}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn channels_are_divided_as_far_as_they_may_be() {
        let about = |found: Vec<f32>, expected: &[f32]| {
            let pairs = found.iter().zip(expected);
            assert!(
                pairs.clone().all(|(a, b)| (a - b).abs() < 1e-5),
                "{found:?} {expected:?}"
            );
            assert_eq!(found.len(), expected.len());
        };
        // A channel at the clip fills the range, the others are stretched to it.
        about(scales(&[6.0, 2.4, 0.0], true, true), &[1.0, 0.5, SCALE_MIN]);
        // With a margin 4.8 is 6 already.
        about(scales(&[4.8, 1.2], true, true), &[1.0, 0.25]);
        // A reader that mixes channels gets the root.
        about(scales(&[8.0, 2.0], false, false), &[1.0, 0.5]);
        about(scales(&[0.0, 0.0], true, true), &[1.0, 1.0]);
        about(scales(&[f32::NAN, f32::INFINITY], false, true), &[1.0, 1.0]);
    }

    #[test]
    fn only_tensors_that_convolutions_alone_read_are_touched() {
        let network = detector(32, 32);
        let touched = |name: &str| readers(&network, network.layer(name).unwrap()).is_some();
        assert!(touched("block3.expand") && touched("block3.depthwise"));
        // Read by a sum as well, or by nobody.
        assert!(!touched("block3.project") && !touched("scores_8"));
        let depthwise = network.layer("block3.depthwise").unwrap();
        let Op::Conv(conv) = &depthwise.op else {
            unreachable!()
        };
        assert!(is_depthwise(conv));
    }
}
