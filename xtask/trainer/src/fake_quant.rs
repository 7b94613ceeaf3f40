//! Fake quantization: the network computes in floats what the integers will hold, so that its
//! weights learn to live with the rounding.
//!
//! Weights are rounded to the steps that the export gives them. A step is a share of the
//! channel's largest weight, so normalisation, which scales a channel as a whole, changes
//! nothing about it and need not be folded in first. Gradients pass as if nothing were rounded;
//! what is clipped gets none.

use tch::{Kind, Tensor, no_grad};
use xtask::quantize::Ranges;

/// Largest integer of a weight; the smallest is its negative.
const WEIGHT_MAX: i64 = 127;

/// Largest integer of an activation; the smallest is 0.
const ACTIVATION_MAX: i64 = 255;

/// The steps of all activations.
pub struct FakeQuant {
    ranges: Ranges,
}

impl FakeQuant {
    /// Rounds the outputs of the layers in `ranges` to 256 steps within their range.
    pub fn new(ranges: Ranges) -> Self {
        Self { ranges }
    }

    /// A kernel `[outputs, ...]` in steps of each output's own.
    pub fn weight(&self, weight: &Tensor) -> Tensor {
        let (scale, zeros) = no_grad(|| {
            let outputs = weight.size()[0];
            let largest = weight.abs().reshape([outputs, -1]).amax([1i64], false);
            let scale = (largest / WEIGHT_MAX as f64).clamp_min(f64::from(f32::MIN_POSITIVE));
            let zeros = scale.zeros_like().to_kind(Kind::Int);
            (scale.to_kind(Kind::Float), zeros)
        });
        weight.fake_quantize_per_channel_affine(&scale, &zeros, 0, -WEIGHT_MAX, WEIGHT_MAX)
    }

    /// The output of `layer` in the steps of its range; unchanged where it has none.
    pub fn output(&self, layer: &str, output: Tensor) -> Tensor {
        let Some((low, high)) = self.ranges.get(layer) else {
            return output;
        };
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        let scale = (high - low) / ACTIVATION_MAX as f64;
        if scale <= 0.0 {
            return output;
        }
        let zero = (-low / scale).round_ties_even() as i64;
        output.fake_quantize_per_tensor_affine(scale, zero, 0, ACTIVATION_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        let flat = tensor.detach().contiguous().view(-1);
        let mut numbers = vec![0.0; flat.numel()];
        let count = numbers.len();
        flat.copy_data(&mut numbers, count);
        numbers
    }

    #[test]
    fn weights_have_the_steps_of_their_channel() {
        let fake = FakeQuant::new(Ranges::new());
        let weight = Tensor::from_slice(&[1.0f32, -0.49, 0.003, 0.0, 0.25, -127.0])
            .reshape([2, 3, 1, 1])
            .set_requires_grad(true);
        let rounded = fake.weight(&weight);
        let step = 1.0 / 127.0;
        let expected = [1.0, -62.0 * step, 0.0, 0.0, 0.0, -127.0];
        for (found, expected) in numbers(&rounded).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        rounded.sum(Kind::Float).backward();
        assert_eq!(numbers(&weight.grad()), [1.0; 6]);
    }

    #[test]
    fn activations_are_rounded_and_clipped() {
        let ranges = Ranges::from([("wide".into(), (-1.0, 4.1)), ("flat".into(), (0.0, 0.0))]);
        let fake = FakeQuant::new(ranges);
        let output = || Tensor::from_slice(&[0.0f32, 0.011, 9.0, -2.0]).set_requires_grad(true);
        let given = output();
        let rounded = fake.output("wide", given.shallow_clone());
        for (found, expected) in numbers(&rounded).iter().zip([0.0, 0.02, 4.1, -1.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        rounded.sum(Kind::Float).backward();
        assert_eq!(numbers(&given.grad()), [1.0, 1.0, 0.0, 0.0]);
        for layer in ["flat", "unknown"] {
            assert_eq!(numbers(&fake.output(layer, output())), numbers(&output()));
        }
    }
}
