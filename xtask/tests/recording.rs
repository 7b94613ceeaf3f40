//! What lookout records, as others read it.

#![allow(clippy::unwrap_used)]

use lookout::bulletin::Bulletin;
use lookout::class::ObjectClass;
use lookout::config::{RecordSettings, Settings};
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::StageTimes;
use lookout::event::RuleName;
use lookout::geometry::BBox;
use lookout::pipeline::{Detect, Lookout};
use lookout::pixels::Picture;
use lookout::recording::Recorder;
use lookout::rules::Rule;
use std::time::Duration;
use xtask::mcap_check;

/// Sees one object of every class in every picture.
struct Everything;

impl Detect for Everything {
    fn model_id(&self) -> &str {
        "everything@0"
    }

    fn detect(
        &mut self,
        _: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        out.clear();
        for class in ObjectClass::ALL {
            let edge = 8.0 * class.index() as f32;
            let bbox = BBox::new(edge, edge, edge + 8.0, edge + 8.0);
            let _ = out.push(Detection::new(class, 0.5, bbox));
        }
        Ok(StageTimes::default())
    }
}

#[test]
fn foxgloves_reader_sees_what_was_recorded() {
    if !mcap_check::is_installed() && std::env::var_os("CI").is_none() {
        eprintln!(
            "SKIPPED: Foxglove's reader is not in the cache; `cargo xtask lab kill-recording \
             --times 1` fetches it"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bulletin = Bulletin::default();
    bulletin.post(r#"{"state":"degraded","reasons":["it is hot"]}"#);
    let record = RecordSettings {
        free_bytes_min: 0,
        ..RecordSettings::new(folder.path())
    };
    let (recorder, tap) = Recorder::start(&record, bulletin).unwrap();
    let settings = Settings {
        rules: vec![Rule {
            name: RuleName::try_from("crowd").unwrap(),
            zone: None,
            classes: Vec::new(),
            score_min: 0.0,
            count_min: 1,
            dwell: Duration::ZERO,
            patience: Duration::ZERO,
            update_period: Duration::from_secs(1),
            preserve: false,
        }],
        ..Settings::default()
    };
    let (receiver, handle) = Lookout::builder()
        .config(settings)
        .source("drive:?frames=30&size=96x72&pace=max".parse().unwrap())
        .detector(Box::new(Everything))
        .tap(tap)
        .start()
        .unwrap();
    let published = receiver.iter().count();
    handle.join().into_result().unwrap();
    recorder.finish();
    let ring = std::fs::read_dir(folder.path().join("ring")).unwrap();
    let files: Vec<_> = ring.map(|entry| entry.unwrap().path()).collect();
    let recordings = mcap_check::check(&files).unwrap();
    assert_eq!((published, recordings.len()), (30, 1));
    let file = &recordings[&files[0]];
    for topic in ["/camera", "/annotations", "/detections"] {
        let numbers = file.topics[topic].iter().map(|message| message.sequence);
        assert!(numbers.eq(0..30), "{topic}");
    }
    let texts = &file.topics["/annotations"][29].seen;
    assert!(
        texts[6].as_str().unwrap().starts_with("person 0.50 #"),
        "{texts}"
    );
    let line = &file.topics["/detections"][3];
    assert_eq!(line.seen["captured_unix_ns"], line.time_ns);
    assert_eq!(line.seen["detections"].as_array().unwrap().len(), 8);
    let log = serde_json::to_string(
        &file.topics["/log"]
            .iter()
            .map(|m| &m.seen)
            .collect::<Vec<_>>(),
    );
    let log = log.unwrap();
    assert!(
        log.contains("it is hot") && log.contains("rule crowd: new"),
        "{log}"
    );
    assert_eq!(file.facts["version"], env!("CARGO_PKG_VERSION"));
    // A damaged file is told.
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
    assert!(mcap_check::check(&files).is_err());
}
