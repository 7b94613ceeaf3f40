//! Float weights as the exporter hands them over, batch normalisation folded in.

use super::QuantizeError;
use crate::network::Conv;
use std::collections::BTreeMap;

/// Weights of one convolution layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvWeights {
    /// `[outputs, inputs / groups, kernel, kernel]`, row-major.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Weights of all convolution layers by the layer's name. Layers that share weights before
/// folding have an entry each, because their normalisations differ.
pub type FoldedWeights = BTreeMap<String, ConvWeights>;

/// The convolution that gives what `weight` `[outputs, ...]` without a bias and a batch
/// normalisation behind it give: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, all
/// of them `[outputs]`.
pub fn fold_norm(
    weight: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    variance: &[f32],
    epsilon: f64,
) -> Result<ConvWeights, QuantizeError> {
    let outputs = gamma.len();
    let fits = [beta.len(), mean.len(), variance.len()]
        .iter()
        .all(|len| *len == outputs);
    let positive = variance.iter().all(|v| f64::from(*v) + epsilon > 0.0);
    if outputs == 0 || !fits || !positive || !weight.len().is_multiple_of(outputs) {
        return Err(QuantizeError::Norm);
    }
    // In f64, so that the folded float network stays as near to the trained one as f32 can be.
    let factor = |c: usize| f64::from(gamma[c]) / (f64::from(variance[c]) + epsilon).sqrt();
    let per_output = weight.len() / outputs;
    let folded = |(i, w): (usize, &f32)| (f64::from(*w) * factor(i / per_output)) as f32;
    let bias = |c: usize| (f64::from(beta[c]) - f64::from(mean[c]) * factor(c)) as f32;
    Ok(ConvWeights {
        weight: weight.iter().enumerate().map(folded).collect(),
        bias: (0..outputs).map(bias).collect(),
    })
}

/// The weights of a layer, checked against what its convolution needs.
pub(crate) fn layer_weights<'a>(
    weights: &'a FoldedWeights,
    layer: &str,
    conv: &Conv,
) -> Result<&'a ConvWeights, QuantizeError> {
    let found = weights
        .get(layer)
        .ok_or_else(|| QuantizeError::WeightsMissing(layer.to_string()))?;
    let per_output = (conv.inputs / conv.groups) * conv.kernel * conv.kernel;
    let counts = [
        ("weights", found.weight.len(), conv.outputs * per_output),
        ("biases", found.bias.len(), conv.outputs),
    ];
    for (what, found, expected) in counts {
        if found != expected {
            let layer = layer.to_string();
            return Err(QuantizeError::WeightsCount {
                layer,
                what,
                found,
                expected,
            });
        }
    }
    if !found
        .weight
        .iter()
        .chain(&found.bias)
        .all(|v| v.is_finite())
    {
        return Err(QuantizeError::WeightsWild(layer.to_string()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn folding_equals_normalising_afterwards() {
        let (weight, x) = ([0.5, -2.0, 3.0, 0.25], [1.5f32, -0.75]);
        let (gamma, beta) = ([1.2, -0.7], [0.1, 0.4]);
        let (mean, variance, epsilon) = ([0.3, -1.1], [0.04, 2.5], 1e-3);
        let folded = fold_norm(&weight, &gamma, &beta, &mean, &variance, epsilon).unwrap();
        for c in 0..2 {
            let dot = |w: &[f32]| w[2 * c] * x[0] + w[2 * c + 1] * x[1];
            let scale = gamma[c] / (variance[c] + epsilon as f32).sqrt();
            let expected = (dot(&weight) - mean[c]) * scale + beta[c];
            let got = dot(&folded.weight) + folded.bias[c];
            assert!(
                (got - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "{got} {expected}"
            );
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let one = [1.0f32];
        let two = [1.0f32, 1.0];
        assert_eq!(
            fold_norm(&two, &two, &one, &two, &two, 0.1),
            Err(QuantizeError::Norm)
        );
        assert_eq!(
            fold_norm(&one, &two, &two, &two, &two, 0.1),
            Err(QuantizeError::Norm)
        );
        assert_eq!(
            fold_norm(&one, &one, &one, &one, &[-1.0], 0.1),
            Err(QuantizeError::Norm)
        );
        assert_eq!(
            fold_norm(&one, &one, &one, &one, &[f32::NAN], 0.1),
            Err(QuantizeError::Norm)
        );
        assert_eq!(
            fold_norm(&[], &[], &[], &[], &[], 0.1),
            Err(QuantizeError::Norm)
        );
    }
}
