//! What all tests of recordings begin with.

use lookout::bulletin::Bulletin;
use lookout::class::ObjectClass;
use lookout::config::RecordSettings;
use lookout::detection::{DETECTIONS_MAX, Detection, DetectionFrame};
use lookout::detector::StageTimes;
use lookout::geometry::BBox;
use lookout::pipeline::{Builder, Detect, Lookout};
use lookout::pixels::Picture;
use lookout::recording::{Recorder, RecorderReport};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Sees a person whose place depends on the picture's bytes.
pub struct Somewhere;

impl Detect for Somewhere {
    fn model_id(&self) -> &str {
        "somewhere@0"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        let sum: u64 = rgb.iter().map(|byte| u64::from(*byte)).sum();
        let shift = (sum % 1000) as f32 / 50.0;
        let bbox = BBox::new(shift, shift, shift + 20.0, shift + 30.5);
        out.clear();
        let _ = out.push(Detection::new(
            ObjectClass::Person,
            0.5 + shift / 50.0,
            bbox,
        ));
        Ok(StageTimes::default())
    }
}

pub fn builder(source: &str) -> Builder {
    Lookout::builder()
        .source(source.parse().unwrap())
        .detector(Box::new(Somewhere))
}

pub fn settings(folder: &Path) -> RecordSettings {
    RecordSettings {
        segment: Duration::from_secs(2),
        free_bytes_min: 0,
        ..RecordSettings::new(folder)
    }
}

/// Runs to the end and records; gives what was seen and what the recorder did.
pub fn record(
    builder: Builder,
    settings: &RecordSettings,
) -> (Vec<DetectionFrame>, RecorderReport) {
    let (recorder, tap) = Recorder::start(settings, Bulletin::default()).unwrap();
    let (receiver, handle) = builder.tap(tap).start().unwrap();
    let seen = receiver.iter().collect();
    handle.join().into_result().unwrap();
    (seen, recorder.finish())
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = entries.into_iter().flatten().collect();
    files.sort();
    files
}

/// Number, time and contents of the messages on each topic, as another reader sees them.
pub type Messages = BTreeMap<String, Vec<(u32, u64, Vec<u8>)>>;

pub fn read(files: &[PathBuf]) -> Messages {
    let mut messages = Messages::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
        let before: usize = messages.values().map(Vec::len).sum();
        for message in mcap::MessageStream::new(&bytes).unwrap() {
            let message = message.unwrap();
            assert_eq!(message.log_time, message.publish_time);
            let topic = messages.entry(message.channel.topic.clone()).or_default();
            topic.push((message.sequence, message.log_time, message.data.to_vec()));
        }
        let after: usize = messages.values().map(Vec::len).sum();
        let counted = summary.stats.unwrap().message_count;
        assert_eq!(counted, (after - before) as u64, "{}", file.display());
    }
    messages
}

/// Waits until something holds.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a run of the program that records from `source` to `disk` leaves: standard error, lines on
/// standard output, and what its health says of the recording.
pub fn run_recording(
    before: &str,
    source: &str,
    disk: &Path,
    words: &[&str],
) -> (String, usize, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let health = folder.path().join("health");
    let (disk, health_text) = (disk.to_str().unwrap(), health.to_str().unwrap());
    let fixed = [
        "run",
        "--source",
        source,
        "--sink",
        "jsonl:-",
        "--record",
        disk,
        "--health",
        health_text,
    ];
    let output = lookout(before, &[&fixed, words].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let lines = String::from_utf8(output.stdout).unwrap().lines().count();
    let health: serde_json::Value = serde_json::from_slice(&fs::read(&health).unwrap()).unwrap();
    (stderr, lines, health["recording"].clone())
}

/// The program with these words, and whatever the shell does before it.
pub fn lookout(before: &str, words: &[&str]) -> Output {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/road-lite");
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_lookout"))
        .args(words)
        .args(["--model", model])
        .output()
        .unwrap()
}
