//! How the integers of one tensor stand for numbers.

use super::rounding::settled_input;
use lookout::model::pixel_numbers;

/// Least step of an output. It only matters for a layer that is zero on all pictures.
const STEP_MIN: f32 = 1.0 / (1 << 20) as f32;

/// Adding this to a small number leaves no digits behind the point, rounded to nearest with
/// halves to even. The method for it is a call on plain x86-64, and [`TensorScheme::round`] is
/// hot.
const ROUNDS: f32 = 12_582_912.0;

/// How integers stand for numbers in one tensor: `(integer - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorScheme {
    /// Size of a step.
    pub scale: f32,
    /// The integer that stands for 0.
    pub zero_point: u8,
}

/// How integers stand for the numbers `(pixel - mean) / std` of all three channels together.
/// Where all channels are alike, the integer is the pixel itself, as far as the mean is whole.
pub fn input_scheme(mean: [f32; 3], std: [f32; 3]) -> TensorScheme {
    let numbers = pixel_numbers(mean, std);
    let all = || numbers.iter().flatten().copied();
    let (low, high) = (all().fold(0.0, f32::min), all().fold(0.0, f32::max));
    settled_input(
        TensorScheme::spanning(low, high, 0.0),
        numbers.as_flattened(),
    )
}

/// The input's integer for each pixel value of each channel.
pub fn input_bytes(mean: [f32; 3], std: [f32; 3]) -> [[u8; 256]; 3] {
    let scheme = input_scheme(mean, std);
    pixel_numbers(mean, std).map(|channel| channel.map(|number| scheme.quantize(number)))
}

impl TensorScheme {
    /// The integer nearest to `value`, halves to even, saturating, as ONNX defines it.
    pub fn quantize(&self, value: f32) -> u8 {
        // A float-to-int cast saturates, but the sum could still overflow.
        let steps = (value / self.scale).round_ties_even().clamp(-256.0, 256.0) as i32;
        (steps + i32::from(self.zero_point)).clamp(0, 255) as u8
    }

    /// The number that `integer` stands for.
    pub fn dequantize(&self, integer: u8) -> f32 {
        (i32::from(integer) - i32::from(self.zero_point)) as f32 * self.scale
    }

    /// Replaces every number by the nearest one that an integer stands for.
    pub fn round(&self, values: &mut [f32]) {
        let zero = f32::from(self.zero_point);
        let (low, high, scale) = (-zero, 255.0 - zero, self.scale);
        for value in values {
            let steps = (*value / scale).clamp(low, high);
            *value = ((steps + ROUNDS) - ROUNDS) * scale;
        }
    }

    /// The least and the greatest number that an integer stands for.
    pub fn range(&self) -> (f32, f32) {
        (self.dequantize(0), self.dequantize(u8::MAX))
    }

    /// Scheme for numbers from `low <= 0` to `high >= 0` with steps of at least `step_min`.
    pub(super) fn spanning(low: f32, high: f32, step_min: f32) -> Self {
        let scale = ((high - low) / 255.0).max(step_min).max(STEP_MIN);
        Self {
            scale,
            zero_point: (-low / scale).round_ties_even().clamp(0.0, 255.0) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pixels_are_their_own_integers() {
        let scheme = input_scheme([127.0; 3], [128.0; 3]);
        let exact = TensorScheme {
            scale: 1.0 / 128.0,
            zero_point: 127,
        };
        assert_eq!(scheme, exact);
        for pixel in 0..=255u8 {
            let value = (f32::from(pixel) - 127.0) / 128.0;
            assert_eq!(scheme.quantize(value), pixel);
            assert_eq!(scheme.dequantize(pixel), value);
        }
        let identity: [u8; 256] = std::array::from_fn(|pixel| pixel as u8);
        assert_eq!(input_bytes([127.0; 3], [128.0; 3]), [identity; 3]);
        assert_eq!(scheme.quantize(f32::INFINITY), 255);
        assert_eq!(scheme.quantize(f32::NEG_INFINITY), 0);
        let halves = TensorScheme {
            scale: 1.0,
            zero_point: 3,
        };
        assert_eq!(
            [0.5, 1.5, -0.5, -1.5].map(|v| halves.quantize(v)),
            [3, 5, 3, 1]
        );
        let numbers = [0.5, 1.5, -0.5, -1.5, 900.0, -900.0, 0.3];
        let mut rounded = numbers;
        halves.round(&mut rounded);
        assert_eq!(
            rounded,
            numbers.map(|v| halves.dequantize(halves.quantize(v)))
        );
        assert_eq!(halves.range(), (-3.0, 252.0));
    }

    proptest! {
        /// No channel is clipped, none is off by more than half a step, and the order of
        /// operations does not matter.
        #[test]
        fn the_input_s_scheme_holds_every_channel(
            mean in prop::array::uniform3(0f32..255.0),
            std in prop::array::uniform3(4f32..130.0),
        ) {
            let scheme = input_scheme(mean, std);
            for number in pixel_numbers(mean, std).into_iter().flatten() {
                let back = scheme.dequantize(scheme.quantize(number));
                prop_assert!((back - number).abs() <= 1.001 * scheme.scale, "{number} {back}");
                let product = (number * scheme.scale.recip()).round_ties_even();
                prop_assert_eq!((number / scheme.scale).round_ties_even(), product);
            }
        }
    }
}
