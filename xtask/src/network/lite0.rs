//! The shipped detector: EfficientNet-Lite0 body, light feature pyramid, shared heads.

use super::{Activation, Bias, Builder, Conv, Head, INPUT, Network};
use lookout::class::ObjectClass;

/// Channels of the pyramid and the heads.
pub const HEAD_CHANNELS: usize = 96;

/// Depthwise-separable layers of each head tower.
const TOWER_LAYERS: usize = 2;

/// One stage of the body: expansion, kernel, stride, channels, blocks.
///
/// EfficientNet-Lite0 without its last stage: 320 channels at stride 32 cost a quarter of the
/// parameters, and the pyramid would reduce them to [`HEAD_CHANNELS`] at once.
const STAGES: [(usize, usize, usize, usize, usize); 6] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
];

/// Stages whose output feeds the pyramid: strides 8, 16 and 32.
const TAPS: [usize; 3] = [2, 4, 5];

/// Anchors of the three levels, `[width, height]` in input pixels: persons stand near 0.46,
/// cars seen from behind near 1.1, seen from the side near 2. Sizes follow the boxes of
/// driving data at 512 pixels' width, which are small.
const ANCHORS: [[[f32; 2]; 3]; 3] = [
    [[9.0, 20.0], [18.0, 16.0], [34.0, 22.0]],
    [[24.0, 54.0], [46.0, 42.0], [84.0, 54.0]],
    [[64.0, 140.0], [120.0, 105.0], [240.0, 150.0]],
];

/// The detector for an input of `height` x `width` pixels, multiples of 32.
///
/// Weight names of the body are those of the pretrained file.
pub fn detector(height: usize, width: usize) -> Network {
    let mut b = Builder::new(height, width);
    let features = body(&mut b);
    let levels = pyramid(&mut b, &features);
    for ((level, stride), anchors) in levels.iter().zip([8, 16, 32]).zip(ANCHORS) {
        heads(&mut b, level, stride, &anchors);
    }
    b.finish()
}

fn conv_norm(weight: &str, norm: &str, inputs: usize, outputs: usize) -> Conv {
    Conv {
        inputs,
        outputs,
        kernel: 1,
        stride: 1,
        groups: 1,
        weight: weight.into(),
        bias: Bias::Norm(norm.into()),
        activation: Activation::Relu6,
    }
}

/// Returns the names of the layers at strides 8, 16 and 32.
fn body(b: &mut Builder) -> Vec<String> {
    let stem = Conv {
        kernel: 3,
        stride: 2,
        ..conv_norm("_conv_stem", "_bn0", 3, 32)
    };
    let mut last = b.conv("stem", INPUT, stem);
    let (mut block, mut taps) = (0, Vec::new());
    for (stage, (expansion, kernel, stride, channels, repeats)) in STAGES.into_iter().enumerate() {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { stride } else { 1 };
            last = inverted_residual(b, &last, block, expansion, kernel, stride, channels);
            block += 1;
        }
        if TAPS.contains(&stage) {
            taps.push(last.clone());
        }
    }
    taps
}

fn inverted_residual(
    b: &mut Builder,
    input: &str,
    block: usize,
    expansion: usize,
    kernel: usize,
    stride: usize,
    channels: usize,
) -> String {
    let weight = |part: &str| format!("_blocks.{block}.{part}");
    let layer = |part: &str| format!("block{block}.{part}");
    let inputs = b.shape(input)[0];
    let wide = inputs * expansion;
    let mut last = input.to_string();
    if expansion > 1 {
        let conv = conv_norm(&weight("_expand_conv"), &weight("_bn0"), inputs, wide);
        last = b.conv(&layer("expand"), &last, conv);
    }
    let conv = conv_norm(&weight("_depthwise_conv"), &weight("_bn1"), wide, wide);
    let conv = Conv {
        kernel,
        stride,
        groups: wide,
        ..conv
    };
    last = b.conv(&layer("depthwise"), &last, conv);
    let conv = conv_norm(&weight("_project_conv"), &weight("_bn2"), wide, channels);
    last = b.conv(
        &layer("project"),
        &last,
        Conv {
            activation: Activation::None,
            ..conv
        },
    );
    if stride == 1 && inputs == channels {
        last = b.add(&layer("add"), &last, input);
    }
    last
}

