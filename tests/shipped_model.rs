//! The model in the repository, through the library as a user has it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::detector::{Detector, DetectorOptions, EngineChoice};
use lookout::drive::{Drive, DriveBox, DriveConfig};
use lookout::frame::PixelFormat;
use lookout::int8::kernel::available;
use lookout::model::VerifiedModel;
use lookout::pixels::Picture;
use std::path::{Path, PathBuf};

fn named(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
}

fn model() -> PathBuf {
    named("road-288x512")
}

/// Truth and detections of some frames of the demo drive.
fn demo(model: &Path, frames: impl Iterator<Item = u32>) -> Vec<(Vec<DriveBox>, Vec<Detection>)> {
    let mut detector = Detector::load(model, &DetectorOptions::default()).unwrap();
    let config = DriveConfig::default();
    let (width, height) = (config.width, config.height);
    let mut drive = Drive::new(config).unwrap();
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let mut found = heapless::Vec::new();
    frames
        .map(|frame| {
            drive.render(frame, &mut rgb, &mut boxes);
            let stride = 3 * width as usize;
            let picture = Picture::new(PixelFormat::Rgb8, width, height, stride, &rgb).unwrap();
            detector.detect(&picture, &mut found).unwrap();
            (boxes.clone(), found.to_vec())
        })
        .collect()
}

/// Least height in pixels of what is plain to see.
const PLAIN_PX: f32 = 48.0;

/// How many road users of at least `height_min` pixels the demo shows in full, and how many of
/// them are found.
fn shown_and_found(model: &Path, height_min: f32) -> (usize, usize, String) {
    let frames = demo(model, (0..150).step_by(15));
    let mut plain = [0; ObjectClass::COUNT];
    let mut seen = [0; ObjectClass::COUNT];
    for (truth, found) in &frames {
        for object in truth {
            if object.visible_fraction < 0.9 || object.bbox.height() < height_min {
                continue;
            }
            plain[object.class.index()] += 1;
            let hit = |d: &&Detection| d.class == object.class && d.bbox.iou(&object.bbox) > 0.5;
            seen[object.class.index()] += usize::from(found.iter().any(|d| hit(&d)));
        }
    }
    let by_class = format!("by class {seen:?} of {plain:?}");
    (plain.iter().sum(), seen.iter().sum(), by_class)
}

#[test]
fn most_plainly_visible_road_users_of_the_demo_are_found() {
    let (all, hits, by_class) = shown_and_found(&model(), PLAIN_PX);
    assert!(all >= 30, "the demo shows only {all} plain objects");
    assert!(2 * hits > all, "{hits} of {all} found; {by_class}");
}

#[test]
fn the_light_model_is_light_and_finds_road_users_too() {
    let card = |dir: &Path| VerifiedModel::read(dir).unwrap().card;
    let (full, lite) = (card(&model()), card(&named("road-lite")));
    assert_eq!(lite.name, "road-lite");
    assert!(lite.onnx.macs_millions <= 0.35 * full.onnx.macs_millions);
    let (all, hits, by_class) = shown_and_found(&named("road-lite"), PLAIN_PX);
    assert!(3 * hits > all, "{hits} of {all} found; {by_class}");
}

#[test]
fn the_large_model_finds_more_of_what_is_far() {
    let far_px = 8.0;
    let (all, hits, _) = shown_and_found(&model(), far_px);
    let (_, hits_large, by_class) = shown_and_found(&named("road-384x640"), far_px);
    assert!(
        hits_large > hits,
        "{hits_large} and {hits} of {all}; {by_class}"
    );
}

#[test]
fn few_detections_of_the_demo_show_nothing() {
    let frames = demo(&model(), (7..150).step_by(30));
    let (mut detections, mut wrong) = (0, 0);
    for (truth, found) in &frames {
        for d in found {
            detections += 1;
            wrong += usize::from(truth.iter().all(|o| d.bbox.iou(&o.bbox) < 0.1));
        }
    }
    assert!(detections > 0);
    assert!(
        5 * wrong <= detections,
        "{wrong} of {detections} detections lie on no road user"
    );
}

