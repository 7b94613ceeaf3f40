//! The metrics against figures that pycocotools gave for a stored case; see
//! `data/coco_golden/make_golden.py` for how the case was made.
#![allow(clippy::unwrap_used)]

use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;
use serde::Deserialize;
use std::path::Path;
use xtask::dataset::{Dataset, LoadOptions, Split};
use xtask::metrics::{ABSENT, Evaluator, Metrics};

const ANNOTATIONS: &str = include_str!("data/coco_golden/annotations.json");
const DETECTIONS: &str = include_str!("data/coco_golden/detections.json");
const EXPECTED: &str = include_str!("data/coco_golden/expected.json");

/// Figures of a class by size, small first.
const SIZES: [&str; 3] = ["ap_small", "ap_medium", "ap_large"];

/// One entry of a COCO results file.
#[derive(Deserialize)]
struct ResultEntry {
    image_id: i64,
    category_id: usize,
    bbox: [f32; 4],
    score: f32,
}

impl ResultEntry {
    fn detection(&self) -> Detection {
        let [x, y, width, height] = self.bbox;
        Detection::new(
            ObjectClass::from_index(self.category_id - 1).unwrap(),
            self.score,
            BBox::new(x, y, x + width, y + height),
        )
    }
}

/// The stored annotations, loaded as any data set. The loader wants the pictures to be
/// there but does not open them, so empty files do.
fn golden_dataset(folder: &Path) -> Dataset {
    std::fs::create_dir(folder.join("images")).unwrap();
    for index in 0..16 {
        std::fs::write(folder.join(format!("images/{index:02}.jpg")), []).unwrap();
    }
    std::fs::write(folder.join("annotations_val.json"), ANNOTATIONS).unwrap();
    let dataset = Dataset::load(folder, Split::Val, LoadOptions::EVALUATION).unwrap();
    assert_eq!(dataset.images.len(), 16);
    assert_eq!((dataset.skipped_count, dataset.clipped_count), (0, 0));
    dataset
}

fn add_images(evaluator: &mut Evaluator, dataset: &Dataset, range: std::ops::Range<usize>) {
    let results: Vec<ResultEntry> = serde_json::from_str(DETECTIONS).unwrap();
    for image in &dataset.images[range] {
        let found: Vec<Detection> = results
            .iter()
            .filter(|r| r.image_id == image.id)
            .map(ResultEntry::detection)
            .collect();
        evaluator.add_image(&image.objects, &image.labelled, &found);
    }
}

fn assert_close(metrics: &Metrics, expected: &serde_json::Value) {
    let mut given = serde_json::to_value(metrics).unwrap();
    for class in given["per_class"].as_object_mut().unwrap().values_mut() {
        // pycocotools gives the sizes of all classes together only; see the test of sizes.
        for size in SIZES {
            class.as_object_mut().unwrap().remove(size).unwrap();
        }
    }
    compare("", &given, expected);
}

/// Same keys, and numbers equal to the 12 digits that are stored.
fn compare(path: &str, given: &serde_json::Value, expected: &serde_json::Value) {
    match (given, expected) {
        (serde_json::Value::Object(given), serde_json::Value::Object(expected)) => {
            let keys = |map: &serde_json::Map<_, _>| map.keys().cloned().collect::<Vec<String>>();
            let (mut given_keys, mut expected_keys) = (keys(given), keys(expected));
            given_keys.sort();
            expected_keys.sort();
            assert_eq!(given_keys, expected_keys, "{path}");
            for (key, value) in given {
                compare(&format!("{path}.{key}"), value, &expected[key]);
            }
        }
        _ => {
            let (given, expected) = (given.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!(
                (given - expected).abs() < 1e-12,
                "{path}: {given} is not {expected}"
            );
        }
    }
}

#[test]
fn figures_are_those_of_pycocotools() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = golden_dataset(folder.path());
    let mut evaluator = Evaluator::new();
    add_images(&mut evaluator, &dataset, 0..16);
    let metrics = evaluator.finish();
    assert_close(&metrics, &serde_json::from_str(EXPECTED).unwrap());
    assert_eq!(metrics.per_class[&ObjectClass::Scooter].ap, ABSENT);
}

#[test]
fn the_means_of_sizes_by_class_are_those_of_pycocotools() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = golden_dataset(folder.path());
    let mut evaluator = Evaluator::new();
    add_images(&mut evaluator, &dataset, 0..16);
    let given = serde_json::to_value(evaluator.finish()).unwrap();
    let expected: serde_json::Value = serde_json::from_str(EXPECTED).unwrap();
    for (size, mean) in SIZES
        .into_iter()
        .zip(["map_small", "map_medium", "map_large"])
    {
        let classes = given["per_class"].as_object().unwrap().values();
        let values = classes.map(|class| class[size].as_f64().unwrap());
        let present: Vec<f64> = values.filter(|value| *value != ABSENT).collect();
        assert!(
            present.len() > 3,
            "{size}: too few classes to mean anything"
        );
        let own_mean = present.iter().sum::<f64>() / present.len() as f64;
        let expected = expected[mean].as_f64().unwrap();
        assert!(
            (own_mean - expected).abs() < 1e-12,
            "{size}: {own_mean}, {expected}"
        );
    }
}

#[test]
fn two_halves_appended_are_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = golden_dataset(folder.path());
    let (mut first, mut second) = (Evaluator::new(), Evaluator::new());
    add_images(&mut first, &dataset, 0..7);
    add_images(&mut second, &dataset, 7..16);
    first.append(&second);
    assert_close(&first.finish(), &serde_json::from_str(EXPECTED).unwrap());
}

#[test]
fn figures_survive_a_round_trip_through_json() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = golden_dataset(folder.path());
    let mut evaluator = Evaluator::new();
    add_images(&mut evaluator, &dataset, 0..16);
    let text = serde_json::to_string(&evaluator.finish()).unwrap();
    // The parser may be off by the last bit of a double.
    let read: Metrics = serde_json::from_str(&text).unwrap();
    assert_close(&read, &serde_json::from_str(EXPECTED).unwrap());
}

#[test]
fn labels_that_a_set_lacks_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = golden_dataset(folder.path());
    let results: Vec<ResultEntry> = serde_json::from_str(DETECTIONS).unwrap();
    let evaluate = |labelled: &dyn Fn(&[bool; 8]) -> [bool; 8]| {
        let mut evaluator = Evaluator::new();
        for image in &dataset.images {
            let found: Vec<Detection> = results
                .iter()
                .filter(|r| r.image_id == image.id)
                .map(ResultEntry::detection)
                .collect();
            evaluator.add_image(&image.objects, &labelled(&image.labelled), &found);
        }
        evaluator.finish()
    };
    let full = evaluate(&|labelled| *labelled);
    let person = ObjectClass::Person.index();
    let without_persons =
        evaluate(&|labelled| std::array::from_fn(|index| labelled[index] && index != person));
    for class in ObjectClass::ALL {
        let (full, less) = (full.per_class[&class], without_persons.per_class[&class]);
        if class == ObjectClass::Person {
            assert!(less.ap50 > full.ap50, "false alarms no longer count");
        } else {
            assert_eq!(less, full);
        }
    }
}