/// A depthwise 3x3 or 5x5 and a 1x1 convolution, each normalised and clipped. `weight` names
/// the weights and `norm` the normalisations, so that levels can share the former only.
fn separable(
    b: &mut Builder,
    name: &str,
    input: &str,
    kernel: usize,
    weight: &str,
    norm: &str,
) -> String {
    let c = b.shape(input)[0];
    let depthwise = Conv {
        kernel,
        groups: c,
        ..conv_norm(
            &format!("{weight}.depthwise"),
            &format!("{norm}.depthwise_norm"),
            c,
            c,
        )
    };
    let last = b.conv(&format!("{name}.depthwise"), input, depthwise);
    let pointwise = conv_norm(
        &format!("{weight}.pointwise"),
        &format!("{norm}.pointwise_norm"),
        c,
        c,
    );
    b.conv(&format!("{name}.pointwise"), &last, pointwise)
}

/// Returns the names of the pyramid's levels, finest first.
fn pyramid(b: &mut Builder, features: &[String]) -> Vec<String> {
    let mut levels: Vec<String> = Vec::new();
    for (index, feature) in features.iter().enumerate().rev() {
        let name = format!("pyramid{}", index + 3);
        let channels = b.shape(feature)[0];
        let lateral = format!("{name}.lateral");
        let conv = conv_norm(
            &lateral,
            &format!("{lateral}_norm"),
            channels,
            HEAD_CHANNELS,
        );
        let mut last = b.conv(&lateral, feature, conv);
        if let Some(coarser) = levels.last() {
            let up = b.upsample2(&format!("{name}.up"), coarser);
            last = b.add(&format!("{name}.add"), &last, &up);
        }
        let smooth = format!("{name}.smooth");
        levels.push(separable(b, &smooth, &last, 5, &smooth, &smooth));
    }
    levels.reverse();
    levels
}

/// Class and box towers on one level. Their weights are shared by all levels, as in
/// RetinaNet; the normalisations are each level's own, because the statistics differ.
fn heads(b: &mut Builder, level: &str, stride: u32, anchors: &[[f32; 2]]) {
    let mut output = |tower: &str, channels: usize| {
        let mut last = level.to_string();
        for i in 0..TOWER_LAYERS {
            let weight = format!("head.{tower}{i}");
            let name = format!("{weight}.stride{stride}");
            last = separable(b, &name, &last, 3, &weight, &name);
        }
        let conv = Conv {
            bias: Bias::Plain(format!("head.{tower}_bias")),
            activation: Activation::None,
            ..conv_norm(
                &format!("head.{tower}"),
                "",
                HEAD_CHANNELS,
                channels * anchors.len(),
            )
        };
        b.conv(&format!("{tower}_{stride}"), &last, conv)
    };
    let scores = output("scores", ObjectClass::COUNT);
    let boxes = output("boxes", 4);
    b.head(Head {
        scores,
        boxes,
        stride,
        anchors: anchors.to_vec(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Op;

    #[test]
    fn shapes_follow_the_input() {
        for (height, width) in [(288, 512), (32, 32), (128, 1024), (96, 160)] {
            let net = detector(height, width);
            for head in &net.heads {
                let stride = head.stride as usize;
                let cells = [height / stride, width / stride];
                let scores = net.layer(&head.scores).map(|l| l.shape);
                let boxes = net.layer(&head.boxes).map(|l| l.shape);
                assert_eq!(scores, Some([24, cells[0], cells[1]]));
                assert_eq!(boxes, Some([12, cells[0], cells[1]]));
            }
        }
    }

    #[test]
    fn every_input_is_computed_before_it_is_read() {
        let net = detector(64, 64);
        let mut known = vec![INPUT.to_string()];
        for layer in &net.layers {
            assert!(
                layer.inputs.iter().all(|i| known.contains(i)),
                "{}",
                layer.name
            );
            known.push(layer.name.clone());
        }
    }

    #[test]
    fn head_weights_are_shared_and_body_weights_are_not() {
        let net = detector(64, 64);
        let users = |weight: &str| {
            let uses = |op: &Op| matches!(op, Op::Conv(c) if c.weight == weight);
            net.layers.iter().filter(|l| uses(&l.op)).count()
        };
        assert_eq!(users("head.scores0.pointwise"), 3);
        assert_eq!(users("head.boxes"), 3);
        assert_eq!(users("_blocks.3._expand_conv"), 1);
    }

    #[test]
    fn channels_suit_the_integer_kernels() {
        let net = detector(288, 512);
        for layer in &net.layers {
            if let Op::Conv(c) = &layer.op
                && !layer.name.starts_with("scores_")
                && !layer.name.starts_with("boxes_")
            {
                assert_eq!(c.outputs % 8, 0, "{}", layer.name);
            }
        }
        assert!(net.parameters() < 3_500_000, "{}", net.parameters());
    }
}
