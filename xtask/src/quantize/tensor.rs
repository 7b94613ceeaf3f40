//! How the integers of one tensor stand for numbers.

/// The input tensor is `(pixel - 127) / 128`; this is its way back to the pixel itself.
pub(super) const INPUT_SCHEME: TensorScheme = TensorScheme {
    scale: 1.0 / 128.0,
    zero_point: 127,
};

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

    #[test]
    fn pixels_are_their_own_integers() {
        for pixel in 0..=255u8 {
            let value = (f32::from(pixel) - 127.0) / 128.0;
            assert_eq!(INPUT_SCHEME.quantize(value), pixel);
            assert_eq!(INPUT_SCHEME.dequantize(pixel), value);
        }
        assert_eq!(INPUT_SCHEME.quantize(f32::INFINITY), 255);
        assert_eq!(INPUT_SCHEME.quantize(f32::NEG_INFINITY), 0);
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
}
