//! `cargo xtask explore` from the outside: its figures against figures counted here, its page
//! in a real browser, and what it says when it cannot work.
#![allow(clippy::unwrap_used, clippy::panic)]

mod browser;

use browser::{Browser, colours};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use xtask::explore::{self, ExploreArgs, SplitChoice};
use xtask::render_drive::{self, RenderDriveArgs};

const CLASSES: [&str; 8] = [
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "scooter",
    "person",
    "rider",
];

const HOSTILE_NAME: &str = "Drives </script><b>& 'co'";

fn render(dir: &Path, frames: u32, width: u32, height: u32) {
    let args = RenderDriveArgs {
        out: dir.to_owned(),
        frames,
        seed: 3,
        width,
        height,
    };
    render_drive::run(&args).unwrap();
}

fn args(data: &Path, out: &Path) -> ExploreArgs {
    ExploreArgs {
        data: vec![data.to_owned()],
        out: out.to_owned(),
        model: None,
        no_model: true,
        input: None,
        split: SplitChoice::Both,
        limit: None,
        gallery: 6,
        examples: 4,
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn write(path: &Path, value: &Value) {
    std::fs::write(path, value.to_string()).unwrap();
}

fn train_file(data: &Path) -> PathBuf {
    data.join("annotations_train.json")
}

/// A rendered set with a torn picture, a box given twice, one that reaches out of its picture,
/// and a name that could be markup.
fn damaged_set(data: &Path) {
    render(data, 10, 320, 192);
    let toml = std::fs::read_to_string(data.join("dataset.toml")).unwrap();
    let toml = toml.replace("Rendered drives of Lookout", HOSTILE_NAME);
    std::fs::write(data.join("dataset.toml"), toml).unwrap();
    let mut train = read(&train_file(data));
    let torn = data
        .join("images")
        .join(train["images"][1]["file_name"].as_str().unwrap());
    let bytes = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let boxes = train["annotations"].as_array_mut().unwrap();
    let mut twice = boxes.iter().find(|b| b["iscrowd"] == 0).unwrap().clone();
    twice["id"] = json!(9001);
    let outside = json!({
        "id": 9002, "image_id": twice["image_id"], "category_id": 3, "iscrowd": 0,
        "bbox": [280, 100, 90, 40], "area": 3600,
    });
    boxes.extend([twice, outside]);
    write(&train_file(data), &train);
}

/// A box as this file counts them: class, image, corners.
struct Box {
    class: usize,
    image: i64,
    corners: [f64; 4],
}

/// All boxes of a split that are no regions to be ignored, cut at the picture's edges.
fn boxes(data: &Path, split: &str) -> Vec<Box> {
    let file = read(&data.join(format!("annotations_{split}.json")));
    let all = file["annotations"].as_array().unwrap();
    let counted = all.iter().filter(|b| b["iscrowd"] == 0);
    counted
        .map(|b| {
            let [x, y, w, h] = [0, 1, 2, 3].map(|i| b["bbox"][i].as_f64().unwrap());
            Box {
                class: b["category_id"].as_u64().unwrap() as usize - 1,
                image: b["image_id"].as_i64().unwrap(),
                corners: [
                    x.max(0.0),
                    y.max(0.0),
                    (x + w).min(320.0),
                    (y + h).min(192.0),
                ],
            }
        })
        .collect()
}

fn area([x0, y0, x1, y1]: [f64; 4]) -> f64 {
    (x1 - x0).max(0.0) * (y1 - y0).max(0.0)
}

fn iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let inter = area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]);
    inter / (area(a) + area(b) - inter)
}

#[test]
fn figures_and_page_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    damaged_set(&data);
    explore::run(&args(&data, &out)).unwrap();
    let report = read(&out.join("explore.json"));
    figures_are_those_counted_here(&data, &report);
    let page = out.join("index.html");
    links_lead_somewhere(&page);
    if let Some(browser) = Browser::find() {
        the_browser_is_content(&browser, &page);
    }
    // A second run replaces the first.
    explore::run(&args(&data, &out)).unwrap();
    assert_eq!(read(&out.join("explore.json")), report);
}

