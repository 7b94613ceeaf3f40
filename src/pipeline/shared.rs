//! What the threads of one run share.

use super::error::RunError;
use super::load::LoadControl;
use super::times::Times;
use crate::annotate::AnnotateReport;
use crate::capture::{CaptureCounters, StopFlag};
use crate::count::Count;
use crate::mailbox::Mailbox;
use crate::rules::Rules;
use crate::source::Pace;
use crate::statistics::Statistics;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The source came to its end.
    SourceEnd,
    /// The wanted number of frames has been published.
    FrameLimit,
    /// [`super::Handle::stop`] was called.
    Stopped,
    /// The last sink lost its reader: nobody listens any more.
    NobodyListens,
    /// Something broke for good.
    Failed(RunError),
}

/// What can change while a run goes on.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// As [`crate::config::Settings::score`].
    pub score: Option<f32>,
    /// As [`crate::config::Settings::tracking`].
    pub tracking: bool,
    /// Other rules; `None`: the old ones go on.
    pub rules: Option<Rules>,
}

/// State that capture, inference and their owner share.
pub(super) struct Shared {
    pub(super) pace: Pace,
    pub(super) started_at: Instant,
    pub(super) stop: StopFlag,
    pub(super) mailbox: Mailbox,
    pub(super) capture: Arc<CaptureCounters>,
    pub(super) tallies: Tallies,
    pub(super) times: Times,
    pub(super) load: LoadControl,
    /// What the inference thread is to change before its next frame.
    retuning: Mutex<Option<Tuning>>,
    is_retuned: AtomicBool,
    statistics: Mutex<Statistics>,
    annotated: Mutex<Option<AnnotateReport>>,
    ended: Mutex<Option<Ended>>,
}

/// Counters that only ever grow.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// Frames whose bytes are no picture.
    pub(super) damaged: Count,
    /// Frames left out to shed load.
    pub(super) skipped: Count,
    /// Frames that the detector failed on.
    pub(super) failed: Count,
}

impl Shared {
    pub(super) fn new(pace: Pace, stop: StopFlag) -> Self {
        Self {
            pace,
            started_at: Instant::now(),
            stop,
            mailbox: Mailbox::new(pace, 0),
            capture: Arc::new(CaptureCounters::default()),
            tallies: Tallies::default(),
            times: Times::new(),
            load: LoadControl::new(),
            retuning: Mutex::new(None),
            is_retuned: AtomicBool::new(false),
            statistics: Mutex::new(Statistics::new()),
            annotated: Mutex::new(None),
            ended: Mutex::new(None),
        }
    }

    /// Has the inference thread change this before its next frame.
    pub(super) fn retune(&self, tuning: Tuning) {
        *lock(&self.retuning) = Some(tuning);
        self.is_retuned.store(true, Ordering::Release);
    }

    /// What is to change, once. Takes no lock while nothing is.
    pub(super) fn take_retuning(&self) -> Option<Tuning> {
        self.is_retuned
            .swap(false, Ordering::Acquire)
            .then(|| lock(&self.retuning).take())
            .flatten()
    }

    /// Ends the run for a reason. The first reason given is the one that counts.
    pub(super) fn end(&self, reason: Ended) {
        lock(&self.ended).get_or_insert(reason);
        self.stop.stop();
        self.mailbox.close();
    }

    /// Takes the reason out; a run that nothing ended yet counts as stopped.
    pub(super) fn take_reason(&self) -> Ended {
        lock(&self.ended).take().unwrap_or(Ended::Stopped)
    }

    pub(super) fn statistics(&self) -> MutexGuard<'_, Statistics> {
        lock(&self.statistics)
    }

    /// What was annotated; `None` until the last picture is written.
    pub(super) fn annotated(&self) -> MutexGuard<'_, Option<AnnotateReport>> {
        lock(&self.annotated)
    }

    /// Runs the body of a thread. However it ends, the run does not go on without it: an error
    /// or a panic ends everything, and says so.
    pub(super) fn guard(
        &self,
        thread: &'static str,
        body: impl FnOnce() -> Result<Option<Ended>, RunError>,
    ) {
        let reason = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(reason))) => reason,
            Ok(Err(error)) => Ended::Failed(error),
            Err(payload) => Ended::Failed(RunError::Panicked {
                thread,
                message: panic_message(&*payload),
            }),
        };
        self.end(reason);
    }
}

/// Locks, also after a panic elsewhere: counters are never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
