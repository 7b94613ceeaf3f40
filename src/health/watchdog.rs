//! Decides when the watchdog of the service manager is fed.

use crate::pipeline::Vitals;
use std::time::Duration;

/// Feeds once in this share of the watchdog's period, so that one feeding that is late by as
/// much again is still in time.
const SHARE: u64 = 4;

/// Feeds only for a sign of life: a frame newer than the one fed for before, and its inference.
///
/// There is one exception: while there is no such camera, a restart cannot help and would only
/// hide why nobody sees. A camera that is there but gives nothing lets the watchdog bite, since
/// a restart is the last remedy against a driver that is stuck.
#[derive(Debug)]
pub struct Feeder {
    period_ns: u64,
    fed_at_ns: u64,
    fed_for_ns: Option<u64>,
}

impl Feeder {
    /// A feeder of a watchdog that bites after `period`; it counts from `now_ns` on.
    pub fn new(period: Duration, now_ns: u64) -> Self {
        Self {
            period_ns: u64::try_from(period.as_nanos()).unwrap_or(u64::MAX),
            fed_at_ns: now_ns,
            fed_for_ns: None,
        }
    }

    /// Whether the watchdog is to be fed now. Ask a few times in a period; who is told yes feeds.
    pub fn is_due(&mut self, now_ns: u64, vitals: &Vitals) -> bool {
        let seen_ns = vitals.times.newest_seen_ns;
        let is_alive = seen_ns > self.fed_for_ns || vitals.capture.is_absent;
        if !is_alive || now_ns.saturating_sub(self.fed_at_ns) < self.period_ns / SHARE {
            return false;
        }
        self.fed_at_ns = now_ns;
        self.fed_for_ns = seen_ns;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn vitals(seen_s: Option<u64>, is_absent: bool) -> Vitals {
        let mut vitals = Vitals::default();
        vitals.times.newest_seen_ns = seen_s.map(|seconds| seconds * SECOND_NS);
        vitals.capture.is_absent = is_absent;
        vitals
    }

    /// The seconds at which the watchdog is fed, asked once a second.
    fn feedings(seconds: u64, vitals_at: impl Fn(u64) -> Vitals) -> Vec<u64> {
        let mut feeder = Feeder::new(Duration::from_secs(20), 0);
        (1..=seconds)
            .filter(|&second| feeder.is_due(second * SECOND_NS, &vitals_at(second)))
            .collect()
    }

    #[test]
    fn a_run_that_sees_feeds_four_times_in_a_period() {
        let fed = feedings(20, |second| vitals(Some(second), false));
        assert_eq!(fed, [5, 10, 15, 20]);
    }

    #[test]
    fn a_run_that_sees_nothing_does_not_feed() {
        assert!(feedings(100, |_| vitals(None, false)).is_empty());
        let frozen = feedings(100, |second| vitals(Some(second.min(7)), false));
        assert_eq!(frozen, [5, 10], "the last for the frame of second 7");
    }

    #[test]
    fn the_same_frame_again_is_no_sign_of_life() {
        assert_eq!(feedings(100, |_| vitals(Some(1), false)), [5]);
    }

    #[test]
    fn slow_looks_feed_when_they_are_through() {
        let slow = feedings(40, |second| vitals(Some(second / 9 * 9), false));
        assert_eq!(slow, [5, 10, 18, 27, 36]);
    }

    #[test]
    fn while_there_is_no_camera_a_restart_cannot_help() {
        let fed = feedings(30, |second| vitals(Some(1), (10..26).contains(&second)));
        assert_eq!(fed, [5, 10, 15, 20, 25]);
    }
}
