//! The same set in every format is the same set.

use super::folder::{Folder, Plain, SIZE, plain};
use lookout::class::ObjectClass;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write;
use xtask::dataset::{Dataset, DatasetKind, GroundTruth, Split};

/// A class that all formats can name, and whole corners `x0, y0, x1, y1` inside the picture.
type Labelled = (ObjectClass, [u32; 4]);

const NAMES: [&str; 3] = ["car", "truck", "person"];
/// Its hash puts it into the training split.
const STEM: &str = "000002";

fn name(class: ObjectClass) -> &'static str {
    class.name()
}

fn coco(boxes: &[Labelled]) -> Folder {
    let categories: Vec<Value> = (0..3).map(|i| json!({"id": i, "name": NAMES[i]})).collect();
    let index = |class| {
        NAMES
            .iter()
            .position(|known| *known == name(class))
            .unwrap()
    };
    let annotations: Vec<Value> = boxes
        .iter()
        .map(|&(class, [x0, y0, x1, y1])| {
            json!({"image_id": 1, "category_id": index(class), "bbox": [x0, y0, x1 - x0, y1 - y0]})
        })
        .collect();
    let image = json!({"id": 1, "file_name": "a.png", "width": SIZE.0, "height": SIZE.1});
    let text = json!({"categories": categories, "images": [image], "annotations": annotations});
    let folder = Folder::new();
    folder
        .picture("images/a.png")
        .write("annotations_train.json", text.to_string());
    folder
}

fn yolo(boxes: &[Labelled]) -> Folder {
    let mut text = String::new();
    for &(class, corners) in boxes {
        let index = NAMES
            .iter()
            .position(|known| *known == name(class))
            .unwrap();
        let [x0, y0, x1, y1] = corners.map(f64::from);
        let (w, h) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let (x, y) = ((x0 + x1) / 2.0 / w, (y0 + y1) / 2.0 / h);
        writeln!(
            text,
            "{index} {x:.6} {y:.6} {:.6} {:.6}",
            (x1 - x0) / w,
            (y1 - y0) / h
        )
        .unwrap();
    }
    let folder = Folder::new();
    folder
        .picture("images/train/a.png")
        .write("labels/train/a.txt", text)
        .write(
            "data.yaml",
            "names: [car, truck, person]\ntrain: images/train\n",
        );
    folder
}

fn voc(boxes: &[Labelled]) -> Folder {
    let mut text = String::from("<annotation>");
    for &(class, [x0, y0, x1, y1]) in boxes {
        let (x0, y0) = (x0 + 1, y0 + 1);
        write!(
            text,
            "<object><name>{}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>\
             <ymax>{y1}</ymax></bndbox></object>",
            name(class)
        )
        .unwrap();
    }
    let folder = Folder::new();
    folder
        .picture("JPEGImages/a.png")
        .write("Annotations/a.xml", text + "</annotation>")
        .write("ImageSets/Main/train.txt", "a");
    folder
}

fn kitti(boxes: &[Labelled]) -> Folder {
    let mut text = String::new();
    for &(class, [x0, y0, x1, y1]) in boxes {
        writeln!(
            text,
            "{} 0 0 0 {x0}.00 {y0}.00 {x1}.00 {y1}.00 0 0 0 0 0 0 0",
            name(class)
        )
        .unwrap();
    }
    let folder = Folder::new();
    folder
        .picture(&format!("training/image_2/{STEM}.png"))
        .write(&format!("training/label_2/{STEM}.txt"), text);
    folder
}

fn bdd(boxes: &[Labelled]) -> Folder {
    let labels: Vec<Value> = boxes
        .iter()
        .map(|&(class, [x0, y0, x1, y1])| {
            json!({"category": name(class), "box2d": {"x1": x0, "y1": y0, "x2": x1, "y2": y1}})
        })
        .collect();
    let size = json!({"width": SIZE.0, "height": SIZE.1});
    let frames = json!([{"name": "a.png", "labels": labels, "size": size}]);
    let folder = Folder::new();
    folder
        .picture("images/100k/train/a.png")
        .write("labels/det_20/det_train.json", frames.to_string());
    folder
}

fn load(folder: &Folder) -> Dataset {
    let dataset = folder.load(Split::Train);
    assert_eq!(
        (dataset.images.len(), dataset.skipped_count),
        (1, 0),
        "{:?}",
        dataset.skipped
    );
    assert_eq!((dataset.images[0].width, dataset.images[0].height), SIZE);
    dataset
}

fn near(a: &[GroundTruth], b: &[GroundTruth]) -> bool {
    let same = |(a, b): (Plain, Plain)| {
        let near = a.1.iter().zip(b.1).all(|(a, b)| (a - b).abs() < 0.01);
        near && (a.0, a.2) == (b.0, b.2)
    };
    a.len() == b.len() && plain(a).into_iter().zip(plain(b)).all(same)
}

fn labelled() -> impl Strategy<Value = Labelled> {
    let class = prop::sample::select(vec![
        ObjectClass::Car,
        ObjectClass::Truck,
        ObjectClass::Person,
    ]);
    let side = |pixels: u32| (0..pixels).prop_flat_map(move |low| (Just(low), low + 1..=pixels));
    (class, side(SIZE.0), side(SIZE.1)).prop_map(|(class, x, y)| (class, [x.0, y.0, x.1, y.1]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn one_set_in_every_format_is_the_same(boxes in prop::collection::vec(labelled(), 1..8)) {
        let reference = load(&coco(&boxes));
        for (kind, folder) in [
            (DatasetKind::Yolo, yolo(&boxes)),
            (DatasetKind::Voc, voc(&boxes)),
            (DatasetKind::Kitti, kitti(&boxes)),
            (DatasetKind::Bdd, bdd(&boxes)),
        ] {
            let dataset = load(&folder);
            prop_assert_eq!(dataset.kind, kind);
            let (found, expected) = (&dataset.images[0].objects, &reference.images[0].objects);
            prop_assert!(near(found, expected), "{kind}: {found:?} for {expected:?}");
        }
    }
}
