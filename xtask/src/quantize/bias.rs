//! Bias correction (Nagel et al., 2019, section 4.2): rounding shifts the mean of what a
//! convolution puts out, because the errors of its weights and of its input do not cancel; the
//! shift is measured on pictures and taken out of the bias.

use super::layers::{Tensors, activate, inputs, normalised};
use super::twin::{Precision, Twin};
use super::{Dequantized, FoldedWeights, QuantizeError};
use crate::network::{INPUT, Layer, Network, Op};
use std::collections::BTreeMap;

/// A picture's tensors in both precisions, as far as a later layer still reads them.
struct Pair<'a> {
    float: Tensors<'a>,
    int8: Tensors<'a>,
}

/// How far the mean of every convolution's sums, before the activation, is above that of the
/// float network, `[outputs]` by the layer's name.
///
/// Layer by layer: each shift is measured with those of the layers before it taken out. All
/// pictures are held in memory at once, some 80 MB each for a large network; a few are enough,
/// since every place of a picture counts.
pub fn bias_shifts(
    twin: &Twin<'_>,
    pictures: &[Vec<u8>],
    mut tell: impl FnMut(usize),
) -> Result<BTreeMap<String, Vec<f32>>, QuantizeError> {
    let network = twin.network();
    if pictures.is_empty() {
        return Err(QuantizeError::NoPicture);
    }
    let pair = |pixels: &Vec<u8>| -> Result<Pair<'_>, QuantizeError> {
        let float = BTreeMap::from([(INPUT, normalised(network, pixels)?)]);
        let int8 = float.clone();
        Ok(Pair { float, int8 })
    };
    let mut pairs = pictures.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let mut shifts = BTreeMap::new();
    for (index, layer) in network.layers.iter().enumerate() {
        if let Some(shift) = advance(twin, layer, &mut pairs)? {
            shifts.insert(layer.name.clone(), shift);
        }
        for pair in &mut pairs {
            forget(network, index, pair);
        }
        tell(index + 1);
    }
    Ok(shifts)
}

/// Computes `layer` for all pictures in both precisions. The shift of a convolution is
/// returned, and not in the outputs any more.
fn advance<'a>(
    twin: &Twin<'a>,
    layer: &'a Layer,
    pairs: &mut [Pair<'a>],
) -> Result<Option<Vec<f32>>, QuantizeError> {
    let Op::Conv(conv) = &layer.op else {
        for pair in pairs {
            let float = twin.output(layer, Precision::Float, &inputs(&pair.float, layer)?)?;
            let int8 = twin.output(layer, Precision::Int8, &inputs(&pair.int8, layer)?)?;
            pair.float.insert(&layer.name, float);
            pair.int8.insert(&layer.name, int8);
        }
        return Ok(None);
    };
    let mut sums = Vec::with_capacity(pairs.len());
    let mut shift = vec![0.0f64; conv.outputs];
    for pair in &mut *pairs {
        let mut float = twin.sum(layer, Precision::Float, &inputs(&pair.float, layer)?)?;
        let int8 = twin.sum(layer, Precision::Int8, &inputs(&pair.int8, layer)?)?;
        let plane = (float.len() / conv.outputs).max(1);
        let channels = int8.chunks(plane).zip(float.chunks(plane));
        for (shift, (a, b)) in shift.iter_mut().zip(channels) {
            let difference = a.iter().zip(b).map(|(a, b)| f64::from(a - b));
            *shift += difference.sum::<f64>() / plane as f64;
        }
        activate(layer, &mut float);
        pair.float.insert(&layer.name, float);
        sums.push(int8);
    }
    let shift: Vec<f32> = shift
        .iter()
        .map(|sum| (sum / pairs.len() as f64) as f32)
        .collect();
    for (pair, mut values) in pairs.iter_mut().zip(sums) {
        let plane = (values.len() / conv.outputs).max(1);
        for (values, shift) in values.chunks_mut(plane).zip(&shift) {
            values.iter_mut().for_each(|v| *v -= shift);
        }
        activate(layer, &mut values);
        twin.scheme(&layer.name)?.round(&mut values);
        pair.int8.insert(&layer.name, values);
    }
    Ok(Some(shift))
}

/// Drops what no layer behind number `index` reads.
fn forget(network: &Network, index: usize, pair: &mut Pair<'_>) {
    let needed = |name: &str| {
        let later = network.layers.iter().skip(index + 1);
        later
            .flat_map(|layer| &layer.inputs)
            .any(|input| input == name)
    };
    pair.float.retain(|name, _| needed(name));
    pair.int8.retain(|name, _| needed(name));
}

/// `weights` with the shifts taken out of their biases. Quantized with the same ranges, they
/// have the same integer weights as before.
///
/// # Errors
/// As [`bias_shifts`].
pub fn correct_biases(
    network: &Network,
    weights: &FoldedWeights,
    int8: &Dequantized,
    pictures: &[Vec<u8>],
    tell: impl FnMut(usize),
) -> Result<FoldedWeights, QuantizeError> {
    let twin = Twin::new(network, weights, int8)?;
    let shifts = bias_shifts(&twin, pictures, tell)?;
    let mut corrected = weights.clone();
    for (name, conv) in &mut corrected {
        for (bias, shift) in conv.bias.iter_mut().zip(shifts.get(name).into_iter().flatten()) {
            *bias -= shift;
        }
    }
    Ok(corrected)
}
