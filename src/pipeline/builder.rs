//! Putting a run together and starting it.

use super::detect::Detect;
use super::error::StartError;
use super::handle::Handle;
use super::inference::{Inference, InferenceParts};
use super::models::Models;
use super::observer::Observer;
use super::outlet::Outlet;
use super::parts::{
    Source, Standing, annotator, feed, load, load_lite, spawn_capture, spawn_inference,
};
use super::shared::Shared;
use crate::bulletin::Bulletin;
use crate::capture::{Opener, SourceMode, StopFlag, Supervisor};
use crate::config::{AnnotateSettings, Settings};
use crate::detection::DetectionFrame;
use crate::detector::EngineChoice;
use crate::footage::{Tap, Taps};
use crate::rules::Rules;
use crate::sink::{self, Sink, SinkUri};
use crate::source::{Pace, SourceUri};
use crate::tracking::Tracker;
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// The entry to the library: see [`Lookout::builder`].
pub struct Lookout;

impl Lookout {
    /// Collects what a run needs; [`Builder::start`] then starts it.
    ///
    /// ```no_run
    /// use lookout::pipeline::Lookout;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (detections, handle) = Lookout::builder()
    ///     .source("v4l2:///dev/dashcam?size=1280x720&fps=30".parse()?)
    ///     .model("models/road-288x512")
    ///     .score(0.4)
    ///     .start()?;
    /// for frame in detections.iter().take(100) {
    ///     for object in &frame.detections {
    ///         println!("{} {:.2} at {:?}", object.class, object.score, object.bbox);
    ///     }
    /// }
    /// drop(detections);
    /// handle.stop();
    /// let summary = handle.join();
    /// println!("{} frames, {} lost", summary.counters.frames, summary.counters.drops.total());
    /// summary.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// What a run is made of. Everything has a default.
#[derive(Default)]
pub struct Builder {
    settings: Settings,
    stop: StopFlag,
    opener: Option<(Opener, SourceMode, Pace)>,
    detector: Option<Box<dyn Detect>>,
    lite_detector: Option<Box<dyn Detect>>,
    sinks: Vec<Box<dyn Sink>>,
    attendants: Vec<Box<dyn Sink>>,
    taps: Vec<Tap>,
    bulletin: Bulletin,
}

impl Builder {
    /// Takes all settings at once, for instance those of a configuration file; later calls
    /// change single ones.
    pub fn config(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Where frames come from. Default: [`super::default_source`].
    pub fn source(mut self, uri: SourceUri) -> Self {
        self.settings.source = Some(uri);
        self
    }

    /// The folder of the model. Default: [`super::find_model`].
    pub fn model(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.model = Some(folder.into());
        self
    }

    /// The folder of a second, smaller model, which is loaded as well and looks at frames when
    /// [`super::Observer::order`] says so. Default: none.
    pub fn lite_model(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.lite_model = Some(folder.into());
        self
    }

    /// Leaves out detections with a lower score, `0..=1`. Default: the model's own
    /// thresholds, which may differ by class.
    pub fn score(mut self, score_min: f32) -> Self {
        self.settings.score = Some(score_min);
        self
    }

    /// Ends the run after so many published frames. Default: no limit.
    pub fn frames_max(mut self, frames: u64) -> Self {
        self.settings.frames_max = Some(frames);
        self
    }

    /// Threads of the detector. Default: 1.
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = threads;
        self
    }

    /// Whether each of these threads keeps to a CPU of its own. Default: no.
    pub fn pinned(mut self, pinned: bool) -> Self {
        self.settings.pinned = pinned;
        self
    }

    /// Whether objects are followed from frame to frame. Default: yes.
    pub fn tracking(mut self, tracking: bool) -> Self {
        self.settings.tracking = tracking;
        self
    }

    /// What computes the network. Default: the fastest that this CPU has.
    pub fn engine(mut self, engine: EngineChoice) -> Self {
        self.settings.engine = engine;
        self
    }

    /// Feeds a sink as well, each in its own thread. When the last sink has lost its reader
    /// for good the run ends.
    pub fn sink(mut self, uri: SinkUri) -> Self {
        self.settings.sinks.push(uri);
        self
    }

