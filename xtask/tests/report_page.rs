//! `cargo xtask report` from the outside: a page on the shipped model, its numbers against
//! those of its JSON and of `evaluate`, and the page in a real browser.
#![allow(clippy::unwrap_used)]

mod browser;

use browser::{Browser, colours};
use clap::Parser;
use serde_json::Value;
use std::path::{Path, PathBuf};
use xtask::evaluate::{self, EvaluateArgs};
use xtask::render_drive::{self, RenderDriveArgs};
use xtask::report::{self, ReportArgs};
use xtask::train_job::TrainEvent;

#[derive(Parser)]
struct Line<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

fn parse<T: clap::Args>(line: &[&str]) -> T {
    let line = ["x"].into_iter().chain(line.iter().copied());
    Line::<T>::try_parse_from(line).unwrap().args
}

fn shipped() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("models/road-288x512").display().to_string()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The sort keys of the cells, row by row: numbers in full.
fn rows(html: &str) -> Vec<Vec<String>> {
    let row = |row: &str| {
        let keys = row.split("data-key=\"").skip(1);
        keys.map(|key| key.split('"').next().unwrap().to_owned())
            .collect()
    };
    html.split("<tr>").skip(1).map(row).collect()
}

fn assert_numbers(row: &[String], expected: &[&Value], what: &str) {
    assert_eq!(row.len(), expected.len(), "{what}: {row:?}");
    for (given, expected) in row.iter().zip(expected) {
        match expected.as_f64() {
            // What is absent is -1 in the file and blank on the page.
            Some(-1.0) | None => assert_eq!(given, "", "{what}"),
            Some(expected) => {
                let given: f64 = given.parse().unwrap();
                assert!(
                    (given - expected).abs() < 1e-6,
                    "{what}: {given}, {expected}"
                );
            }
        }
    }
}

struct Report {
    _folder: tempfile::TempDir,
    page: PathBuf,
    html: String,
    figures: Value,
    evaluated: Value,
}

/// The shipped model on a small rendered set, beside itself in every role.
fn report() -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    render_drive::run(&RenderDriveArgs {
        out: path("data"),
        frames: 12,
        seed: 5,
        width: 512,
        height: 288,
    })
    .unwrap();
    let step = |step| TrainEvent::Step {
        step,
        steps: 3,
        loss: 4.0 / step as f64,
        loss_class: 1.0,
        loss_box: 1.0,
        images_per_s: 1.0,
        elapsed_s: 1.0,
        remaining_s: 1.0,
        learning_rate: 1e-3,
        waited: 0.0,
    };
    let log: Vec<String> = (1..=3).map(|n| step(n).to_line()).collect();
    std::fs::write(path("events.jsonl"), log.join("\n")).unwrap();
    let (model, data) = (shipped(), text("data"));
    let common = ["--model", &model, "--data", &data, "--split", "train"];
    let peer = text("peer.json");
    let line = [&common[..], &["--json", &peer]].concat();
    evaluate::run(parse::<EvaluateArgs>(&line)).unwrap();
    let (out, json) = (text("report.html"), text("report.json"));
    let (named, log) = (format!("same={peer}"), text("events.jsonl"));
    let more = [
        "--out",
        &out,
        "--json",
        &json,
        "--peer",
        &named,
        "--log",
        &log,
        "--float",
        &model,
        "--pictures",
        "1",
    ];
    let line = [&common[..], &more].concat();
    report::run(&parse::<ReportArgs>(&line)).unwrap();
    Report {
        page: path("report.html"),
        html: std::fs::read_to_string(path("report.html")).unwrap(),
        figures: read(&path("report.json")),
        evaluated: read(&path("peer.json")),
        _folder: folder,
    }
}

