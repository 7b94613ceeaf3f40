//! A simulated vehicle: the firmware's own sink, and drives whose objects are known.

use super::super::LabError;
use crate::track::perfect;
use lookout::bulletin::Bulletin;
use lookout::class::ObjectClass;
use lookout::clock;
use lookout::detection::DetectionFrame;
use lookout::drive::{Drive, DriveConfig};
use lookout::sink::{BusSink, Sink, SinkUri};
use lookout::tracking::Tracker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Different drives; vehicles share them.
const DRIVES: u64 = 5;
const SEED: u64 = 9000;
/// Frames of a drive, which is then driven again.
const FRAMES: u32 = 150;

/// What would be published of the drives' frames, but for numbers and times.
pub(super) fn drives(fps: u32) -> Result<Vec<Arc<Vec<DetectionFrame>>>, LabError> {
    let drive = |number| drive(SEED + number, fps).map(Arc::new);
    (0..DRIVES).map(drive).collect()
}

fn drive(seed: u64, fps: u32) -> Result<Vec<DetectionFrame>, LabError> {
    let config = DriveConfig {
        seed,
        width: 320,
        height: 180,
        frames_per_second: fps as f32,
        ..DriveConfig::default()
    };
    let (frame_width, frame_height) = (config.width, config.height);
    let failed = |error: lookout::drive::DriveError| LabError::Differs(error.to_string());
    let mut drive = Drive::new(config).map_err(failed)?;
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let mut tracker = Tracker::new();
    let frame = |number: u32| {
        drive.render(number, &mut rgb, &mut boxes);
        let mut detections = perfect(&boxes);
        let now_ns = u64::from(number) * 1_000_000_000 / u64::from(fps);
        tracker.follow(now_ns, &[0.0; ObjectClass::COUNT], &mut detections);
        DetectionFrame {
            frame_width,
            frame_height,
            age_us: 20_000,
            detections,
            ..DetectionFrame::empty()
        }
    };
    Ok((0..FRAMES).map(frame).collect())
}

/// A vehicle on its way.
pub(super) struct Vehicle {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(u64, u64)>,
}

impl Vehicle {
    pub(super) fn start(
        number: u32,
        mqtt_port: u16,
        drive: Arc<Vec<DetectionFrame>>,
        fps: u32,
    ) -> Result<Self, LabError> {
        let text = format!("mqtt://127.0.0.1:{mqtt_port}/vehicle-{number}");
        let wrong = |text: String| LabError::Differs(text);
        let uri = match text.parse() {
            Ok(SinkUri::Mqtt(uri)) => uri,
            _ => return Err(wrong(format!("{text} is no broker"))),
        };
        let sink = BusSink::mqtt(&uri, &Bulletin::default());
        let sink = sink.map_err(|error| wrong(error.to_string()))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        // Vehicles do not all publish in the same moment.
        let delay = Duration::from_micros(u64::from(number) * 997 % 66_000);
        let thread = std::thread::Builder::new()
            .name(format!("vehicle-{number}"))
            .spawn(move || go(sink, &drive, fps, delay, &flag))
            .map_err(super::super::file_error("a thread".as_ref()))?;
        Ok(Self { is_over, thread })
    }

    /// Ends its way; gives how many frames it published, and how many its sink lost.
    pub(super) fn stop(self) -> (u64, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn go(
    mut sink: BusSink,
    drive: &[DetectionFrame],
    fps: u32,
    delay: Duration,
    is_over: &AtomicBool,
) -> (u64, u64) {
    let began = Instant::now() + delay;
    let mut published = 0;
    for seen in drive.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let due = began + Duration::from_secs_f64(published as f64 / f64::from(fps));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let now_ns = clock::monotonic_ns();
        let frame = DetectionFrame {
            sequence: published,
            source_sequence: published,
            captured_monotonic_ns: now_ns,
            captured_unix_ns: clock::WallClock::new().at(now_ns).unix_ns,
            ..seen.clone()
        };
        if sink.publish(&frame).is_ok() {
            published += 1;
        }
    }
    sink.finish();
    (published, sink.lost())
}
