//! KITTI's object detection set.

use super::folder::{Folder, assert_skipped, names, plain};
use lookout::class::ObjectClass;
use proptest::prelude::*;
use xtask::dataset::{Dataset, DatasetKind, RiderBox, Split};

/// A line of a label file; only class and box matter to us.
fn line(class: &str, corners: &str) -> String {
    format!("{class} 0.00 0 -1.58 {corners} 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n")
}

/// `000007` falls to validation, the others to training.
fn folder() -> Folder {
    let folder = Folder::new();
    let lines = [
        line("Van", "1.00 2.00 11.50 12.00"),
        line("Cyclist", "20.00 0.00 40.00 32.00"),
        line("Tram", "0 0 5 5"),
        line("DontCare", "50 0 60 10").replace("1.65", "-1"),
    ];
    folder
        .write("training/label_2/000002.txt", lines.concat())
        .write("training/label_2/000004.txt", line("Pedestrian", "1 1 9 9"))
        .write("training/label_2/000007.txt", "")
        .picture("training/image_2/000002.png")
        .picture("training/image_2/000004.png")
        .picture("training/image_2/000007.png");
    folder
}

#[test]
fn a_good_set_is_read_whole() {
    let folder = folder();
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.kind, DatasetKind::Kitti);
    assert_eq!(names(&dataset), ["000002.png", "000004.png"]);
    let found = plain(&dataset.images[0].objects);
    assert_eq!(
        found[..2],
        [
            (ObjectClass::Car, [1.0, 2.0, 11.5, 12.0], false),
            (ObjectClass::Rider, [20.0, 0.0, 40.0, 32.0], false),
        ]
    );
    // What nobody labelled is ignored for every class.
    let ignored: Vec<_> = ObjectClass::ALL
        .map(|c| (c, [50.0, 0.0, 60.0, 10.0], true))
        .into();
    assert_eq!(found[2..], ignored);
    assert_eq!(dataset.ignored, [("DontCare".to_owned(), 1)].into());
    assert_eq!(dataset.dropped, [("Tram".to_owned(), 1)].into());
    assert_eq!(dataset.description.rider_box, RiderBox::WithCycle);
    assert!(
        dataset.description.labelled[ObjectClass::Truck.index()],
        "no box, but labelled"
    );
    assert!(!dataset.description.labelled[ObjectClass::Bus.index()]);
    let val = folder.load(Split::Val);
    assert_eq!(names(&val), ["000007.png"]);
    assert!(
        val.summary().contains("one picture in 10"),
        "{}",
        val.summary()
    );
    assert!(Dataset::has_split(folder.path(), Split::Val));
    let named = Dataset::load(
        &folder.path().join("training"),
        Split::Train,
        xtask::dataset::LoadOptions::EVALUATION,
    );
    assert_eq!(
        named.unwrap().images.len(),
        2,
        "the inner folder does as well"
    );
}

#[test]
fn a_description_says_what_riders_hold() {
    let folder = folder();
    let text = "name = \"x\"\nlicence = \"y\"\nlabelled = [\"rider\"]\nrider_box = \"alone\"\n";
    folder.write("dataset.toml", text);
    assert_eq!(
        folder.load(Split::Train).description.rider_box,
        RiderBox::Alone
    );
}

#[test]
fn a_usual_split_is_taken_where_it_was_put() {
    let folder = folder();
    folder
        .write("ImageSets/train.txt", "000007\n../x\n")
        .write("ImageSets/val.txt", "000002\n000004\n");
    assert_eq!(
        names(&folder.load(Split::Val)),
        ["000002.png", "000004.png"]
    );
    let dataset = folder.load(Split::Train);
    assert_eq!(names(&dataset), ["000007.png"]);
    assert_skipped(
        &dataset,
        "ImageSets/train.txt",
        "inside the data set's folder",
    );
    assert!(
        dataset
            .warnings
            .iter()
            .all(|warning| !warning.contains("one picture in"))
    );
}

#[test]
fn every_bad_line_and_file_is_named() {
    for (bad, reason) in [
        (line("Car", "10 1 9 9"), "above 0"),
        (line("Car", "1 1 9 nan"), "above 0"),
        (line("Car", "1 1 1e300 9"), "too large"),
        (line("Car", "100 1 110 9"), "outside the image"),
        (line("Car", "1 1 9 x"), "a box of four"),
        ("Car 0 0 0 1 1 9\n".to_owned(), "a box of four"),
        ("Car\n".to_owned(), "a box of four"),
    ] {
        let folder = folder();
        let good = line("Car", "1 1 9 9");
        folder.write("training/label_2/000004.txt", format!("{good}\n{bad}"));
        let dataset = folder.load(Split::Train);
        assert_skipped(&dataset, "label_2/000004.txt", reason);
        assert!(dataset.skipped[0].reason.starts_with("line 3: "), "{bad}");
        assert_eq!(dataset.images[1].objects.len(), 1);
    }
    let remove = |name: &str| {
        let folder = folder();
        std::fs::remove_file(folder.path().join(name)).unwrap();
        folder.load(Split::Train)
    };
    assert_skipped(
        &remove("training/label_2/000004.txt"),
        "000004.txt",
        "cannot be read",
    );
    let dataset = remove("training/image_2/000004.png");
    assert_skipped(&dataset, "image_2/000004.png", "no such picture file");
    let folder = folder();
    folder.write("training/image_2/000004.png", "torn");
    assert_skipped(&folder.load(Split::Train), "000004.png", "neither a JPEG");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_label_bytes_are_read_or_reported(
        bytes in prop::collection::vec(any::<u8>(), 0..200), fields in "[A-Z0-9. eN\\n-]{0,120}",
    ) {
        let folder = folder();
        folder.write("training/label_2/000004.txt", &bytes);
        super::check_invariants(&folder.load(Split::Train))?;
        folder.write("training/label_2/000004.txt", fields);
        super::check_invariants(&folder.load(Split::Train))?;
    }
}
