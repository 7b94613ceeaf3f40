//! Tests of the verb with workers that stand in for the detector.
#![allow(clippy::unwrap_used)]

use super::runner::Found;
use super::*;
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;
use lookout::pixels::Picture;
use serde_json::json;
use tempfile::TempDir;

const IMAGES: u8 = 3;

/// Images whose red value is their number; one car in each, at a place that depends on the
/// number. The annotations are for pictures of twice the size of the files.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut images = Vec::new();
    let mut annotations = Vec::new();
    for number in 0..IMAGES {
        let name = format!("{number}.png");
        let picture = image::RgbImage::from_pixel(64, 32, image::Rgb([number, 0, 0]));
        picture.save(folder.path().join(&name)).unwrap();
        images.push(json!({"id": number, "file_name": name, "width": 128, "height": 64}));
        let bbox = [2 * number, 4, 40, 20];
        annotations.push(json!({"id": number, "image_id": number, "category_id": 1, "bbox": bbox}));
    }
    let categories = json!([{"id": 1, "name": "car"}]);
    let file = json!({"images": images, "annotations": annotations, "categories": categories});
    std::fs::write(folder.path().join("annotations_val.json"), file.to_string()).unwrap();
    folder
}

fn dataset(folder: &TempDir) -> Dataset {
    Dataset::load(folder.path(), Split::Val, LoadOptions::EVALUATION).unwrap()
}

/// Finds the car by the picture's number, in the file's own pixels.
fn oracle(picture: &Picture<'_>, found: &mut Found) -> Result<(), String> {
    let mut row = vec![0; 3 * picture.width() as usize];
    picture.rgb_row(0, &mut row);
    let x0 = f32::from(row[0]);
    let bbox = BBox::new(x0, 2.0, x0 + 20.0, 12.0);
    found
        .push(Detection::new(ObjectClass::Car, 0.9, bbox))
        .unwrap();
    Ok(())
}

#[test]
fn boxes_are_scaled_and_the_order_is_kept_with_any_number_of_workers() {
    let folder = folder();
    let dataset = dataset(&folder);
    for workers in 1..=4 {
        let done = evaluate(&dataset, &mut vec![oracle; workers]).unwrap();
        assert_eq!(done.images, u64::from(IMAGES));
        let metrics = done.evaluator.finish();
        assert!(
            (metrics.map - 1.0).abs() < 1e-9,
            "{workers} workers: {}",
            metrics.map
        );
        assert_eq!(
            metrics.per_class[&ObjectClass::Car].boxes,
            u64::from(IMAGES)
        );
    }
}

#[test]
fn a_broken_picture_is_left_out_and_named() {
    let folder = folder();
    let dataset = dataset(&folder);
    std::fs::write(folder.path().join("1.png"), "broken").unwrap();
    let done = evaluate(&dataset, &mut [oracle, oracle]).unwrap();
    assert_eq!(done.images, u64::from(IMAGES) - 1);
    assert!(done.failures[0].path.ends_with("1.png"));
    for number in 0..IMAGES {
        std::fs::write(folder.path().join(format!("{number}.png")), [0xFF, 0xD8, 0]).unwrap();
    }
    let error = evaluate(&dataset, &mut [oracle]).err().unwrap();
    assert!(matches!(error, EvaluateError::NoPicture { .. }), "{error}");
}

#[test]
fn a_failing_detector_ends_the_evaluation() {
    let folder = folder();
    let fail = |_: &Picture<'_>, _: &mut Found| Err("no memory".to_owned());
    let error = evaluate(&dataset(&folder), &mut [fail])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("no memory") && error.contains("0.png"),
        "{error}"
    );
}

#[test]
fn the_report_has_the_figures_at_the_top_and_by_set() {
    let folder = folder();
    let dataset = dataset(&folder);
    let done = evaluate(&dataset, &mut [oracle]).unwrap();
    let metrics = done.evaluator.finish();
    let file = EvaluationFile {
        model: "m".to_owned(),
        images: 3,
        metrics: metrics.clone(),
        recommended: recommended(&done.scenes.iter().collect::<Vec<_>>(), Aim::F1),
        sets: vec![SetFigures::new(&dataset, &done, metrics)],
        comparison: None,
    };
    let path = folder.path().join("figures.json");
    check_writable(&path).unwrap();
    write_json(&path, &file).unwrap();
    assert_eq!(EvaluationFile::read(&path).unwrap(), file);
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for figures in [&value, &value["sets"][0]] {
        assert!(figures["map50"].as_f64().unwrap() > 0.99);
        assert_eq!(figures["per_class"]["car"]["boxes"], 3);
        assert_eq!(figures["per_class"]["bus"]["ap"], -1.0);
    }
    assert_eq!(value["recommended"]["car"]["precision"], 1.0);
    assert_eq!(value["recommended"]["bus"], serde_json::Value::Null);
    let nowhere = folder.path().join("no/such/folder.json");
    assert!(
        check_writable(&nowhere)
            .unwrap_err()
            .to_string()
            .contains("no/such")
    );
}

