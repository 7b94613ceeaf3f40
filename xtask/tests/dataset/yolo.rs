//! YOLO folders.

use super::folder::{Folder, assert_skipped, names, plain};
use lookout::class::ObjectClass;
use proptest::prelude::*;
use xtask::dataset::{Dataset, DatasetKind, RiderBox, Split};

const DESCRIPTION: &str = "path: ../datasets/mine\ntrain: images/train\nval: images/val\n\
    nc: 4\nnames: [car, pedestrian, tram, rider]\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder
        .write("data.yaml", DESCRIPTION)
        .picture("images/train/a.jpg")
        .picture("images/train/b.png")
        .picture("images/val/c.jpg")
        .write(
            "labels/train/a.txt",
            "0 0.5 0.5 0.5 0.5\n\n2 0.5 0.5 0.1 0.1\n1 0.25 0.5 0.1 1.0\n",
        )
        .write("labels/train/b.txt", "")
        .write("labels/val/c.txt", "3 0.5 0.5 0.25 0.5\n");
    folder
}

#[test]
fn a_good_set_is_read_whole() {
    let folder = folder();
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.kind, DatasetKind::Yolo);
    assert_eq!(names(&dataset), ["a.jpg", "b.png"]);
    let first = &dataset.images[0];
    assert_eq!((first.width, first.height), (64, 32));
    let person = [12.8, 0.0, 19.2, 32.0];
    let found = plain(&first.objects);
    assert_eq!(found[0], (ObjectClass::Car, [16.0, 8.0, 48.0, 24.0], false));
    assert_eq!(found[1].0, ObjectClass::Person);
    assert!(
        found[1]
            .1
            .iter()
            .zip(person)
            .all(|(a, b)| (a - b).abs() < 1e-4),
        "{found:?}"
    );
    assert_eq!(first.objects[0].area, 512.0);
    assert!(dataset.images[1].objects.is_empty());
    assert_eq!(dataset.dropped, [("tram".to_owned(), 1)].into());
    assert_eq!(dataset.skipped_count, 0);
    assert_eq!(
        dataset.description.rider_box,
        RiderBox::WithCycle,
        "no cycles are listed"
    );
    let val = folder.load(Split::Val);
    assert_eq!(
        (names(&val), val.images[0].objects.len()),
        (vec!["c.jpg".to_owned()], 1)
    );
    for split in [Split::Train, Split::Val] {
        assert!(Dataset::has_split(folder.path(), split));
    }
}

#[test]
fn the_description_of_the_set_is_honoured() {
    let folder = folder();
    let text = "name = \"x\"\nlicence = \"y\"\nlabelled = [\"rider\"]\nrider_box = \"alone\"\n";
    folder.write("dataset.toml", text);
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.description.rider_box, RiderBox::Alone);
    assert!(dataset.images[0].labelled[ObjectClass::Rider.index()]);
    assert!(!dataset.images[0].labelled[ObjectClass::Car.index()]);
}

#[test]
fn every_bad_line_is_named() {
    for (line, reason) in [
        ("0 0.5 0.5 0 0.5", "above 0"),
        ("0 0.5 0.5 0.5 -0.5", "above 0"),
        ("0 5 0.5 0.5 0.5", "shares of the picture"),
        ("0 32 16 10 10", "shares of the picture"),
        ("0 NaN 0.5 0.5 0.5", "shares of the picture"),
        ("0 0.5 0.5 NaN 0.5", "above 0"),
        ("0 0.5 0.5 inf 0.5", "shares of the picture"),
        ("0 -1e-2 0.5 1e-3 0.5", "outside the image"),
        ("4 0.5 0.5 0.5 0.5", "names no category"),
        ("0 0.5 0.5 0.5", "must be `class x y width height`"),
        ("car 0.5 0.5 0.5 0.5", "must be a number"),
        ("\u{0}\u{1}", "must be a number"),
    ] {
        let folder = folder();
        folder.write("labels/train/b.txt", format!("\n{line}\n0 0.5 0.5 0.5 0.5"));
        let dataset = folder.load(Split::Train);
        assert_skipped(&dataset, "labels/train/b.txt", reason);
        assert!(dataset.skipped[0].reason.starts_with("line 2: "), "{line}");
        assert_eq!(dataset.images[1].objects.len(), 1, "the next line is kept");
    }
}

