//! Written files, run by the firmware's engine, against plain loops.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::network::{Activation, Conv, INPUT, Network, Op, detector};
use crate::quantize::testing::{random_picture, random_weights};
use crate::quantize::{
    ConvWeights, FoldedWeights, Int8Network, LayerEngine, Method, Observer, Precision, Twin,
    reference,
};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::prelude::*;

/// The network in plain `f32` loops; all layers by name.
pub(crate) fn run_float(
    net: &Network,
    weights: &FoldedWeights,
    pixels: &[u8],
) -> BTreeMap<String, Vec<f32>> {
    let mut tensors = BTreeMap::from([(INPUT.to_string(), net.normalised(pixels))]);
    for layer in &net.layers {
        let x = &tensors[&layer.inputs[0]];
        let columns = net
            .layer(&layer.inputs[0])
            .map_or(net.input_width, |l| l.shape[2]);
        let y = match &layer.op {
            Op::Conv(conv) => float_conv(conv, &weights[&layer.name], x, columns, layer.shape),
            Op::Add => x
                .iter()
                .zip(&tensors[&layer.inputs[1]])
                .map(|(a, b)| a + b)
                .collect(),
            Op::Upsample2 => {
                let at = |i: usize| (i / (4 * columns) * columns) + i % (2 * columns) / 2;
                (0..4 * x.len()).map(|i| x[at(i)]).collect()
            }
        };
        tensors.insert(layer.name.clone(), y);
    }
    tensors
}

fn float_conv(
    conv: &Conv,
    w: &ConvWeights,
    x: &[f32],
    columns: usize,
    [outputs, rows_out, columns_out]: [usize; 3],
) -> Vec<f32> {
    let (k, plane, per_group) = (
        conv.kernel,
        x.len() / conv.inputs,
        conv.inputs / conv.groups,
    );
    let mut y = Vec::new();
    for o in 0..outputs {
        for (r, c) in (0..rows_out).flat_map(|r| (0..columns_out).map(move |c| (r, c))) {
            let mut sum = f64::from(w.bias[o]);
            for (i, tap) in (0..per_group).flat_map(|i| (0..k * k).map(move |tap| (i, tap))) {
                let row = (r * conv.stride + tap / k) as isize - (k / 2) as isize;
                let column = (c * conv.stride + tap % k) as isize - (k / 2) as isize;
                let inside = 0..columns as isize;
                if row >= 0 && row < (plane / columns) as isize && inside.contains(&column) {
                    let channel = o / (outputs / conv.groups) * per_group + i;
                    let at = channel * plane + row as usize * columns + column as usize;
                    sum +=
                        f64::from(x[at]) * f64::from(w.weight[(o * per_group + i) * k * k + tap]);
                }
            }
            y.push(match conv.activation {
                Activation::None => sum as f32,
                Activation::Relu6 => (sum as f32).clamp(0.0, 6.0),
            });
        }
    }
    y
}

fn run_tract(onnx: &[u8], network: &Network, pixels: &[u8]) -> Vec<Vec<f32>> {
    let model = tract_onnx::onnx().model_for_read(&mut &onnx[..]).unwrap();
    let model = model.into_optimized().unwrap().into_runnable().unwrap();
    let shape = [1, 3, network.input_height, network.input_width];
    let input = Tensor::from_shape(&shape, &network.normalised(pixels)).unwrap();
    let outputs = model.run(tvec!(input.into())).unwrap();
    let floats = |t: &TValue| {
        t.try_as_plain_ram()
            .unwrap()
            .as_slice::<f32>()
            .unwrap()
            .to_vec()
    };
    outputs.iter().map(floats).collect()
}

/// Names of the outputs in the order of the file.
fn outputs(network: &Network) -> Vec<String> {
    network
        .heads
        .iter()
        .flat_map(|head| [head.scores.clone(), head.boxes.clone()])
        .collect()
}