    /// As [`Self::sink`], with a sink of your own.
    pub fn sink_with(mut self, sink: Box<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// As [`Self::sink_with`], with a sink that the run does not depend on: the run ends when
    /// the last other sink has lost its reader, and goes on when this one dies.
    pub fn attendant(mut self, sink: Box<dyn Sink>) -> Self {
        self.attendants.push(sink);
        self
    }

    /// Passes frames on, together with what was seen in them, to a viewer: see
    /// [`crate::footage::tap`].
    pub fn tap(mut self, tap: Tap) -> Self {
        self.taps.push(tap);
        self
    }

    /// Where sinks that publish the program's health find it, as its JSON. Default: nowhere.
    pub fn bulletin(mut self, bulletin: Bulletin) -> Self {
        self.bulletin = bulletin;
        self
    }

    /// Writes annotated pictures.
    pub fn annotate(mut self, settings: AnnotateSettings) -> Self {
        self.settings.annotate = Some(settings);
        self
    }

    /// How many messages the subscriber and each sink may fall behind. Default: 64.
    pub fn queue_frames(mut self, frames: usize) -> Self {
        self.settings.queue_frames = frames;
        self
    }

    /// A flag that ends the run as [`Handle::stop`] does, for signal handlers.
    pub fn stop_flag(mut self, stop: StopFlag) -> Self {
        self.stop = stop;
        self
    }

    /// Takes frames from a source of your own, in place of [`Self::source`].
    pub fn source_with(mut self, opener: Opener, mode: SourceMode, pace: Pace) -> Self {
        self.opener = Some((opener, mode, pace));
        self
    }

    /// Takes a detector of your own, in place of [`Self::model`].
    pub fn detector(mut self, detector: Box<dyn Detect>) -> Self {
        self.detector = Some(detector);
        self
    }

    /// Takes a lite detector of your own, in place of [`Self::lite_model`].
    pub fn lite_detector(mut self, detector: Box<dyn Detect>) -> Self {
        self.lite_detector = Some(detector);
        self
    }

    /// Loads the model, opens source and sinks and starts the threads. The receiver gets a
    /// message for every frame that was looked at, empty ones too, and hangs up at the end.
    ///
    /// A receiver that is too slow loses the oldest messages of a live source, and delays one
    /// that can wait (files with `?pace=max`); in the latter case it loses new messages once
    /// it has taken none for ten seconds. Drop it when there is no use for it.
    ///
    /// # Errors
    /// When a part cannot be had. A camera that is missing is no error: it is waited for.
    pub fn start(mut self) -> Result<(Receiver<DetectionFrame>, Handle), StartError> {
        self.settings.check()?;
        let sinks = self.open_sinks()?;
        let annotator = self.settings.annotate.as_ref().map(annotator).transpose()?;
        let detector = match self.detector.take() {
            Some(detector) => detector,
            None => load(&self.settings)?,
        };
        let lite = match self.lite_detector.take() {
            Some(detector) => Some(detector),
            None => load_lite(&self.settings)?,
        };
        let source = match self.opener.take() {
            Some((opener, mode, pace)) => Source {
                opener,
                mode,
                pace,
                name: "own source".into(),
            },
            None => Source::open(self.settings.source.take())?,
        };
        let shared = Arc::new(Shared::new(source.pace, self.stop.clone()));
        let (outlet, receiver) = Outlet::new(self.settings.queue_frames, source.pace);
        let mut observer = Observer {
            shared: Arc::clone(&shared),
            sinks: Vec::new(),
            subscriber: outlet.gauge(),
            model_id: detector.model_id().to_owned(),
            lite_model_id: lite.as_ref().map(|lite| lite.model_id().to_owned()),
        };
        let mut outlets = vec![outlet];
        let mut threads = Vec::new();
        let open_sinks = Arc::new(AtomicUsize::new(sinks.len()));
        let attendants = self.attendants.into_iter();
        let attendants = attendants.map(|sink| (sink, Standing::Attendant));
        let sinks = sinks.into_iter();
        let sinks = sinks.map(|sink| (sink, Standing::Counted(Arc::clone(&open_sinks))));
        for (sink, standing) in sinks.chain(attendants) {
            let (outlet, thread, gauge) =
                feed(sink, self.settings.queue_frames, &shared, standing)?;
            outlets.push(outlet);
            threads.push(thread);
            observer.sinks.push(gauge);
        }
        let mut handle = Handle {
            observer,
            threads: Vec::new(),
            sinks: threads,
            source: source.name,
        };
        let frames_max = self.settings.frames_max;
        let tracker = self.settings.tracking.then(Tracker::new);
        let inference = Inference::new(InferenceParts {
            models: Models::new(detector, lite),
            tracker,
            rules: Rules::new(&self.settings.rules),
            outlets,
            taps: Taps::new(self.taps, shared.pace, &DetectionFrame::empty()),
            annotator,
            frames_max,
        });
        let stop = shared.stop.clone();
        let capture = Arc::clone(&shared.capture);
        let supervisor = Supervisor::new(source.opener, source.mode, stop, capture);
        handle
            .threads
            .push(spawn_inference(inference, Arc::clone(&shared))?);
        handle.threads.push(spawn_capture(supervisor, shared)?);
        Ok((receiver, handle))
    }

    fn open_sinks(&mut self) -> Result<Vec<Box<dyn Sink>>, StartError> {
        let mut sinks = std::mem::take(&mut self.sinks);
        for uri in &self.settings.sinks {
            sinks.push(sink::open(uri, &self.bulletin)?);
        }
        Ok(sinks)
    }
}
