#![allow(clippy::unwrap_used)]

use super::*;
use crate::lab::evidence::REPORT_SCHEMA;
use serde_json::json;

/// The evidence of a step with these counters and this many frames.
fn evidence(folder: &std::path::Path, frames: u64, counters: [u64; 6], log: &str) -> Evidence {
    let [opens, open_failures, stalls, losses, damaged, source_gaps] = counters;
    let frames: Vec<_> = (0..frames)
        .map(|n| {
            json!({
                "sequence": n, "monotonic_ns": n, "format": "yuyv", "width": 2, "height": 2,
                "stride": 4, "offset": 0, "bytes": 8,
            })
        })
        .collect();
    let report = json!({
        "schema": REPORT_SCHEMA, "frames": frames,
        "counters": {
            "opens": opens, "open_failures": open_failures, "stalls": stalls,
            "losses": losses, "damaged": damaged, "source_gaps": source_gaps,
        },
    });
    std::fs::write(folder.join("s.json"), report.to_string()).unwrap();
    std::fs::write(folder.join("s.log"), log).unwrap();
    Evidence::new(folder, "s")
}

#[test]
fn a_fault_must_show_and_must_be_survived() {
    let folder = tempfile::tempdir().unwrap();
    let judge = |frames, counters, log: &str| {
        survived(&evidence(folder.path(), frames, counters, log), 10, lost)
    };
    assert!(judge(10, [2, 1, 0, 1, 0, 0], "").is_ok());
    assert!(judge(9, [2, 1, 0, 1, 0, 0], "").is_err(), "too few frames");
    assert!(judge(10, [1, 0, 0, 0, 0, 0], "").is_err(), "no fault seen");
    assert!(judge(10, [2, 500, 0, 1, 0, 0], "").is_err(), "spinning");
    assert!(
        judge(10, [2, 1, 0, 1, 0, 0], &"WARN lost\n".repeat(100)).is_err(),
        "log flood"
    );
    assert!(
        judge(10, [2, 1, 0, 1, 0, 0], "thread panicked at").is_err(),
        "panic"
    );
}

#[test]
fn a_refusal_must_name_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let counters = [0, 3, 0, 0, 0, 0];
    let judge = |frames, log: &str| {
        refused(
            &evidence(folder.path(), frames, counters, log),
            "multi-planar",
        )
    };
    assert!(judge(0, "only Multi-planar capture").is_ok());
    assert!(judge(0, "error").is_err());
    assert!(judge(1, "multi-planar").is_err());
}

#[test]
fn detections_must_go_on_after_the_unplugging() {
    let folder = tempfile::tempdir().unwrap();
    let line = |sequence: u64, objects: usize| {
        let detections = vec![json!({"class": "car"}); objects];
        json!({"source_sequence": sequence, "detections": detections}).to_string() + "\n"
    };
    let judge = |lines: &[String], before: &str, exit: &str| {
        std::fs::write(folder.path().join("s.jsonl"), lines.concat()).unwrap();
        std::fs::write(folder.path().join("s.before"), before).unwrap();
        std::fs::write(folder.path().join("s.exit"), exit).unwrap();
        detected(&Evidence::new(folder.path(), "s"))
    };
    let good = [line(0, 1), line(3, 0), line(9, 0)];
    assert!(judge(&good, "1\n", "0\n").is_ok());
    assert!(judge(&good, "2\n", "0\n").is_err(), "only one line after");
    assert!(judge(&good, "1\n", "1\n").is_err(), "bad end");
    assert!(
        judge(&[line(0, 0), line(1, 0), line(2, 0)], "1\n", "0\n").is_err(),
        "blind"
    );
    assert!(
        judge(&[line(4, 1), line(3, 0), line(9, 0)], "1\n", "0\n").is_err(),
        "order"
    );
    assert!(judge(&["{".to_owned()], "1\n", "0\n").is_err(), "no JSON");
}