#[test]
fn the_same_picture_gives_the_same_detections() {
    assert_eq!(
        demo(&model(), std::iter::once(40)),
        demo(&model(), std::iter::once(40))
    );
}

/// What the int8 engine computes is what the file says, whichever kernels run, on one thread
/// or three: not one detection differs from tract's, down to scores that nobody would report.
#[test]
fn every_engine_gives_the_same_detections() {
    let config = DriveConfig::default();
    let (width, height) = (config.width, config.height);
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    Drive::new(config).unwrap().render(60, &mut rgb, &mut boxes);
    let picture = Picture::new(PixelFormat::Rgb8, width, height, 3 * width as usize, &rgb);
    let found = |engine: EngineChoice, threads: usize| {
        let options = DetectorOptions {
            score_min: Some(0.01),
            threads,
            engine,
            ..DetectorOptions::default()
        };
        let mut detector = Detector::load(&model(), &options).unwrap();
        let mut found = heapless::Vec::new();
        detector
            .detect(picture.as_ref().unwrap(), &mut found)
            .unwrap();
        found
    };
    let expected = found(EngineChoice::Tract, 1);
    assert!(expected.len() > 50, "only {} detections", expected.len());
    for kernels in available() {
        for threads in [1, 3] {
            let choice = EngineChoice::Kernels(kernels.name().to_owned());
            assert_eq!(found(choice, threads), expected, "{}", kernels.name());
        }
    }
}

/// A class is judged by its own threshold on the card, unless whoever runs the model gives one
/// for all classes.
#[test]
fn thresholds_of_the_card_hold_unless_another_is_given() {
    let config = DriveConfig::default();
    let (width, height) = (config.width, config.height);
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    Drive::new(config).unwrap().render(60, &mut rgb, &mut boxes);
    let picture = Picture::new(PixelFormat::Rgb8, width, height, 3 * width as usize, &rgb);
    let found = |card_has: &[(ObjectClass, f32)], score_min: Option<f32>| {
        let mut model = VerifiedModel::read(&model()).unwrap();
        let post = &mut model.card.postprocess;
        post.score_threshold = 0.4;
        let own = card_has.iter().map(|(class, t)| (class.name().into(), *t));
        post.class_thresholds = own.collect();
        let options = DetectorOptions {
            score_min,
            ..DetectorOptions::default()
        };
        let mut detector = Detector::new(model, &options).unwrap();
        let mut found = heapless::Vec::new();
        let picture = picture.as_ref().unwrap();
        detector.detect(picture, &mut found).unwrap();
        found
    };
    let plain = found(&[], None);
    let car = |d: &&Detection| d.class == ObjectClass::Car;
    assert!(plain.iter().any(|d| car(&d)), "{plain:?}");
    let without_cars = found(&[(ObjectClass::Car, 1.0)], None);
    let others: Vec<&Detection> = plain.iter().filter(|d| !car(d)).collect();
    assert_eq!(without_cars.iter().collect::<Vec<_>>(), others);
    let more_persons = found(&[(ObjectClass::Person, 0.05)], None);
    assert!(more_persons.len() > plain.len());
    let person = |d: &&Detection| d.class == ObjectClass::Person;
    assert_eq!(
        more_persons.iter().filter(|d| !person(d)).count(),
        plain.iter().filter(|d| !person(d)).count()
    );
    assert_eq!(found(&[(ObjectClass::Car, 1.0)], Some(0.4)), plain);
}

#[test]
fn the_card_tells_where_the_model_comes_from_and_how_good_it_is() {
    for name in ["road-288x512", "road-384x640", "road-lite"] {
        tells(name);
    }
}

fn tells(name: &str) {
    let card = VerifiedModel::read(&named(name)).unwrap().card;
    assert_eq!(card.name, name);
    assert!(card.training.command.contains("train-and-export"));
    assert!(!card.training.data.is_empty());
    assert!(
        card.training
            .data
            .iter()
            .all(|d| !d.licence.is_empty() && d.images > 0)
    );
    assert!(!card.metrics.is_empty());
    for (set, metrics) in &card.metrics {
        assert!(metrics.images > 0, "{set}");
        assert!(metrics.float.ap50.len() == metrics.int8.ap50.len(), "{set}");
    }
}