#[test]
fn without_a_val_split_the_train_split_is_taken() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: EvaluateArgs,
    }
    let folder = folder();
    let root = folder.path();
    let parse = |more: &[&str]| {
        let data = root.to_str().unwrap();
        let line = ["evaluate", "--model", "m", "--data", data]
            .into_iter()
            .chain(more.iter().copied());
        <Line as clap::Parser>::try_parse_from(line).map(|line| line.args)
    };
    let load = |args: &EvaluateArgs| load(root, args.split, args.limit);
    let limited = load(&parse(&["--limit", "2"]).unwrap()).unwrap();
    assert_eq!(limited.images.len(), 2);
    std::fs::rename(
        root.join("annotations_val.json"),
        root.join("annotations_train.json"),
    )
    .unwrap();
    assert_eq!(load(&parse(&[]).unwrap()).unwrap().split, Split::Train);
    assert!(load(&parse(&["--split", "val"]).unwrap()).is_err());
    assert!(parse(&["--split", "test"]).is_err());
    assert!(parse(&["--limit", "0"]).is_err());
    assert!(parse(&["--precision-min", "1.5"]).is_err());
    assert!(parse(&["--precision-min", "nan"]).is_err());
    let aim = parse(&["--precision-min", "0.9"]).unwrap().aim();
    assert_eq!(aim, Aim::PrecisionMin(0.9));
}

#[test]
fn without_a_label_there_is_nothing_to_measure() {
    let folder = folder();
    let path = folder.path().join("annotations_val.json");
    let mut file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    file["annotations"] = json!([]);
    std::fs::write(&path, file.to_string()).unwrap();
    let error = load_all(&[folder.path().to_owned()], None, None).unwrap_err();
    assert!(matches!(error, EvaluateError::NoObjects(_)), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = load_all(&[empty.path().to_owned()], None, None).unwrap_err();
    assert!(error.to_string().contains("no data set"), "{error}");
    let error = load_all(&[empty.path().join("nowhere")], None, None).unwrap_err();
    assert!(error.to_string().contains("no such folder"), "{error}");
}

#[test]
fn a_full_disk_and_a_foreign_file_are_told_in_a_sentence() {
    if Path::new("/dev/full").exists() {
        let error = write_json(Path::new("/dev/full"), &json!({"a": 1})).unwrap_err();
        assert!(error.to_string().contains("make room"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    std::fs::write(&path, "[1, 2]").unwrap();
    let error = EvaluationFile::read(&path).unwrap_err().to_string();
    assert!(error.contains("evaluate --json"), "{error}");
}

/// Sees nothing at all.
fn blind(_: &Picture<'_>, _: &mut Found) -> Result<(), String> {
    Ok(())
}

#[test]
fn two_detectors_are_compared_picture_by_picture() {
    let folder = folder();
    let dataset = dataset(&folder);
    let a = evaluate(&dataset, &mut [blind]).unwrap();
    let mut b = evaluate(&dataset, &mut [oracle]).unwrap();
    // B could not read a picture that A has read.
    b.scenes.remove(1);
    let pairs = compare::pairs(&a, &b);
    let images = |scenes: &[&Scene]| scenes.iter().map(|s| s.image).collect::<Vec<_>>();
    assert_eq!(
        (images(&pairs.a), images(&pairs.b)),
        (vec![0, 2], vec![0, 2])
    );
    let bootstrap = crate::metrics::Bootstrap {
        resamples: 100,
        seed: 1,
        threads: 1,
    };
    let comparison = crate::metrics::compare(&[pairs], bootstrap);
    let text = compare::table(&comparison);
    assert!(text.contains("too few images to tell"), "{text}");
    assert!(text.contains("+1.0000"), "{text}");
    assert!(!text.contains("scooter"), "nothing to say of it: {text}");
}
