//! Pascal VOC.

use super::folder::{Folder, assert_skipped, names, plain};
use lookout::class::ObjectClass;
use proptest::prelude::*;
use xtask::dataset::{Dataset, DatasetKind, Split};

fn object(name: &str, difficult: u8, [x0, y0, x1, y1]: [&str; 4]) -> String {
    format!(
        "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin>\
         <ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
    )
}

fn annotation(objects: &[String]) -> String {
    let size = "<size><width>64</width><height>32</height><depth>3</depth></size>";
    format!("<annotation>{size}{}</annotation>", objects.concat())
}

fn folder() -> Folder {
    let folder = Folder::new();
    let objects = [
        object("motorbike", 0, ["1", "1", "64", "32"]),
        object("person", 1, ["11", "5", "20", "10"]),
        object("cat", 0, ["1", "1", "5", "5"]),
    ];
    folder
        .write("Annotations/a.xml", annotation(&objects))
        .write("Annotations/b.xml", annotation(&[]))
        .write(
            "Annotations/c.xml",
            annotation(&[object("car", 0, ["1", "1", "5", "5"])]),
        )
        .picture("JPEGImages/a.jpg")
        .picture("JPEGImages/b.png")
        .picture("JPEGImages/c.jpg")
        .write("ImageSets/Main/train.txt", "a\nb  1\n")
        .write("ImageSets/Main/val.txt", "c\n");
    folder
}

#[test]
fn a_good_set_is_read_whole() {
    let folder = folder();
    let dataset = folder.load(Split::Train);
    assert_eq!(dataset.kind, DatasetKind::Voc);
    assert_eq!(names(&dataset), ["a.jpg", "b.png"]);
    // Pixels count from 1 and the last one is in the box; difficult objects are ignored.
    assert_eq!(
        plain(&dataset.images[0].objects),
        [
            (ObjectClass::Motorcycle, [0.0, 0.0, 64.0, 32.0], false),
            (ObjectClass::Person, [10.0, 4.0, 20.0, 10.0], true),
        ]
    );
    assert_eq!(dataset.dropped, [("cat".to_owned(), 1)].into());
    assert_eq!((dataset.skipped_count, dataset.clipped_count), (0, 0));
    assert_eq!(names(&folder.load(Split::Val)), ["c.jpg"]);
}

#[test]
fn every_bad_object_is_named() {
    let nested = "<object><name>car</name></object>".to_owned();
    let unnamed = object("", 0, ["1", "1", "9", "9"]);
    for (bad, reason) in [
        (object("car", 0, ["10", "1", "9", "9"]), "above 0"),
        (object("car", 0, ["1", "1", "9", "x"]), "four numbers"),
        (object("car", 0, ["NaN", "1", "9", "9"]), "above 0"),
        (object("car", 0, ["1", "1", "1e300", "9"]), "too large"),
        (
            object("car", 0, ["100", "1", "110", "9"]),
            "outside the image",
        ),
        (
            object("car", 0, ["1", "1", "9", "9"]).replace(">0<", ">maybe<"),
            "0 or 1",
        ),
        (nested, "four numbers"),
        (unnamed, "`name` is missing"),
    ] {
        let folder = folder();
        let good = object("car", 0, ["1", "1", "9", "9"]);
        folder.write("Annotations/b.xml", annotation(&[good, bad.clone()]));
        let dataset = folder.load(Split::Train);
        assert_skipped(&dataset, "Annotations/b.xml", reason);
        assert!(dataset.skipped[0].reason.starts_with("object 2: "), "{bad}");
        assert_eq!(dataset.images[1].objects.len(), 1);
    }
}

#[test]
fn every_bad_file_is_named() {
    let remove = |folder: &Folder, name: &str| {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    };
    let folder = folder();
    remove(&folder, "JPEGImages/b.png");
    assert_skipped(&folder.load(Split::Train), "b.jpg", "no such picture file");
    let folder = self::folder();
    remove(&folder, "Annotations/b.xml");
    assert_skipped(
        &folder.load(Split::Train),
        "Annotations/b.xml",
        "cannot be read",
    );
    let folder = self::folder();
    folder.write("Annotations/b.xml", "<annotation><object>");
    assert_skipped(&folder.load(Split::Train), "Annotations/b.xml", "not XML");
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><annotation>&a;</annotation>";
    folder.write("Annotations/b.xml", bomb);
    assert_skipped(&folder.load(Split::Train), "Annotations/b.xml", "DTD");
    let folder = self::folder();
    folder.write("ImageSets/Main/train.txt", "a\n../../etc/passwd\n");
    assert_skipped(
        &folder.load(Split::Train),
        "train.txt",
        "inside the data set's folder",
    );
}

#[test]
fn the_picture_named_in_the_file_is_taken_only_from_inside() {
    let folder = folder();
    std::fs::remove_file(folder.path().join("JPEGImages/b.png")).unwrap();
    let named = |name: &str| {
        let text = format!("<annotation><filename>{name}</filename></annotation>");
        folder.write("Annotations/b.xml", text);
        folder.load(Split::Train)
    };
    folder
        .picture("JPEGImages/other.png")
        .picture("outside.png");
    // Without a stated size, the picture's own counts.
    let dataset = named("other.png");
    assert_eq!(names(&dataset), ["a.jpg", "other.png"]);
    assert_eq!(
        (dataset.images[1].width, dataset.images[1].height),
        (64, 32)
    );
    for name in ["../outside.png", "/etc/passwd"] {
        assert_skipped(&named(name), "b.jpg", "no such picture file");
    }
}

#[test]
fn a_split_is_made_where_there_is_none() {
    let folder = Folder::new();
    for number in 0..40 {
        folder
            .write(&format!("Annotations/{number:06}.xml"), annotation(&[]))
            .picture(&format!("JPEGImages/{number:06}.jpg"));
    }
    let (train, val) = (folder.load(Split::Train), folder.load(Split::Val));
    assert_eq!(train.images.len() + val.images.len(), 40);
    assert_eq!(names(&val)[..3], ["000000.jpg", "000001.jpg", "000007.jpg"]);
    assert!(val.summary().contains("one picture in 10"));
    // A list of both is divided in the same way.
    folder.write("ImageSets/Main/trainval.txt", "000007\n000004\n");
    assert_eq!(names(&folder.load(Split::Val)), ["000007.jpg"]);
    assert_eq!(names(&folder.load(Split::Train)), ["000004.jpg"]);
    // Where somebody made one split only, the other is not invented.
    folder.write("ImageSets/Main/train.txt", "000007\n");
    assert!(!Dataset::has_split(folder.path(), Split::Val));
    assert!(
        folder
            .error(Split::Val)
            .contains("ImageSets/Main/train.txt")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_xml_is_read_or_reported(at in 0usize..400, byte in any::<u8>(), cut in 0usize..400) {
        let folder = folder();
        let text = annotation(&[object("car", 0, ["1", "2", "9", "9"])]);
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut / 4);
        folder.write("Annotations/b.xml", &bytes);
        super::check_invariants(&folder.load(Split::Train))?;
    }
}
