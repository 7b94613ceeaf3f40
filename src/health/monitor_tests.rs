//! Tests of the monitor on whole runs. They wait for what must come, not for a time.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::capture::{Opener, SourceMode};
use crate::detection::{DETECTIONS_MAX, Detection, SheddingLevel};
use crate::detector::StageTimes;
use crate::frame::{Frame, FrameStamp, PixelFormat};
use crate::health::HealthReport;
use crate::pipeline::{Detect, Handle, Lookout};
use crate::pixels::Picture;
use crate::source::{FrameSource, Next, SourceError};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A camera that can be pulled out.
struct Camera {
    is_out: Arc<AtomicBool>,
    sequence: u64,
}

fn absent() -> SourceError {
    SourceError::Absent {
        device: "/dev/video9".into(),
        reason: "pulled out".into(),
    }
}

impl FrameSource for Camera {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        if self.is_out.load(Ordering::Relaxed) {
            return Err(absent());
        }
        std::thread::sleep(Duration::from_millis(5));
        (frame.width, frame.height, frame.stride) = (8, 8, 8);
        frame.format = PixelFormat::Grey;
        frame.data.clear();
        frame.data.resize(64, 100);
        self.sequence += 1;
        frame.stamp = FrameStamp {
            sequence: self.sequence,
            monotonic_ns: monotonic_ns(),
            scene_ns: 0,
        };
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        "a camera that can be pulled out".into()
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }
}

/// Sees nothing, or fails.
struct Blank {
    fails: bool,
}

impl Detect for Blank {
    fn model_id(&self) -> &str {
        "blank@0"
    }

    fn detect(
        &mut self,
        _: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn Error + Send + Sync>> {
        out.clear();
        if self.fails {
            return Err("scripted failure".into());
        }
        Ok(StageTimes::default())
    }
}

struct Watched {
    folder: tempfile::TempDir,
    is_out: Arc<AtomicBool>,
    handle: Handle,
    monitor: Monitor,
    bulletin: Bulletin,
}

impl Watched {
    fn start(fails: bool) -> Self {
        Self::start_at(40, fails)
    }

    /// On a board that is so hot.
    fn start_at(celsius: u32, fails: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("type"), "CPU-therm").unwrap();
        std::fs::write(zone.join("temp"), format!("{celsius}000")).unwrap();
        let is_out = Arc::new(AtomicBool::new(false));
        let plug = Arc::clone(&is_out);
        let opener: Opener = Box::new(move || {
            if plug.load(Ordering::Relaxed) {
                return Err(absent());
            }
            let is_out = Arc::clone(&plug);
            Ok(Box::new(Camera {
                is_out,
                sequence: 0,
            }))
        });
        let (_, handle) = Lookout::builder()
            .source_with(opener, SourceMode::Live, Pace::Live)
            .detector(Box::new(Blank { fails }))
            .start()
            .unwrap();
        let bulletin = Bulletin::default();
        let options = MonitorOptions {
            file: Some(folder.path().join("health.json")),
            bulletin: Some(bulletin.clone()),
            sysfs: folder.path().into(),
            ..MonitorOptions::default()
        };
        let monitor = Monitor::start(handle.observer(), options).unwrap();
        Self {
            folder,
            is_out,
            handle,
            monitor,
            bulletin,
        }
    }

    fn report(&self) -> Option<HealthReport> {
        HealthReport::read(&self.folder.path().join("health.json")).ok()
    }

    /// Waits until the file says so.
    fn wait_for(&self, state: HealthState) -> HealthReport {
        loop {
            match self.report() {
                Some(report) if report.state == state => return report,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn finish(self) -> HealthReport {
        let summary = self.handle.join();
        self.monitor.finish(&summary.ended);
        let mut posted = String::new();
        assert!(self.bulletin.newer(0, &mut posted).is_some());
        let file = std::fs::read_to_string(self.folder.path().join("health.json")).unwrap();
        assert_eq!(posted, file.trim_end(), "the same is posted and written");
        HealthReport::read(&self.folder.path().join("health.json")).unwrap()
    }
}

#[test]
fn a_camera_that_goes_and_comes_is_told_in_the_file() {
    let watched = Watched::start(false);
    let ok = watched.wait_for(HealthState::Ok);
    assert_eq!(ok.reasons, Vec::<String>::new());
    assert!(ok.frames > 0 && ok.inferences > 0, "{ok:?}");
    assert_eq!(
        (ok.pid, ok.model_id.as_str()),
        (std::process::id(), "blank@0")
    );
    assert!(ok.ready_monotonic_ns <= ok.first_frame_monotonic_ns);
    assert!(ok.first_frame_monotonic_ns <= ok.first_detection_monotonic_ns);
    watched.is_out.store(true, Ordering::Relaxed);
    let blind = watched.wait_for(HealthState::Blind);
    assert!(blind.camera_absent && blind.losses > 0, "{blind:?}");
    assert!(blind.reasons[0].contains("absent"), "{blind:?}");
    watched.is_out.store(false, Ordering::Relaxed);
    let again = watched.wait_for(HealthState::Ok);
    assert_eq!((again.opens, again.camera_absent), (2, false));
    watched.handle.stop();
    let last = watched.finish();
    assert_eq!(last.state, HealthState::Blind);
    assert!(last.reasons[0].contains("stopped"), "{last:?}");
}

#[test]
fn a_hot_board_leaves_frames_out_and_says_so() {
    let watched = Watched::start_at(91, false);
    let report = loop {
        let report = watched.wait_for(HealthState::Degraded);
        if report.shedding.level == SheddingLevel::Skip {
            break report;
        }
    };
    let reason = report.shedding.reason.unwrap();
    assert_eq!(
        (report.shedding.every_nth, reason.as_str()),
        (2, "CPU-therm is 91 C hot")
    );
    assert_eq!(report.temperatures[0].celsius, 91.0);
    assert_eq!(report.reasons.len(), 2, "{:?}", report.reasons);
    while watched.handle.snapshot().drops.skipped == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    watched.handle.stop();
    watched.finish();
}

#[test]
fn a_run_that_gives_up_ends_as_failed() {
    let last = Watched::start(true).finish();
    assert_eq!(last.state, HealthState::Failed);
    assert!(last.reasons[0].contains("scripted failure"), "{last:?}");
}

#[test]
fn a_program_that_does_not_start_says_so_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("health.json");
    write_failed_start(&file, 7, &absent());
    let report = HealthReport::read(&file).unwrap();
    assert_eq!(report.state, HealthState::Failed);
    assert_eq!(report.reasons, ["/dev/video9: pulled out"]);
    assert_eq!(report.ready_monotonic_ns, None);
}

#[test]
fn a_status_is_one_line() {
    let verdict = Verdict::because(HealthState::Failed, Reason::Failed("one\ntwo".into()));
    let line = status_line(&Vitals::default(), &verdict);
    assert_eq!(line, "failed, 0.0 frames/s, 0 frames looked at; one two");
}
