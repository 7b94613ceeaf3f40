//! A run with a live page, and the sources and detectors of the tests.

use crate::http;
use lookout::bulletin::Bulletin;
use lookout::capture::{Opener, SourceMode};
use lookout::class::ObjectClass;
use lookout::clock::monotonic_ns;
use lookout::config::LiveSettings;
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::StageTimes;
use lookout::frame::{Frame, FrameStamp, PixelFormat};
use lookout::geometry::BBox;
use lookout::health::{Monitor, MonitorOptions};
use lookout::live::{LiveOptions, LivePage, LiveServer, Preserve};
use lookout::pipeline::{Builder, Detect, Handle, Lookout};
use lookout::pixels::Picture;
use lookout::source::{FrameSource, Next, Pace, SourceError};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Long enough for any machine; reached only when something hangs.
pub const LONG: Duration = Duration::from_secs(120);

/// Waits until `what` holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "{what}: not so in {LONG:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sees a person in the middle of every picture.
pub struct Middle;

impl Detect for Middle {
    fn model_id(&self) -> &str {
        "middle@0"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn Error + Send + Sync>> {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let bbox = BBox::from_centre(width / 2.0, height / 2.0, width / 4.0, height / 2.0);
        out.clear();
        let _ = out.push(Detection::new(ObjectClass::Person, 0.75, bbox));
        Ok(StageTimes::default())
    }
}

/// A camera that paints each frame, about 30 a second, and can be stopped.
pub struct Painted<P> {
    pub paint: P,
    pub is_out: Arc<AtomicBool>,
    pub sequence: u64,
}

impl<P: FnMut(u64, &mut Frame) + Send> FrameSource for Painted<P> {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        if self.is_out.load(Ordering::Relaxed) {
            return Err(absent());
        }
        std::thread::sleep(Duration::from_millis(33));
        (self.paint)(self.sequence, frame);
        let now_ns = monotonic_ns();
        frame.stamp = FrameStamp {
            sequence: self.sequence,
            monotonic_ns: now_ns,
            scene_ns: now_ns,
        };
        self.sequence += 1;
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        "painted".into()
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }
}

fn absent() -> SourceError {
    SourceError::Absent {
        device: "/dev/video9".into(),
        reason: "pulled out".into(),
    }
}

/// A run that takes such frames; raising the flag pulls the camera out.
pub fn painted<P>(paint: P) -> (Builder, Arc<AtomicBool>)
where
    P: FnMut(u64, &mut Frame) + Clone + Send + 'static,
{
    let is_out = Arc::new(AtomicBool::new(false));
    let plug = Arc::clone(&is_out);
    let opener: Opener = Box::new(move || {
        if plug.load(Ordering::Relaxed) {
            return Err(absent());
        }
        Ok(Box::new(Painted {
            paint: paint.clone(),
            is_out: Arc::clone(&plug),
            sequence: 0,
        }))
    });
    let builder = Lookout::builder().source_with(opener, SourceMode::Live, Pace::Live);
    (builder, is_out)
}

/// A run on the built-in drive, without end.
pub fn drive() -> Builder {
    Lookout::builder()
        .source("drive:?frames=0&size=192x108&fps=30".parse().unwrap())
        .detector(Box::new(Middle))
}

/// Noise as JPEG pictures that are large for their size.
pub fn noise() -> Builder {
    let pictures: Vec<Vec<u8>> = (0..4).map(noisy_jpeg).collect();
    let (builder, _) = painted(move |sequence, frame: &mut Frame| {
        (frame.width, frame.height, frame.stride) = (640, 360, 0);
        frame.format = PixelFormat::Mjpeg;
        frame.data.clone_from(&pictures[sequence as usize % 4]);
    });
    builder.detector(Box::new(Middle))
}

fn noisy_jpeg(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let pixels: Vec<u8> = (0..3 * 640 * 360).map(|_| random.u8(..)).collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 95)
        .encode(&pixels, 640, 360, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// A run, its page and all that belongs to it.
pub struct Served {
    pub address: SocketAddr,
    pub handle: Handle,
    monitor: Monitor,
    server: LiveServer,
}

impl Served {
    pub fn start(builder: Builder) -> Self {
        Self::start_with(builder, "127.0.0.1:0", None, None)
    }

    pub fn start_with(
        builder: Builder,
        address: &str,
        token_file: Option<&std::path::Path>,
        preserve: Option<Preserve>,
    ) -> Self {
        let bulletin = Bulletin::default();
        let (page, plugs) = LivePage::open(LiveOptions {
            settings: LiveSettings {
                address: address.parse().unwrap(),
                token_file: token_file.map(Into::into),
            },
            bulletin: bulletin.clone(),
            preserve,
        })
        .unwrap();
        let builder = builder.tap(plugs.tap).attendant(plugs.sink);
        let (detections, handle) = builder.start().unwrap();
        std::thread::spawn(move || detections.into_iter().for_each(drop));
        let options = MonitorOptions {
            bulletin: Some(bulletin),
            ..MonitorOptions::default()
        };
        let monitor = Monitor::start(handle.observer(), options).unwrap();
        let server = page.start(handle.observer()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
        let served = Self {
            address,
            handle,
            monitor,
            server,
        };
        served.wait_for_state("ok");
        served
    }

    pub fn wait_for_state(&self, state: &str) {
        wait_until(state, || {
            http::get(self.address, "/healthz", &[])
                .text()
                .starts_with(state)
        });
    }

    /// Frames that were published so far.
    pub fn frames(&self) -> u64 {
        self.handle.snapshot().frames
    }

    /// Detection goes on: so many more frames are published.
    pub fn wait_for_frames(&self, more: u64) {
        let before = self.frames();
        wait_until("detection goes on", || self.frames() >= before + more);
    }

    /// A metric without labels, or with them as they are written.
    pub fn metric(&self, name: &str) -> f64 {
        let text = http::get(self.address, "/metrics", &[]).text();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("{name}: {text}"))
            .parse()
            .unwrap()
    }

    pub fn finish(self) {
        self.handle.stop();
        let summary = self.handle.join();
        self.monitor.finish(&summary.ended);
        self.server.finish();
        assert!(summary.into_result().is_ok());
    }
}
