//! Scales with which every engine rounds alike.
//!
//! ONNX fixes what an operator means, not in which order its few float operations happen.
//! Engines work out a multiplier in different orders, divide by a scale or multiply by its
//! reciprocal; they then differ where a value lies next to the border between two integers,
//! and a network amplifies the difference. So scales are moved a little until the order does
//! not matter.

use super::TensorScheme;

/// Output scales to try, each the next `f32`: all together they differ by half a thousandth.
const OUTPUT_TRIES: usize = 4096;

/// Weight scales to try, each the next `f32`.
const WEIGHT_TRIES: usize = 128;

/// Steps of a sum to try.
const SUM_TRIES: usize = 64;

/// How much wider the step of a sum becomes with each try: enough to leave the ties behind
/// that simple ratios of scales make, and little enough not to be felt.
const SUM_STEP_GROWTH: f32 = 1.0 / 4096.0;

/// What turns a sum of products into steps of the output.
pub(super) fn multiplier(input: TensorScheme, weight_scale: f32, output: TensorScheme) -> f32 {
    input.scale * weight_scale / output.scale
}

/// A sum of products in steps of the output, as onnxruntime rounds it.
pub(super) fn requantize(sum: i32, multiplier: f32) -> i32 {
    (sum as f32 * multiplier).round_ties_even() as i32
}

/// The input's scheme with a scale so close above that nobody notices, for which all of
/// `numbers` become the same integers whether an engine divides by it or multiplies by its
/// reciprocal.
pub(super) fn settled_input(input: TensorScheme, numbers: &[f32]) -> TensorScheme {
    let agree = |scale: &f32| {
        let per_unit = scale.recip();
        numbers
            .iter()
            .all(|n| (n / scale).round_ties_even() == (n * per_unit).round_ties_even())
    };
    let scale = next_floats(input.scale, OUTPUT_TRIES)
        .find(agree)
        .unwrap_or(input.scale);
    TensorScheme { scale, ..input }
}

/// The scheme of a convolution's output with a scale so close above that nobody notices,
/// whose reciprocal and whose ratio to the input's scale are as exact as `f32` can be.
/// Otherwise their errors would tell the orders of operations apart for every weight scale.
pub(super) fn settled_output(input: TensorScheme, output: TensorScheme) -> TensorScheme {
    let error = |scale: f32| {
        let off = |quotient: f32, dividend: f32| {
            (f64::from(quotient) * f64::from(scale) / f64::from(dividend) - 1.0).abs()
        };
        off(scale.recip(), 1.0) + off(input.scale / scale, input.scale)
    };
    let scale = next_floats(output.scale, OUTPUT_TRIES)
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(output.scale);
    TensorScheme { scale, ..output }
}

/// A weight scale a few units in the last place above `scale` or equal to it, with which the
/// multiplier does not depend on the order of its operations.
pub(super) fn settled_weight_scale(input: TensorScheme, scale: f32, output: TensorScheme) -> f32 {
    next_floats(scale, WEIGHT_TRIES)
        .find(|s| multipliers_agree(input.scale, *s, output.scale))
        .unwrap_or(scale)
}

/// The first `count` numbers from `first` upwards.
fn next_floats(first: f32, count: usize) -> impl Iterator<Item = f32> {
    std::iter::successors(Some(first), |f| Some(f.next_up())).take(count)
}

fn multipliers_agree(x: f32, w: f32, y: f32) -> bool {
    let reciprocal = y.recip();
    let orders = [
        x * w * reciprocal,
        w * (x * reciprocal),
        w * (x / y),
        x * (w / y),
    ];
    orders.iter().all(|m| *m == x * w / y)
}

/// The scheme for the sum of two tensors, numbers from `low <= 0` to `high >= 0`.
pub(super) fn settled_sum(a: TensorScheme, b: TensorScheme, low: f32, high: f32) -> TensorScheme {
    let first = TensorScheme::spanning(low, high, 0.0);
    let grown = |i: usize| {
        TensorScheme::spanning(low, high, first.scale * (1.0 + i as f32 * SUM_STEP_GROWTH))
    };
    (0..SUM_TRIES)
        .map(grown)
        .find(|output| sums_agree(a, b, output.scale))
        .unwrap_or(first)
}

/// Whether dividing by the scale and multiplying by its reciprocal give the same for all pairs
/// of integers.
fn sums_agree(a: TensorScheme, b: TensorScheme, scale: f32) -> bool {
    let reciprocal = scale.recip();
    let numbers = |scheme: TensorScheme| (0..=255).map(move |q| scheme.dequantize(q));
    numbers(a).all(|x| {
        numbers(b).all(|y| {
            let sum = x + y;
            (sum / scale).round_ties_even() == (sum * reciprocal).round_ties_even()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_multipliers_do_not_depend_on_the_order() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut moved, mut agree) = (0, 0);
        for _ in 0..2000 {
            let mut scheme = |size: f32| TensorScheme {
                scale: size * (0.1 + random.f32()),
                zero_point: 0,
            };
            let (input, first) = (scheme(0.02), scheme(0.04));
            let output = settled_output(input, first);
            assert!((1.0..1.0005).contains(&(output.scale / first.scale)));
            let scale = 0.005 + 0.01 * random.f32();
            let settled = settled_weight_scale(input, scale, output);
            assert!((1.0..1.00002).contains(&(settled / scale)));
            agree += usize::from(multipliers_agree(input.scale, settled, output.scale));
            moved += usize::from(settled != scale);
        }
        // A pair of tensors for which no scale will do is rare, and does no harm.
        assert!(agree >= 1990, "only {agree} of 2000 scales settled");
        assert!(moved > 100, "only {moved} scales moved: little was tested");
    }

    #[test]
    fn settled_sums_leave_ties_behind() {
        let a = TensorScheme {
            scale: 6.0 / 255.0,
            zero_point: 0,
        };
        assert!(!sums_agree(a, a, 12.0 / 255.0));
        let settled = settled_sum(a, a, 0.0, 12.0);
        assert!(sums_agree(a, a, settled.scale));
        assert!((1.0..1.016).contains(&(settled.scale / (12.0 / 255.0))));
        assert_eq!(settled.zero_point, 0);
    }
}
