//! Whole runs with scripted sources and detectors.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::capture::{CaptureState, Opener, SourceMode};
use crate::class::ObjectClass;
use crate::config::AnnotateSettings;
use crate::detection::{DETECTIONS_MAX, Detection, DetectionFrame, LoadShedding, SheddingLevel};
use crate::detector::StageTimes;
use crate::frame::{Frame, FrameStamp, PixelFormat};
use crate::geometry::BBox;
use crate::pixels::Picture;
use crate::sink::{Sink, SinkError};
use crate::source::{FrameSource, Next, Pace, SourceError};
use crossbeam_channel::{Receiver, Sender};
use std::time::Duration;

/// Long enough for any machine; reached only by a run that hangs.
const LONG: Duration = Duration::from_secs(60);

/// An empty message with this number.
pub(super) fn numbered_message(sequence: u64) -> DetectionFrame {
    DetectionFrame {
        sequence,
        source_sequence: sequence,
        frame_width: 1,
        frame_height: 1,
        ..DetectionFrame::empty()
    }
}

const SIDE: u32 = 16;

/// What a scripted source does next.
#[derive(Clone, Copy)]
enum Step {
    /// A good grey frame.
    Good,
    /// A frame that is announced as JPEG and is none.
    Torn,
    /// A device error.
    Broken,
    /// A panic.
    Bug,
}

/// Plays a list of steps, then ends.
struct Script {
    steps: Vec<Step>,
    next: usize,
    pace: Pace,
}

impl FrameSource for Script {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        let Some(step) = self.steps.get(self.next) else {
            return Ok(Next::End);
        };
        frame.stamp = FrameStamp {
            sequence: self.next as u64,
            monotonic_ns: crate::clock::monotonic_ns(),
            scene_ns: 40_000_000 * self.next as u64,
        };
        self.next += 1;
        (frame.width, frame.height, frame.stride) = (SIDE, SIDE, SIDE as usize);
        frame.data.clear();
        frame.data.resize((SIDE * SIDE) as usize, 128);
        match step {
            Step::Good => frame.format = PixelFormat::Grey,
            Step::Torn => frame.format = PixelFormat::Mjpeg,
            Step::Broken => {
                let reason = "pulled out".into();
                return Err(SourceError::Device {
                    device: "script".into(),
                    reason,
                });
            }
            Step::Bug => panic!("scripted panic of the source"),
        }
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        "script".into()
    }

    fn pace(&self) -> Pace {
        self.pace
    }
}

fn opener(steps: &[Step], pace: Pace) -> Opener {
    let steps = steps.to_vec();
    Box::new(move || {
        Ok(Box::new(Script {
            steps: steps.clone(),
            next: 0,
            pace,
        }))
    })
}

/// Sees one car in every frame, unless told to fail. It may be made to wait for permission.
struct Fake {
    seen: u64,
    panic_at: Option<u64>,
    fail_from: Option<u64>,
    permission: Option<Receiver<()>>,
}

impl Fake {
    fn new() -> Self {
        Self {
            seen: 0,
            panic_at: None,
            fail_from: None,
            permission: None,
        }
    }
}

impl Detect for Fake {
    fn model_id(&self) -> &str {
        "a-name-that-is-longer-than-the-forty-eight-bytes-of-a-message"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(permission) = &self.permission {
            let _ = permission.recv();
        }
        let index = self.seen;
        self.seen += 1;
        assert_ne!(self.panic_at, Some(index), "scripted panic of the detector");
        if self.fail_from.is_some_and(|from| index >= from) {
            return Err("scripted failure".into());
        }
        out.clear();
        let bbox = BBox::new(0.0, 0.0, picture.width() as f32, picture.height() as f32);
        let _ = out.push(Detection::new(ObjectClass::Car, 0.5, bbox));
        Ok(StageTimes::default())
    }
}

fn builder(steps: &[Step], pace: Pace, detector: Fake) -> Builder {
    Lookout::builder()
        .source_with(opener(steps, pace), SourceMode::Finite, pace)
        .detector(Box::new(detector))
}

fn run(builder: Builder) -> (Vec<DetectionFrame>, Summary) {
    let (receiver, handle) = builder.start().unwrap();
    let seen = receiver.iter().collect();
    (seen, handle.join())
}

