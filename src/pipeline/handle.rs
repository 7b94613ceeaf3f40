//! What the owner of a run holds: a way to stop it, to look at it and to wait for its end.

use super::error::RunError;
use super::observer::Observer;
use super::shared::{Ended, Tuning};
use super::snapshot::Snapshot;
use crate::annotate::AnnotateReport;
use crate::sink::SinkThread;
use crate::source::Pace;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the end of a run waits for a sink whose reader does not read.
const SINK_PATIENCE: Duration = Duration::from_secs(3);

/// A run that is over.
#[derive(Debug)]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// The last state.
    pub counters: Snapshot,
    /// What was annotated, if anything was to be.
    pub annotated: Option<AnnotateReport>,
}

impl Summary {
    /// The run's error, if it ended by one.
    ///
    /// # Errors
    /// The reason why the run could not go on.
    pub fn into_result(self) -> Result<(), RunError> {
        match self.ended {
            Ended::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A run under way. Dropping it asks the run to stop, without waiting for that.
pub struct Handle {
    pub(super) observer: Observer,
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) sinks: Vec<SinkThread>,
    pub(super) source: String,
}

impl Handle {
    /// Asks the run to end. It does within the source's own timeout, two seconds at most, and
    /// the time of one inference.
    pub fn stop(&self) {
        self.observer.shared.stop.stop();
    }

    /// Changes how frames are looked at, from the next one on. No frame is lost over it.
    pub fn retune(&self, tuning: Tuning) {
        self.observer.shared.retune(tuning);
    }

    /// Whether capture and inference have ended; [`Self::join`] then waits for sinks only.
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// What the source is, for people.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Name and short hash of the model.
    pub fn model_id(&self) -> &str {
        &self.observer.model_id
    }

    /// Name and short hash of the lite model, if there is one.
    pub fn lite_model_id(&self) -> Option<&str> {
        self.observer.lite_model_id.as_deref()
    }

    /// Whether the source waits for the detector.
    pub fn pace(&self) -> Pace {
        self.observer.pace()
    }

    /// Looks at the run from another thread, also after this handle is gone.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// The run as it stands. Safe to call at any time.
    pub fn snapshot(&self) -> Snapshot {
        self.observer.snapshot()
    }

    /// Waits for the end of the run and of its sinks, and says how it went. A live source ends
    /// only by [`Self::stop`]. Readers of an every-frame source should hang up or go on reading,
    /// for such a source waits for them.
    pub fn join(mut self) -> Summary {
        for thread in std::mem::take(&mut self.threads) {
            // The bodies are guarded: whatever went wrong in there is in `ended`.
            let _ = thread.join();
        }
        self.wait_for_sinks();
        let counters = self.snapshot();
        for thread in std::mem::take(&mut self.sinks) {
            if !thread.is_finished() {
                let sink = thread.report().sink;
                log::warn!("{sink}: its reader does not read; the last messages may be lost");
            } else if let Err(error) = thread.join() {
                log::error!("{error}");
            }
        }
        let shared = &self.observer.shared;
        Summary {
            annotated: shared.annotated().take(),
            ended: shared.take_reason(),
            counters,
        }
    }

    /// Gives sinks time to pass on what is left in their channels.
    fn wait_for_sinks(&self) {
        let began = Instant::now();
        let is_busy = |sink: &SinkThread| !sink.is_finished();
        while self.sinks.iter().any(is_busy) && began.elapsed() < SINK_PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}
