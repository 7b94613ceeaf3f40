//! When frames came and were looked at, noted by two threads and read by any.

use super::snapshot::FrameTimes;
use crate::clock::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment on CLOCK_MONOTONIC that may not have come yet. Relaxed: each stands alone.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

impl Moment {
    /// No monotonic clock shows 0 while a program runs.
    const NEVER: u64 = 0;

    fn set(&self, ns: u64) {
        self.0.store(ns, Ordering::Relaxed);
    }

    /// Only one thread writes a moment, so that nothing can come between look and change.
    fn set_first(&self, ns: u64) {
        if self.get().is_none() {
            self.set(ns);
        }
    }

    fn get(&self) -> Option<u64> {
        let ns = self.0.load(Ordering::Relaxed);
        (ns != Self::NEVER).then_some(ns)
    }
}

/// The moments of one run.
#[derive(Debug)]
pub(super) struct Times {
    ready_ns: u64,
    first_frame: Moment,
    newest_frame: Moment,
    first_publication: Moment,
    newest_publication: Moment,
    newest_seen: Moment,
    inference_began: Moment,
    inference_took: Moment,
}

impl Times {
    /// The run is ready now.
    pub(super) fn new() -> Self {
        Self {
            ready_ns: monotonic_ns(),
            first_frame: Moment::default(),
            newest_frame: Moment::default(),
            first_publication: Moment::default(),
            newest_publication: Moment::default(),
            newest_seen: Moment::default(),
            inference_began: Moment::default(),
            inference_took: Moment::default(),
        }
    }

    /// A good frame is here. A source paced by its own clock may stamp one ahead of now.
    pub(super) fn note_frame(&self, captured_ns: u64) {
        let now_ns = monotonic_ns();
        self.first_frame.set_first(now_ns);
        self.newest_frame.set(captured_ns.clamp(1, now_ns));
    }

    /// The look at a frame begins.
    pub(super) fn begin_inference(&self) -> u64 {
        let now_ns = monotonic_ns();
        self.inference_began.set(now_ns);
        now_ns
    }

    /// The look that began at `began_ns` is over, with or without a publication.
    pub(super) fn end_inference(&self, began_ns: u64) {
        let took_ns = monotonic_ns().saturating_sub(began_ns);
        self.inference_took.set(took_ns.max(1));
        self.inference_began.set(Moment::NEVER);
    }

    /// The frame captured at `captured_ns` has been published.
    pub(super) fn note_publication(&self, captured_ns: u64) {
        let now_ns = monotonic_ns();
        self.newest_seen.set(captured_ns.max(1));
        self.newest_publication.set(now_ns);
        self.first_publication.set_first(now_ns);
    }

    /// All moments. They are read one after another, so that under way they may belong to two
    /// neighbouring frames.
    pub(super) fn read(&self) -> FrameTimes {
        FrameTimes {
            ready_ns: self.ready_ns,
            first_frame_ns: self.first_frame.get(),
            newest_frame_ns: self.newest_frame.get(),
            first_publication_ns: self.first_publication.get(),
            newest_publication_ns: self.newest_publication.get(),
            newest_seen_ns: self.newest_seen.get(),
            inference_began_ns: self.inference_began.get(),
            inference_took_ns: self.inference_took.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_unknown_until_they_come_and_first_ones_stay() {
        let times = Times::new();
        let before = times.read();
        assert_eq!((before.first_frame_ns, before.newest_seen_ns), (None, None));
        times.note_frame(u64::MAX);
        let began_ns = times.begin_inference();
        assert_eq!(times.read().inference_began_ns, Some(began_ns));
        times.note_publication(7);
        times.end_inference(began_ns);
        let first = times.read();
        assert!(
            first.newest_frame_ns <= Some(monotonic_ns()),
            "no frame comes from the future: {first:?}"
        );
        times.note_frame(8);
        times.note_publication(8);
        let then = times.read();
        assert_eq!(then.first_frame_ns, first.first_frame_ns);
        assert_eq!(then.first_publication_ns, first.first_publication_ns);
        assert_eq!(
            (then.newest_frame_ns, then.newest_seen_ns),
            (Some(8), Some(8))
        );
        assert_eq!(then.inference_began_ns, None);
        assert!(then.inference_took_ns.is_some());
    }
}
