//! The shipped network on the int8 engine, against what onnxruntime made of the same picture:
//! every byte of every output. `cargo xtask golden` writes what is compared with.
#![allow(clippy::unwrap_used)]

use lookout::int8::extract::{Crossing, Extraction, extract};
use lookout::int8::kernel::{Kernels, available};
use lookout::int8::{Engine, Plan};
use lookout::model::{ModelCard, VerifiedModel};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tract_onnx::prelude::*;

/// Share of outputs that tract may round to the other neighbour: it works out the multiplier
/// in another order, and a sum within `f32`'s last digit of a half falls to the other side.
const TRACT_DIFFERING_SHARE_MAX: f64 = 0.01;

fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/road-288x512");
    folder.join(name)
}

fn shipped() -> VerifiedModel {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/road-288x512");
    let model = VerifiedModel::read(&folder).unwrap();
    let origin = std::fs::read_to_string(golden("origin.toml")).unwrap();
    assert!(
        origin.contains(&model.card.onnx.sha256),
        "the golden outputs are of another model: run `cargo xtask golden`"
    );
    model
}

/// The network with scores and boxes of each level in turn as its outputs.
fn network(VerifiedModel { card, onnx }: &VerifiedModel) -> TypedModel {
    let mut model = tract_onnx::onnx()
        .model_for_read(&mut Cursor::new(onnx))
        .unwrap();
    model.select_outputs_by_name(outputs_of(card)).unwrap();
    model.into_typed().unwrap()
}

fn outputs_of(card: &ModelCard) -> impl Iterator<Item = &str> {
    let levels = card.levels.iter();
    levels.flat_map(|level| [level.scores.as_str(), level.boxes.as_str()])
}

/// The picture, R, G, B.
fn picture() -> Vec<u8> {
    image::open(golden("picture.png"))
        .unwrap()
        .into_rgb8()
        .into_raw()
}

/// All outputs' bytes as ONNX has them: channel by channel.
fn run(
    card: &ModelCard,
    found: &Extraction,
    model: &TypedModel,
    kernels: &'static dyn Kernels,
) -> Vec<u8> {
    let [input] = found.inputs[..] else {
        unreachable!("one picture goes in");
    };
    let Crossing::Numbers(scheme) = input.crossing else {
        unreachable!("numbers go in");
    };
    let plan = Plan::new(found.graph.clone(), kernels).unwrap();
    let mut engine = Engine::new(plan, 2).unwrap();
    let view = engine.input(input.node);
    let (columns, flip) = (view.shape.columns, view.flip);
    let numbers = card.input.pixel_numbers();
    for (i, pixel) in picture().as_chunks::<3>().0.iter().enumerate() {
        let at = i / columns * view.row_bytes + i % columns * view.pixel_bytes;
        for ((to, from), numbers) in view.data[at..].iter_mut().zip(pixel).zip(&numbers) {
            let steps = (numbers[usize::from(*from)] * scheme.scale).round_ties_even();
            *to = (steps as i32 + i32::from(scheme.zero_point)).clamp(0, 255) as u8 ^ flip;
        }
    }
    assert!(engine.run());
    let mut bytes = Vec::new();
    for outlet in model.output_outlets().unwrap() {
        let port = found.outputs.iter().find(|port| port.outlet == *outlet);
        let view = engine.output(port.unwrap().node);
        for channel in 0..view.shape.channels {
            for i in 0..view.shape.rows * view.shape.columns {
                let (row, column) = (i / view.shape.columns, i % view.shape.columns);
                let at = row * view.row_bytes + column * view.pixel_bytes + channel;
                bytes.push(view.data[at] ^ view.flip);
            }
        }
    }
    bytes
}

#[test]
fn every_output_of_every_kernel_set_equals_onnxruntime_s() {
    let expected = std::fs::read(golden("outputs.bin")).unwrap();
    assert!(expected.iter().any(|byte| *byte != expected[0]));
    let shipped = shipped();
    let model = network(&shipped);
    let found = extract(&model).unwrap();
    for kernels in available() {
        let bytes = run(&shipped.card, &found, &model, kernels);
        assert_eq!(bytes.len(), expected.len());
        let differing = bytes.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{}", kernels.name());
    }
}

#[test]
fn tract_itself_differs_by_its_own_rounding_only() {
    let expected = std::fs::read(golden("outputs.bin")).unwrap();
    let shipped = shipped();
    let model = network(&shipped);
    let found = extract(&model).unwrap();
    let input = &shipped.card.input;
    let (height, width) = (input.height as usize, input.width as usize);
    let rgb = picture();
    let numbers = input.pixel_numbers();
    let number = |(_, channel, row, column): (usize, usize, usize, usize)| {
        numbers[channel][usize::from(rgb[3 * (row * width + column) + channel])]
    };
    let tensor: Tensor = tract_ndarray::Array4::from_shape_fn((1, 3, height, width), number).into();
    let runnable = model
        .clone()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    let outputs = runnable.run(tvec!(tensor.into())).unwrap();
    let mut expected = expected.iter();
    let (mut count, mut differing) = (0, 0);
    for (outlet, output) in model.output_outlets().unwrap().iter().zip(&outputs) {
        let port = found.outputs.iter().find(|port| port.outlet == *outlet);
        let Crossing::Numbers(scheme) = port.unwrap().crossing else {
            unreachable!("numbers come out");
        };
        let plain = output.try_as_plain_ram().unwrap();
        for number in plain.as_slice::<f32>().unwrap() {
            let steps = (number / scheme.scale).round() as i32 + i32::from(scheme.zero_point);
            let off = (steps - i32::from(*expected.next().unwrap())).abs();
            assert!(off <= 1, "a difference of {off} steps");
            (count, differing) = (count + 1, differing + off);
        }
    }
    assert!(expected.next().is_none());
    assert!(f64::from(differing) <= TRACT_DIFFERING_SHARE_MAX * f64::from(count));
}