#[test]
fn every_frame_of_a_patient_source_is_published_in_order() {
    let (seen, summary) = run(builder(&[Step::Good; 300], Pace::EveryFrame, Fake::new()));
    assert!(seen.iter().map(|m| m.sequence).eq(0..300));
    assert!(seen.iter().map(|m| m.source_sequence).eq(0..300));
    let first = &seen[0];
    assert_eq!((first.frame_width, first.frame_height), (SIDE, SIDE));
    assert_eq!(
        first.model_id,
        "a-name-that-is-longer-than-the-forty-eight-bytes"
    );
    assert!(
        seen.windows(2)
            .all(|m| m[0].captured_monotonic_ns <= m[1].captured_monotonic_ns)
    );
    assert!(
        matches!(summary.ended, Ended::SourceEnd),
        "{:?}",
        summary.ended
    );
    let counters = &summary.counters;
    assert_eq!((counters.frames, counters.drops), (300, Drops::default()));
    assert_eq!(counters.classes[ObjectClass::Car.index()].detections, 300);
    assert_eq!(counters.capture.state, CaptureState::Ended);
    assert!(summary.into_result().is_ok());
}

#[test]
fn frames_of_a_live_source_are_published_or_counted_as_lost() {
    let (allow, permission) = crossbeam_channel::bounded(1);
    let slow = Fake {
        permission: Some(permission),
        ..Fake::new()
    };
    let (receiver, handle) = builder(&[Step::Good; 200], Pace::Live, slow)
        .start()
        .unwrap();
    // The detector holds on to its first frame until the source has come to its end.
    while handle.snapshot().capture.state != CaptureState::Ended {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(allow);
    let seen: Vec<u64> = receiver
        .iter()
        .map(|message| message.source_sequence)
        .collect();
    let counters = handle.join().counters;
    assert_eq!(seen.last(), Some(&199), "the newest frame is never lost");
    assert_eq!(counters.frames + counters.drops.overwritten, 200);
    assert!(counters.drops.overwritten >= 198, "{counters:?}");
}

#[test]
fn torn_pictures_are_counted_and_skipped() {
    use Step::{Good, Torn};
    let steps = [Good, Torn, Torn, Good, Torn, Good];
    let (seen, summary) = run(builder(&steps, Pace::EveryFrame, Fake::new()));
    let numbers: Vec<_> = seen
        .iter()
        .map(|m| (m.sequence, m.source_sequence))
        .collect();
    assert_eq!(numbers, [(0, 0), (1, 3), (2, 5)]);
    assert_eq!(summary.counters.drops.damaged, 3);
    assert!(summary.into_result().is_ok());
}

#[test]
fn a_frame_limit_ends_the_run() {
    let many = [Step::Good; 100];
    let (seen, summary) = run(builder(&many, Pace::EveryFrame, Fake::new()).frames_max(7));
    assert_eq!(seen.len(), 7);
    assert!(
        matches!(summary.ended, Ended::FrameLimit),
        "{:?}",
        summary.ended
    );
}

#[test]
fn a_panic_of_the_detector_ends_the_run_with_an_error() {
    let buggy = Fake {
        panic_at: Some(3),
        ..Fake::new()
    };
    let (seen, summary) = run(builder(&[Step::Good; 100], Pace::EveryFrame, buggy));
    assert_eq!(seen.len(), 3);
    let message = summary.into_result().unwrap_err().to_string();
    assert!(
        message.contains("inference") && message.contains("scripted panic"),
        "{message}"
    );
}

#[test]
fn a_panic_of_the_source_ends_the_run_with_an_error() {
    let (_, summary) = run(builder(
        &[Step::Good, Step::Bug],
        Pace::EveryFrame,
        Fake::new(),
    ));
    let message = summary.into_result().unwrap_err().to_string();
    assert!(message.contains("scripted panic"), "{message}");
}

#[test]
fn a_broken_file_is_an_error_of_the_run() {
    let (_, summary) = run(builder(
        &[Step::Good, Step::Broken],
        Pace::EveryFrame,
        Fake::new(),
    ));
    let error = summary.into_result().unwrap_err();
    assert!(matches!(error, RunError::Source(_)), "{error}");
}

#[test]
fn a_detector_that_keeps_failing_ends_the_run() {
    let failing = Fake {
        fail_from: Some(2),
        ..Fake::new()
    };
    let (seen, summary) = run(builder(&[Step::Good; 100], Pace::EveryFrame, failing));
    assert_eq!(seen.len(), 2);
    assert_eq!(summary.counters.drops.failed, 10);
    let message = summary.into_result().unwrap_err().to_string();
    assert!(message.contains("10 frames in a row"), "{message}");
}

#[test]
fn a_stop_ends_a_live_source_that_would_never_end() {
    let source = opener(&[Step::Good; 5], Pace::Live);
    let (receiver, handle) = Lookout::builder()
        .source_with(source, SourceMode::Live, Pace::Live)
        .detector(Box::new(Fake::new()))
        .start()
        .unwrap();
    let first = receiver.recv_timeout(LONG).unwrap();
    assert_eq!(first.sequence, 0);
    handle.stop();
    let summary = handle.join();
    assert!(
        matches!(summary.ended, Ended::Stopped),
        "{:?}",
        summary.ended
    );
    while receiver.recv_timeout(LONG).is_ok() {}
}

#[test]
fn a_dropped_receiver_does_not_hold_up_a_patient_source() {
    let (receiver, handle) = builder(&[Step::Good; 500], Pace::EveryFrame, Fake::new())
        .start()
        .unwrap();
    drop(receiver);
    let summary = handle.join();
    assert_eq!(
        (summary.counters.frames, summary.counters.drops.total()),
        (500, 0)
    );
}

/// A sink that passes sequence numbers on, closes after some and may panic.
struct Probe {
    seen: Sender<u64>,
    close_after: u64,
    panic_at: Option<u64>,
}

impl Sink for Probe {
    fn name(&self) -> String {
        "probe:".into()
    }

    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
        assert_ne!(
            self.panic_at,
            Some(frame.sequence),
            "scripted panic of the sink"
        );
        if frame.sequence >= self.close_after {
            return Err(SinkError::Closed { sink: self.name() });
        }
        let _ = self.seen.send(frame.sequence);
        Ok(())
    }
}

