//! The parts of a run, each made ready from its settings.

use super::detect::Detect;
use super::error::{RunError, StartError};
use super::handle::Feed;
use super::inference::Inference;
use super::outlet::Outlet;
use super::shared::{Ended, Shared};
use super::{capture, defaults};
use crate::annotate::{AnnotateError, AnnotateOptions, AnnotateWriter};
use crate::capture::{Opener, SourceMode, Supervisor};
use crate::config::{AnnotateSettings, Settings};
use crate::detector::{Detector, DetectorOptions};
use crate::sink::{self, Sink, SinkError};
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
    let options = DetectorOptions {
        score_min: settings.score,
        threads: settings.threads,
        pinned: settings.pinned,
        engine: settings.engine.clone(),
    };
    Ok(Box::new(Detector::load(folder, &options)?))
}

pub(super) fn annotator(settings: &AnnotateSettings) -> Result<AnnotateWriter, AnnotateError> {
    let options = AnnotateOptions {
        file: settings.file,
        every_nth: NonZeroU64::new(settings.every_nth.into()).unwrap_or(NonZeroU64::MIN),
        files_max: settings.files_max.into(),
    };
    AnnotateWriter::start(&settings.directory, options)
}

/// Starts the thread of a sink. The run ends when the last sink has lost its reader, and with
/// an error when the thread dies.
pub(super) fn feed(
    sink: Box<dyn Sink>,
    queue_frames: usize,
    shared: &Arc<Shared>,
    open_sinks: Arc<AtomicUsize>,
) -> Result<(Outlet, Feed), SinkError> {
    let (outlet, receiver) = Outlet::new(queue_frames, shared.pace);
    let gauge = outlet.gauge();
    let guard = PanicGuard(Arc::clone(shared));
    let closing = Arc::clone(&gauge);
    let thread = sink::spawn(sink, receiver, move || {
        closing.close();
        if open_sinks.fetch_sub(1, Ordering::AcqRel) == 1 {
            guard.0.end(Ended::NobodyListens);
        }
    })?;
    Ok((outlet, Feed { thread, gauge }))
}

/// Travels with a thread; when that unwinds, it ends the run with an error.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let message = "its message is above".into();
            self.0.end(Ended::Failed(RunError::Panicked {
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
