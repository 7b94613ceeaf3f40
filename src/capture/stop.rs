//! The flag that ends a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a sleeper is deaf: the delay between a stop and the end of its sleep.
const SLICE: Duration = Duration::from_millis(20);

/// A shared flag, raised once, that asks every thread to end. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. Safe to call more than once.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is raised.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The flag itself, for a signal handler, which may only touch atomics.
    pub fn as_atomic(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Sleeps for `duration`, or until the flag is raised, noticed within 50 ms.
    /// Returns whether the whole time passed without a stop.
    ///
    /// Sleeping in slices, not on a condition variable, because the flag may be raised
    /// from a signal handler, where a condition variable must not be touched.
    pub fn sleep_unless_stopped(&self, duration: Duration) -> bool {
        let begin = Instant::now();
        while !self.is_stopped() {
            let left = duration.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(SLICE));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_and_the_atomic_share_one_flag() {
        let flag = StopFlag::new();
        let other = flag.clone();
        assert!(flag.sleep_unless_stopped(Duration::from_millis(1)));
        other.as_atomic().store(true, Ordering::Release);
        assert!(flag.is_stopped());
        assert!(!flag.sleep_unless_stopped(Duration::from_secs(3600)));
    }

    #[test]
    fn a_stop_ends_a_long_sleep() {
        let flag = StopFlag::new();
        let other = flag.clone();
        let sleeper = thread::spawn(move || other.sleep_unless_stopped(Duration::from_secs(3600)));
        flag.stop();
        // A sleeper that ignored the stop would hang the test for an hour.
        assert!(matches!(sleeper.join(), Ok(false)));
    }
}
