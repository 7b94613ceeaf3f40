#![allow(clippy::unwrap_used)]
use super::*;
use crate::dataset::{GroundTruth, ImageEntry};
use crate::evaluate::{Evaluated, SetFigures};
use crate::metrics::{Evaluator, Metrics, Scene};
use crate::network::detector;
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;
use lookout::model::{DataSource, Training};
use std::collections::BTreeMap;
use tempfile::TempDir;

const HOSTILE: &str = "<script>alert('set')</script>";

fn bbox(place: u32) -> BBox {
    let x0 = 20.0 * (place % 8) as f32;
    BBox::new(x0, 8.0, x0 + 12.0, 20.0)
}

/// A set of pictures with two cars each, of which the detector finds one, and one truck that
/// it takes for a bus.
pub(crate) fn set(folder: &TempDir, images: usize) -> MeasuredSet {
    let mut dataset = Dataset {
        root: folder.path().to_owned(),
        kind: crate::dataset::DatasetKind::Coco,
        split: Split::Val,
        description: crate::dataset::Description::assumed(folder.path(), [true; 8], None),
        images: Vec::new(),
        skipped: Vec::new(),
        skipped_count: 0,
        dropped: BTreeMap::new(),
        ignored: BTreeMap::new(),
        clipped_count: 0,
        relabelled_count: 0,
        combined_count: 0,
        combined_riders: crate::dataset::CombinedRiders::Class,
        warnings: vec!["odd & old".into()],
    };
    let mut found = Evaluated {
        evaluator: Evaluator::new(),
        scenes: Vec::new(),
        images: 0,
        failures: Vec::new(),
    };
    for index in 0..images {
        let path = folder.path().join(format!("{index}.png"));
        image::RgbImage::new(160, 32).save(&path).unwrap();
        let object = |class, place| GroundTruth {
            class,
            bbox: bbox(place),
            crowd: false,
            area: 144.0,
        };
        use ObjectClass::{Bus, Car, Truck};
        let objects = vec![object(Car, 0), object(Car, 1), object(Truck, 2)];
        let detection = |class, place, score| Detection::new(class, score, bbox(place));
        let detections = [
            detection(Car, 0, 0.9),
            detection(Bus, 2, 0.8),
            detection(Car, 6, 0.05),
        ];
        found.evaluator.add_image(&objects, &[true; 8], &detections);
        found
            .scenes
            .push(Scene::new(index, &objects, &[true; 8], &detections));
        found.images += 1;
        dataset.images.push(ImageEntry {
            path,
            id: index as i64,
            width: 160,
            height: 32,
            objects,
            labelled: [true; 8],
        });
    }
    MeasuredSet {
        name: HOSTILE.into(),
        dataset,
        model: found,
        float: None,
    }
}

pub(crate) fn card() -> ModelCard {
    let training = Training {
        data: vec![DataSource {
            name: HOSTILE.into(),
            licence: "CC BY 4.0".into(),
            images: 12,
            objects: 34,
        }],
        ..Training::default()
    };
    let network = detector(32, 160);
    crate::export::card_for_tests("small", &network, &training)
}

fn subject<'a>(card: &'a ModelCard, sets: &'a [MeasuredSet]) -> Subject<'a> {
    Subject {
        card,
        sets,
        aim: Aim::F1,
        log: None,
        peers: Vec::new(),
        speed: Err("no engine".into()),
        pictures_per_class: 1,
    }
}

#[test]
fn the_figures_say_what_happened() {
    use ObjectClass::{Bus, Car, Scooter, Truck};
    let folder = tempfile::tempdir().unwrap();
    let (card, sets) = (card(), [set(&folder, 60)]);
    let figures = ReportFigures::new(&subject(&card, &sets));
    assert_eq!(figures.images, 60);
    let car = &figures.classes[&Car];
    let recommended = car.recommended.unwrap();
    assert_eq!(
        (recommended.right, recommended.wrong, recommended.objects),
        (60, 0, 120)
    );
    assert!(car.recommended_is_sound);
    assert_eq!(figures.thresholds[&Car], recommended.threshold);
    let truck = &figures.classes[&Truck];
    assert_eq!(truck.recommended, None);
    let on_card = card.postprocess.score_threshold;
    assert_eq!(figures.thresholds[&Truck], on_card);
    assert_eq!(figures.confusion.taken_for[Truck.index()][Bus.index()], 60);
    assert_eq!(figures.confusion.missed[Car.index()], 60);
    assert!(
        !figures.classes.contains_key(&Scooter),
        "neither there nor found"
    );
    assert_eq!(car.best.len(), 1);
    assert_eq!(
        (car.worst[0].tally.missed, car.worst[0].tally.wrong),
        (1, 0)
    );
    assert_eq!(car.best[0].file, "0.png");
    let notes = figures.notes.join("\n");
    assert!(
        notes.contains("odd & old") && notes.contains("no engine"),
        "{notes}"
    );
}

#[test]
fn the_page_is_whole_and_texts_are_texts() {
    let folder = tempfile::tempdir().unwrap();
    let (card, sets) = (card(), [set(&folder, 3)]);
    let (out, json) = (folder.path().join("r.html"), folder.path().join("r.json"));
    // A picture that is gone by now costs itself only.
    std::fs::remove_file(folder.path().join("0.png")).unwrap();
    write(&subject(&card, &sets), &out, Some(&json)).unwrap();
    let html = std::fs::read_to_string(&out).unwrap();
    assert!(!html.contains("<script>alert"), "a name is no program");
    assert!(html.contains("too few objects to trust"));
    assert!(
        html.contains("0.png: No such file"),
        "a warning in its place"
    );
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(value["classes"]["car"]["best"][0]["right"], 1);
    assert_eq!(value["confusion"]["truck"]["bus"], 3);
}

#[test]
fn peers_of_other_data_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (card, sets) = (card(), [set(&folder, 2)]);
    let metrics: Metrics = sets[0].model.evaluator.finish();
    let file = EvaluationFile {
        model: "old".into(),
        images: 7,
        metrics: metrics.clone(),
        recommended: BTreeMap::new(),
        sets: vec![SetFigures::new(&sets[0].dataset, &sets[0].model, metrics)],
        comparison: None,
    };
    let mut subject = subject(&card, &sets);
    subject.peers.push(("old".into(), file));
    let figures = ReportFigures::new(&subject);
    assert_eq!(figures.contestants.len(), 2);
    assert!(figures.notes.iter().any(|note| note.contains("7 images")));
}

#[test]
fn wrong_paths_are_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| check_out(path).unwrap_err().to_string();
    assert!(refusal(folder.path()).contains("is a folder"));
    assert!(refusal(&folder.path().join("no/r.html")).contains("not there"));
    assert!(check_out(Path::new("report.html")).is_ok());
    assert_eq!(
        named_file("old=a=b.json").unwrap(),
        ("old".into(), "a=b.json".into())
    );
    for wrong in ["old", "=x", "old="] {
        assert!(named_file(wrong).is_err(), "{wrong}");
    }
}
