//! Gathers the outputs of all layers over the calibration pictures.

use super::QuantizeError;
use super::histogram::Histogram;
use super::range::{self, Method, Ranges, Role};
use crate::network::Network;
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
        let role = |name: &str| {
            let is = |of: fn(&crate::network::Head) -> &String| {
                network.heads.iter().any(|head| of(head) == name)
            };
            match (is(|head| &head.scores), is(|head| &head.boxes)) {
                (true, _) => Role::Scores,
                (_, true) => Role::Boxes,
                _ => Role::Hidden,
            }
        };
        let layers = network
            .layers
            .iter()
            .map(|layer| (layer.name.clone(), (role(&layer.name), Histogram::new())))
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
        let range = |(name, (role, histogram)): (&String, &(Role, Histogram))| {
            if histogram.is_wild() {
                return Err(QuantizeError::OutputWild(name.clone()));
            }
            let range = range::choose(histogram, *role, self.method)
                .ok_or_else(|| QuantizeError::RangeMissing(name.clone()))?;
            Ok((name.clone(), range))
        };
        self.layers.iter().map(range).collect()
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
