//! Gathers the outputs of all layers over the calibration pictures.

use super::QuantizeError;
use super::histogram::Histogram;
use super::range::{self, Choice, Method, Ranges, Role};
use crate::network::{Head, Network};
use std::collections::BTreeMap;

/// Watches what the layers of a float network put out and proposes a range for each.
///
/// One pass over the pictures is enough, in any order; the same pictures in the same order
/// give the same ranges.
#[derive(Clone, Debug)]
pub struct Observer {
    method: Method,
    layers: BTreeMap<String, (Role, Histogram)>,
}

impl Observer {
    /// An observer of all layers of `network` that has seen nothing yet. `method` is for the
    /// layers that other layers read; scores and boxes have rules of their own.
    pub fn new(network: &Network, method: Method) -> Self {
        let layers = network
            .layers
            .iter()
            .map(|layer| {
                (
                    layer.name.clone(),
                    (role(network, &layer.name), Histogram::new()),
                )
            })
            .collect();
        Self { method, layers }
    }

    /// Adds the output of `layer` (behind its activation) for one or more pictures. Values of
    /// layers that the network does not have are ignored.
    pub fn observe(&mut self, layer: &str, values: &[f32]) {
        if let Some((_, histogram)) = self.layers.get_mut(layer) {
            histogram.add(values);
        }
    }

    /// The range of every layer. Fails when a layer was not observed, or put out infinities.
    pub fn ranges(&self) -> Result<Ranges, QuantizeError> {
        let range = |(name, choice): (String, Choice)| (name, (choice.low, choice.high));
        Ok(self.choices()?.into_iter().map(range).collect())
    }

    /// As [`Self::ranges`], with how each was chosen and what it costs.
    pub fn choices(&self) -> Result<BTreeMap<String, Choice>, QuantizeError> {
        let choose = |(name, (role, histogram)): (&String, &(Role, Histogram))| {
            if histogram.is_wild() {
                return Err(QuantizeError::OutputWild(name.clone()));
            }
            let choice = range::choose(histogram, *role, self.method)
                .ok_or_else(|| QuantizeError::RangeMissing(name.clone()))?;
            Ok((name.clone(), choice))
        };
        self.layers.iter().map(choose).collect()
    }
}

/// What the output of the layer of this name is for.
fn role(network: &Network, name: &str) -> Role {
    let outputs = |of: fn(&Head) -> &String| network.heads.iter().map(of);
    let scores: fn(&Head) -> &String = |head| &head.scores;
    let boxes: fn(&Head) -> &String = |head| &head.boxes;
    let reads = |output: &String| {
        let layer = network.layer(output);
        layer.is_some_and(|layer| layer.inputs.iter().any(|input| input == name))
    };
    if outputs(scores).any(|output| output == name) {
        Role::Scores
    } else if outputs(boxes).any(|output| output == name) {
        Role::Boxes
    } else if outputs(scores).chain(outputs(boxes)).any(reads) {
        Role::HeadInput
    } else {
        Role::Hidden
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::detector;
    use crate::quantize::LOGIT_MIN;

    #[test]
    fn heads_have_rules_of_their_own() {
        let network = detector(32, 32);
        let mut observer = Observer::new(&network, Method::Percentile(90.0));
        let values: Vec<f32> = (-1000..=1000).map(|i| i as f32 * 0.02).collect();
        for layer in &network.layers {
            observer.observe(&layer.name, &values);
        }
        observer.observe("no such layer", &[f32::NAN]);
        let ranges = observer.ranges().unwrap();
        assert_eq!(ranges.len(), network.layers.len());
        assert_eq!(ranges["scores_16"], (LOGIT_MIN, 20.0));
        assert!(ranges["boxes_16"].1 > 19.9);
        assert!(ranges["stem"].1 < 16.5);
    }

    #[test]
    fn unseen_and_broken_layers_are_named() {
        let network = detector(32, 32);
        let mut observer = Observer::new(&network, Method::Mse);
        for layer in &network.layers[1..] {
            observer.observe(&layer.name, &[1.0]);
        }
        assert_eq!(
            observer.ranges(),
            Err(QuantizeError::RangeMissing("stem".into()))
        );
        observer.observe("stem", &[f32::NAN]);
        assert_eq!(
            observer.ranges(),
            Err(QuantizeError::OutputWild("stem".into()))
        );
    }
}
