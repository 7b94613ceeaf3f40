//! What is left out of the work, ordered by one thread and obeyed by two others.

use crate::detection::{LoadShedding, SheddingLevel};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The most that [`LoadShedding::every_nth`] may be.
pub const EVERY_NTH_MAX: u32 = 64;

/// The orders that a run obeys. Relaxed: a frame early or late makes no difference.
#[derive(Debug)]
pub(super) struct LoadControl {
    every_nth: AtomicU32,
    is_lite: AtomicBool,
    is_degraded: AtomicBool,
}

impl LoadControl {
    pub(super) fn new() -> Self {
        Self {
            every_nth: AtomicU32::new(1),
            is_lite: AtomicBool::new(false),
            is_degraded: AtomicBool::new(false),
        }
    }

    pub(super) fn order(&self, load: LoadShedding) {
        let every_nth = load.every_nth.clamp(1, EVERY_NTH_MAX);
        self.every_nth.store(every_nth, Ordering::Relaxed);
        self.is_lite
            .store(load.level == SheddingLevel::Lite, Ordering::Relaxed);
    }

    /// What is ordered, and can be done: without a lite model there is no level for it.
    pub(super) fn load(&self, has_lite: bool) -> LoadShedding {
        let every_nth = self.every_nth.load(Ordering::Relaxed);
        let level = if has_lite && self.is_lite.load(Ordering::Relaxed) {
            SheddingLevel::Lite
        } else if every_nth > 1 {
            SheddingLevel::Skip
        } else {
            SheddingLevel::None
        };
        LoadShedding { level, every_nth }
    }

    pub(super) fn every_nth(&self) -> u32 {
        self.every_nth.load(Ordering::Relaxed)
    }

    pub(super) fn set_degraded(&self, is_degraded: bool) {
        self.is_degraded.store(is_degraded, Ordering::Relaxed);
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.is_degraded.load(Ordering::Relaxed)
    }
}

/// Picks every so many frames, evenly.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    since_last: u32,
}

impl Sieve {
    /// Whether this frame is among one in `every_nth`. The first is.
    pub(super) fn takes(&mut self, every_nth: u32) -> bool {
        let takes = self.since_last == 0 || self.since_last >= every_nth;
        self.since_last = if takes { 1 } else { self.since_last + 1 };
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_takes_the_first_and_then_one_in_so_many() {
        for every_nth in 1..=5 {
            let mut sieve = Sieve::default();
            let taken: Vec<u32> = (0..30).filter(|_| sieve.takes(every_nth)).collect();
            let expected: Vec<u32> = (0..30).step_by(every_nth as usize).collect();
            assert_eq!(taken, expected, "one in {every_nth}");
        }
    }

    #[test]
    fn a_sieve_follows_a_change_at_once() {
        let mut sieve = Sieve::default();
        let orders = [1, 4, 4, 4, 4, 2, 2, 2, 1, 1];
        let taken = orders.map(|every_nth| u8::from(sieve.takes(every_nth)));
        assert_eq!(taken, [1, 0, 0, 0, 1, 0, 1, 0, 1, 1]);
    }

    #[test]
    fn the_level_says_what_can_be_done() {
        let control = LoadControl::new();
        assert_eq!(control.load(true), LoadShedding::default());
        control.order(LoadShedding {
            level: SheddingLevel::Lite,
            every_nth: 3,
        });
        assert_eq!(control.load(true).level, SheddingLevel::Lite);
        assert_eq!(control.load(false).level, SheddingLevel::Skip);
        control.order(LoadShedding {
            level: SheddingLevel::Skip,
            every_nth: 0,
        });
        assert_eq!(control.load(true), LoadShedding::default());
    }
}
