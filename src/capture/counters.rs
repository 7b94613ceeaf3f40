//! What the capture of frames went through, countable from any thread.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Where a capture stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CaptureState {
    /// The source is being opened, or is open and has not given a frame yet.
    #[default]
    Opening = 0,
    /// Frames come.
    Streaming = 1,
    /// No frame came in time; the source is dropped.
    Stalled = 2,
    /// The device failed, vanished or could not be opened; the source is dropped.
    Lost = 3,
    /// Waiting before the next attempt to open.
    BackingOff = 4,
    /// The source came to its end, or the run was stopped.
    Ended = 5,
}

impl CaptureState {
    const ALL: [Self; 6] = [
        Self::Opening,
        Self::Streaming,
        Self::Stalled,
        Self::Lost,
        Self::BackingOff,
        Self::Ended,
    ];
}

/// Counters of one [`super::Supervisor`], written by its thread and read by any.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    state: AtomicU8,
    pub(super) is_absent: AtomicBool,
    pub(super) transitions: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) opens: AtomicU64,
    pub(super) open_failures: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) losses: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) source_gaps: AtomicU64,
}

/// The values of [`CaptureCounters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaptureSnapshot {
    /// Where the capture stands.
    pub state: CaptureState,
    /// Whether the last attempt to open found that there is no such device: it is unplugged.
    pub is_absent: bool,
    /// Changes of state.
    pub transitions: u64,
    /// Good frames handed on.
    pub frames: u64,
    /// Successful openings of the source.
    pub opens: u64,
    /// Attempts to open that failed.
    pub open_failures: u64,
    /// Times that an open source gave no frame in time.
    pub stalls: u64,
    /// Times that an open source failed, vanished or ended although it was live.
    pub losses: u64,
    /// Damaged frames skipped.
    pub damaged: u64,
    /// Frames that the source itself lost, by its own numbering; damaged ones not among them.
    pub source_gaps: u64,
}

impl CaptureCounters {
    /// Where the capture stands.
    pub fn state(&self) -> CaptureState {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        CaptureState::ALL
            .get(state)
            .copied()
            .unwrap_or(CaptureState::Opening)
    }

    /// All counters. They are read one after another, so that under way they may differ
    /// by a frame.
    pub fn snapshot(&self) -> CaptureSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CaptureSnapshot {
            state: self.state(),
            is_absent: self.is_absent.load(Ordering::Relaxed),
            transitions: read(&self.transitions),
            frames: read(&self.frames),
            opens: read(&self.opens),
            open_failures: read(&self.open_failures),
            stalls: read(&self.stalls),
            losses: read(&self.losses),
            damaged: read(&self.damaged),
            source_gaps: read(&self.source_gaps),
        }
    }

    pub(super) fn set_state(&self, state: CaptureState) {
        self.state.store(state as u8, Ordering::Relaxed);
        add(&self.transitions, 1);
    }
}

/// Adds to a counter. Relaxed: each counter stands alone, none guards other data.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_the_atomic() {
        let counters = CaptureCounters::default();
        assert_eq!(counters.state(), CaptureState::Opening);
        for state in CaptureState::ALL {
            counters.set_state(state);
            assert_eq!(counters.snapshot().state, state);
        }
        assert_eq!(counters.snapshot().transitions, 6);
    }
}