fn probe(close_after: u64, panic_at: Option<u64>) -> (Box<dyn Sink>, Receiver<u64>) {
    let (seen, numbers) = crossbeam_channel::unbounded();
    (
        Box::new(Probe {
            seen,
            close_after,
            panic_at,
        }),
        numbers,
    )
}

#[test]
fn every_sink_gets_every_message_of_a_patient_source() {
    let (one, one_seen) = probe(u64::MAX, None);
    let (two, two_seen) = probe(u64::MAX, None);
    let start = builder(&[Step::Good; 200], Pace::EveryFrame, Fake::new())
        .queue_frames(1)
        .sink_with(one)
        .sink_with(two);
    let (seen, summary) = run(start);
    assert_eq!(seen.len(), 200);
    assert!(one_seen.iter().eq(0..200) && two_seen.iter().eq(0..200));
    let published: Vec<u64> = summary
        .counters
        .sinks
        .iter()
        .map(|sink| sink.published)
        .collect();
    assert_eq!(published, [200, 200]);
}

#[test]
fn the_run_goes_on_until_the_last_sink_has_lost_its_reader() {
    let (early, early_seen) = probe(3, None);
    let (late, late_seen) = probe(20, None);
    let start = builder(&[Step::Good; 100_000], Pace::EveryFrame, Fake::new())
        .queue_frames(1)
        .sink_with(early)
        .sink_with(late);
    let (_, summary) = run(start);
    assert!(
        matches!(summary.ended, Ended::NobodyListens),
        "{:?}",
        summary.ended
    );
    assert!(early_seen.iter().eq(0..3) && late_seen.iter().eq(0..20));
    assert!(summary.counters.sinks.iter().all(|sink| sink.closed));
    assert!(
        summary.into_result().is_ok(),
        "a reader that has had enough is no error"
    );
}

#[test]
fn an_attendant_neither_ends_a_run_nor_keeps_it_going() {
    let (early, _) = probe(3, None);
    let (attendant, attended) = probe(1000, None);
    let steps = [Step::Good; 100_000];
    let start = builder(&steps, Pace::EveryFrame, Fake::new())
        .sink_with(early)
        .attendant(attendant);
    let (_, summary) = run(start);
    assert!(
        matches!(summary.ended, Ended::NobodyListens),
        "{:?}",
        summary.ended
    );
    assert!(attended.iter().count() >= 3);
    for panic_at in [None, Some(2)] {
        let (attendant, _) = probe(2, panic_at);
        let steps = [Step::Good; 500];
        let start = builder(&steps, Pace::EveryFrame, Fake::new()).attendant(attendant);
        let (seen, summary) = run(start);
        assert_eq!(seen.len(), 500);
        assert!(
            matches!(summary.ended, Ended::SourceEnd),
            "{:?}",
            summary.ended
        );
    }
}

