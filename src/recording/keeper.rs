//! Which time is to be kept, as plain data: knows no files and no clock.

use std::time::Duration;

/// The most reasons that one time is kept for; later ones extend it without being named.
const REASONS_MAX: usize = 16;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// A time that is kept, on CLOCK_MONOTONIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// From here.
    pub(super) from_ns: u64,
    /// Up to here.
    pub(super) until_ns: u64,
    /// Why.
    pub(super) reasons: Vec<String>,
}

impl Window {
    /// Whether something of this time is to be kept.
    pub(super) fn overlaps(&self, span_ns: (u64, u64)) -> bool {
        span_ns.0 <= self.until_ns && span_ns.1 >= self.from_ns
    }
}

/// Puts moments that overlap together to one time.
#[derive(Debug)]
pub(super) struct Keeper {
    before_ns: u64,
    after_ns: u64,
    window: Option<Window>,
}

impl Keeper {
    pub(super) fn new(before: Duration, after: Duration) -> Self {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            before_ns: ns(before),
            after_ns: ns(after),
            window: None,
        }
    }

    /// Keeps what is around `now_ns`. Gives the start of what has not been kept yet and is
    /// over already: segments before now are to be looked through from there.
    pub(super) fn keep(&mut self, now_ns: u64, reason: &str) -> u64 {
        let from_ns = now_ns.saturating_sub(self.before_ns);
        let until_ns = now_ns.saturating_add(self.after_ns);
        let window = match &mut self.window {
            Some(window) if from_ns <= window.until_ns => {
                window.until_ns = window.until_ns.max(until_ns);
                window
            }
            other => other.insert(Window {
                from_ns,
                until_ns,
                reasons: Vec::new(),
            }),
        };
        if window.reasons.len() < REASONS_MAX {
            let end = reason.floor_char_boundary(REASON_BYTES_MAX);
            window.reasons.push(reason[..end].to_owned());
        }
        from_ns
    }

    /// The moment that is kept lasts until `now_ns`.
    pub(super) fn extend(&mut self, now_ns: u64) {
        if let Some(window) = &mut self.window
            && now_ns <= window.until_ns
        {
            window.until_ns = window.until_ns.max(now_ns.saturating_add(self.after_ns));
        }
    }

    /// The newest time that is kept.
    pub(super) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const S: u64 = 1_000_000_000;

    fn keeper() -> Keeper {
        Keeper::new(Duration::from_secs(20), Duration::from_secs(10))
    }

    #[test]
    fn a_moment_is_kept_with_what_is_around_it() {
        let mut keeper = keeper();
        assert_eq!(keeper.keep(100 * S, "a"), 80 * S);
        let window = keeper.window().unwrap();
        assert_eq!((window.from_ns, window.until_ns), (80 * S, 110 * S));
        assert!(window.overlaps((0, 80 * S)) && window.overlaps((110 * S, 120 * S)));
        assert!(!window.overlaps((0, 79 * S)) && !window.overlaps((111 * S, 120 * S)));
    }

    #[test]
    fn overlapping_moments_extend_and_others_begin_anew() {
        let mut keeper = keeper();
        keeper.keep(100 * S, "a");
        keeper.extend(109 * S);
        keeper.keep(130 * S, "b");
        let window = keeper.window().unwrap();
        assert_eq!((window.from_ns, window.until_ns), (80 * S, 140 * S));
        assert_eq!(window.reasons, ["a", "b"]);
        keeper.extend(150 * S);
        assert_eq!(keeper.window().unwrap().until_ns, 140 * S, "it was over");
        keeper.keep(200 * S, "c");
        let window = keeper.window().unwrap();
        assert_eq!((window.from_ns, window.reasons.len()), (180 * S, 1));
    }

    #[test]
    fn numbers_and_texts_have_limits() {
        let mut keeper = keeper();
        keeper.keep(3, "a");
        keeper.keep(u64::MAX, "b");
        for _ in 0..100 {
            keeper.keep(u64::MAX, &"ä".repeat(500));
        }
        let window = keeper.window().unwrap();
        assert_eq!(window.reasons.len(), REASONS_MAX);
        assert_eq!(window.reasons[5].len(), REASON_BYTES_MAX);
    }
}
