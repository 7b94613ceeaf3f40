//! Detection labels of BDD100K.

use super::folder::{Folder, assert_skipped, names, plain};
use lookout::class::ObjectClass;
use serde_json::{Value, json};
use xtask::dataset::{DatasetKind, RiderBox, Split};

fn frames() -> Value {
    json!([
        {"name": "b.jpg", "labels": [
            {"category": "motor", "box2d": {"x1": 128.0, "y1": 64, "x2": 256, "y2": 128}},
            {"category": "person", "attributes": {"crowd": true},
             "box2d": {"x1": 0, "y1": 0, "x2": 64, "y2": 64}},
            {"category": "other vehicle", "box2d": {"x1": 0, "y1": 0, "x2": 64, "y2": 64}},
            {"category": "traffic sign", "box2d": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}},
            {"category": "lane", "poly2d": []},
        ]},
        {"name": "a.jpg"},
    ])
}

/// With pictures of `size`.
fn folder(labels: &str, pictures: &str, size: (u32, u32), frames: &Value) -> Folder {
    let folder = Folder::new();
    folder
        .write(labels, frames.to_string())
        .picture_of(&format!("{pictures}a.jpg"), size)
        .picture_of(&format!("{pictures}b.jpg"), size);
    folder
}

const LABELS: &str = "labels/det_20/det_train.json";
const PICTURES: &str = "images/100k/train/";

#[test]
fn a_good_set_is_read_whole() {
    let folder = folder(LABELS, PICTURES, (1280, 720), &frames());
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.kind, DatasetKind::Bdd);
    assert_eq!(names(&dataset), ["b.jpg", "a.jpg"]);
    let square = [0.0, 0.0, 64.0, 64.0];
    assert_eq!(
        plain(&dataset.images[0].objects),
        [
            (ObjectClass::Motorcycle, [128.0, 64.0, 256.0, 128.0], false),
            (ObjectClass::Person, square, true),
            (ObjectClass::Car, square, true),
            (ObjectClass::Truck, square, true),
            (ObjectClass::Bus, square, true),
        ]
    );
    assert_eq!(dataset.dropped, [("traffic sign".to_owned(), 1)].into());
    assert_eq!(dataset.ignored, [("other vehicle".to_owned(), 1)].into());
    assert_eq!(dataset.description.rider_box, RiderBox::Alone);
    assert_eq!(dataset.skipped_count, 0);
    assert!(dataset.description.labelled[ObjectClass::Rider.index()]);
    assert!(folder.error(Split::Val).contains("det_train.json"));
}

#[test]
fn labels_and_pictures_may_lie_nearer_by() {
    for (labels, pictures) in [
        ("det_train.json", ""),
        ("bdd100k_labels_images_train.json", "train/"),
        ("labels/bdd100k_labels_images_train.json", "images/"),
        ("det_20/det_train.json", "100k/train/"),
    ] {
        let folder = folder(labels, pictures, (1280, 720), &frames());
        assert_eq!(folder.load(Split::Train).images.len(), 2, "{labels}");
    }
    let whole = json!({"config": null, "frames": frames()});
    let folder = folder(LABELS, PICTURES, (1280, 720), &whole);
    assert_eq!(folder.load(Split::Train).images.len(), 2);
}

#[test]
fn boxes_of_shrunken_copies_refer_to_the_original() {
    let size = |size, frames| {
        let dataset = folder(LABELS, PICTURES, size, &frames).load(Split::Train);
        let warned = dataset.summary().contains("smaller than the set's own");
        let image = &dataset.images[0];
        (image.width, image.height, warned)
    };
    assert_eq!(size((640, 360), frames()), (1280, 720, true));
    assert_eq!(
        size((640, 480), frames()),
        (640, 480, false),
        "another shape"
    );
    let mut stated = frames();
    stated[0]["size"] = json!({"width": 1920, "height": 1080});
    stated[1]["size"] = json!({"width": 1920, "height": 1080});
    assert_eq!(size((640, 360), stated), (1920, 1080, false));
}

#[test]
fn every_bad_entry_is_named() {
    for (change, path, reason) in [
        (
            json!({"box2d": {"x1": 9, "y1": 1, "x2": 5, "y2": 5}}),
            "b.jpg",
            "above 0",
        ),
        (
            json!({"box2d": {"x1": 1, "y1": 1, "x2": 1e300, "y2": 5}}),
            "b.jpg",
            "too large",
        ),
        (
            json!({"box2d": {"x1": 2000, "y1": 1, "x2": 2005, "y2": 5}}),
            "b.jpg",
            "outside",
        ),
        (json!({"box2d": {"x1": 9}}), "b.jpg", "four numbers"),
        (json!({"box2d": [1, 2, 3, 4]}), "b.jpg", "four numbers"),
        (json!({"category": 7}), "b.jpg", "names no category"),
        (json!({"attributes": {"crowd": "no"}}), "b.jpg", "0 or 1"),
    ] {
        let mut frames = frames();
        let label = frames[0]["labels"][0].as_object_mut().unwrap();
        label.extend(change.as_object().unwrap().clone());
        let dataset = folder(LABELS, PICTURES, (1280, 720), &frames).load(Split::Train);
        assert_skipped(&dataset, path, reason);
        assert!(
            dataset.skipped[0].reason.starts_with("label 1: "),
            "{change}"
        );
    }
    for (name, path, reason) in [
        (
            json!("../a.jpg"),
            "../a.jpg",
            "inside the data set's folder",
        ),
        (
            json!("/etc/passwd"),
            "/etc/passwd",
            "inside the data set's folder",
        ),
        (
            json!("c.jpg"),
            "c.jpg",
            "no such picture file, nor in `images/100k/train/`",
        ),
        (json!(null), "det_train.json", "`name` is missing"),
    ] {
        let mut frames = frames();
        frames[0]["name"] = name;
        let dataset = folder(LABELS, PICTURES, (1280, 720), &frames).load(Split::Train);
        assert_eq!(dataset.images.len(), 1);
        assert!(
            dataset.skipped[0].reason.contains(reason),
            "{:?}",
            dataset.skipped
        );
        assert!(
            dataset.skipped[0].path.ends_with(path),
            "{:?}",
            dataset.skipped
        );
        assert_eq!(
            dataset.skipped_count, 1,
            "its labels are not counted once more"
        );
    }
    let torn = folder(LABELS, PICTURES, (1280, 720), &frames());
    torn.write("images/100k/train/a.jpg", [0xFF, 0xD8]);
    assert_skipped(&torn.load(Split::Train), "a.jpg", "torn");
    torn.write(LABELS, "{\"frames\": [");
    assert!(torn.error(Split::Train).contains("not BDD100K JSON"));
    torn.write(LABELS, "[]");
    assert!(torn.error(Split::Train).contains("no usable image"));
}
