//! The parts of a run, each made ready from its settings.

use super::detect::Detect;
use super::error::{RunError, StartError};
use super::inference::Inference;
use super::observer::SinkGauge;
use super::outlet::{Outlet, OutletGauge};
use super::shared::{Ended, Shared};
use super::{capture, defaults};
use crate::annotate::{AnnotateError, AnnotateOptions, AnnotateWriter};
use crate::capture::{Opener, SourceMode, Supervisor};
use crate::config::{AnnotateSettings, Settings};
use crate::detector::{Detector, DetectorOptions};
use crate::process::memory_resident_bytes;
use crate::sink::{self, Sink, SinkError, SinkThread};
use crate::source::{self, FrameSource, Pace, SourceError, SourceUri};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A source that is ready to be supervised.
pub(super) struct Source {
    pub(super) opener: Opener,
    pub(super) mode: SourceMode,
    pub(super) pace: Pace,
    pub(super) name: String,
}

impl Source {
    /// Opens a file at once, so that a wrong name is an error at the start. A camera is left
    /// to the supervisor, which waits for it.
    pub(super) fn open(uri: Option<SourceUri>) -> Result<Self, SourceError> {
        let uri = uri.unwrap_or_else(defaults::default_source);
        if source::is_live(&uri) {
            let name = uri.to_string();
            let opener: Opener = Box::new(move || source::open(&uri));
            return Ok(Self {
                opener,
                mode: SourceMode::Live,
                pace: Pace::Live,
                name,
            });
        }
        let opened = source::open(&uri)?;
        let (pace, name) = (opened.pace(), opened.describe());
        let mut ready: Option<Box<dyn FrameSource>> = Some(opened);
        let opener: Opener = Box::new(move || match ready.take() {
            Some(source) => Ok(source),
            None => source::open(&uri),
        });
        Ok(Self {
            opener,
            mode: SourceMode::Finite,
            pace,
            name,
        })
    }
}

pub(super) fn load(settings: &Settings) -> Result<Box<dyn Detect>, StartError> {
    let found;
    let folder: &Path = match &settings.model {
        Some(folder) => folder,
        None => {
            found = defaults::find_model().map_err(|searched| StartError::NoModel { searched })?;
            &found
        }
    };
    Ok(Box::new(Detector::load(folder, &options(settings))?))
}

/// Loads the lite model at once where there is one, so that nothing is left to be done when it
/// is needed, and says what it costs.
pub(super) fn load_lite(settings: &Settings) -> Result<Option<Box<dyn Detect>>, StartError> {
    let Some(folder) = &settings.lite_model else {
        return Ok(None);
    };
    let before = memory_resident_bytes();
    let detector = Detector::load(folder, &options(settings))?;
    if let (Some(before), Some(after)) = (before, memory_resident_bytes()) {
        let id = detector.model_id();
        let mebibytes = after.saturating_sub(before) as f64 / f64::from(1 << 20);
        log::info!("the lite model {id} stands by and takes {mebibytes:.1} MiB of memory");
    }
    Ok(Some(Box::new(detector)))
}

fn options(settings: &Settings) -> DetectorOptions {
    DetectorOptions {
        score_min: settings.score,
        threads: settings.threads,
        pinned: settings.pinned,
        faint: settings.tracking,
        engine: settings.engine.clone(),
    }
}

pub(super) fn annotator(settings: &AnnotateSettings) -> Result<AnnotateWriter, AnnotateError> {
    let options = AnnotateOptions {
        file: settings.file,
        every_nth: NonZeroU64::new(settings.every_nth.into()).unwrap_or(NonZeroU64::MIN),
        files_max: settings.files_max.into(),
    };
    AnnotateWriter::start(&settings.directory, options)
}

/// What a sink is to the run.
pub(super) enum Standing {
    /// The run ends when the last of these has lost its reader, and with an error when the
    /// thread of one dies. The number of those that still have one.
    Counted(Arc<AtomicUsize>),
    /// The run goes on whatever becomes of it.
    Attendant,
}

/// Starts the thread of a sink.
pub(super) fn feed(
    sink: Box<dyn Sink>,
    queue_frames: usize,
    shared: &Arc<Shared>,
    standing: Standing,
) -> Result<(Outlet, SinkThread, SinkGauge), SinkError> {
    let (outlet, receiver) = Outlet::new(queue_frames, shared.pace);
    let channel = outlet.gauge();
    let guard = PanicGuard {
        shared: Arc::clone(shared),
        channel: Arc::clone(&channel),
        is_counted: matches!(standing, Standing::Counted(_)),
    };
    let thread = sink::spawn(sink, receiver, move || {
        guard.channel.close();
        if let Standing::Counted(open_sinks) = &standing
            && open_sinks.fetch_sub(1, Ordering::AcqRel) == 1
        {
            guard.shared.end(Ended::NobodyListens);
        }
    })?;
    let meter = thread.meter();
    Ok((outlet, thread, SinkGauge { meter, channel }))
}

/// Travels with a sink's thread; when that unwinds, it ends the run with an error, or the
/// feeding of an attendant.
struct PanicGuard {
    shared: Arc<Shared>,
    channel: Arc<OutletGauge>,
    is_counted: bool,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.channel.close();
        if self.is_counted {
            let message = "its message is above".into();
            self.shared.end(Ended::Failed(RunError::Panicked {
                thread: "sink",
                message,
            }));
        }
    }
}

pub(super) fn spawn_capture(
    supervisor: Supervisor,
    shared: Arc<Shared>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("lookout-capture".into())
        .spawn(move || shared.guard("capture", || capture::run(supervisor, &shared)))
}

pub(super) fn spawn_inference(
    mut inference: Inference,
    shared: Arc<Shared>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("lookout-inference".into())
        .spawn(move || {
            shared.guard("inference", || inference.run(&shared));
            inference.finish(&shared);
        })
}
