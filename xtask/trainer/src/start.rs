//! Starts a training from a finished model instead of from the pretrained body.
//!
//! A finished model holds folded convolutions: kernel and normalisation as one. Here they are
//! taken apart again, so that training goes on as it began: every kernel gets the length that
//! it has in a fresh network, every normalisation the mean and variance that it meets on
//! training images, and a scale and an offset such that both give what the finished
//! convolution gave.

use crate::model::{Mode, Model, channels_last};
use std::collections::BTreeSet;
use tch::{Kind, Tensor, no_grad};
use xtask::network::{Bias, Conv, NORM_EPSILON, Op};
use xtask::quantize::{ConvWeights, FoldedWeights};

/// A kernel shorter than this says nothing: its channel is constant.
const LENGTH_MIN: f64 = 1e-6;

/// Sets `model`'s weights to the `finished` ones. `pixels` are `u8`
/// `[images, 3, height, width]` of training images, some dozens.
pub fn take_over(model: &mut Model, finished: &FoldedWeights, pixels: &Tensor) {
    no_grad(|| {
        let layers = model.network().layers.clone();
        let mut set = BTreeSet::new();
        for layer in &layers {
            let (Op::Conv(conv), Some(weights)) = (&layer.op, finished.get(&layer.name)) else {
                continue;
            };
            let kernel = kernel(conv, weights);
            // The first layer of those that share a kernel gives it its direction.
            if set.insert(&conv.weight) {
                set_kernel(model, conv, &kernel);
            }
            set_offset(model, conv, &kernel, &Tensor::from_slice(&weights.bias));
        }
        let input = model.normalise(pixels);
        model.forward(input, Mode::Recentre, |_, _| {});
    });
}

/// The finished kernel, `[outputs, inputs / groups, side, side]`.
fn kernel(conv: &Conv, weights: &ConvWeights) -> Tensor {
    let shape = [
        conv.outputs,
        conv.inputs / conv.groups,
        conv.kernel,
        conv.kernel,
    ];
    Tensor::from_slice(&weights.weight).reshape(shape.map(|side| side as i64))
}

/// Length of each output's kernel, `[outputs, 1, 1, 1]`.
fn length(kernel: &Tensor) -> Tensor {
    kernel
        .square()
        .sum_dim_intlist([1i64, 2, 3].as_slice(), true, Kind::Float)
        .sqrt()
}

fn set_kernel(model: &mut Model, conv: &Conv, kernel: &Tensor) {
    let Some(own) = model.parameters.get_mut(&format!("{}.weight", conv.weight)) else {
        return;
    };
    let kernel = kernel.to_device(own.device());
    let new = match conv.bias {
        Bias::Plain(_) => kernel,
        Bias::Norm(_) => {
            let found = length(&kernel);
            let scaled = &kernel * length(own) / found.clamp_min(LENGTH_MIN);
            scaled.where_self(&found.gt(LENGTH_MIN), own)
        }
    };
    own.copy_(&channels_last(&new));
}

fn set_offset(model: &mut Model, conv: &Conv, kernel: &Tensor, bias: &Tensor) {
    let own = &model.parameters[&format!("{}.weight", conv.weight)];
    let shared = own.to_device(tch::Device::Cpu);
    // How long the finished kernel is along the shared one.
    let along = |a: &Tensor, b: &Tensor| {
        (a * b).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float)
    };
    let scale = along(kernel, &shared) / along(&shared, &shared).clamp_min(LENGTH_MIN);
    match &conv.bias {
        Bias::Plain(name) => set(model.parameters.get_mut(name), bias),
        Bias::Norm(norm) => {
            let neutral = (1.0 + NORM_EPSILON).sqrt();
            set(
                model.parameters.get_mut(&format!("{norm}.weight")),
                &(scale * neutral),
            );
            set(model.parameters.get_mut(&format!("{norm}.bias")), bias);
            let zeros = bias.zeros_like();
            let mean = model.statistics.get_mut(&format!("{norm}.running_mean"));
            set(mean, &zeros);
            let variance = model.statistics.get_mut(&format!("{norm}.running_var"));
            set(variance, &(zeros + 1.0));
        }
    }
}

fn set(own: Option<&mut Tensor>, value: &Tensor) {
    if let Some(own) = own {
        own.copy_(value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::export::folded;
    use crate::model::OBJECT_PRIOR;
    use tch::Device;
    use xtask::network::detector;

    fn outputs(model: &Model, pixels: &Tensor, mode: Mode) -> Tensor {
        let input = model.normalise(pixels);
        let outputs = no_grad(|| model.forward(input, mode, |_, _| {}));
        Tensor::cat(&[outputs.scores, outputs.boxes], 2)
    }

    fn fresh(seed: u64) -> Model {
        let network = detector(64, 96);
        Model::new(network, Device::Cpu, Kind::Float, OBJECT_PRIOR, seed)
    }

    /// A network whose normalisations all differ, as those of a trained one do.
    fn trained(seed: u64) -> Model {
        let mut model = fresh(seed);
        for (name, parameter) in model.parameters.iter_mut() {
            if name.ends_with("norm.weight") || name.contains("_bn") && name.ends_with(".weight") {
                *parameter = parameter.rand_like() + 0.5;
            } else if name.ends_with("norm.bias") {
                *parameter = parameter.rand_like() - 0.3;
            }
        }
        let pixels = Tensor::randint(256, [4, 3, 64, 96], (Kind::Uint8, Device::Cpu));
        for _ in 0..40 {
            drop(outputs(&model, &pixels, Mode::Train));
        }
        model
    }

    #[test]
    fn the_finished_model_goes_on_where_it_ended() {
        let old = trained(1);
        let mut new = fresh(2);
        let pixels = Tensor::randint(256, [4, 3, 64, 96], (Kind::Uint8, Device::Cpu));
        let expected = outputs(&old, &pixels, Mode::Infer);
        let far = |found: Tensor| (found - &expected).abs().max().double_value(&[]);
        let before = far(outputs(&new, &pixels, Mode::Infer));
        take_over(&mut new, &folded(&old).unwrap(), &pixels);
        let after = far(outputs(&new, &pixels, Mode::Infer));
        // The very images that the statistics are from, so training starts there, too.
        let in_training = far(outputs(&new, &pixels, Mode::Train));
        assert!(after < 1e-3 * before, "{after} of {before}");
        assert!(in_training < 1e-2 * before, "{in_training} of {before}");
    }

    #[test]
    fn kernels_keep_the_length_of_a_fresh_network() {
        let old = trained(3);
        let mut new = fresh(2);
        let name = "head.scores0.pointwise.weight";
        let fresh = length(&new.parameters[name]);
        let pixels = Tensor::randint(256, [4, 3, 64, 96], (Kind::Uint8, Device::Cpu));
        take_over(&mut new, &folded(&old).unwrap(), &pixels);
        let now = length(&new.parameters[name]);
        assert!((now - fresh).abs().max().double_value(&[]) < 1e-4);
    }
}
