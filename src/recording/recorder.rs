//! What the owner of a recording holds.

use super::error::{PreserveError, RecordError};
use super::meter::{Counters, RecorderMeter, RecorderReport};
use super::worker::{Worker, WorkerParts};
use crate::bulletin::Bulletin;
use crate::config::RecordSettings;
use crate::footage::{Tap, tap};
use crossbeam_channel::{Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Frames that may wait while the disk is busy: a second of most cameras.
const QUEUE_FRAMES: usize = 30;

/// Moments to be kept that may wait.
const REQUESTS_MAX: usize = 16;

/// How long the end of a run waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a recorder to keep the present moment, from any thread.
#[derive(Clone, Debug)]
pub struct RecorderHandle {
    requests: Sender<String>,
    on_signal: Arc<AtomicBool>,
    meter: RecorderMeter,
}

impl RecorderHandle {
    /// Keeps what is recorded around now, because of `reason`, which is noted with it. Returns
    /// at once; the segments move within a second, and the last of them once it is finished.
    ///
    /// # Errors
    /// When nothing is being recorded or what is kept is full; the message says what to do.
    pub fn preserve(&self, reason: &str) -> Result<(), PreserveError> {
        let report = self.meter.report();
        if let Some(trouble) = self.meter.0.trouble.get() {
            return Err(PreserveError::NotRecording(trouble));
        }
        if let Some(trouble) = report.kept_trouble {
            return Err(PreserveError::Full(trouble));
        }
        match self.requests.try_send(reason.to_owned()) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(PreserveError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(PreserveError::Over),
        }
    }

    /// A flag that, once raised, keeps the present moment, for signal handlers.
    pub fn preserve_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.on_signal)
    }

    /// What the recorder did so far.
    pub fn meter(&self) -> RecorderMeter {
        self.meter.clone()
    }
}

/// Tells when the thread dies.
struct Guard(Arc<Counters>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = "the recorder died of a bug in lookout; restart it, and report it, please";
            self.0.trouble.set(Some(text.into()));
        }
    }
}

/// A recording under way, in a thread of its own.
#[derive(Debug)]
pub struct Recorder {
    handle: RecorderHandle,
    end: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Starts to record what comes through the tap that it gives
    /// ([`crate::pipeline::Builder::tap`]), and what changes in the health on `bulletin`. A disk
    /// that is missing, full or read-only is waited for.
    ///
    /// # Errors
    /// When the folder's name is that of something else, or there is no thread.
    pub fn start(
        settings: &RecordSettings,
        bulletin: Bulletin,
    ) -> Result<(Self, Tap), RecordError> {
        let directory = &settings.directory;
        for place in [directory, &directory.join("ring"), &directory.join("kept")] {
            if place.exists() && !place.is_dir() {
                return Err(RecordError::NotAFolder(place.clone()));
            }
        }
        let (end_of_pipeline, footage) = tap(QUEUE_FRAMES);
        let (requests, asked) = crossbeam_channel::bounded(REQUESTS_MAX);
        let handle = RecorderHandle {
            requests,
            on_signal: Arc::default(),
            meter: RecorderMeter::default(),
        };
        let end = Arc::new(AtomicBool::new(false));
        let parts = WorkerParts {
            settings: settings.clone(),
            footage,
            bulletin,
            asked,
            on_signal: handle.preserve_flag(),
            end: Arc::clone(&end),
            counters: Arc::clone(&handle.meter.0),
        };
        // Before the thread runs, so that no frame is missed for its start.
        parts.footage.want(true);
        let thread = std::thread::Builder::new()
            .name("lookout-recorder".into())
            .spawn(move || {
                let _guard = Guard(Arc::clone(&parts.counters));
                Worker::new(parts).run();
            })
            .map_err(RecordError::Thread)?;
        let recorder = Self {
            handle,
            end,
            thread,
        };
        Ok((recorder, end_of_pipeline))
    }

    /// A way to ask it to keep something.
    pub fn handle(&self) -> RecorderHandle {
        self.handle.clone()
    }

    /// What it did so far.
    pub fn meter(&self) -> RecorderMeter {
        self.handle.meter()
    }

    /// Records what still waits and closes the file. Waits some seconds at most: a disk that does
    /// not answer leaves the file open, which the next start closes.
    pub fn finish(self) -> RecorderReport {
        self.end.store(true, Ordering::Relaxed);
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !self.thread.is_finished() {
            log::warn!("the recording is left open, for its disk does not answer");
        } else if self.thread.join().is_err() {
            log::error!("the recorder panicked; this is a bug in lookout, please report it");
        }
        self.handle.meter.report()
    }
}
