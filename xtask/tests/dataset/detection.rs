//! Which kind of data set a folder holds.

use super::folder::Folder;
use super::{folder as plain_folder, valid, write};
use xtask::dataset::{Dataset, DatasetKind, LoadOptions, Split};

#[test]
fn the_layouts_of_coco_are_found() {
    for (annotations, pictures) in [
        ("annotations/instances_train2017.json", "train2017/"),
        ("annotations/instances_train2017.json", "images/train2017/"),
        ("annotations/instances_train.json", "train/"),
        ("annotations/instances_train.json", "images/train/"),
        ("instances_train.json", "images/"),
        ("train/_annotations.coco.json", "train/"),
    ] {
        let folder = Folder::new();
        let text = valid().to_string().replace("images/b.jpg", "b.jpg");
        folder
            .write(annotations, text)
            .picture(&format!("{pictures}a.jpg"))
            .picture(&format!("{pictures}b.jpg"));
        let dataset = folder.load(Split::Train);
        assert_eq!(
            (dataset.images.len(), dataset.kind),
            (2, DatasetKind::Coco),
            "{annotations}"
        );
        assert_eq!(dataset.skipped_count, 0);
        assert!(Dataset::has_split(folder.path(), Split::Train));
        assert!(!Dataset::has_split(folder.path(), Split::Val));
        assert!(folder.error(Split::Val).contains("annotations_val.json"));
    }
}

#[test]
fn what_is_found_twice_must_be_named() {
    let folder = plain_folder();
    let root = folder.path();
    write(root, "annotations_train.json", &valid().to_string());
    write(root, "data.yaml", "names: [car]\ntrain: images\n");
    write(root, "images/a.txt", "");
    std::fs::create_dir(root.join("labels")).unwrap();
    write(root, "labels/a.txt", "0 0.5 0.5 0.5 0.5");
    let load = |text: String| Dataset::load(text.as_ref(), Split::Train, LoadOptions::EVALUATION);
    let error = load(root.display().to_string()).unwrap_err().to_string();
    for part in [
        "coco (`annotations_train.json`) and yolo (`data.yaml`)",
        "say which",
        ": holds",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let named = load(format!("coco:{}", root.display())).unwrap();
    assert_eq!((named.kind, named.images.len()), (DatasetKind::Coco, 2));
    assert_eq!(named.root, root, "the folder, without the kind");
    // The pictures are empty files, which YOLO must open for their size.
    let error = load(format!("yolo:{}", root.display()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no usable image"), "{error}");
    let error = load(format!("voc:{}", root.display()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("JPEGImages"), "{error}");
}

#[test]
fn a_folder_that_holds_nothing_known_says_what_was_looked_for() {
    let folder = Folder::new();
    let error = folder.error(Split::Train);
    for part in [
        "coco: `annotations_train.json`",
        "yolo: `data.yaml`",
        "voc: `Annotations/`",
        "kitti: `training/image_2/`",
        "bdd: `labels/det_20/det_train.json`",
    ] {
        assert!(error.contains(part), "{error}");
    }
    folder
        .write("VOC2012/Annotations/a.xml", "")
        .write("VOC2012/JPEGImages/a.jpg", "");
    let error = folder.error(Split::Train);
    assert!(error.contains("VOC2012 looks like one"), "{error}");
    let load = |text: &str| {
        let loaded = Dataset::load(text.as_ref(), Split::Train, LoadOptions::EVALUATION);
        loaded.unwrap_err().to_string()
    };
    assert!(load("nowhere:/at/all").contains("no such folder; give"));
    assert!(load("nowhere:/at/all").contains("kinds coco, yolo, voc, kitti, bdd"));
    assert!(load("kitti:").contains("no folder is named"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(load(file.to_str().unwrap()).contains("not a folder"));
}

#[test]
fn a_path_with_a_colon_is_a_path() {
    let folder = Folder::new();
    folder
        .write("16:9/annotations_val.json", valid().to_string())
        .picture("16:9/images/a.jpg")
        .picture("16:9/images/b.jpg");
    let path = folder.path().join("16:9");
    let load = |path: &std::path::Path| Dataset::load(path, Split::Val, LoadOptions::EVALUATION);
    assert_eq!(load(&path).unwrap().images.len(), 2);
    let named = format!("coco:{}", path.display());
    assert_eq!(load(named.as_ref()).unwrap().root, path);
}
