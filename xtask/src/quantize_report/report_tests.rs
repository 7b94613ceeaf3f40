//! Reports of small networks.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::network::detector;
use crate::quantize::command;
use crate::quantize::testing::{random_weights, render_data, write_float_model};

fn report_args(folder: &std::path::Path) -> QuantizeReportArgs {
    QuantizeReportArgs {
        float: folder.join("float"),
        int8: folder.join("int8"),
        data: vec![folder.join("drives")],
        images: 1,
        layer_images: 1,
        map_images: 1,
        worst: 2,
        seed: 1,
        out: folder.join("report.md"),
        json: Some(folder.join("report.json")),
    }
}

#[test]
fn every_layer_is_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let network = detector(64, 96);
    let weights = random_weights(&network, &mut fastrand::Rng::with_seed(1));
    let args = report_args(folder.path());
    write_float_model(&args.float, &network, &weights);
    render_data(folder.path());
    command::run(&command::QuantizeArgs {
        float: args.float.clone(),
        data: args.data.clone(),
        out: args.int8.clone(),
        method: Default::default(),
        bias_correction: false,
        equalise: true,
        float_out: Some(folder.path().join("evened")),
        images: 3,
        seed: 1,
        json: None,
    })
    .unwrap();
    // Channels of other sizes than in the model that is compared with.
    let error = run(&args).unwrap_err();
    assert!(
        matches!(error, QuantizeReportError::Unlike { .. }),
        "{error}"
    );
    let args = QuantizeReportArgs {
        float: folder.path().join("evened"),
        ..args
    };
    run(&args).unwrap();
    let page = std::fs::read_to_string(&args.out).unwrap();
    let json = std::fs::read(args.json.as_ref().unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for (index, layer) in network.layers.iter().enumerate() {
        assert!(
            page.contains(&format!("| {} |", layer.name)),
            "{}",
            layer.name
        );
        let found = &json["layers"][index];
        assert_eq!(found["layer"], layer.name.as_str());
        assert!(found["alone_snr_db"].as_f64().unwrap() > 15.0, "{found}");
    }
    // Noise adds up on the way.
    let last = &json["layers"][network.layers.len() - 1];
    assert!(last["accumulated_snr_db"].as_f64() < last["alone_snr_db"].as_f64());
    assert_eq!(json["map"]["one_in_float"].as_array().unwrap().len(), 2);
    // The two folders the wrong way round.
    let swapped = QuantizeReportArgs {
        float: args.int8.clone(),
        int8: args.float.clone(),
        ..args
    };
    let error = run(&swapped).unwrap_err().to_string();
    assert!(error.contains("stem") && error.contains("int8"), "{error}");
}

fn layer(name: &str, logit_error: f64, box_error: f64, alone_snr_db: f64) -> LayerReport {
    LayerReport {
        layer: name.into(),
        kind: "conv 1x1".into(),
        low: 0.0,
        high: 6.0,
        clipped: 0.0,
        weights_snr_db: None,
        worst_channel_snr_db: None,
        worst_channel: None,
        alone_snr_db: Some(alone_snr_db),
        accumulated_snr_db: None,
        logit_error: Some(logit_error),
        box_error: Some(box_error),
    }
}

#[test]
fn the_worst_layers_are_those_that_the_outputs_feel() {
    let network = detector(32, 32);
    let layers = [
        layer("stem", 0.1, 0.0, 40.0),
        layer("block0.depthwise", 0.0, 0.02, 50.0),
        layer("scores_8", 0.2, 0.0, 60.0),
        layer("block3.depthwise", 0.0, 0.0, 10.0),
        layer("block4.depthwise", 0.0, 0.0, 20.0),
        layer("pyramid4.up", 9.0, 9.0, 20.0),
    ];
    // An upsampling rounds nothing, whatever is said of it.
    let names = worst(&network, &layers[..5], 4);
    let expected = ["block0.depthwise", "scores_8", "stem", "block3.depthwise"];
    assert_eq!(names, expected);
    assert!(!worst(&network, &layers, 9).contains(&"pyramid4.up"));
    let shares = shares(&layers[..5]);
    assert!((shares[0] - 0.2).abs() < 1e-9 && (shares[1] - 1.0).abs() < 1e-9);
    let report = QuantizeReport {
        float: "f".into(),
        int8: "i".into(),
        images: 1,
        outputs: OutputErrors {
            logit_error: Some(0.05),
            box_error: Some(0.001),
        },
        layers: layers[..5].to_vec(),
        map: Some(MapReport {
            images: 9,
            float: 0.30,
            int8: 0.29,
            one_in_float: vec![OneInFloat {
                layer: "stem".into(),
                map: 0.295,
            }],
        }),
    };
    let text = page::summary(&report);
    assert!(
        text.contains("block0.depthwise (100 %), scores_8 (80 %), stem (20 %)"),
        "{text}"
    );
    assert!(
        text.contains("more than is aimed at") && text.contains("+0.0050 mAP"),
        "{text}"
    );
    assert!(text.contains("block3.depthwise (10.0 dB)"), "{text}");
    let mut unmeasured = report;
    for layer in &mut unmeasured.layers {
        (layer.logit_error, layer.box_error) = (None, None);
    }
    let text = page::summary(&unmeasured);
    assert!(text.contains("not measured") && !text.contains("No layer is sensitive"));
}
