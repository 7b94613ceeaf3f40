//! A frame's way, from the camera's buffer to the channel and to a file, through the shipped
//! model, allocates nothing once the run has warmed up; nor does the lite model when it takes
//! over.

#![allow(clippy::unwrap_used)]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use lookout::capture::{Opener, SourceMode};
use lookout::class::ObjectClass;
use lookout::clock::monotonic_ns;
use lookout::detection::{DETECTIONS_MAX, Detection, LoadShedding, SheddingLevel};
use lookout::detector::{Detector, DetectorOptions, StageTimes};
use lookout::frame::{Frame, FrameStamp, PixelFormat};
use lookout::geometry::BBox;
use lookout::pipeline::{Detect, Lookout};
use lookout::pixels::Picture;
use lookout::sink::SinkUri;
use lookout::source::{FrameSource, Next, Pace, SourceError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Frames after which all buffers have their size.
const WARM_AFTER: u64 = 10;
const FRAMES: u64 = 60;

/// What the camera gives.
const WIDTH: usize = 1280;
const HEIGHT: usize = 720;

/// Counts every request for memory in this process.
struct Counting;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Gives one picture after the other, without end.
struct Camera {
    format: PixelFormat,
    stride: usize,
    pictures: Vec<Vec<u8>>,
    sequence: u64,
    pace: Pace,
}

impl Camera {
    /// Raw stripes.
    fn yuyv() -> Self {
        let picture = |number: u8| (0..2 * WIDTH * HEIGHT).map(move |i| (i / 40) as u8 ^ number);
        Self {
            format: PixelFormat::Yuyv,
            stride: 2 * WIDTH,
            pictures: (0..4).map(|number| picture(number).collect()).collect(),
            sequence: 0,
            pace: Pace::EveryFrame,
        }
    }

    /// Stripes as JPEGs of the kinds that cameras send, each of another length.
    fn mjpeg() -> Self {
        let kinds = [
            (SamplingFactor::F_2_2, 80, 0),
            (SamplingFactor::F_2_1, 60, 80),
            (SamplingFactor::F_1_1, 70, 0),
            (SamplingFactor::F_2_1, 90, 0),
        ];
        Self {
            format: PixelFormat::Mjpeg,
            stride: 0,
            pictures: kinds.map(|kind| jpeg(kind.0, kind.1, kind.2)).into(),
            sequence: 0,
            pace: Pace::EveryFrame,
        }
    }
}

fn jpeg(sampling: SamplingFactor, quality: u8, restart_interval: u16) -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * WIDTH * HEIGHT)
        .map(|i| (i / 50 + i % 7) as u8 ^ quality)
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(sampling);
    if restart_interval > 0 {
        encoder.set_restart_interval(restart_interval);
    }
    encoder
        .encode(&pixels, WIDTH as u16, HEIGHT as u16, ColorType::Rgb)
        .unwrap();
    bytes
}

impl FrameSource for Camera {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        if self.pace == Pace::Live {
            std::thread::sleep(Duration::from_millis(5));
        }
        (frame.format, frame.stride) = (self.format, self.stride);
        (frame.width, frame.height) = (WIDTH as u32, HEIGHT as u32);
        let number = self.sequence as usize % self.pictures.len();
        frame.data.clear();
        frame.data.extend_from_slice(&self.pictures[number]);
        frame.stamp = FrameStamp {
            sequence: self.sequence,
            monotonic_ns: monotonic_ns(),
            scene_ns: self.sequence * 40_000_000,
        };
        self.sequence += 1;
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        "moving stripes".into()
    }

    fn pace(&self) -> Pace {
        self.pace
    }
}

/// The real detector, which adds ten cars and notes the number of requests at both ends.
struct Counted {
    detector: Detector,
    seen: u64,
    warm_after: u64,
    at_start: u64,
    at_end: Sender<u64>,
}

impl Counted {
    /// Counts from `warm_after` frames on; the number of requests comes at the end.
    fn load(model: &str, warm_after: u64) -> (Box<Self>, Receiver<u64>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let options = DetectorOptions {
            threads: 2,
            ..DetectorOptions::default()
        };
        let (at_end, requests) = channel();
        let counted = Self {
            detector: Detector::load(&folder.join(model), &options).unwrap(),
            seen: 0,
            warm_after,
            at_start: 0,
            at_end,
        };
        (Box::new(counted), requests)
    }
}

impl Detect for Counted {
    fn model_id(&self) -> &str {
        self.detector.model_id()
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        if self.seen == self.warm_after {
            self.at_start = REQUESTS.load(Ordering::Relaxed);
        }
        let times = self.detector.detect(picture, out)?;
        for index in 0..10 {
            let bbox = BBox::new(index as f32, 0.0, index as f32 + 1.0, 9.0);
            let _ = out.push(Detection::new(ObjectClass::Car, 0.5, bbox));
        }
        self.seen += 1;
        if self.seen == FRAMES {
            let requests = REQUESTS.load(Ordering::Relaxed) - self.at_start;
            self.at_end.send(requests)?;
        }
        Ok(times)
    }
}

// One test, since another that runs beside it would be counted too.
#[test]
fn fifty_frames_from_camera_to_file_allocate_nothing() {
    for (camera, format) in [(Camera::yuyv(), "YUYV"), (Camera::mjpeg(), "MJPEG")] {
        let requests = requests(camera);
        assert_eq!(
            requests, 0,
            "requests for memory while {format} frames went through"
        );
    }
    let requests = requests_of_the_lite_model(Camera::mjpeg());
    assert_eq!(
        requests, 0,
        "requests for memory when the lite model took over"
    );
}

/// How often memory was asked for while the frames after the first went through.
fn requests(camera: Camera) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.jsonl");
    let mut camera = Some(camera);
    let opener: Opener = Box::new(move || Ok(Box::new(camera.take().unwrap())));
    let (detector, requests) = Counted::load("road-288x512", WARM_AFTER);
    let (receiver, handle) = Lookout::builder()
        .source_with(opener, SourceMode::Finite, Pace::EveryFrame)
        .detector(detector)
        .sink(SinkUri::File(file.clone()))
        .frames_max(FRAMES)
        .start()
        .unwrap();
    let received = receiver.iter().count();
    assert_eq!(received as u64, FRAMES);
    handle.join().into_result().unwrap();
    assert_eq!(
        std::fs::read_to_string(file).unwrap().lines().count() as u64,
        FRAMES
    );
    requests.recv().unwrap()
}

/// How often memory was asked for from the moment on at which the lite model takes over.
fn requests_of_the_lite_model(camera: Camera) -> u64 {
    let mut camera = Some(Camera {
        pace: Pace::Live,
        ..camera
    });
    let opener: Opener = Box::new(move || Ok(Box::new(camera.take().unwrap())));
    let (full, _requests) = Counted::load("road-288x512", WARM_AFTER);
    // It is shown one frame at the start.
    let (lite, requests) = Counted::load("road-lite", 1);
    let (receiver, handle) = Lookout::builder()
        .source_with(opener, SourceMode::Live, Pace::Live)
        .detector(full)
        .lite_detector(lite)
        .start()
        .unwrap();
    let observer = handle.observer();
    // A frame waits in each of three buffers, and each picture has been in each of them.
    for _ in 0..5 * WARM_AFTER {
        receiver.recv().unwrap();
    }
    observer.order(LoadShedding {
        level: SheddingLevel::Lite,
        every_nth: 2,
    });
    let requests = loop {
        receiver.recv().unwrap();
        if let Ok(requests) = requests.try_recv() {
            break requests;
        }
    };
    handle.stop();
    handle.join().into_result().unwrap();
    requests
}
