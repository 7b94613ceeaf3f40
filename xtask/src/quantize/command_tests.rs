//! Small networks quantized from end to end.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::network::detector;
use crate::quantize::testing::{random_picture, random_weights, render_data, write_float_model};
use lookout::model::VerifiedModel;

fn args(folder: &std::path::Path, more: &[&str]) -> QuantizeArgs {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: QuantizeArgs,
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (float, data, out) = (path("float"), path("drives"), path("int8"));
    let line = [
        "quantize", "--float", &float, "--data", &data, "--out", &out,
    ];
    <Line as clap::Parser>::parse_from(line.iter().chain(more)).args
}

#[test]
fn a_float_folder_becomes_an_int8_folder() {
    let folder = tempfile::tempdir().unwrap();
    let network = detector(64, 96);
    let weights = random_weights(&network, &mut fastrand::Rng::with_seed(1));
    write_float_model(&folder.path().join("float"), &network, &weights);
    render_data(folder.path());
    let json = folder.path().join("choices.json");
    let more = [
        "--method",
        "auto",
        "--bias-correction",
        "--equalise",
        "--images",
        "3",
    ];
    let more = more
        .iter()
        .copied()
        .chain(["--json", json.to_str().unwrap()]);
    let args = args(folder.path(), &more.collect::<Vec<_>>());
    run(&args).unwrap();
    let model = VerifiedModel::read(&args.out).unwrap();
    assert!(
        model
            .card
            .training
            .command
            .starts_with("trained && cargo xtask")
    );
    read_dequantized(&model.onnx, &network).unwrap();
    let choices = std::fs::read(&json).unwrap();
    let choices: serde_json::Value = serde_json::from_slice(&choices).unwrap();
    assert!(choices["stem"]["method"].is_string() && choices["boxes_8"]["method"].is_null());
    // The same once more gives the same bytes.
    run(&args).unwrap();
    assert_eq!(VerifiedModel::read(&args.out).unwrap().onnx, model.onnx);
}

#[test]
fn what_cannot_be_quantized_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut args = args(folder.path(), &[]);
    let error = |args: &QuantizeArgs| run(args).unwrap_err().to_string();
    assert!(error(&args).contains("model.toml"));
    let network = detector(32, 32);
    let weights = random_weights(&network, &mut fastrand::Rng::with_seed(1));
    write_float_model(&args.float, &network, &weights);
    assert!(error(&args).contains("drives"), "{}", error(&args));
    args.out = args.float.clone();
    assert!(matches!(run(&args), Err(QuantizeCommandError::SameFolder)));
    let none = quantize(&network, &weights, &[], Recipe::default());
    assert!(matches!(
        none,
        Err(QuantizeCommandError::Quantize(QuantizeError::NoPicture))
    ));
}

#[test]
fn every_recipe_stays_near_the_float_network() {
    let mut random = fastrand::Rng::with_seed(2);
    let network = detector(64, 64);
    let weights = random_weights(&network, &mut random);
    let pictures: Vec<_> = (0..3)
        .map(|_| random_picture(&network, &mut random))
        .collect();
    for (equalise, bias_correction) in [(false, false), (true, false), (false, true)] {
        let recipe = Recipe {
            method: Method::Auto,
            equalise,
            bias_correction,
        };
        let Quantized {
            int8,
            choices,
            weights,
        } = quantize(&network, &weights, &pictures, recipe).unwrap();
        assert_eq!(choices.len(), network.layers.len());
        let onnx = write_int8(&int8).unwrap();
        verify(&int8, &onnx, &pictures[0]).unwrap();
        let dequantized = read_dequantized(&onnx, &network).unwrap();
        let twin = crate::quantize::Twin::new(&network, &weights, &dequantized).unwrap();
        let run = |precision| twin.run(&pictures[0], |_| precision).unwrap();
        let (float, int8) = (
            run(crate::quantize::Precision::Float),
            run(crate::quantize::Precision::Int8),
        );
        for head in &network.heads {
            let (a, b) = (&float[head.boxes.as_str()], &int8[head.boxes.as_str()]);
            let square = |v: f32| f64::from(v) * f64::from(v);
            let noise: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
            let signal: f64 = a.iter().map(|a| square(*a)).sum();
            assert!(
                noise < 0.1 * signal,
                "{recipe:?} {}: {noise} {signal}",
                head.boxes
            );
        }
    }
}
