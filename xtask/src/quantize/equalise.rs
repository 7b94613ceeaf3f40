//! Cross-layer equalisation (Nagel et al., 2019, section 4.1), for activations.
//!
//! All channels of a tensor share one step, so that a channel of small values has few of its
//! 256 integers left. Where only convolutions read a tensor, channel `c` can be divided by
//! `s[c] <= 1` in the layer that makes it (weights and bias), and the weights that read it be
//! multiplied by `s[c]`: the network computes the same. Sums and upsamplings tie tensors
//! together, so a whole chain of residuals is divided alike.
//!
//! Every output channel has a weight step of its own, so dividing costs nothing, nor does
//! multiplying where the readers are depthwise; readers that mix channels lose some of their
//! weights' precision. So how far a tensor is evened out, from not at all to all channels
//! alike, is chosen by the noise that rounding of it and of its readers' weights is expected
//! to make in what they compute.
//!
//! ReLU6 is in the way of it: behind the division it would clip at `6 * s[c]` of the old
//! channel. So a channel is divided only as far as the largest value that it had on the
//! calibration pictures, with a margin, stays below 6, and a channel that reaches 6 is left as
//! it is. On pictures with larger values than all of those the clip does come sooner.

use super::layers::is_relu6;
use super::{Channel, FoldedWeights, QuantizeError, check_network, layer_weights};
use crate::network::{Conv, Layer, Network, Op};
use std::collections::BTreeMap;

/// Upper end of ReLU6.
const RELU6_MAX: f32 = 6.0;

/// By how much a channel's values on other pictures may be larger.
const MARGIN: f32 = 1.25;

/// Least factor; channels that are smaller still carry next to nothing.
const SCALE_MIN: f32 = 1.0 / 64.0;

/// How far channels may be evened out: a channel that is smaller than the largest by a factor
/// is divided by this power of the factor.
const EXPONENTS: [f32; 6] = [0.0, 0.25, 0.5, 0.65, 0.8, 1.0];

/// Steps of an activation and of a weight, from the least to the greatest value.
const ACTIVATION_STEPS: f64 = 255.0;
const WEIGHT_STEPS: f64 = 127.0;

/// The same network with evener channels, by what [`super::channels`] found.
pub fn equalise(
    network: &Network,
    weights: &FoldedWeights,
    channels: &BTreeMap<String, Vec<Channel>>,
) -> Result<FoldedWeights, QuantizeError> {
    check_network(network)?;
    let mut evened = weights.clone();
    for group in groups(network) {
        let Some(readers) = readers(network, &group) else {
            continue;
        };
        let member = |layer: &&Layer| {
            let found = channels.get(&layer.name);
            let channels = found.ok_or_else(|| QuantizeError::RangeMissing(layer.name.clone()))?;
            let relu6 = is_relu6(layer);
            Ok(Member { channels, relu6 })
        };
        let members = group.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        let scales = best_scales(&members, &readers, weights, channels)?;
        for layer in group.iter().filter(|l| matches!(l.op, Op::Conv(_))) {
            divide_outputs(&mut evened, layer, &scales)?;
        }
        for (reader, conv) in readers {
            multiply_inputs(&mut evened, reader, conv, &scales)?;
        }
    }
    Ok(evened)
}

/// Layers whose outputs must be divided alike: those that sums and upsamplings tie together.
fn groups(network: &Network) -> Vec<Vec<&Layer>> {
    let mut groups: Vec<Vec<&Layer>> = Vec::new();
    for layer in &network.layers {
        let mut joined = vec![layer];
        if !matches!(layer.op, Op::Conv(_)) {
            let (tied, free) = groups
                .into_iter()
                .partition(|group| group.iter().any(|l| layer.inputs.contains(&l.name)));
            groups = free;
            joined.extend(Vec::into_iter(tied).flatten());
        }
        groups.push(joined);
    }
    groups
}

/// The convolutions that read `group`; `None` where it may not be divided, because nothing
/// reads it, because it is an output, or because a reader is of a kind not known here.
fn readers<'a>(network: &'a Network, group: &[&Layer]) -> Option<Vec<(&'a Layer, &'a Conv)>> {
    let has = |name: &String| group.iter().any(|layer| layer.name == *name);
    let mut heads = network.heads.iter();
    let ties_picture = group.iter().any(|layer| {
        !matches!(layer.op, Op::Conv(_)) && layer.inputs.iter().any(|name| !has(name))
    });
    if ties_picture || heads.any(|head| has(&head.scores) || has(&head.boxes)) {
        return None;
    }
    // What ties is in the group itself; the others are convolutions.
    let conv = |layer: &'a Layer| match &layer.op {
        Op::Conv(conv) => Some((layer, conv)),
        Op::Add | Op::Upsample2 => None,
    };
    let layers = network.layers.iter();
    let readers = layers.filter(|layer| layer.inputs.iter().any(has));
    let readers: Vec<_> = readers.filter_map(conv).collect();
    let known = |(_, conv): &(&Layer, &Conv)| is_depthwise(conv) || conv.groups == 1;
    (!readers.is_empty() && readers.iter().all(known)).then_some(readers)
}

