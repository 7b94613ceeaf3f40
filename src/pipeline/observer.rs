//! Looks at a run, and tells it how much work to leave out, from any thread.

use super::outlet::OutletGauge;
use super::shared::Shared;
use super::snapshot::{Drops, Snapshot, Vitals};
use crate::capture::CaptureSnapshot;
use crate::detection::{LoadShedding, SheddingLevel};
use crate::sink::{SinkMeter, SinkReport};
use crate::source::Pace;
use std::sync::Arc;
use std::time::Instant;

/// A sink's counters and those of the channel that feeds it.
#[derive(Clone)]
pub(super) struct SinkGauge {
    pub(super) meter: SinkMeter,
    pub(super) channel: Arc<OutletGauge>,
}

impl SinkGauge {
    fn report(&self) -> SinkReport {
        let mut report = self.meter.report();
        report.lost += self.channel.lost();
        report
    }
}

/// Looks at a run from any thread, also when the run is over.
#[derive(Clone)]
pub struct Observer {
    pub(super) shared: Arc<Shared>,
    pub(super) sinks: Vec<SinkGauge>,
    pub(super) subscriber: Arc<OutletGauge>,
    pub(super) model_id: String,
    pub(super) lite_model_id: Option<String>,
}

impl Observer {
    /// Whether the source waits for the detector.
    pub fn pace(&self) -> Pace {
        self.shared.pace
    }

    /// Whether the run has been asked to end, or has ended by itself.
    pub fn is_stopped(&self) -> bool {
        self.shared.stop.is_stopped()
    }

    /// Name and short hash of the model that looks at frames when `load` is shed.
    pub fn model_id(&self, load: LoadShedding) -> &str {
        match &self.lite_model_id {
            Some(lite) if load.level == SheddingLevel::Lite => lite,
            _ => &self.model_id,
        }
    }

    /// Whether there is a lite model to resort to.
    pub fn has_lite_model(&self) -> bool {
        self.lite_model_id.is_some()
    }

    /// Tells the run what to leave out from now on; every published frame says so. Frames of a
    /// source that waits are never left out. A level that needs a lite model where there is none
    /// is taken as [`SheddingLevel::Skip`].
    pub fn order(&self, load: LoadShedding) {
        if self.shared.pace == Pace::Live {
            self.shared.load.order(load);
        }
    }

    /// Sets what published frames say about the program's health.
    pub fn set_degraded(&self, is_degraded: bool) {
        self.shared.load.set_degraded(is_degraded);
    }

    /// Whether the run sees. Costs a few microseconds.
    pub fn vitals(&self) -> Vitals {
        let shared = &self.shared;
        let capture = shared.capture.snapshot();
        let sinks: Vec<SinkReport> = self.sinks.iter().map(SinkGauge::report).collect();
        let (frames, recent) = {
            let statistics = shared.statistics();
            (statistics.frames(), statistics.recent(Instant::now()))
        };
        Vitals {
            capture,
            frames,
            drops: self.drops(&capture, &sinks),
            times: shared.times.read(),
            recent,
            load: shared.load.load(self.has_lite_model()),
            sinks,
        }
    }

    /// The run as it stands. Costs up to a millisecond of a slow processor.
    pub fn snapshot(&self) -> Snapshot {
        let shared = &self.shared;
        let capture = shared.capture.snapshot();
        let sinks: Vec<SinkReport> = self.sinks.iter().map(SinkGauge::report).collect();
        let drops = self.drops(&capture, &sinks);
        let statistics = shared.statistics();
        Snapshot {
            elapsed: shared.started_at.elapsed(),
            capture,
            frames: statistics.frames(),
            drops,
            load: shared.load.load(self.has_lite_model()),
            whole_run: statistics.whole_run(),
            recent: statistics.recent(Instant::now()),
            stages: statistics.stages(),
            classes: *statistics.classes(),
            last_frame: *statistics.last_frame(),
            sinks,
        }
    }

    fn drops(&self, capture: &CaptureSnapshot, sinks: &[SinkReport]) -> Drops {
        let shared = &self.shared;
        Drops {
            source: capture.source_gaps,
            damaged: capture.damaged + shared.tallies.damaged.get(),
            skipped: shared.tallies.skipped.get(),
            overwritten: shared.mailbox.overwritten(),
            failed: shared.tallies.failed.get(),
            subscriber: self.subscriber.lost(),
            sinks: sinks.iter().map(|sink| sink.lost).sum(),
        }
    }
}
