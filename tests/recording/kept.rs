//! What is kept, and why.

use crate::setup::{Somewhere, builder, files, read, record, settings, wait_until};
use lookout::bulletin::Bulletin;
use lookout::config::RecordSettings;
use lookout::event::RuleName;
use lookout::pipeline::Lookout;
use lookout::recording::{PreserveError, Recorder};
use lookout::rules::Rule;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

fn person_ahead() -> Rule {
    Rule {
        name: RuleName::try_from("person").unwrap(),
        zone: None,
        classes: Vec::new(),
        score_min: 0.0,
        count_min: 1,
        dwell: Duration::from_millis(3500),
        patience: Duration::from_secs(1),
        update_period: Duration::from_secs(1),
        preserve: true,
    }
}

#[test]
fn a_rule_keeps_the_time_around_its_event() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings {
        before: Duration::from_secs(1),
        after: Duration::from_secs(1),
        ..settings(folder.path())
    };
    let run = lookout::config::Settings {
        rules: vec![person_ahead()],
        tracking: false,
        ..lookout::config::Settings::default()
    };
    let builder = Lookout::builder()
        .config(run)
        .source("drive:?frames=90&size=96x64&fps=15".parse().unwrap())
        .detector(Box::new(Somewhere));
    let (seen, report) = record(builder, &settings);
    let event_ns = seen
        .iter()
        .find(|frame| !frame.events.is_empty())
        .unwrap()
        .captured_unix_ns;
    let kept = files(&folder.path().join("kept"));
    let recordings: Vec<PathBuf> = kept
        .iter()
        .filter(|file| file.extension().unwrap() == "mcap")
        .cloned()
        .collect();
    assert_eq!(report.kept_segments as usize, recordings.len());
    assert_eq!(kept.len(), 2 * recordings.len(), "a note each: {kept:?}");
    let note = fs::read_to_string(&kept[0]).unwrap();
    assert!(note.contains("rule person, firing 1"), "{note}");
    let messages = read(&recordings);
    let times: Vec<u64> = messages["/camera"]
        .iter()
        .map(|message| message.1)
        .collect();
    let second = 1_000_000_000;
    assert!(times[0] <= event_ns - second, "a second before");
    assert!(
        *times.last().unwrap() >= event_ns + second,
        "a second after"
    );
    // What was before that is not kept.
    let ring = files(&folder.path().join("ring"));
    assert!(!ring.is_empty() && !read(&ring)["/camera"].is_empty());
    let log = &messages["/log"];
    let said = |text: &str| {
        log.iter()
            .any(|line| String::from_utf8_lossy(&line.2).contains(text))
    };
    assert!(said("rule person: new") && said("kept because of rule person"));
}

#[test]
fn what_is_asked_for_is_kept_until_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings {
        kept_bytes_max: 1,
        before: Duration::from_secs(60),
        ..settings(folder.path())
    };
    let (recorder, tap) = Recorder::start(&settings, Bulletin::default()).unwrap();
    let source = "drive:?frames=0&size=96x64&fps=15";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    drop(receiver);
    let meter = recorder.meter();
    wait_until("a segment is finished", || meter.report().segments >= 1);
    assert_eq!(recorder.handle().preserve("test"), Ok(()));
    wait_until("it is refused", || meter.report().kept_trouble.is_some());
    let refused = recorder.handle().preserve("test").unwrap_err();
    assert!(matches!(&refused, PreserveError::Full(text) if text.contains("kept_megabytes_max")));
    handle.stop();
    handle.join().into_result().unwrap();
    let later = recorder.handle();
    let report = recorder.finish();
    assert_eq!((report.kept_segments, report.lost), (0, 0));
    assert!(report.trouble.is_none(), "the ring goes on");
    assert!(!files(&folder.path().join("ring")).is_empty());
    assert!(later.preserve("test").is_err());
}

#[test]
fn a_signal_and_the_health_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let bulletin = Bulletin::default();
    bulletin.post(r#"{"state":"degraded","reasons":["it is hot"]}"#);
    let (recorder, tap) = Recorder::start(&settings(folder.path()), bulletin.clone()).unwrap();
    let source = "drive:?frames=0&size=96x64&fps=15";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    let raise = || {
        let flag = recorder.handle().preserve_flag();
        flag.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    receiver.iter().take(5).for_each(drop);
    raise();
    bulletin.post(r#"{"state":"ok","reasons":[]}"#);
    receiver.iter().take(15).for_each(drop);
    drop(receiver);
    handle.stop();
    handle.join().into_result().unwrap();
    assert!(recorder.finish().kept_segments >= 1);
    let kept = files(&folder.path().join("kept"));
    let recordings: Vec<PathBuf> = kept
        .into_iter()
        .filter(|f| f.extension().unwrap() == "mcap")
        .collect();
    let log: Vec<String> = read(&recordings)["/log"]
        .iter()
        .map(|line| String::from_utf8_lossy(&line.2).into_owned())
        .collect();
    for text in ["it is hot", "health is ok", "SIGUSR1"] {
        assert!(
            log.iter().any(|line| line.contains(text)),
            "{text}: {log:?}"
        );
    }
}