fn figures_are_those_counted_here(data: &Path, report: &Value) {
    let (train, val) = (boxes(data, "train"), boxes(data, "val"));
    assert_eq!(report["images"], 10);
    assert_eq!(report["boxes"], train.len() + val.len());
    assert_eq!(
        (&report["model"], &report["confusion"]),
        (&Value::Null, &Value::Null)
    );
    let all: Vec<&Box> = train.iter().chain(&val).collect();
    for (index, name) in CLASSES.iter().enumerate() {
        let class = &report["classes"][index];
        assert_eq!(class["class"], *name);
        let count = |boxes: &[Box]| boxes.iter().filter(|b| b.class == index).count();
        assert_eq!(class["boxes_by_split"]["train"], count(&train), "{name}");
        assert_eq!(class["boxes_by_split"]["val"], count(&val), "{name}");
        let of_class: Vec<&&Box> = all.iter().filter(|b| b.class == index).collect();
        let images: std::collections::HashSet<i64> = of_class.iter().map(|b| b.image).collect();
        assert_eq!(class["images"], images.len(), "{name}");
        let presence = if of_class.is_empty() {
            assert!(
                class["share_under_16"].is_null(),
                "a share of nothing is none"
            );
            "labelled-without-box"
        } else {
            // 320 x 192 in 512 x 288: 1.5 times as large.
            let small = of_class
                .iter()
                .filter(|b| 2.25 * area(b.corners) < 256.0)
                .count();
            let share = class["share_under_16"].as_f64().unwrap();
            assert!(
                (share - small as f64 / of_class.len() as f64).abs() < 1e-9,
                "{name}"
            );
            "present"
        };
        assert_eq!(class["presence"], presence, "{name}");
    }
    let mut duplicates = 0;
    for (index, a) in all.iter().enumerate() {
        let others = all[index + 1..].iter();
        let same = others.filter(|b| b.class == a.class && b.image == a.image);
        duplicates += same.filter(|b| iou(a.corners, b.corners) > 0.85).count();
    }
    assert!(duplicates >= 1);
    assert_eq!(finding(report, "duplicate")["count"], duplicates);
    assert_eq!(finding(report, "outside")["by_class"], json!({"bus": 1}));
    assert_eq!(
        finding(report, "outside")["examples"][0]["text"],
        "bus, 50 pixels outside"
    );
    assert_eq!(report["sets"][0]["clipped"], 1);
    assert_eq!(
        (
            &report["pictures"]["read"],
            &report["pictures"]["unreadable"]
        ),
        (&json!(9), &json!(1))
    );
    let suggested = report["anchors"]["suggested_fit"]["mean_best_iou"]
        .as_f64()
        .unwrap();
    let given = report["anchors"]["given_fit"]["mean_best_iou"]
        .as_f64()
        .unwrap();
    assert!(
        suggested > given && suggested <= 1.0,
        "{suggested} and {given}"
    );
}

fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["id"] == id).unwrap()
}

/// Every picture that the page links to is there, and is a picture; every link into the page
/// has its place.
fn links_lead_somewhere(page: &Path) {
    let html = std::fs::read_to_string(page).unwrap();
    let targets = html
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    let (mut pictures, mut places) = (0, 0);
    for target in targets {
        if let Some(file) = target.strip_prefix("./") {
            image::open(page.with_file_name("").join(file)).unwrap();
            pictures += 1;
        } else if let Some(id) = target.strip_prefix('#') {
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
            places += 1;
        } else {
            assert_eq!(target, "data:,", "the empty icon");
        }
    }
    assert!(pictures > 8 && places > 12, "{pictures} and {places}");
    assert!(
        html.contains("&lt;/script&gt;&lt;b&gt;&amp; &#39;co&#39;"),
        "the name is text"
    );
    assert!(!html.contains("http:") && !html.contains("https:"));
}