/// A network with random weights and the ranges of its layers on random pictures. One of an
/// odd seed has a mean and a deviation for each channel.
fn random_network(side: usize, seed: u64) -> (Network, FoldedWeights, Int8Network, fastrand::Rng) {
    let mut random = fastrand::Rng::with_seed(seed);
    let network = match seed % 2 {
        0 => detector(side, side),
        _ => detector(side, side).with_normalisation([101.3, 127.0, 140.9], [57.1, 80.0, 44.4]),
    };
    let weights = random_weights(&network, &mut random);
    let mut observer = Observer::new(&network, Method::Mse);
    for _ in 0..3 {
        let picture = random_picture(&network, &mut random);
        for (name, values) in run_float(&network, &weights, &picture) {
            observer.observe(&name, &values);
        }
    }
    let int8 = Int8Network::new(&network, &weights, &observer.ranges().unwrap()).unwrap();
    (network, weights, int8, random)
}

/// Pearson's correlation.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        a.iter()
            .zip(b)
            .map(|(x, y)| f(f64::from(*x) - ma, f64::from(*y) - mb))
            .sum::<f64>()
    };
    moment(&|x, y| x * y) / (moment(&|x, _| x * x) * moment(&|_, y| y * y)).sqrt()
}

#[test]
fn the_float_file_computes_the_network() {
    let mut random = fastrand::Rng::with_seed(7);
    let network = detector(32, 64);
    let weights = random_weights(&network, &mut random);
    let picture = random_picture(&network, &mut random);
    let expected = run_float(&network, &weights, &picture);
    let got = run_tract(
        &write_float(&network, &weights).unwrap(),
        &network,
        &picture,
    );
    assert_eq!(got.len(), 6);
    for (name, got) in outputs(&network).iter().zip(&got) {
        assert_eq!(got.len(), expected[name].len());
        for (a, b) in got.iter().zip(&expected[name]) {
            assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{name}: {a} {b}");
        }
    }
}

/// To the bit, on every output: the scales are chosen so that the engine's order of operations
/// and that of the reference round alike.
#[test]
fn the_int8_file_computes_the_reference() {
    for seed in 0..2 {
        let (network, _, int8, mut random) = random_network(64, seed);
        let picture = random_picture(&network, &mut random);
        let got = run_tract(&write_int8(&int8).unwrap(), &network, &picture);
        let expected = reference::run(&int8, &picture).unwrap();
        assert_eq!(got.len(), expected.len());
        for ((name, got), expected) in outputs(&network).iter().zip(&got).zip(&expected) {
            let different = got.iter().zip(expected).filter(|(a, b)| a != b).count();
            assert_eq!(
                (got.len(), different),
                (expected.len(), 0),
                "seed {seed}, {name}"
            );
            let levels: BTreeSet<u32> = got.iter().map(|v| v.to_bits()).collect();
            assert!(
                levels.len() > 20,
                "{name} is nearly constant: nothing was compared"
            );
        }
    }
}

#[test]
fn integers_are_close_to_floats() {
    let (network, weights, int8, mut random) = random_network(64, 11);
    let picture = random_picture(&network, &mut random);
    let float = run_float(&network, &weights, &picture);
    let integer = reference::run(&int8, &picture).unwrap();
    for (name, integer) in outputs(&network).iter().zip(&integer) {
        let r = correlation(&float[name], integer);
        assert!(r > 0.97, "{name}: correlation {r}");
    }
}

#[test]
fn the_same_network_gives_the_same_bytes() {
    let (network, weights, int8, _) = random_network(32, 5);
    assert_eq!(
        write_int8(&int8).unwrap(),
        write_int8(&int8.clone()).unwrap()
    );
    let float = write_float(&network, &weights).unwrap();
    assert_eq!(
        float,
        write_float(&network.clone(), &weights.clone()).unwrap()
    );
    // Most weights take a byte instead of four.
    assert!(write_int8(&int8).unwrap().len() * 3 < float.len());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (network, mut weights, _, _) = random_network(32, 5);
    assert!(Int8Network::new(&network, &weights, &BTreeMap::new()).is_err());
    weights.remove("block3.expand");
    let missing = QuantizeError::WeightsMissing("block3.expand".into());
    assert_eq!(
        write_float(&network, &weights),
        Err(OnnxError::Network(missing))
    );
    let small = detector(32, 32);
    let mut clash = small.clone();
    clash.layers[1].name = "stem.sum".into();
    clash.layers[2].inputs[0] = "stem.sum".into();
    weights = random_weights(&clash, &mut fastrand::Rng::with_seed(1));
    assert_eq!(
        write_float(&clash, &weights),
        Err(OnnxError::Name("stem.sum".into()))
    );
}

