//! What the owner of a run holds: a way to stop it, to look at it and to wait for its end.

use super::error::RunError;
use super::outlet::OutletGauge;
use super::shared::{Ended, Shared};
use crate::annotate::AnnotateReport;
use crate::capture::CaptureSnapshot;
use crate::class::ObjectClass;
use crate::sink::{SinkReport, SinkThread};
use crate::source::Pace;
use crate::statistics::{ClassCount, Pulse, Stage, StageSummary};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the end of a run waits for a sink whose reader does not read.
const SINK_PATIENCE: Duration = Duration::from_secs(3);

/// What was lost on the way, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames that the source itself lost, by its own numbering.
    pub source: u64,
    /// Frames that arrived damaged.
    pub damaged: u64,
    /// Frames overwritten in the mailbox because inference was busy with an earlier one.
    pub overwritten: u64,
    /// Frames that the detector failed on.
    pub failed: u64,
    /// Messages that the subscriber lost because it was too slow.
    pub subscriber: u64,
    /// Messages that sinks lost: too slow, or unable to write.
    pub sinks: u64,
}

impl Drops {
    /// All causes together.
    pub fn total(&self) -> u64 {
        self.source + self.damaged + self.overwritten + self.failed + self.subscriber + self.sinks
    }
}

/// A run as it stands at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Time since the start.
    pub elapsed: Duration,
    /// What capture went through.
    pub capture: CaptureSnapshot,
    /// Frames published.
    pub frames: u64,
    /// What was lost, by cause.
    pub drops: Drops,
    /// Rate and ages since the first frame.
    pub whole_run: Pulse,
    /// Rate and ages of the newest frames.
    pub recent: Pulse,
    /// How long each stage took, by `Stage as usize`.
    pub stages: [StageSummary; Stage::COUNT],
    /// What was seen of each class, by class index.
    pub classes: [ClassCount; ObjectClass::COUNT],
    /// Detections of each class in the newest frame, by class index.
    pub last_frame: [u64; ObjectClass::COUNT],
    /// What each sink did; what its channel lost is among its lost messages.
    pub sinks: Vec<SinkReport>,
}

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

/// A sink and the channel that feeds it.
pub(super) struct Feed {
    pub(super) thread: SinkThread,
    pub(super) gauge: Arc<OutletGauge>,
}

impl Feed {
    fn report(&self) -> SinkReport {
        let mut report = self.thread.report();
        report.lost += self.gauge.lost();
        report
    }
}

/// A run under way. Dropping it asks the run to stop, without waiting for that.
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) feeds: Vec<Feed>,
    pub(super) subscriber: Arc<OutletGauge>,
    pub(super) source: String,
    pub(super) model_id: String,
}

impl Handle {
    /// Asks the run to end. It does within the source's own timeout, two seconds at most, and
    /// the time of one inference.
    pub fn stop(&self) {
        self.shared.stop.stop();
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
        &self.model_id
    }

    /// Whether the source waits for the detector.
    pub fn pace(&self) -> Pace {
        self.shared.pace
    }

    /// The run as it stands. Safe to call at any time; costs some microseconds.
    pub fn snapshot(&self) -> Snapshot {
        let shared = &self.shared;
        let capture = shared.capture.snapshot();
        let sinks: Vec<SinkReport> = self.feeds.iter().map(Feed::report).collect();
        let drops = Drops {
            source: capture.source_gaps,
            damaged: capture.damaged + shared.tallies.damaged.get(),
            overwritten: shared.mailbox.overwritten(),
            failed: shared.tallies.failed.get(),
            subscriber: self.subscriber.lost(),
            sinks: sinks.iter().map(|sink| sink.lost).sum(),
        };
        let statistics = shared.statistics();
        Snapshot {
            elapsed: shared.started_at.elapsed(),
            capture,
            frames: statistics.frames(),
            drops,
            whole_run: statistics.whole_run(),
            recent: statistics.recent(Instant::now()),
            stages: statistics.stages(),
            classes: *statistics.classes(),
            last_frame: *statistics.last_frame(),
            sinks,
        }
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
        for feed in std::mem::take(&mut self.feeds) {
            if !feed.thread.is_finished() {
                let sink = feed.thread.report().sink;
                log::warn!("{sink}: its reader does not read; the last messages may be lost");
            } else if let Err(error) = feed.thread.join() {
                log::error!("{error}");
            }
        }
        let annotated = self.shared.annotated().take();
        Summary {
            ended: self.shared.take_reason(),
            counters,
            annotated,
        }
    }

    /// Gives sinks time to pass on what is left in their channels.
    fn wait_for_sinks(&self) {
        let began = Instant::now();
        let is_busy = |feed: &Feed| !feed.thread.is_finished();
        while self.feeds.iter().any(is_busy) && began.elapsed() < SINK_PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}
