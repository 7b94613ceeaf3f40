//! Data sets that are broken in every way we could think of: never a panic, always a reason.
#![allow(clippy::unwrap_used)]

#[path = "dataset/bdd.rs"]
mod bdd;
#[path = "dataset/detection.rs"]
mod detection;
#[path = "dataset/equal.rs"]
mod equal;
#[path = "dataset/folder.rs"]
mod folder;
#[path = "dataset/kitti.rs"]
mod kitti;
#[path = "dataset/riders.rs"]
mod riders;
#[path = "dataset/strict.rs"]
mod strict;
#[path = "dataset/voc.rs"]
mod voc;
#[path = "dataset/yolo.rs"]
mod yolo;

use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;
use xtask::dataset::{Dataset, DatasetError, LoadOptions, RiderBox, Split};

/// A folder with `images/a.jpg` and `images/b.jpg` (empty; the loader does not open them).
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("images")).unwrap();
    for name in ["a.jpg", "b.jpg"] {
        std::fs::write(folder.path().join("images").join(name), []).unwrap();
    }
    folder
}

fn valid() -> Value {
    json!({
        "info": {"description": "two images"},
        "categories": [
            {"id": 1, "name": "car"}, {"id": 5, "name": "Bike"}, {"id": 7, "name": "pedestrian"},
            {"id": 9, "name": "tram"},
        ],
        "images": [
            {"id": 2, "file_name": "images/b.jpg", "width": 200, "height": 100},
            {"id": 1, "file_name": "a.jpg", "width": 640, "height": 360},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], "area": 600.5, "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 7, "bbox": [20, 90, 40, 105.0], "iscrowd": 0},
            {"id": 3, "image_id": 1, "category_id": 5, "bbox": [0, 140, 80, 60], "iscrowd": 0},
            {"id": 4, "image_id": 2, "category_id": 1, "bbox": [150, 10, 80, 20], "iscrowd": 1},
            {"id": 5, "image_id": 2, "category_id": 9, "bbox": [1, 1, 8, 8]},
        ],
    })
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn load_value(value: &Value) -> Result<Dataset, DatasetError> {
    let folder = folder();
    write(folder.path(), "annotations_val.json", &value.to_string());
    Dataset::load(folder.path(), Split::Val, LoadOptions::EVALUATION)
}

/// Loads the valid set after `change`, expects one skipped entry and returns its reason.
fn reason_after(change: impl FnOnce(&mut Value)) -> String {
    let mut value = valid();
    change(&mut value);
    let dataset = load_value(&value).unwrap();
    assert_eq!(
        (dataset.skipped.len(), dataset.skipped_count),
        (1, 1),
        "{:?}",
        dataset.skipped
    );
    dataset.skipped[0].reason.clone()
}

