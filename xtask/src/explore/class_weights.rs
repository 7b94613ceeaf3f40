//! Weights that make up for classes with few examples.

use lookout::class::ObjectClass;

const COUNT: usize = ObjectClass::COUNT;

/// Weights in inverse proportion to the number of boxes, by class index; their mean over the
/// classes with a box is 1. Classes without a box weigh 1.
///
/// Where one class is a hundred times rarer than another its weight is a hundred times as
/// large, which is often more than training stands.
pub fn inverse_frequency(counts: [u64; COUNT]) -> [f32; COUNT] {
    normalised(counts, |count| 1.0 / count)
}

/// Weights by the effective number of examples, by class index; their mean over the classes
/// with a box is 1. Classes without a box weigh 1.
///
/// The weight of a class with `n` boxes is `(1 - beta) / (1 - beta^n)`: the more examples
/// there are, the less a further one tells. With `beta` 0 all weigh the same; towards 1 it is
/// [`inverse_frequency`]. (Cui et al., "Class-balanced loss based on effective number of
/// samples", 2019.) A `beta` outside `0..1` counts as the nearest end.
pub fn effective_number(counts: [u64; COUNT], beta: f64) -> [f32; COUNT] {
    if beta.is_nan() || beta <= 0.0 {
        return [1.0; COUNT];
    }
    if beta >= 1.0 {
        return inverse_frequency(counts);
    }
    // expm1 and ln keep the digits that 1 - beta^n would lose for few examples.
    normalised(counts, |count| (1.0 - beta) / -(count * beta.ln()).exp_m1())
}

fn normalised(counts: [u64; COUNT], weight: impl Fn(f64) -> f64) -> [f32; COUNT] {
    let raw = counts.map(|count| (count > 0).then(|| weight(count as f64)));
    let present = raw.iter().flatten().count().max(1) as f64;
    let mean = raw.iter().flatten().sum::<f64>() / present;
    raw.map(|weight| weight.map_or(1.0, |weight| (weight / mean) as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rare_classes_weigh_more() {
        let weights = inverse_frequency([100, 0, 50, 0, 0, 0, 0, 0]);
        assert!((weights[2] / weights[0] - 2.0).abs() < 1e-5);
        assert!((weights[0] + weights[2] - 2.0).abs() < 1e-5);
        assert_eq!(weights[1], 1.0);
    }

    #[test]
    fn the_effective_number_is_as_published() {
        // By hand: (1 - 0.9) / (1 - 0.9^1) = 1, (1 - 0.9) / (1 - 0.9^2) = 0.526316.
        let weights = effective_number([1, 2, 0, 0, 0, 0, 0, 0], 0.9);
        assert!((weights[1] / weights[0] - 0.526_316).abs() < 1e-5);
        // So many examples that more of them tell nothing.
        let full = effective_number([1_000_000, 2_000_000, 0, 0, 0, 0, 0, 0], 0.999);
        assert!((full[1] / full[0] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_ends_of_beta_are_uniform_and_inverse() {
        let counts = [7, 70, 700, 7000, 1, 2, 3, 0];
        assert_eq!(effective_number(counts, 0.0), [1.0; COUNT]);
        assert_eq!(effective_number(counts, f64::NAN), [1.0; COUNT]);
        assert_eq!(effective_number(counts, 1.0), inverse_frequency(counts));
    }

    proptest! {
        #[test]
        fn weights_have_mean_one_and_fall_with_the_count(
            counts in proptest::array::uniform8(0u64..2_000_000), beta in 0.5f64..0.999_999,
        ) {
            for weights in [inverse_frequency(counts), effective_number(counts, beta)] {
                let present: Vec<usize> = (0..COUNT).filter(|i| counts[*i] > 0).collect();
                let sum: f32 = present.iter().map(|i| weights[*i]).sum();
                prop_assert!((sum - present.len() as f32).abs() < 1e-3);
                for (a, b) in present.iter().flat_map(|a| present.iter().map(move |b| (*a, *b))) {
                    prop_assert!(counts[a] < counts[b] || weights[a] <= weights[b] + 1e-6);
                }
                prop_assert!((0..COUNT).all(|i| counts[i] > 0 || weights[i] == 1.0));
            }
        }
    }
}
