#![allow(clippy::unwrap_used)]
use super::*;
use crate::report::tests::{card, set};
use crate::train_job::{Device, Finish};
use std::path::PathBuf;

fn job(work: PathBuf) -> TrainJob {
    TrainJob {
        data: Vec::new(),
        validation: Vec::new(),
        out: work.join("model"),
        input_height: 32,
        input_width: 160,
        device: Device::Cpu,
        epochs: None,
        steps: None,
        minutes: None,
        seed: 1,
        resume: false,
        combined_riders: Default::default(),
        strict: false,
        share: 1.0,
        recipe: Default::default(),
        finish: Finish::Export,
        force: false,
        start_from: None,
        pretrained: PathBuf::new(),
        work,
        command: String::new(),
    }
}

#[test]
fn the_card_repeats_figures_and_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let (mut card, measured) = (card(), [set(&folder, 60)]);
    add_metrics(&mut card, &measured);
    let figures = &card.metrics[&measured[0].name];
    assert_eq!(figures.images, 60);
    assert!(
        (figures.int8.ap50["car"] - 0.505).abs() < 1e-3,
        "half of the cars"
    );
    assert!(figures.int8.ap_small["car"] > 0.0);
    let thresholds = &card.postprocess.class_thresholds;
    assert_eq!(thresholds.keys().collect::<Vec<_>>(), ["car"]);
    // What is written is what is read.
    let text = toml::to_string_pretty(&card).unwrap();
    assert_eq!(toml::from_str::<ModelCard>(&text).unwrap(), card);
}

#[test]
fn a_report_that_fails_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let (card, measured) = (card(), [set(&folder, 2)]);
    let nowhere = job(folder.path().join("no/such/folder"));
    let text = report(&nowhere, &card, &measured);
    assert!(text.starts_with("the model is in place"), "{text}");
    assert!(report(&nowhere, &card, &[]).starts_with("no report"));
    let work = folder.path().to_owned();
    let text = report(&job(work.clone()), &card, &measured);
    assert!(text.contains("report.html"), "{text}");
    assert!(work.join(REPORT_PAGE).is_file() && work.join(REPORT_JSON).is_file());
}
