//! The detector: the body, a light feature pyramid, heads.

use super::lite0::{body, conv_norm};
use super::{Activation, Bias, Builder, Conv, Head, Network};
use lookout::class::ObjectClass;

/// Anchors of each stride, `[width, height]` in input pixels: persons stand near 0.46, cars
/// seen from behind near 1.1, seen from the side near 2. Sizes follow the boxes of driving
/// data at 512 pixels' width, which are small.
pub const DEFAULT_ANCHORS: [(u32, [[f32; 2]; 3]); 5] = [
    (4, [[4.0, 9.0], [9.0, 8.0], [16.0, 11.0]]),
    (8, [[9.0, 20.0], [18.0, 16.0], [34.0, 22.0]]),
    (16, [[24.0, 54.0], [46.0, 42.0], [84.0, 54.0]]),
    (32, [[64.0, 140.0], [120.0, 105.0], [240.0, 150.0]]),
    (64, [[150.0, 280.0], [270.0, 240.0], [440.0, 270.0]]),
];

/// Level of the body's coarsest features.
const BODY_STRIDE_MAX: u32 = 32;

/// The form of a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Coarse features are mixed into fine ones.
    pub pyramid: bool,
    /// Channels of the pyramid and the heads.
    pub head_channels: usize,
    /// Separable convolutions in front of each output.
    pub tower_layers: usize,
    /// One set of kernels for the heads of all levels.
    pub shared_heads: bool,
    /// Stride and anchors of each level, finest first; `[width, height]` in input pixels.
    pub levels: Vec<(u32, Vec<[f32; 2]>)>,
}

impl Default for Architecture {
    /// That of the shipped models.
    fn default() -> Self {
        let shipped = |(stride, _): &&(u32, _)| (8..=32).contains(stride);
        let level = |(stride, shapes): &(u32, [[f32; 2]; 3])| (*stride, shapes.to_vec());
        Self {
            pyramid: true,
            head_channels: 96,
            tower_layers: 2,
            shared_heads: true,
            levels: DEFAULT_ANCHORS.iter().filter(shipped).map(level).collect(),
        }
    }
}

/// The shipped detector for an input of `height` x `width` pixels, multiples of 32.
pub fn detector(height: usize, width: usize) -> Network {
    Architecture::default().network(height, width)
}

impl Architecture {
    /// The network for an input of `height` x `width` pixels, multiples of the coarsest stride.
    pub fn network(&self, height: usize, width: usize) -> Network {
        let mut b = Builder::new(height, width);
        let features = body(&mut b);
        let is_used = |(stride, _): &&(u32, String)| self.levels.iter().any(|(s, _)| s == stride);
        let features: Vec<_> = features.iter().filter(is_used).cloned().collect();
        let mut levels = if self.pyramid {
            self.mix(&mut b, &features)
        } else {
            features.into_iter().map(|(_, name)| name).collect()
        };
        for (stride, _) in self.levels.iter().filter(|(s, _)| *s > BODY_STRIDE_MAX) {
            if let Some(finer) = levels.last().cloned() {
                let name = format!("pyramid{}.down", stride.ilog2());
                levels.push(down(&mut b, &name, &finer));
            }
        }
        for (level, (stride, anchors)) in levels.iter().zip(&self.levels) {
            self.heads(&mut b, level, *stride, anchors);
        }
        b.finish()
    }

    /// Returns the names of the pyramid's levels, finest first.
    fn mix(&self, b: &mut Builder, features: &[(u32, String)]) -> Vec<String> {
        let mut levels: Vec<String> = Vec::new();
        for (stride, feature) in features.iter().rev() {
            let name = format!("pyramid{}", stride.ilog2());
            let channels = b.shape(feature)[0];
            let lateral = format!("{name}.lateral");
            let norm = format!("{lateral}_norm");
            let conv = conv_norm(&lateral, &norm, channels, self.head_channels);
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

    /// Class and box towers on one level. Where their weights are shared by all levels, as in
    /// RetinaNet, the normalisations are each level's own, because the statistics differ.
    fn heads(&self, b: &mut Builder, level: &str, stride: u32, anchors: &[[f32; 2]]) {
        let mut output = |tower: &str, channels: usize| {
            let mut last = level.to_string();
            for i in 0..self.tower_layers {
                let shared = format!("head.{tower}{i}");
                let name = format!("{shared}.stride{stride}");
                let weight = if self.shared_heads { &shared } else { &name };
                last = separable(b, &name, &last, 3, weight, &name);
            }
            let own = if self.shared_heads {
                format!("head.{tower}")
            } else {
                format!("head.{tower}.stride{stride}")
            };
            let conv = Conv {
                bias: Bias::Plain(format!("{own}_bias")),
                activation: Activation::None,
                // Without a tower the output itself looks around, as in SSD.
                kernel: if self.tower_layers == 0 { 3 } else { 1 },
                ..conv_norm(&own, "", b.shape(&last)[0], channels * anchors.len())
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
}

/// A level of half the size.
fn down(b: &mut Builder, name: &str, finer: &str) -> String {
    let c = b.shape(finer)[0];
    let depthwise = Conv {
        kernel: 3,
        stride: 2,
        groups: c,
        ..conv_norm(
            &format!("{name}.depthwise"),
            &format!("{name}.depthwise_norm"),
            c,
            c,
        )
    };
    let last = b.conv(&format!("{name}.depthwise"), finer, depthwise);
    let pointwise = conv_norm(
        &format!("{name}.pointwise"),
        &format!("{name}.pointwise_norm"),
        c,
        c,
    );
    b.conv(&format!("{name}.pointwise"), &last, pointwise)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{INPUT, Op};

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
    fn every_form_has_the_levels_that_it_is_asked_for() {
        let shapes = |strides: &[u32]| -> Vec<(u32, Vec<[f32; 2]>)> {
            strides
                .iter()
                .map(|s| (*s, vec![[*s as f32; 2]; 2]))
                .collect()
        };
        for (pyramid, shared_heads, tower_layers, strides) in [
            (false, false, 0, [8, 16, 32].as_slice()),
            (false, false, 1, &[8, 16, 32, 64]),
            (true, true, 4, &[4, 8, 16, 32]),
            (true, false, 2, &[8, 16, 32, 64]),
        ] {
            let architecture = Architecture {
                pyramid,
                shared_heads,
                tower_layers,
                head_channels: 64,
                levels: shapes(strides),
            };
            let net = architecture.network(128, 192);
            assert_eq!(net.heads.len(), strides.len());
            for head in &net.heads {
                let cells = [128 / head.stride as usize, 192 / head.stride as usize];
                let shape = net.layer(&head.scores).map(|l| l.shape);
                assert_eq!(shape, Some([16, cells[0], cells[1]]), "{architecture:?}");
            }
        }
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