/// Layer by layer, as calibration computes it, against plain loops.
#[test]
fn single_layers_compute_the_network() {
    let mut random = fastrand::Rng::with_seed(8);
    let network = detector(32, 64);
    let weights = random_weights(&network, &mut random);
    let picture = random_picture(&network, &mut random);
    let expected = run_float(&network, &weights, &picture);
    let engine = LayerEngine::new(&network, &weights).unwrap();
    let got = engine.run(&network, &picture).unwrap();
    assert_eq!(got.len(), network.layers.len() + 1);
    for (name, got) in got {
        assert_eq!(got.len(), expected[name].len());
        for (a, b) in got.iter().zip(&expected[name]) {
            assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{name}: {a} {b}");
        }
    }
    assert!(engine.run(&network, &picture[1..]).is_err());
}

/// Rounded floats are what the integers stand for, but for sums next to a half.
#[test]
fn rounded_floats_follow_the_integers() {
    let (network, weights, int8, mut random) = random_network(64, 3);
    let picture = random_picture(&network, &mut random);
    let bytes = write_int8(&int8).unwrap();
    let twin = read_dequantized(&bytes, &network).unwrap();
    for layer in &network.layers {
        assert_eq!(twin.schemes[&layer.name], int8.tensor(&layer.name).unwrap());
    }
    let twin = Twin::new(&network, &weights, &twin).unwrap();
    let integers = reference::run_layers(&int8, &picture).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        let scheme = int8.tensor(name).unwrap();
        integers[name]
            .iter()
            .map(|q| scheme.dequantize(*q))
            .collect()
    };
    for layer in &network.layers {
        let inputs: Vec<Vec<f32>> = layer.inputs.iter().map(|name| numbers(name)).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let got = twin.output(layer, Precision::Int8, &inputs).unwrap();
        let half = 0.5 * int8.tensor(&layer.name).unwrap().scale;
        let expected = numbers(&layer.name);
        let differing = got
            .iter()
            .zip(&expected)
            .filter(|(a, b)| (*a - *b).abs() > half);
        assert!(200 * differing.count() <= expected.len(), "{}", layer.name);
    }
    // One layer in int8, worked out from a float run, is a run with that layer in int8.
    let float = twin.run(&picture, |_| Precision::Float).unwrap();
    for layer in [&network.layers[5], &network.layers[60]] {
        let only = |name: &str| {
            if name == layer.name {
                Precision::Int8
            } else {
                Precision::Float
            }
        };
        let expected = twin.run(&picture, only).unwrap();
        let changed = twin.with_int8(&float, layer).unwrap();
        assert!(changed.contains_key("scores_16"));
        for (name, values) in expected {
            assert!(
                *changed.get(name).unwrap_or(&float[name]) == values,
                "{name}"
            );
        }
    }
}

#[test]
fn what_was_written_is_read() {
    let (network, weights, int8, _) = random_network(32, 6);
    let float = write_float(&network, &weights).unwrap();
    let integers = write_int8(&int8).unwrap();
    assert_eq!(read_float(&float, &network).unwrap(), weights);
    let read = read_int8(&integers, &network).unwrap();
    assert_eq!(read, read_dequantized(&integers, &network).unwrap().weights);
    assert!(matches!(
        read_float(b"no ONNX", &network),
        Err(OnnxError::Read(_))
    ));
    let other = OnnxError::Other("stem".into());
    assert_eq!(read_float(&integers, &network), Err(other.clone()));
    assert_eq!(read_dequantized(&float, &network), Err(other));
}