#[test]
fn a_good_set_is_read_whole() {
    let dataset = load_value(&valid()).unwrap();
    assert_eq!(
        dataset
            .images
            .iter()
            .map(|image| image.id)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    let first = &dataset.images[0];
    assert!(first.path.ends_with("images/a.jpg"));
    assert_eq!(
        (first.width, first.height, first.objects.len()),
        (640, 360, 3)
    );
    assert_eq!(first.objects[0].bbox, BBox::new(10.0, 20.0, 40.0, 60.0));
    assert_eq!(first.objects[0].area, 600.5);
    assert_eq!(first.objects[1].class, ObjectClass::Person);
    assert_eq!(first.objects[2].class, ObjectClass::Bicycle);
    let crowd = dataset.images[1].objects[0];
    assert!(crowd.crowd);
    assert_eq!(crowd.bbox, BBox::new(150.0, 10.0, 200.0, 30.0));
    assert_eq!((dataset.clipped_count, dataset.skipped_count), (1, 0));
    assert_eq!(dataset.dropped, [("tram".to_owned(), 1)].into());
    assert_eq!(dataset.description.rider_box, RiderBox::None);
    assert!(dataset.warnings[0].contains("dataset.toml"));
    assert!(dataset.summary().contains("1 boxes of `tram`"));
}

#[test]
fn every_bad_image_is_named() {
    for (change, expected) in [
        (
            json!({"file_name": "../a.jpg"}),
            "inside the data set's folder",
        ),
        (
            json!({"file_name": "images/../../a.jpg"}),
            "inside the data set's folder",
        ),
        (
            json!({"file_name": "/etc/passwd"}),
            "inside the data set's folder",
        ),
        (json!({"file_name": ""}), "inside the data set's folder"),
        (json!({"file_name": "c.jpg"}), "no such picture file"),
        (json!({"file_name": "images"}), "no such picture file"),
        (json!({"file_name": 4}), "`file_name` is missing"),
        (json!({"id": "one"}), "`id` is missing"),
        (json!({"id": 1.5}), "`id` is missing"),
        (json!({"width": 0}), "`width` must be 1 to 8192"),
        (json!({"height": -5}), "`height` must be 1 to 8192"),
        (json!({"width": 1e30}), "`width` must be 1 to 8192"),
        (json!({"height": null}), "`height` must be 1 to 8192"),
    ] {
        let mut extra = json!({"id": 3, "file_name": "a.jpg", "width": 64, "height": 36});
        extra
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let reason = reason_after(|value| value["images"].as_array_mut().unwrap().push(extra));
        assert!(
            reason.contains(expected) && reason.contains("image 2"),
            "{change}: {reason}"
        );
    }
    let twice = json!({"id": 1, "file_name": "b.jpg", "width": 64, "height": 36});
    let reason = reason_after(|value| value["images"].as_array_mut().unwrap().push(twice));
    assert_eq!(reason, "image id 1 is given twice");
}

#[test]
fn every_bad_annotation_is_named() {
    for (change, expected) in [
        (json!({"bbox": [1, 2, 0, 4]}), "above 0"),
        (json!({"bbox": [1, 2, 3, -4]}), "above 0"),
        (json!({"bbox": [1, 2, 1e300, 4]}), "too large"),
        (json!({"bbox": [-1e300, 2, 3, 4]}), "too large"),
        (json!({"bbox": [700, 2, 3, 4]}), "outside"),
        (json!({"bbox": [1, -20, 3, 4]}), "outside"),
        (json!({"bbox": [1, 2, 3]}), "four numbers"),
        (json!({"bbox": [1, 2, 3, 4, 5]}), "four numbers"),
        (json!({"bbox": [1, 2, null, 4]}), "four numbers"),
        (json!({"bbox": {"x": 1}}), "four numbers"),
        (json!({"bbox": null}), "four numbers"),
        (json!({"category_id": 1000}), "names no category"),
        (json!({"category_id": []}), "names no category"),
        (json!({"image_id": 77}), "names no usable image"),
        (json!({"image_id": "1"}), "names no usable image"),
        (json!({"iscrowd": "yes"}), "`iscrowd`"),
    ] {
        let mut extra = json!({"id": 6, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]});
        extra
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let reason = reason_after(|value| value["annotations"].as_array_mut().unwrap().push(extra));
        assert!(
            reason.contains(expected) && reason.contains("annotation 5"),
            "{change}: {reason}"
        );
    }
    let reason = reason_after(|value| value["annotations"].as_array_mut().unwrap().push(json!(3)));
    assert!(reason.contains("names no usable image"), "{reason}");
}

#[test]
fn every_bad_category_is_named() {
    let push = |entry: Value| {
        reason_after(|value| value["categories"].as_array_mut().unwrap().push(entry))
    };
    assert_eq!(
        push(json!({"id": 1, "name": "bus"})),
        "category id 1 is given twice"
    );
    assert!(push(json!({"id": 3})).contains("category 4"));
    assert!(push(json!("bus")).contains("category 4"));
}

#[test]
fn what_makes_a_set_unusable_is_an_error_that_helps() {
    let text = |value: &Value| load_value(value).unwrap_err().to_string();
    for list in ["images", "annotations", "categories"] {
        let mut value = valid();
        value.as_object_mut().unwrap().remove(list);
        assert!(text(&value).contains(&format!("list `{list}` is missing")));
    }
    let mut value = valid();
    value["images"] = json!([{"id": 1}]);
    assert!(text(&value).contains("no usable image"), "{}", text(&value));
    value["images"] = json!({});
    assert!(text(&value).contains("not COCO JSON"));

    let folder = folder();
    let load = || Dataset::load(folder.path(), Split::Val, LoadOptions::EVALUATION).unwrap_err();
    assert!(load().to_string().contains("annotations_val.json"));
    write(folder.path(), "annotations_val.json", &valid().to_string());
    write(folder.path(), "dataset.toml", "name = 3");
    assert!(load().to_string().contains("dataset.toml"));
    let absent = Dataset::load(
        &folder.path().join("x"),
        Split::Val,
        LoadOptions::EVALUATION,
    );
    assert!(absent.unwrap_err().to_string().contains("no such folder"));
}

#[test]
fn one_annotation_file_serves_both_splits_and_says_so() {
    let folder = folder();
    write(folder.path(), "annotations.json", &valid().to_string());
    for split in [Split::Train, Split::Val] {
        let dataset = Dataset::load(folder.path(), split, LoadOptions::EVALUATION).unwrap();
        assert_eq!(dataset.images.len(), 2);
        assert!(
            dataset
                .warnings
                .iter()
                .any(|warning| warning.contains("both splits"))
        );
    }
    let mut value = valid();
    value["images"].as_array_mut().unwrap().pop();
    write(folder.path(), "annotations_val.json", &value.to_string());
    let dataset = Dataset::load(folder.path(), Split::Val, LoadOptions::EVALUATION).unwrap();
    assert_eq!(dataset.images.len(), 1);
}

