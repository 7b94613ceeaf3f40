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

/// What a channel of a layer's output was over the calibration pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Channel {
    /// The largest absolute value.
    pub size: f32,
    /// The mean square.
    pub mean_square: f64,
}

/// Every channel of every layer's output over `pictures`.
pub fn channels(
    network: &Network,
    weights: &FoldedWeights,
    pictures: &[Vec<u8>],
    mut tell: impl FnMut(usize),
) -> Result<BTreeMap<String, Vec<Channel>>, QuantizeError> {
    let engine = LayerEngine::new(network, weights)?;
    let mut found: BTreeMap<String, Vec<Channel>> = BTreeMap::new();
    for (done, pixels) in pictures.iter().enumerate() {
        let tensors = engine.run(network, pixels)?;
        for layer in &network.layers {
            let Some(values) = tensors.get(layer.name.as_str()) else {
                continue;
            };
            let [channels, rows, columns] = layer.shape;
            let share = 1.0 / (rows * columns * pictures.len()) as f64;
            let found = found.entry(layer.name.clone());
            let found = found.or_insert_with(|| vec![Channel::default(); channels]);
            for (channel, values) in found.iter_mut().zip(values.chunks(rows * columns)) {
                for value in values {
                    channel.size = channel.size.max(value.abs());
                    channel.mean_square += share * f64::from(*value) * f64::from(*value);
                }
            }
        }
        tell(done + 1);
    }
    Ok(found)
}