#[test]
fn the_page_shows_the_numbers_of_its_json_and_a_browser_is_content() {
    let report = report();
    accuracy_is_the_same_everywhere(&report);
    tables_are_those_of_the_json(&report);
    let html = &report.html;
    assert!(html.len() > 100_000, "with pictures it is larger");
    assert!(!html.contains("http:") && !html.contains("https:"));
    assert_eq!(report.figures["learning"].as_array().unwrap().len(), 3);
    assert!(report.figures["speed"]["whole_ms_median"].as_f64().unwrap() > 0.0);
    if let Some(browser) = Browser::find() {
        the_browser_is_content(&browser, &report.page);
    }
}

fn accuracy_is_the_same_everywhere(report: &Report) {
    let contestants = report.figures["contestants"].as_array().unwrap();
    let names: Vec<&str> = contestants
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["this model", "in float", "same"]);
    for contestant in contestants {
        let metrics = &contestant["metrics"];
        assert!(
            metrics["map50"].as_f64().unwrap() > 0.05,
            "it sees something"
        );
        for key in ["map", "map50", "map_small", "map_large", "ar100"] {
            let (a, b) = (metrics[key].as_f64(), report.evaluated[key].as_f64());
            assert!((a.unwrap() - b.unwrap()).abs() < 1e-12, "{key}");
        }
    }
    for (class, own) in report.figures["classes"].as_object().unwrap() {
        let (a, b) = (&own["recommended"], &report.evaluated["recommended"][class]);
        assert_eq!(a["threshold"], b["threshold"], "{class}");
    }
}

fn tables_are_those_of_the_json(report: &Report) {
    let rows = rows(&report.html);
    let metrics = &report.figures["contestants"][0]["metrics"];
    let row_of = |is_row: &dyn Fn(&&Vec<String>) -> bool| rows.iter().find(is_row).unwrap();
    for (class, own) in metrics["per_class"].as_object().unwrap() {
        let row = row_of(&|row| row.len() == 8 && row[0] == *class && row[1] == "this model");
        let keys = ["boxes", "ap", "ap50", "ap_small", "ap_medium", "ap_large"];
        assert_numbers(&row[2..], &keys.map(|key| &own[key]), class);
        let counts = report.figures["confusion"][class].as_object().unwrap();
        let row = row_of(&|row| row.len() == 10 && row[0] == *class);
        let order = metrics["per_class"].as_object().unwrap().keys();
        let mut expected = vec![&Value::Null; 8];
        for name in order {
            let index = lookout::class::ObjectClass::from_name(name)
                .unwrap()
                .index();
            expected[index] = &counts[name];
        }
        expected.push(&counts["missed"]);
        assert_numbers(&row[1..], &expected, class);
    }
    for (class, own) in report.figures["classes"].as_object().unwrap() {
        let row = row_of(&|row| row.len() == 11 && row[0] == *class);
        let keys = ["threshold", "precision", "recall", "f1"];
        assert_numbers(&row[2..6], &keys.map(|key| &own["recommended"][key]), class);
        assert_numbers(&row[6..10], &keys.map(|key| &own["on_card"][key]), class);
        let row = row_of(&|row| row.len() == 4 && row[0] == *class);
        let errors = ["error", "error_shown"].map(|key| &own["calibration"][key]);
        assert_numbers(&row[2..], &errors, class);
    }
}

fn the_browser_is_content(browser: &Browser, page: &Path) {
    let opened = browser.open(page, 1200, 3000);
    assert_eq!(opened.console, [""; 0]);
    for id in [
        "summary",
        "training",
        "accuracy",
        "curves",
        "thresholds",
        "confusion",
        "calibration",
        "pictures",
        "speed",
        "origin",
    ] {
        assert!(
            opened.dom.contains(&format!("id=\"{id}\"")),
            "no section {id}"
        );
    }
    assert!(opened.dom.matches("<svg").count() > 8);
    assert!(opened.dom.contains("BDD100K"), "the card's data sets");
    assert_eq!(opened.screenshot.dimensions(), (1200, 3000));
    assert!(colours(&opened.screenshot) > 20, "not blank");
}
