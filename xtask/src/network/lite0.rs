//! The detector's body: EfficientNet-Lite0.

use super::{Activation, Bias, Builder, Conv, INPUT};

/// One stage of the body: expansion, kernel, stride, channels, blocks.
///
/// EfficientNet-Lite0 without its last stage: 320 channels at stride 32 cost a quarter of the
/// parameters, and the pyramid would reduce them at once.
const STAGES: [(usize, usize, usize, usize, usize); 6] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
];

/// Stages that end at a stride: 4, 8, 16 and 32.
const TAPS: [(usize, u32); 4] = [(1, 4), (2, 8), (4, 16), (5, 32)];

/// A 1x1 convolution, normalised and clipped; others are made from it.
pub(super) fn conv_norm(weight: &str, norm: &str, inputs: usize, outputs: usize) -> Conv {
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

/// Adds the body; returns stride and name of the layers that end at strides 4, 8, 16 and 32.
///
/// Weight names are those of the pretrained file.
pub(super) fn body(b: &mut Builder) -> Vec<(u32, String)> {
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
        if let Some((_, stride)) = TAPS.iter().find(|(tap, _)| *tap == stage) {
            taps.push((*stride, last.clone()));
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