#[test]
fn every_bad_picture_is_named() {
    let folder = folder();
    folder.write("images/train/torn.jpg", [0xFF, 0xD8, 0xFF]);
    assert_skipped(&folder.load(Split::Train), "images/train/torn.jpg", "torn");
    let folder = self::folder();
    folder.write("images/train/other.bmp", "BM");
    assert_skipped(
        &folder.load(Split::Train),
        "images/train/other.bmp",
        "neither a JPEG",
    );
    let folder = self::folder();
    folder.write("labels/train/b.txt", vec![b' '; (1 << 20) + 1]);
    assert_skipped(
        &folder.load(Split::Train),
        "labels/train/b.txt",
        "the limit is",
    );
    let folder = self::folder();
    std::fs::remove_file(folder.path().join("labels/train/b.txt")).unwrap();
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.images.len(), 2);
    assert!(
        dataset
            .summary()
            .contains("1 of 2 pictures have no label file")
    );
}

#[test]
fn folders_are_found_where_exports_put_them() {
    let roboflow = "train: ../train/images\nval: ../valid/images\nnames:\n  0: car\n  7: 'bus'\n";
    let folder = Folder::new();
    folder
        .write("data.yaml", roboflow)
        .picture("train/images/a.jpg")
        .picture("valid/images/b.jpg")
        .write("train/labels/a.txt", "7 0.5 0.5 0.5 0.5")
        .write("valid/labels/b.txt", "0 0.5 0.5 0.5 0.5");
    let object = |split| folder.load(split).images[0].objects[0].class;
    assert_eq!(
        (object(Split::Train), object(Split::Val)),
        (ObjectClass::Bus, ObjectClass::Car)
    );
    // A path of another machine, and one of this.
    folder.write(
        "data.yaml",
        "path: /content/x\ntrain: /content/x/train/images\nnames: [car]\n",
    );
    let dataset = folder.load(Split::Val);
    assert!(
        dataset.warnings.iter().any(|w| w.contains("valid/images")),
        "{:?}",
        dataset.warnings
    );
    let here = folder.path().join("train/images");
    folder.write(
        "data.yaml",
        format!("train: {}\nnames: [car]\n", here.display()),
    );
    assert!(
        folder
            .load(Split::Train)
            .warnings
            .iter()
            .all(|w| !w.contains("taken from"))
    );
    // Both splits of one folder.
    let both = "train: train/images\nval: train/images\nnames: [car]\n";
    folder.write("data.yaml", both);
    let warnings = folder.load(Split::Val).warnings;
    assert!(warnings.contains(&"both splits are the same pictures".to_owned()));
}

#[test]
fn lists_of_pictures_are_read_and_stay_inside() {
    let folder = folder();
    folder
        .write(
            "data.yaml",
            DESCRIPTION.replace("images/train", "lists/train.txt"),
        )
        .write(
            "lists/train.txt",
            "images/train/a.jpg\n./images/train/b.png\n\n",
        );
    assert_eq!(names(&folder.load(Split::Train)), ["a.jpg", "b.png"]);
    for bad in ["../../etc/passwd", "/etc/passwd", "images/../../x.jpg"] {
        folder.write("lists/train.txt", format!("{bad}\nimages/train/a.jpg\n"));
        assert_skipped(
            &folder.load(Split::Train),
            "lists/train.txt",
            "inside the data set's folder",
        );
    }
    folder.write(
        "lists/train.txt",
        "images/train/a.jpg\nimages/train/none.jpg\n",
    );
    assert_skipped(
        &folder.load(Split::Train),
        "images/train/none.jpg",
        "no such picture file",
    );
}

#[test]
fn sets_that_cannot_be_used_say_why() {
    let folder = folder();
    folder.write("data.yaml", "train: images/train\n");
    assert!(
        folder
            .error(Split::Train)
            .contains("`names` must list the classes")
    );
    folder.write(
        "data.yaml",
        "train: ../../../etc\nval: /etc\nnames: [car]\n",
    );
    std::fs::rename(folder.path().join("images"), folder.path().join("pictures")).unwrap();
    let error = folder.error(Split::Train);
    assert!(
        error.contains("no annotations for the train split"),
        "{error}"
    );
    assert!(error.contains("`train: ../../../etc`"), "{error}");
    assert!(!Dataset::has_split(folder.path(), Split::Val));
    let folder = self::folder();
    std::fs::remove_dir_all(folder.path().join("labels")).unwrap();
    let error = folder.error(Split::Train);
    assert!(error.contains("labels/train/a.txt"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_label_bytes_are_read_or_reported(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"0123. \n-e".to_vec())], 0..120),
        description in "[a-z:\\[\\]{}' \\n0-2-]{0,60}",
    ) {
        let folder = folder();
        folder.write("labels/train/b.txt", &bytes);
        let dataset = folder.load(Split::Train);
        super::check_invariants(&dataset)?;
        folder.write("data.yaml", description);
        let _ = folder.try_load(Split::Train);
    }
}
