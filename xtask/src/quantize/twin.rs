//! A network twice: in floats, and in floats that are rounded as the integers are. Any layer
//! can be taken from either, so that what one layer's rounding does can be told.

use super::layers::{LayerEngine, Tensors, activate, inputs, normalised};
use super::{FoldedWeights, QuantizeError, TensorScheme};
use crate::network::{INPUT, Layer, Network, Op};
use std::collections::{BTreeMap, BTreeSet};

/// Which of the two a layer is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Weights and output as they are.
    Float,
    /// Weights and output as the integers that stand for them.
    Int8,
}

/// A quantized network as numbers: what its integers stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Dequantized {
    /// Weights and biases of every convolution.
    pub weights: FoldedWeights,
    /// How the output of every layer is represented.
    pub schemes: BTreeMap<String, TensorScheme>,
}

/// A float network and its quantized copy.
#[derive(Debug)]
pub struct Twin<'a> {
    network: &'a Network,
    float: LayerEngine,
    int8: LayerEngine,
    schemes: BTreeMap<String, TensorScheme>,
}

impl<'a> Twin<'a> {
    /// The two of them.
    pub fn new(
        network: &'a Network,
        float: &FoldedWeights,
        int8: &Dequantized,
    ) -> Result<Self, QuantizeError> {
        for layer in &network.layers {
            if !int8.schemes.contains_key(&layer.name) {
                return Err(QuantizeError::RangeMissing(layer.name.clone()));
            }
        }
        Ok(Self {
            network,
            float: LayerEngine::new(network, float)?,
            int8: LayerEngine::new(network, &int8.weights)?,
            schemes: int8.schemes.clone(),
        })
    }

    /// The layers.
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// How the output of a layer is represented in integers.
    pub fn scheme(&self, layer: &str) -> Result<TensorScheme, QuantizeError> {
        let scheme = self.schemes.get(layer).copied();
        scheme.ok_or_else(|| QuantizeError::RangeMissing(layer.to_string()))
    }

    /// What `layer` makes of `inputs`, before its activation and before its output is rounded.
    pub fn sum(
        &self,
        layer: &Layer,
        precision: Precision,
        inputs: &[&[f32]],
    ) -> Result<Vec<f32>, QuantizeError> {
        let engine = match precision {
            Precision::Float => &self.float,
            Precision::Int8 => &self.int8,
        };
        engine.sum(self.network, layer, inputs)
    }

    /// The output of `layer` for `inputs`.
    pub fn output(
        &self,
        layer: &Layer,
        precision: Precision,
        inputs: &[&[f32]],
    ) -> Result<Vec<f32>, QuantizeError> {
        let mut values = self.sum(layer, precision, inputs)?;
        activate(layer, &mut values);
        // An upsampling copies integers.
        if precision == Precision::Int8 && layer.op != Op::Upsample2 {
            self.scheme(&layer.name)?.round(&mut values);
        }
        Ok(values)
    }

    /// Outputs of all layers for a picture `[3, height, width]`, each layer in the precision
    /// that `precision` gives for its name.
    pub fn run(
        &self,
        pixels: &[u8],
        precision: impl Fn(&str) -> Precision,
    ) -> Result<Tensors<'a>, QuantizeError> {
        let mut tensors = BTreeMap::from([(INPUT, normalised(self.network, pixels)?)]);
        for layer in &self.network.layers {
            let output = self.output(layer, precision(&layer.name), &inputs(&tensors, layer)?)?;
            tensors.insert(&layer.name, output);
        }
        Ok(tensors)
    }

    /// The outputs that are not those of `base`, a run in floats, when `layer` alone is in
    /// int8. Far less work than a run.
    pub fn with_int8(
        &self,
        base: &Tensors<'a>,
        layer: &'a Layer,
    ) -> Result<Tensors<'a>, QuantizeError> {
        let first = self.output(layer, Precision::Int8, &inputs(base, layer)?)?;
        let mut changed: Tensors<'a> = BTreeMap::from([(layer.name.as_str(), first)]);
        for next in self.after(layer) {
            let read: Option<Vec<&[f32]>> = next
                .inputs
                .iter()
                .map(|name| {
                    changed
                        .get(name.as_str())
                        .or_else(|| base.get(name.as_str()))
                })
                .map(|values| values.map(Vec::as_slice))
                .collect();
            let read = read.ok_or_else(|| QuantizeError::Network(next.name.clone()))?;
            let output = self.output(next, Precision::Float, &read)?;
            changed.insert(&next.name, output);
        }
        Ok(changed)
    }

    /// Layers that depend on `layer`, in the order of computation.
    fn after(&self, layer: &'a Layer) -> Vec<&'a Layer> {
        let mut known = BTreeSet::from([layer.name.as_str()]);
        let mut found = Vec::new();
        for next in &self.network.layers {
            if next.inputs.iter().any(|name| known.contains(name.as_str())) {
                known.insert(&next.name);
                found.push(next);
            }
        }
        found
    }
}