#[test]
fn a_panic_of_a_sink_ends_the_run_with_an_error() {
    let (buggy, _seen) = probe(u64::MAX, Some(5));
    let start = builder(&[Step::Good; 100_000], Pace::EveryFrame, Fake::new()).sink_with(buggy);
    let (_, summary) = run(start);
    let message = summary.into_result().unwrap_err().to_string();
    assert!(message.contains("sink thread died"), "{message}");
}

#[test]
fn annotated_pictures_of_a_patient_source_are_all_there_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("pictures");
    let settings = AnnotateSettings {
        every_nth: 4,
        ..AnnotateSettings::new(&directory)
    };
    let start = builder(&[Step::Good; 10], Pace::EveryFrame, Fake::new()).annotate(settings);
    let (_, summary) = run(start);
    assert_eq!(summary.annotated.unwrap().written, 3);
    let mut names: Vec<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["frame-000000.jpg", "frame-000004.jpg", "frame-000008.jpg"]
    );
}

#[test]
fn nonsense_settings_are_refused_before_anything_starts() {
    let error = builder(&[], Pace::Live, Fake::new())
        .score(f32::NAN)
        .start()
        .err()
        .unwrap();
    assert!(matches!(error, StartError::Config(_)), "{error}");
    let error = builder(&[], Pace::Live, Fake::new())
        .queue_frames(0)
        .start()
        .err()
        .unwrap();
    assert!(error.to_string().contains("queue_frames"), "{error}");
}

/// Sees nothing, under a name of its own.
struct Lite;

impl Detect for Lite {
    fn model_id(&self) -> &str {
        "lite@0"
    }

    fn detect(
        &mut self,
        _: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        out.clear();
        Ok(StageTimes::default())
    }
}

const LITE: LoadShedding = LoadShedding {
    level: SheddingLevel::Lite,
    every_nth: 4,
};

#[test]
fn shed_load_shows_in_every_frame_and_is_counted() {
    let (receiver, handle) = Lookout::builder()
        .source_with(
            opener(&[Step::Good; 40], Pace::Live),
            SourceMode::Live,
            Pace::Live,
        )
        .detector(Box::new(Fake::new()))
        .lite_detector(Box::new(Lite))
        .start()
        .unwrap();
    let first = receiver.recv_timeout(LONG).unwrap();
    assert_eq!(
        (first.load, first.degraded),
        (LoadShedding::default(), false)
    );
    let observer = handle.observer();
    observer.order(LITE);
    observer.set_degraded(true);
    assert_eq!(observer.model_id(LITE), "lite@0");
    let shed = loop {
        let message = receiver.recv_timeout(LONG).unwrap();
        if message.load == LITE {
            break message;
        }
        assert!(message.model_id.starts_with("a-name"), "{message:?}");
    };
    assert_eq!((shed.model_id.as_str(), shed.degraded), ("lite@0", true));
    assert!(shed.detections.is_empty());
    while observer.vitals().drops.skipped < 30 {
        std::thread::sleep(Duration::from_millis(1));
    }
    observer.order(LoadShedding::default());
    while receiver.recv_timeout(LONG).unwrap().load == LITE {}
    handle.stop();
    let counters = handle.join().counters;
    let drops = counters.drops;
    assert!(drops.total() >= drops.skipped && drops.faults() == drops.subscriber);
}

#[test]
fn without_a_lite_model_only_frames_are_left_out() {
    let source = opener(&[Step::Good; 40], Pace::Live);
    let (receiver, handle) = Lookout::builder()
        .source_with(source, SourceMode::Live, Pace::Live)
        .detector(Box::new(Fake::new()))
        .start()
        .unwrap();
    let observer = handle.observer();
    assert!(!observer.has_lite_model());
    observer.order(LITE);
    let skipping = LoadShedding {
        level: SheddingLevel::Skip,
        ..LITE
    };
    while receiver.recv_timeout(LONG).unwrap().load != skipping {}
    handle.stop();
    handle.join();
}

#[test]
fn a_patient_source_sheds_nothing() {
    let (allow, permission) = crossbeam_channel::bounded(100);
    let waiting = Fake {
        permission: Some(permission),
        ..Fake::new()
    };
    let (receiver, handle) = builder(&[Step::Good; 50], Pace::EveryFrame, waiting)
        .lite_detector(Box::new(Lite))
        .start()
        .unwrap();
    handle.observer().order(LITE);
    drop(allow);
    let seen: Vec<DetectionFrame> = receiver.iter().collect();
    assert_eq!(seen.len(), 50);
    let load = LoadShedding::default();
    assert!(seen.iter().all(|message| message.load == load));
    assert_eq!(handle.join().counters.drops.skipped, 0);
}
