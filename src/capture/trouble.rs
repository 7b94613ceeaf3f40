//! How a supervisor meets trouble: how long it waits and how often it tells.

use std::collections::VecDeque;
use std::time::Duration;

/// The pause before the next attempt to open: doubles up to a ceiling.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `min` to `max`.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            next: min,
        }
    }

    /// The pause to make now; the one after is longer.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.max);
        pause
    }

    /// Starts over after a recovery.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
    }
}

impl Default for Backoff {
    /// Short enough that a replugged camera is back at once, with a ceiling that costs no
    /// measurable processor time while it is away, and lets it be seen through again within two
    /// seconds however long it was.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(1))
    }
}

/// Remembers what was already told since the last recovery.
///
/// Several texts, not only the last one, because trouble takes turns: a loose plug is
/// first "unplugged", then "no such device", and round again all night.
#[derive(Debug, Default)]
pub(super) struct TroubleLog {
    told: VecDeque<String>,
    repeating: bool,
    repeats: u64,
}

impl TroubleLog {
    const TOLD_MAX: usize = 8;

    /// Notes a failure.
    pub(super) fn note(&mut self, text: &str) {
        self.repeating = self.told.iter().any(|told| told == text);
        if self.repeating {
            self.repeats += 1;
            return;
        }
        if self.told.len() == Self::TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(text.to_owned());
    }

    /// Whether the present trouble was told before, so that its lines are noise.
    pub(super) fn is_repeating(&self) -> bool {
        self.repeating
    }

    /// Forgets all. When the log was silent, gives the number of failures that it kept
    /// to itself, so that the recovery can be told.
    pub(super) fn recover(&mut self) -> Option<u64> {
        self.told.clear();
        let repeats = std::mem::take(&mut self.repeats);
        self.repeating = false;
        (repeats > 0).then_some(repeats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_to_its_ceiling_and_starts_over() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 100);
    }

    #[test]
    fn trouble_that_takes_turns_is_told_once() {
        let mut log = TroubleLog::default();
        let mut told = Vec::new();
        for text in ["a", "b", "a", "b", "c", "a"] {
            log.note(text);
            told.push(!log.is_repeating());
        }
        assert_eq!(told, [true, true, false, false, true, false]);
        assert_eq!(log.recover(), Some(3));
        assert!(!log.is_repeating());
        assert_eq!(log.recover(), None);
        log.note("a");
        assert!(!log.is_repeating());
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut log = TroubleLog::default();
        for number in 0..1000 {
            log.note(&number.to_string());
            assert!(log.told.len() <= TroubleLog::TOLD_MAX);
        }
    }
}