fn the_browser_is_content(browser: &Browser, page: &Path) {
    let opened = browser.open(page, 1200, 3000);
    assert_eq!(opened.console, [""; 0]);
    for id in [
        "counts",
        "missing",
        "gallery",
        "sizes",
        "places",
        "crowding",
        "anchors",
        "weights",
        "faults",
        "files",
        "gallery-car",
        "finding-duplicate",
    ] {
        assert!(
            opened.dom.contains(&format!("id=\"{id}\"")),
            "no section {id}"
        );
    }
    assert!(
        opened
            .dom
            .contains("<th scope=\"col\" class=\"number sortable\""),
        "scripts ran"
    );
    assert!(opened.dom.matches("<svg").count() > 10);
    assert_eq!(opened.screenshot.dimensions(), (1200, 3000));
    assert!(
        colours(&opened.screenshot) > 200,
        "photographs have many colours"
    );
}

#[test]
fn a_detector_points_to_labels_that_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    render(&data, 5, 768, 432);
    let mut train = read(&train_file(&data));
    let boxes = train["annotations"].as_array_mut().unwrap();
    let before = boxes.len();
    boxes.retain(|b| b["category_id"] != 1);
    assert!(boxes.len() < before && !boxes.is_empty());
    write(&train_file(&data), &train);
    let args = ExploreArgs {
        no_model: false,
        split: SplitChoice::Train,
        ..args(&data, &out)
    };
    explore::run(&args).unwrap();
    let report = read(&out.join("explore.json"));
    let unlabelled = finding(&report, "unlabelled");
    let example = &unlabelled["examples"][0];
    assert!(
        example["text"].as_str().unwrap().starts_with("car 0."),
        "{example}"
    );
    let picture = image::open(out.join(example["picture"].as_str().unwrap())).unwrap();
    assert_eq!((picture.width(), picture.height()), (768, 432));
    let confusion = report["confusion"].as_array().unwrap();
    assert!(
        confusion[8][0].as_u64().unwrap() > 0,
        "cars without a label"
    );
    assert_eq!(confusion[0][0], 0, "no car is labelled");
    let html = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(html.contains("Labelled, but without a box: car"));
}

#[test]
fn a_set_of_one_class_works_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    render(&data, 4, 160, 96);
    let toml = "name = \"Cars\"\nlicence = \"a\"\nlabelled = [\"car\"]\n";
    std::fs::write(data.join("dataset.toml"), toml).unwrap();
    let mut train = read(&train_file(&data));
    train["annotations"]
        .as_array_mut()
        .unwrap()
        .retain(|b| b["category_id"] == 1);
    write(&data.join("annotations.json"), &train);
    for split in ["train", "val"] {
        std::fs::remove_file(data.join(format!("annotations_{split}.json"))).unwrap();
    }
    let report = explore::run(&args(&data, &out)).unwrap();
    assert_eq!(report.sets.len(), 1, "the common file is read once");
    let html = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(html.contains("All boxes are of one class: car."));
    assert!(html.contains("Not labelled in any set: truck, bus,"));
}

#[test]
fn what_cannot_work_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let message = |args: &ExploreArgs| explore::run(args).unwrap_err().to_string();
    let missing = message(&args(&data, &out));
    assert!(missing.contains("no such folder"), "{missing}");
    std::fs::create_dir(&data).unwrap();
    let empty = message(&args(&data, &out));
    assert!(empty.contains("no data set"), "{empty}");
    std::fs::remove_dir(&data).unwrap();
    render(&data, 2, 160, 96);
    let wrong_input = ExploreArgs {
        input: Some("100x200".parse().unwrap()),
        ..args(&data, &out)
    };
    assert!(message(&wrong_input).contains("multiples of 32"));
    let wrong_model = ExploreArgs {
        no_model: false,
        model: Some(folder.path().join("none")),
        ..args(&data, &out)
    };
    assert!(message(&wrong_model).contains("--no-model"));
    assert!(!out.exists(), "nothing is made before it can work");
    std::fs::write(&out, "a file").unwrap();
    assert!(message(&args(&data, &out)).contains("can be written to"));
    for split in ["train", "val"] {
        let path = data.join(format!("annotations_{split}.json"));
        let mut file = read(&path);
        file["annotations"] = json!([]);
        write(&path, &file);
    }
    let no_labels = message(&args(&data, &out));
    assert!(
        no_labels.contains("none of the 2 images has a box"),
        "{no_labels}"
    );
}