#[test]
fn labels_per_image_and_riders_follow_the_description() {
    let folder = folder();
    write(folder.path(), "annotations_val.json", &valid().to_string());
    let description = "name = \"x\"\nlicence = \"y\"\nper_image = true\n\
        labelled = [\"car\", \"bicycle\", \"person\"]\nrider_box = \"none: person on cycle\"\n";
    write(folder.path(), "dataset.toml", description);
    let load = |options| Dataset::load(folder.path(), Split::Val, options).unwrap();

    let names = |labelled: &[bool; 8]| {
        ObjectClass::ALL
            .into_iter()
            .filter(|c| labelled[c.index()])
            .map(ObjectClass::name)
            .collect::<Vec<_>>()
    };
    let plain = load(LoadOptions::EVALUATION);
    assert_eq!(
        names(&plain.images[0].labelled),
        ["car", "bicycle", "person"]
    );
    // A crowd region is no box: it may stand for what nobody labelled.
    assert_eq!(names(&plain.images[1].labelled), [""; 0]);
    assert_eq!(plain.images[0].objects[1].class, ObjectClass::Person);

    let relabelled = load(LoadOptions::TRAINING);
    assert_eq!(relabelled.relabelled_count, 1);
    assert_eq!(relabelled.images[0].objects[1].class, ObjectClass::Rider);
    assert_eq!(
        names(&relabelled.images[0].labelled),
        ["car", "bicycle", "person", "rider"]
    );

    let alone = description.replace("none: person on cycle", "the person alone");
    write(folder.path(), "dataset.toml", &alone);
    assert_eq!(load(LoadOptions::TRAINING).relabelled_count, 0);
}

/// Any JSON value, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i64..12).prop_map(Value::from),
        "[a-z./]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("bbox".to_owned()),
            Just("images".to_owned()),
            "[a-z]{1,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Puts `new` in the place of the `at`-th value of the tree, counted depth first.
fn replace_at(value: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *value = new.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(entries) => entries
            .iter_mut()
            .for_each(|entry| replace_at(entry, at, new)),
        Value::Object(map) => map
            .values_mut()
            .for_each(|entry| replace_at(entry, at, new)),
        _ => {}
    }
}

/// What holds for every set that was loaded, from whatever bytes.
fn check_invariants(dataset: &Dataset) -> Result<(), TestCaseError> {
    prop_assert!(!dataset.images.is_empty());
    prop_assert!(dataset.skipped.len() as u64 <= dataset.skipped_count);
    prop_assert!(
        dataset
            .images
            .windows(2)
            .all(|pair| pair[0].id < pair[1].id)
    );
    for image in &dataset.images {
        prop_assert!(image.path.starts_with(&dataset.root));
        for object in &image.objects {
            let BBox { x0, y0, x1, y1 } = object.bbox;
            prop_assert!(object.bbox.is_valid() && x0 >= 0.0 && y0 >= 0.0);
            prop_assert!(x1 <= image.width as f32 && y1 <= image.height as f32);
            prop_assert!(object.area.is_finite() && object.area > 0.0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_json_is_loaded_or_refused(value in any_json()) {
        if let Ok(dataset) = load_value(&value) {
            check_invariants(&dataset)?;
        }
    }

    #[test]
    fn any_lists_are_loaded_or_refused(
        images in any_json(), annotations in any_json(), categories in any_json(),
    ) {
        let lists = |extra: Value, name: &str| {
            let mut list = valid()[name].clone();
            list.as_array_mut().unwrap().push(extra);
            list
        };
        let value = json!({
            "images": lists(images, "images"),
            "annotations": lists(annotations, "annotations"),
            "categories": lists(categories, "categories"),
        });
        // The good entries are always there, whatever stands beside them.
        let dataset = load_value(&value).unwrap();
        prop_assert!(dataset.images.len() >= 2);
        prop_assert!(dataset.boxes_by_class().iter().sum::<u64>() >= 3);
        check_invariants(&dataset)?;
    }

    #[test]
    fn a_mutated_set_is_loaded_or_refused(at in 0usize..80, new in any_json()) {
        let mut value = valid();
        replace_at(&mut value, &mut at.clone(), &new);
        if let Ok(dataset) = load_value(&value) {
            check_invariants(&dataset)?;
        }
    }

    #[test]
    fn damaged_text_is_loaded_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = valid().to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(2 * end.index(bytes.len()) + 1);
        let folder = folder();
        std::fs::write(folder.path().join("annotations_val.json"), &bytes).unwrap();
        if let Ok(dataset) = Dataset::load(folder.path(), Split::Val, LoadOptions::EVALUATION) {
            check_invariants(&dataset)?;
        }
    }
}
