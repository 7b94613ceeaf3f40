//! Random networks, pictures and folders for tests.
#![allow(clippy::unwrap_used)]

use super::{ConvWeights, FoldedWeights};
use crate::network::{INPUT, Network, Op};
use crate::onnx::write_float;
use crate::quantize::folder::write_model;
use crate::render_drive::{self, RenderDriveArgs};
use lookout::anchors::BoxCoding;
use lookout::class::ObjectClass;
use lookout::model::{
    InputSpec, LevelSpec, ModelCard, OnnxFile, PerChannel, PixelLayout, Postprocess, Training,
    sha256_hex,
};
use std::path::{Path, PathBuf};

/// Weights that keep the size of the activations about the same from layer to layer.
pub(crate) fn random_weights(network: &Network, random: &mut fastrand::Rng) -> FoldedWeights {
    let mut weights = FoldedWeights::new();
    for layer in &network.layers {
        let Op::Conv(conv) = &layer.op else { continue };
        let per_output = conv.inputs / conv.groups * conv.kernel * conv.kernel;
        let size = (6.0 / per_output as f32).sqrt();
        let mut uniform = |size: f32| (2.0 * random.f32() - 1.0) * size;
        let weight = (0..conv.outputs * per_output)
            .map(|_| uniform(size))
            .collect();
        let bias = (0..conv.outputs).map(|_| uniform(0.5)).collect();
        weights.insert(layer.name.clone(), ConvWeights { weight, bias });
    }
    weights
}

/// A picture with soft shapes and some noise, as planes.
pub(crate) fn random_picture(network: &Network, random: &mut fastrand::Rng) -> Vec<u8> {
    let (height, width) = (network.input_height, network.input_width);
    let mut pixels = Vec::new();
    for _ in 0..3 {
        let (fx, fy, phase) = (random.f32() * 0.5, random.f32() * 0.5, random.f32() * 6.0);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y as f32, x as f32))) {
            let wave = (x * fx + y * fy + phase).sin() * 90.0;
            pixels.push((127.0 + wave + random.f32() * 40.0 - 20.0) as u8);
        }
    }
    pixels
}

/// A float model in a folder.
pub(crate) fn write_float_model(dir: &Path, network: &Network, weights: &FoldedWeights) {
    let onnx = write_float(network, weights).unwrap();
    let levels = network.heads.iter().map(|head| LevelSpec {
        scores: head.scores.clone(),
        boxes: head.boxes.clone(),
        stride: head.stride,
        anchors: head.anchors.clone(),
    });
    let card = ModelCard {
        format: 1,
        name: "random".into(),
        classes: ObjectClass::ALL
            .map(|class| class.name().to_string())
            .into(),
        input: InputSpec {
            tensor: INPUT.into(),
            height: network.input_height as u32,
            width: network.input_width as u32,
            mean: PerChannel([127.0; 3]),
            std: PerChannel([128.0; 3]),
            layout: PixelLayout::RgbPlanes,
        },
        onnx: OnnxFile {
            file: "model.onnx".into(),
            sha256: sha256_hex(&onnx),
            macs_millions: 1.0,
            parameters: network.parameters(),
        },
        levels: levels.collect(),
        postprocess: Postprocess {
            box_coding: BoxCoding::CentreSize,
            score_threshold: 0.4,
            class_thresholds: Default::default(),
            nms_iou: 0.55,
        },
        training: Training {
            command: "trained".into(),
            pretrained: String::new(),
            images_seen: 0,
            hours: 0.0,
            device: String::new(),
            notes: String::new(),
            data: vec![],
        },
        metrics: Default::default(),
    };
    write_model(dir, &card, &onnx).unwrap();
}

/// A rendered data set in `folder`, nine training images and one to measure on.
pub(crate) fn render_data(folder: &Path) -> PathBuf {
    let out = folder.join("drives");
    let args = RenderDriveArgs {
        out: out.clone(),
        frames: 10,
        seed: 9,
        width: 128,
        height: 96,
    };
    render_drive::run(&args).unwrap();
    out
}