fn is_depthwise(conv: &Conv) -> bool {
    conv.groups == conv.inputs && conv.groups == conv.outputs
}

/// A layer of a group.
#[derive(Clone, Copy)]
struct Member<'a> {
    channels: &'a [Channel],
    relu6: bool,
}

/// Of what the channels of a group may be divided by, what makes the least noise.
fn best_scales(
    members: &[Member<'_>],
    readers: &[(&Layer, &Conv)],
    weights: &FoldedWeights,
    channels: &BTreeMap<String, Vec<Channel>>,
) -> Result<Vec<f32>, QuantizeError> {
    let mut best = (f64::INFINITY, Vec::new());
    for exponent in EXPONENTS {
        let scales = scales(members, exponent);
        let mut noise = 0.0;
        for (reader, conv) in readers {
            let weight = &layer_weights(weights, &reader.name, conv)?.weight;
            let input = channels.get(&reader.inputs[0]);
            let input = input.ok_or_else(|| QuantizeError::RangeMissing(reader.name.clone()))?;
            noise += reader_noise(conv, weight, input, &scales);
        }
        if noise < best.0 || best.1.is_empty() {
            best = (noise, scales);
        }
    }
    Ok(best.1)
}

/// What each channel of a group is to be divided by.
fn scales(members: &[Member<'_>], exponent: f32) -> Vec<f32> {
    let count = members.iter().map(|m| m.channels.len()).min().unwrap_or(0);
    let size = |relu6_only: bool, channel: usize| {
        let members = members.iter().filter(|m| m.relu6 || !relu6_only);
        members.fold(0.0f32, |max, m| max.max(m.channels[channel].size))
    };
    let largest = (0..count).fold(0.0f32, |max, c| max.max(size(false, c)));
    let mut all = members.iter().flat_map(|m| m.channels);
    let finite = all.all(|channel| channel.size.is_finite());
    let scale = |channel| {
        let wanted = (size(false, channel) / largest).powf(exponent);
        // What keeps the channel below the clip.
        let allowed = MARGIN * size(true, channel) / RELU6_MAX;
        wanted.max(allowed).clamp(SCALE_MIN, 1.0)
    };
    if finite && largest > 0.0 {
        (0..count).map(scale).collect()
    } else {
        vec![1.0; count]
    }
}

/// Noise in what `conv` computes, against its signal, when its input `channels` are divided by
/// `scales`: from rounding the input, all channels in the same steps, and from rounding the
/// weights, each output's in its own. Errors and values are taken to be independent.
fn reader_noise(conv: &Conv, weight: &[f32], channels: &[Channel], scales: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let divided = channels.iter().zip(scales);
    let sizes = divided.map(|(channel, scale)| channel.size / scale);
    let step = f64::from(sizes.fold(0.0f32, f32::max)) / ACTIVATION_STEPS;
    let (taps, per_group) = (conv.kernel * conv.kernel, conv.inputs / conv.groups);
    let (mut noise, mut signal) = (0.0, 0.0);
    for (output, kernels) in weight.chunks(taps * per_group).enumerate() {
        let first = output / (conv.outputs / conv.groups) * per_group;
        let inputs = channels.iter().zip(scales).skip(first);
        let (mut largest, mut gain, mut read) = (0.0f32, 0.0, 0.0);
        for (kernel, (channel, scale)) in kernels.chunks(taps).zip(inputs) {
            for w in kernel {
                largest = largest.max((w * scale).abs());
                gain += square(w * scale);
                read += channel.mean_square / square(*scale);
                signal += channel.mean_square * square(*w);
            }
        }
        let weight_step = f64::from(largest) / WEIGHT_STEPS;
        noise += (step * step * gain + weight_step * weight_step * read) / 12.0;
    }
    if signal > 0.0 { noise / signal } else { 0.0 }
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
    use crate::quantize::{LayerEngine, channels};
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
            let found = channels(&network, &weights, &pictures, |_| ()).unwrap();
            let evened = equalise(&network, &weights, &found).unwrap();
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
        let of_sizes = |sizes: &[f32]| -> Vec<Channel> {
            let mean_square = 0.1;
            let channel = |size: &f32| Channel {
                size: *size,
                mean_square,
            };
            sizes.iter().map(channel).collect()
        };
        let alone = |sizes: &[f32], relu6, exponent| {
            let channels = &of_sizes(sizes);
            scales(&[Member { channels, relu6 }], exponent)
        };
        // A channel at the clip fills the range, the others are stretched to it.
        about(alone(&[6.0, 3.0, 0.0], true, 1.0), &[1.0, 0.625, SCALE_MIN]);
        // With a margin 4.8 is 6 already.
        about(alone(&[4.8, 1.2], true, 1.0), &[1.0, 0.25]);
        // No clip is in the way of sums.
        about(alone(&[80.0, 20.0], false, 1.0), &[1.0, 0.25]);
        about(alone(&[80.0, 20.0], false, 0.5), &[1.0, 0.5]);
        about(alone(&[80.0, 20.0], false, 0.0), &[1.0, 1.0]);
        about(alone(&[0.0, 0.0], true, 1.0), &[1.0, 1.0]);
        about(alone(&[f32::NAN, f32::INFINITY], false, 1.0), &[1.0, 1.0]);
        // The larger of two tied tensors counts, and the clip of either.
        let (clipped, sum) = (of_sizes(&[4.8, 0.1]), of_sizes(&[9.6, 4.8]));
        let tied = [(&sum, false), (&clipped, true)];
        let tied = tied.map(|(channels, relu6)| Member { channels, relu6 });
        about(scales(&tied, 1.0), &[1.0, 0.5]);
    }

    #[test]
    fn noise_decides_how_far_to_go() {
        let channel = |size: f32| Channel {
            size,
            mean_square: f64::from(size * size) / 9.0,
        };
        let dense = |groups| Conv {
            inputs: 2,
            outputs: 2,
            kernel: 1,
            stride: 1,
            groups,
            weight: "w".into(),
            bias: crate::network::Bias::Plain("b".into()),
            activation: crate::network::Activation::None,
        };
        let channels = [channel(6.0), channel(0.06)];
        let noise = |conv: &Conv, weight: &[f32], small: f32| {
            reader_noise(conv, weight, &channels, &[1.0, small])
        };
        // A depthwise reader: the further the better.
        let depthwise = dense(2);
        assert!(
            noise(&depthwise, &[1.0, 100.0], 0.01) < 0.01 * noise(&depthwise, &[1.0, 100.0], 1.0)
        );
        // Weights that make up for small channels: the same.
        let mixing = [1.0, 100.0, 1.0, -100.0];
        assert!(noise(&dense(1), &mixing, 0.01) < 0.01 * noise(&dense(1), &mixing, 1.0));
        // Small weights for small channels: nothing to gain, all to lose.
        let even = [1.0, 0.01, 1.0, 0.01];
        assert!(noise(&dense(1), &even, 0.01) >= noise(&dense(1), &even, 1.0));
    }

    #[test]
    fn only_tensors_that_convolutions_alone_read_are_touched() {
        let network = detector(32, 32);
        let group = |name: &str| {
            let groups = groups(&network).into_iter();
            let mut groups = groups.filter(|group| group.iter().any(|l| l.name == name));
            groups.next().unwrap()
        };
        let touched = |name: &str| readers(&network, &group(name)).is_some();
        assert!(touched("block3.expand") && touched("block3.depthwise"));
        // Nobody reads it.
        assert!(!touched("scores_8"));
        // A chain of residuals, and who reads it.
        let mut chain: Vec<&str> = group("block5.project")
            .iter()
            .map(|l| l.name.as_str())
            .collect();
        chain.sort_unstable();
        let mut expected = vec![
            "block5.project",
            "block6.add",
            "block6.project",
            "block7.add",
        ];
        expected.push("block7.project");
        assert_eq!(chain, expected);
        let names: Vec<&str> = readers(&network, &group("block5.project"))
            .unwrap()
            .iter()
            .map(|(layer, _)| layer.name.as_str())
            .collect();
        assert_eq!(names, ["block6.expand", "block7.expand", "block8.expand"]);
        assert!(touched("pyramid4.add"));
        let depthwise = network.layer("block3.depthwise").unwrap();
        let Op::Conv(conv) = &depthwise.op else {
            unreachable!()
        };
        assert!(is_depthwise(conv));
    }
}
