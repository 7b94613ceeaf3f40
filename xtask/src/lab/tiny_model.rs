//! A detector so small that an emulated processor runs it in time.
//!
//! The shipped models take seconds a picture under emulation, which would hide how soon
//! detection resumes after a camera came back. This one has the same form, layer kinds and
//! files, random weights, and a thousandth of the work: what it finds means nothing.

use super::{LabError, file_error};
use crate::export;
use crate::network::{Activation, Bias, Builder, Conv, Head, Network, Op};
use crate::onnx::{OnnxError, write_int8};
use crate::quantize::{ConvWeights, FoldedWeights, Int8Network, QuantizeError, Ranges};
use crate::quantize::{FolderError, write_model};
use lookout::class::ObjectClass;
use lookout::model::Training;
use std::path::Path;

const HEIGHT: usize = 96;
const WIDTH: usize = 160;
const STRIDE: u32 = 8;
const ANCHOR: [f32; 2] = [24.0, 24.0];
const SEED: u64 = 5;
/// Range of the outputs; those of the layers behind a ReLU6 end at 6.
const OUTPUT_RANGE: (f32, f32) = (-8.0, 8.0);

/// Why the tiny model could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TinyModelError {
    /// Its weights cannot be quantized.
    #[error("the lab's tiny model: {0}")]
    Quantize(#[from] QuantizeError),
    /// It cannot be written as ONNX.
    #[error("the lab's tiny model: {0}")]
    Onnx(#[from] OnnxError),
    /// Its files cannot be written.
    #[error("the lab's tiny model: {0}")]
    Folder(#[from] FolderError),
}

/// Writes the model into `folder`; the same bytes every time.
pub fn write_tiny_model(folder: &Path) -> Result<(), LabError> {
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    Ok(write(folder)?)
}

fn write(folder: &Path) -> Result<(), TinyModelError> {
    let network = network();
    let int8 = Int8Network::new(&network, &weights(&network), &ranges(&network))?;
    let onnx = write_int8(&int8)?;
    let training = Training {
        command: "cargo xtask lab".into(),
        pretrained: String::new(),
        images_seen: 0,
        hours: 0.0,
        device: "none".into(),
        notes: "Random weights, for the lab only: what it finds means nothing.".into(),
        data: vec![],
    };
    let card = export::model_card("lab-tiny", &network, &training, &onnx);
    Ok(write_model(folder, &card, &onnx)?)
}

fn network() -> Network {
    let mut b = Builder::new(HEIGHT, WIDTH);
    let conv = |name: &str, inputs, outputs, kernel, stride, groups| Conv {
        inputs,
        outputs,
        kernel,
        stride,
        groups,
        weight: name.to_owned(),
        bias: Bias::Plain(format!("{name}_bias")),
        activation: Activation::Relu6,
    };
    let mut last = b.conv("stem", crate::network::INPUT, conv("stem", 3, 8, 3, 2, 1));
    for (name, inputs, outputs) in [("first", 8, 16), ("second", 16, 32)] {
        let depthwise = format!("{name}.depthwise");
        last = b.conv(
            &depthwise,
            &last,
            conv(&depthwise, inputs, inputs, 3, 2, inputs),
        );
        last = b.conv(name, &last, conv(name, inputs, outputs, 1, 1, 1));
    }
    let mut output = |name: &str, outputs| {
        let layer = Conv {
            activation: Activation::None,
            ..conv(name, 32, outputs, 1, 1, 1)
        };
        b.conv(name, &last, layer)
    };
    let head = Head {
        scores: output("scores_8", ObjectClass::COUNT),
        boxes: output("boxes_8", 4),
        stride: STRIDE,
        anchors: vec![ANCHOR],
    };
    b.head(head);
    b.finish()
}

/// Weights that keep the size of the activations about the same from layer to layer.
fn weights(network: &Network) -> FoldedWeights {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut weights = FoldedWeights::new();
    for layer in &network.layers {
        let Op::Conv(conv) = &layer.op else { continue };
        let per_output = conv.inputs / conv.groups * conv.kernel * conv.kernel;
        let size = (6.0 / per_output as f32).sqrt();
        let mut uniform = || (2.0 * random.f32() - 1.0) * size;
        let weight = (0..conv.outputs * per_output).map(|_| uniform()).collect();
        // Few detections: each costs work behind the network.
        let bias = if layer.name == "scores_8" { -3.0 } else { 0.0 };
        let bias = vec![bias; conv.outputs];
        weights.insert(layer.name.clone(), ConvWeights { weight, bias });
    }
    weights
}

fn ranges(network: &Network) -> Ranges {
    let range = |layer: &crate::network::Layer| {
        let is_output = network
            .heads
            .iter()
            .any(|head| [&head.scores, &head.boxes].contains(&&layer.name));
        let range = if is_output { OUTPUT_RANGE } else { (0.0, 6.0) };
        (layer.name.clone(), range)
    };
    network.layers.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::detector::{Detector, DetectorOptions};

    #[test]
    fn the_firmware_runs_the_tiny_model_with_its_own_engine() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_model(folder.path()).unwrap();
        let mut detector = Detector::load(folder.path(), &DetectorOptions::default()).unwrap();
        assert!(detector.card().onnx.macs_millions < 2.0, "it is tiny");
        assert!(detector.explain(1).is_some(), "our own engine takes it");
    }
}
