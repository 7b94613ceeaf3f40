//! What a recorder did so far, for any thread.

use crate::clock::monotonic_ns;
use crate::count::Count;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// A disk that has not answered for so long is a trouble.
const SILENCE_NS_MAX: u64 = 2_000_000_000;

/// What a recorder did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderReport {
    /// Segments finished in this run.
    pub segments: u64,
    /// Frames that are on the disk.
    pub frames: u64,
    /// Frames that are not, because the disk was full, gone or slow.
    pub lost: u64,
    /// Times that the disk refused something.
    pub faults: u64,
    /// Bytes of the ring.
    pub bytes: u64,
    /// Segments that events have kept, of all runs.
    pub kept_segments: u64,
    /// Bytes of those.
    pub kept_bytes: u64,
    /// Segments of earlier runs that were left open and have been closed.
    pub recovered: u64,
    /// Segments that could not be brought into order and were set aside.
    pub damaged: u64,
    /// Why nothing, or not everything, is recorded at present; `None`: all is well.
    pub trouble: Option<String>,
    /// Why events keep nothing at present; `None`: they do.
    pub kept_trouble: Option<String>,
}

/// A sentence that threads share.
#[derive(Debug, Default)]
pub(super) struct Sentence(Mutex<Option<String>>);

impl Sentence {
    pub(super) fn set(&self, text: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(super) fn get(&self) -> Option<String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) segments: Count,
    pub(super) frames: Count,
    /// Lost in the recorder.
    pub(super) lost: Count,
    /// Lost on the way to it.
    pub(super) missed: Count,
    pub(super) faults: Count,
    pub(super) bytes: Count,
    pub(super) kept_segments: Count,
    pub(super) kept_bytes: Count,
    pub(super) recovered: Count,
    pub(super) damaged: Count,
    /// Since when the disk is being waited for, on CLOCK_MONOTONIC; 0: it is not.
    busy_since_ns: Count,
    /// Why nothing is recorded.
    pub(super) trouble: Sentence,
    /// Why frames are being missed.
    pub(super) slowness: Sentence,
    pub(super) kept_trouble: Sentence,
}

impl Counters {
    /// Does something that waits for the disk.
    pub(super) fn at_disk<T>(&self, work: impl FnOnce() -> T) -> T {
        self.busy_since_ns.set(monotonic_ns());
        let done = work();
        self.busy_since_ns.set(0);
        done
    }

    fn silence(&self) -> Option<String> {
        let since_ns = self.busy_since_ns.get();
        let silence_ns = monotonic_ns().saturating_sub(since_ns);
        (since_ns > 0 && silence_ns > SILENCE_NS_MAX).then(|| {
            let seconds = silence_ns / 1_000_000_000;
            format!("the disk has not answered for {seconds} s; see that it is there and sound")
        })
    }
}

/// Looks at a recorder from any thread, also when it is over.
#[derive(Clone, Debug, Default)]
pub struct RecorderMeter(pub(super) Arc<Counters>);

impl RecorderMeter {
    /// What it did so far.
    pub fn report(&self) -> RecorderReport {
        let counters = &self.0;
        RecorderReport {
            segments: counters.segments.get(),
            frames: counters.frames.get(),
            lost: counters.lost.get() + counters.missed.get(),
            faults: counters.faults.get(),
            bytes: counters.bytes.get(),
            kept_segments: counters.kept_segments.get(),
            kept_bytes: counters.kept_bytes.get(),
            recovered: counters.recovered.get(),
            damaged: counters.damaged.get(),
            trouble: self.trouble(),
            kept_trouble: counters.kept_trouble.get(),
        }
    }

    /// Why nothing, or not everything, is recorded at present; `None`: all is well.
    pub fn trouble(&self) -> Option<String> {
        let counters = &self.0;
        let trouble = counters.trouble.get();
        trouble
            .or_else(|| counters.silence())
            .or_else(|| counters.slowness.get())
    }
}
