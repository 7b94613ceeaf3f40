//! A model for panoramas, from measured channels to the firmware's detector, without torch.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::network::detector;
use crate::onnx::tests::run_float;
use crate::quantize::testing::random_weights;
use crate::quantize::{Method, Observer};
use crate::render_panorama::{self, RenderPanoramaArgs};
use crate::training::Normalisation;
use lookout::detection::Detection;
use lookout::detector::{Detector, DetectorOptions, EngineChoice};
use lookout::frame::PixelFormat;
use lookout::model::{PerChannel, VerifiedModel};
use lookout::pixels::Picture;

const HEIGHT: u32 = 64;
const WIDTH: u32 = 256;

/// Five rendered panoramas; the first four are for training.
fn panoramas(folder: &Path) -> Dataset {
    let out = folder.join("panoramas");
    let args = RenderPanoramaArgs {
        out: out.clone(),
        frames: 5,
        seed: 11,
        width: WIDTH,
        height: HEIGHT,
    };
    render_panorama::run(&args).unwrap();
    Dataset::load(&out, Split::Train, LoadOptions::TRAINING).unwrap()
}

fn rgb_of(set: &Dataset, image: usize) -> Vec<u8> {
    let picture = image::open(&set.images[image].path).unwrap();
    picture.into_rgb8().into_raw()
}

/// Writes an int8 model of random weights for `set` into `dir`.
fn write_model(set: &Dataset, dir: &Path) -> Network {
    let normalisation = Normalisation::Auto
        .resolve(std::slice::from_ref(set), None, 1)
        .unwrap();
    let network = normalisation.apply(detector(HEIGHT as usize, WIDTH as usize));
    let weights = random_weights(&network, &mut fastrand::Rng::with_seed(3));
    let mut observer = Observer::new(&network, Method::Mse);
    let pixels = crate::bench::planes(&rgb_of(set, 0));
    for (name, values) in run_float(&network, &weights, &pixels) {
        observer.observe(&name, &values);
    }
    let int8 = Int8Network::new(&network, &weights, &observer.ranges().unwrap()).unwrap();
    let bytes = write_int8(&int8).unwrap();
    verify(&int8, &bytes, &pixels).unwrap();
    let card = card::card("panorama", &network, &Training::default(), &bytes);
    place::write(dir, &card, &bytes).unwrap();
    network
}

fn detect(dir: &Path, engine: EngineChoice, rgb: &[u8], height: u32) -> Vec<Detection> {
    let options = DetectorOptions {
        score_min: Some(0.0),
        engine: engine.clone(),
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(dir, &options).unwrap();
    let is_tract = detector.engine() == "tract";
    assert_eq!(is_tract, engine == EngineChoice::Tract);
    let stride = 3 * WIDTH as usize;
    let rgb = &rgb[..stride * height as usize];
    let picture = Picture::new(PixelFormat::Rgb8, WIDTH, height, stride, rgb).unwrap();
    let mut found = heapless::Vec::new();
    detector.detect(&picture, &mut found).unwrap();
    found.to_vec()
}

#[test]
fn both_engines_normalise_each_channel_as_the_card_says() {
    let folder = tempfile::tempdir().unwrap();
    let set = panoramas(folder.path());
    let dir = folder.path().join("panorama");
    let network = write_model(&set, &dir);

    let text = std::fs::read_to_string(dir.join("model.toml")).unwrap();
    assert!(text.contains("mean = ["), "{text}");
    let card = VerifiedModel::read(&dir).unwrap().card;
    assert_eq!(card.input.mean, PerChannel(network.input_mean));
    assert_eq!(card.input.std, PerChannel(network.input_std));
    let [depth, ambient, intensity] = network.input_mean;
    assert!((depth - ambient).abs() > 3.0 && (ambient - intensity).abs() > 3.0);

    // A whole panorama, and one with a border above and below.
    let rgb = rgb_of(&set, 1);
    for height in [HEIGHT, HEIGHT / 2] {
        let int8 = detect(&dir, EngineChoice::Fastest, &rgb, height);
        let stock = detect(&dir, EngineChoice::Tract, &rgb, height);
        assert!(int8.len() >= 20, "{} detections", int8.len());
        for a in &int8[..20] {
            let same = |b: &&Detection| {
                b.class == a.class && (b.score - a.score).abs() < 0.03 && a.bbox.iou(&b.bbox) > 0.8
            };
            assert!(stock.iter().any(|b| same(&b)), "{height} rows: {a:?}");
        }
    }
    // The channels are told apart: in another order they are another picture.
    let swapped: Vec<u8> = rgb
        .chunks_exact(3)
        .flat_map(|p| [p[2], p[0], p[1]])
        .collect();
    let whole = detect(&dir, EngineChoice::Fastest, &rgb, HEIGHT);
    assert_ne!(detect(&dir, EngineChoice::Fastest, &swapped, HEIGHT), whole);
}
