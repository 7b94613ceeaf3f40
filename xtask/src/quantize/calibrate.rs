//! Runs calibration pictures through the float network, without torch.

use super::layers::LayerEngine;
use super::range::Choice;
use super::{FoldedWeights, Method, Observer, QuantizeError};
use crate::network::Network;
use std::collections::BTreeMap;

/// Chooses a range for every layer from what it puts out over `pictures`, each
/// `[3, height, width]`. `tell` hears how many are done.
pub fn calibrate(
    network: &Network,
    weights: &FoldedWeights,
    pictures: &[Vec<u8>],
    method: Method,
    mut tell: impl FnMut(usize),
) -> Result<BTreeMap<String, Choice>, QuantizeError> {
    let engine = LayerEngine::new(network, weights)?;
    let mut observer = Observer::new(network, method);
    for (done, pixels) in pictures.iter().enumerate() {
        for (name, values) in engine.run(network, pixels)? {
            observer.observe(name, &values);
        }
        tell(done + 1);
    }
    observer.choices()
}

/// The largest absolute value of each channel of every layer's output over `pictures`.
pub fn channel_sizes(
    network: &Network,
    weights: &FoldedWeights,
    pictures: &[Vec<u8>],
    mut tell: impl FnMut(usize),
) -> Result<BTreeMap<String, Vec<f32>>, QuantizeError> {
    let engine = LayerEngine::new(network, weights)?;
    let mut sizes: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for (done, pixels) in pictures.iter().enumerate() {
        let tensors = engine.run(network, pixels)?;
        for layer in &network.layers {
            let Some(values) = tensors.get(layer.name.as_str()) else {
                continue;
            };
            let channels = layer.shape[0];
            let plane = (values.len() / channels.max(1)).max(1);
            let sizes = sizes.entry(layer.name.clone());
            let sizes = sizes.or_insert_with(|| vec![0.0; channels]);
            for (size, values) in sizes.iter_mut().zip(values.chunks(plane)) {
                *size = values.iter().fold(*size, |size, v| size.max(v.abs()));
            }
        }
        tell(done + 1);
    }
    Ok(sizes)
}
