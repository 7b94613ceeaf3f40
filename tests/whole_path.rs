//! Frames from real sources through the pipeline into real sinks, with a detector that
//! needs no model.

#![allow(clippy::unwrap_used)]

use lookout::class::ObjectClass;
use lookout::config::AnnotateSettings;
use lookout::detection::{DETECTIONS_MAX, Detection, DetectionFrame};
use lookout::detector::StageTimes;
use lookout::geometry::BBox;
use lookout::pipeline::{Builder, Detect, Ended, Lookout, Summary};
use lookout::pixels::Picture;
use lookout::sink::SinkUri;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Sees one person in the middle of every picture.
struct Middle;

impl Detect for Middle {
    fn model_id(&self) -> &str {
        "middle@0"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let bbox = BBox::from_centre(width / 2.0, height / 2.0, width / 4.0, height / 2.0);
        out.clear();
        let _ = out.push(Detection::new(ObjectClass::Person, 0.75, bbox));
        Ok(StageTimes::default())
    }
}

fn builder(source: &str) -> Builder {
    Lookout::builder()
        .source(source.parse().unwrap())
        .detector(Box::new(Middle))
}

fn run(builder: Builder) -> (Vec<DetectionFrame>, Summary) {
    let (receiver, handle) = builder.start().unwrap();
    let seen = receiver.iter().collect();
    (seen, handle.join())
}

fn lines_of(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_drive_goes_into_a_file_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.jsonl");
    let source = "drive:?pace=max&frames=12&size=128x96";
    let (seen, summary) = run(builder(source).sink(SinkUri::File(file.clone())));
    assert_eq!(seen.len(), 12);
    let lines = lines_of(&file);
    let sequences: Vec<u64> = lines
        .iter()
        .filter_map(|line| line["sequence"].as_u64())
        .collect();
    assert!(sequences.into_iter().eq(0..12));
    for (line, message) in lines.iter().zip(&seen) {
        assert_eq!(line["model_id"], "middle@0");
        assert_eq!(
            line["captured_unix_ns"].as_u64(),
            Some(message.captured_unix_ns)
        );
        assert_eq!(line["detections"][0]["class"], "person");
        assert_eq!(line["detections"][0]["box_px"][0], 48.0);
    }
    assert!(matches!(summary.ended, Ended::SourceEnd));
    assert_eq!(summary.counters.drops.total(), 0);
    assert_eq!(summary.counters.sinks[0].published, 12);
}

#[test]
fn readers_of_a_socket_see_rising_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lookout.sock");
    let source = "drive:?pace=max&frames=0&size=64x64";
    let (receiver, handle) = builder(source)
        .sink(SinkUri::Unix(socket.clone()))
        .start()
        .unwrap();
    drop(receiver);
    let stream = BufReader::new(UnixStream::connect(&socket).unwrap());
    let sequences: Vec<u64> = stream
        .lines()
        .take(20)
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .filter_map(|line| line["sequence"].as_u64())
        .collect();
    assert_eq!(sequences.len(), 20);
    assert!(
        sequences.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequences:?}"
    );
    handle.stop();
    let summary = handle.join();
    assert!(
        matches!(summary.ended, Ended::Stopped),
        "{:?}",
        summary.ended
    );
    assert!(!socket.exists(), "the socket is removed at the end");
}

#[test]
fn torn_pictures_in_a_file_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_pixel(48, 32, image::Rgb([90, 120, 150]));
    for index in 0..6 {
        picture
            .save(folder.path().join(format!("{index}.jpg")))
            .unwrap();
    }
    let torn = folder.path().join("3.jpg");
    let bytes = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let (seen, summary) = run(builder(&format!("images:{}", folder.path().display())));
    assert_eq!(seen.len(), 5);
    assert!(
        seen.iter()
            .all(|m| (m.frame_width, m.frame_height) == (48, 32))
    );
    assert_eq!(summary.counters.drops.damaged, 1);
    assert!(summary.into_result().is_ok());
}

#[test]
fn annotated_pictures_have_the_size_of_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let settings = AnnotateSettings {
        files_max: 2,
        ..AnnotateSettings::new(folder.path())
    };
    let (_, summary) = run(builder("drive:?pace=max&frames=5&size=160x96").annotate(settings));
    assert_eq!(summary.annotated.unwrap().written, 2);
    let picture = image::open(folder.path().join("frame-000001.jpg")).unwrap();
    assert_eq!((picture.width(), picture.height()), (160, 96));
}

#[test]
fn a_source_that_is_not_there_is_an_error_at_the_start() {
    let error = builder("video:/no/such/file.mp4").start().err().unwrap();
    assert!(error.to_string().contains("/no/such/file.mp4"), "{error}");
}

#[test]
fn a_model_that_is_not_there_is_an_error_at_the_start() {
    let start = Lookout::builder()
        .source("drive:".parse().unwrap())
        .model("/no/such/model");
    let error = start.start().err().unwrap();
    assert!(error.to_string().contains("/no/such/model"), "{error}");
}

#[test]
fn a_camera_that_is_not_there_is_waited_for() {
    let (receiver, handle) = builder("v4l2:///no/such/camera").start().unwrap();
    while handle.snapshot().capture.open_failures < 2 {
        std::thread::yield_now();
    }
    assert!(!handle.is_finished());
    assert!(receiver.try_recv().is_err());
    handle.stop();
    assert!(handle.join().into_result().is_ok());
}
