//! The two clocks of a detection: the monotonic one that frames are stamped with,
//! and the wall clock that people and logs read.

use std::time::{Duration, Instant};

/// How long an answer of the kernel about synchronisation stays good. The question
/// is a system call with no fast path, so it is not asked for every frame.
const SYNCHRONISATION_CHECK_INTERVAL: Duration = Duration::from_secs(1);

const NS_PER_S: u64 = 1_000_000_000;

/// Time on CLOCK_MONOTONIC in nanoseconds: the clock that camera drivers stamp frames with.
pub fn monotonic_ns() -> u64 {
    read_ns(libc::CLOCK_MONOTONIC)
}

/// Time on the wall clock in nanoseconds since 1970 UTC, 0 when the clock is set before that.
pub fn unix_ns() -> u64 {
    read_ns(libc::CLOCK_REALTIME)
}

fn read_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec that the call fills.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    // Both clocks exist on every Linux, so the call fails only for a bad pointer.
    debug_assert_eq!(status, 0, "clock_gettime of a standard clock failed");
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(NS_PER_S).saturating_add(nanoseconds)
}

/// Whether the kernel says that the wall clock is kept right by a time service (NTP, PTP, GPS).
/// A kernel that cannot be asked counts as not synchronised.
pub fn wall_clock_synchronised() -> bool {
    // SAFETY: timex is plain numbers, for which all zeros is a valid value.
    let mut request: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `request` is valid, and modes == 0 means that the clock is only read.
    let state = unsafe { libc::adjtimex(&mut request) };
    state >= 0 && state != libc::TIME_ERROR && request.status & libc::STA_UNSYNC == 0
}

/// A moment on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    /// Nanoseconds since 1970 UTC.
    pub unix_ns: u64,
    /// Whether the kernel said, at most a second ago, that the wall clock is synchronised.
    pub synchronised: bool,
}

/// Tells the wall time of moments that were stamped on the monotonic clock.
///
/// The distance between the two clocks is measured anew at every question, so that a step
/// of the wall clock (the first GPS fix after a cold start) shows in the very next frame.
#[derive(Debug)]
pub struct WallClock {
    synchronised: bool,
    checked_at: Instant,
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl WallClock {
    /// A wall clock that has just asked the kernel whether it is synchronised.
    pub fn new() -> Self {
        Self {
            synchronised: wall_clock_synchronised(),
            checked_at: Instant::now(),
        }
    }

    /// The wall time of a moment given in nanoseconds on CLOCK_MONOTONIC.
    pub fn at(&mut self, monotonic_ns: u64) -> WallTime {
        if self.checked_at.elapsed() >= SYNCHRONISATION_CHECK_INTERVAL {
            self.synchronised = wall_clock_synchronised();
            self.checked_at = Instant::now();
        }
        let (monotonic_now, unix_now) = both_clocks();
        let unix_ns = shift(monotonic_ns, monotonic_now, unix_now);
        WallTime {
            unix_ns,
            synchronised: self.synchronised,
        }
    }
}

/// One moment on both clocks: monotonic, wall. Of three attempts the tightest counts, so that
/// a thread that was put to sleep between two readings does not stamp a frame wrongly.
fn both_clocks() -> (u64, u64) {
    let attempt = || {
        let before = monotonic_ns();
        let unix = unix_ns();
        let width = monotonic_ns() - before;
        (width, before + width / 2, unix)
    };
    let (_, monotonic, unix) = attempt().min(attempt()).min(attempt());
    (monotonic, unix)
}

/// Carries `moment` over from a clock that shows `from` to one that shows `to` right now.
fn shift(moment: u64, from: u64, to: u64) -> u64 {
    if moment <= from {
        to.saturating_sub(from - moment)
    } else {
        // A frame stamped ahead of now is a source paced by its own clock.
        to.saturating_add(moment - from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn monotonic_clock_never_runs_backwards() {
        let readings: Vec<u64> = (0..1000).map(|_| monotonic_ns()).collect();
        assert!(readings.is_sorted());
        assert!(readings[0] > 0);
    }

    #[test]
    fn wall_clock_agrees_with_the_standard_library() {
        let before = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_nanos() as u64;
        let ours = unix_ns();
        let after = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_nanos() as u64;
        assert!(
            before <= ours && ours <= after,
            "{before} <= {ours} <= {after}"
        );
    }

    #[test]
    fn moments_keep_their_distance_across_the_clocks() {
        assert_eq!(shift(70, 100, 1_000_100), 1_000_070);
        assert_eq!(shift(130, 100, 1_000_100), 1_000_130);
        assert_eq!(shift(0, 100, 40), 0, "a wall clock set near 1970 saturates");
        assert_eq!(shift(u64::MAX, 0, u64::MAX), u64::MAX);
    }

    #[test]
    fn an_hour_on_one_clock_is_an_hour_on_the_other() {
        const HOUR_NS: u64 = 3600 * NS_PER_S;
        let mut clock = WallClock::new();
        let now = monotonic_ns();
        let difference = clock
            .at(now + HOUR_NS)
            .unix_ns
            .abs_diff(clock.at(now).unix_ns);
        // A minute's grace, for a time service may step the clock between the two questions.
        assert!(difference.abs_diff(HOUR_NS) < 60 * NS_PER_S, "{difference}");
    }
}
