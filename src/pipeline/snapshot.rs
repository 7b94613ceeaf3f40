//! A run as it stands at one moment, as plain data.

use crate::capture::CaptureSnapshot;
use crate::class::ObjectClass;
use crate::detection::LoadShedding;
use crate::sink::SinkReport;
use crate::statistics::{ClassCount, Pulse, Stage, StageSummary};
use std::time::Duration;

/// What was lost on the way, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames that the source itself lost, by its own numbering.
    pub source: u64,
    /// Frames that arrived damaged.
    pub damaged: u64,
    /// Frames left out on purpose, to shed load.
    pub skipped: u64,
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
        self.faults() + self.skipped + self.overwritten
    }

    /// All causes that are faults. A camera that is faster than the detector, and frames left
    /// out on purpose, are none.
    pub fn faults(&self) -> u64 {
        self.source + self.damaged + self.failed + self.subscriber + self.sinks
    }
}

/// When things happened last and first, on CLOCK_MONOTONIC in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTimes {
    /// The model was loaded and the threads were about to start.
    pub ready_ns: u64,
    /// The first good frame arrived.
    pub first_frame_ns: Option<u64>,
    /// The newest good frame was captured; never in the future.
    pub newest_frame_ns: Option<u64>,
    /// The first frame that was looked at was published.
    pub first_publication_ns: Option<u64>,
    /// The newest one was published.
    pub newest_publication_ns: Option<u64>,
    /// The newest one that was published had been captured.
    pub newest_seen_ns: Option<u64>,
    /// The frame that is being looked at was taken up; `None` between two frames.
    pub inference_began_ns: Option<u64>,
    /// How long the newest frame that is through took, nanoseconds.
    pub inference_took_ns: Option<u64>,
}

/// What tells whether a run sees: the part of a [`Snapshot`] that costs little enough to be
/// asked for ten times a second.
#[derive(Clone, Debug, Default)]
pub struct Vitals {
    /// What capture went through.
    pub capture: CaptureSnapshot,
    /// Frames published.
    pub frames: u64,
    /// What was lost, by cause.
    pub drops: Drops,
    /// When things happened.
    pub times: FrameTimes,
    /// Rate and ages of the newest frames.
    pub recent: Pulse,
    /// What is left out of the work now.
    pub load: LoadShedding,
    /// What each sink did; what its channel lost is among its lost messages.
    pub sinks: Vec<SinkReport>,
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
    /// What is left out of the work now.
    pub load: LoadShedding,
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
