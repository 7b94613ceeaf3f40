//! Judges how a run is, from what it counts. Knows no clock: times are told.
//!
//! - **starting** until the first frame has been looked at, for so long as that may take.
//! - **blind** when no frame comes, told at most a second after one was expected; when the
//!   detector does not come to an end with one; when none that comes can be looked at.
//! - **degraded** when frames are looked at, but slowly, in heat, with losses, or not all of them.
//!   A slow detector whose frames arrive is degraded and never blind.
//! - **ok** otherwise. **failed** is for the end of a run, which nobody needs to judge.
//!
//! Out of blindness leads only a frame that was looked at, so that a camera that dies after a
//! frame or two, again and again, does not look as if it saw.

use super::learned::{Learned, at_it_ns};
use super::losses::Losses;
use super::reason::Reason;
use super::shedding::SheddingCause;
use super::state::HealthState;
use crate::capture::CaptureState;
use crate::detection::SheddingLevel;
use crate::pipeline::Vitals;
use crate::source::Pace;
use crate::thermal::Heat;
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;

/// How long the first frame may take: cameras need time to start, and drivers to load.
const FIRST_FRAME_NS_MAX: u64 = 5 * SECOND_NS;

/// How long the first look may take.
const FIRST_LOOK_NS_MAX: u64 = 60 * SECOND_NS;

/// A look that takes longer is slow.
const SLOW_NS: u64 = 900_000_000;

/// A detector that was slow is not any more when a look takes less.
const FAST_NS: u64 = 700_000_000;

/// So many degrees below the limit a processor that was hot is not any more.
const COOL_BELOW_CELSIUS: f64 = 5.0;

/// A run as it is seen at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The moment, on CLOCK_MONOTONIC.
    pub now_ns: u64,
    /// What the run counts.
    pub vitals: &'a Vitals,
    /// How hot the board is.
    pub heat: &'a Heat,
    /// What work is being left out for.
    pub shedding_cause: Option<&'a SheddingCause>,
}

/// What is to be said of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it is.
    pub state: HealthState,
    /// Why; empty when all is well.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// With one reason.
    pub fn because(state: HealthState, reason: Reason) -> Self {
        Self {
            state,
            reasons: vec![reason],
        }
    }

    /// Adds what is wrong beside seeing. Who does not see has worse to tell.
    pub(super) fn degrade(&mut self, reason: Reason) {
        if matches!(self.state, HealthState::Ok | HealthState::Degraded) {
            self.state = HealthState::Degraded;
            self.reasons.push(reason);
        }
    }

    /// Whether both say the same but for numbers.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        let pairs = self.reasons.iter().zip(&other.reasons);
        self.state == other.state
            && self.reasons.len() == other.reasons.len()
            && pairs.into_iter().all(|(a, b)| a.is_same_kind(b))
    }
}

/// Judges one run. Ask it ten times a second.
#[derive(Debug)]
pub struct Judge {
    pace: Pace,
    celsius_max: f64,
    state: HealthState,
    learned: Learned,
    losses: Losses,
    is_hot: bool,
    is_slow: bool,
}

impl Judge {
    /// Of a run whose source has this pace. Processors count as hot from `celsius_max` on.
    pub fn new(pace: Pace, celsius_max: f64) -> Self {
        Self {
            pace,
            celsius_max,
            state: HealthState::Starting,
            learned: Learned::default(),
            losses: Losses::default(),
            is_hot: false,
            is_slow: false,
        }
    }

    /// What is to be said now.
    pub fn observe(&mut self, seen: &Observation<'_>) -> Verdict {
        self.learned.observe(seen.vitals);
        let degraded = self.degraded(seen);
        let verdict = match self.starting(seen) {
            Some(verdict) => verdict,
            None => match self.blind(seen) {
                Some(reason) => Verdict::because(HealthState::Blind, reason),
                None if degraded.is_empty() => Verdict {
                    state: HealthState::Ok,
                    reasons: degraded,
                },
                None => Verdict {
                    state: HealthState::Degraded,
                    reasons: degraded,
                },
            },
        };
        self.state = verdict.state;
        verdict
    }

    /// Before the first publication.
    fn starting(&self, seen: &Observation<'_>) -> Option<Verdict> {
        let times = &seen.vitals.times;
        if times.first_publication_ns.is_some() {
            return None;
        }
        // Who has been called blind sees again only with a publication.
        let state = match self.state {
            HealthState::Blind => HealthState::Blind,
            _ => HealthState::Starting,
        };
        let starting = |reason| Some(Verdict::because(state, reason));
        let blind = |reason| Some(Verdict::because(HealthState::Blind, reason));
        let since = |ns: u64| seen.now_ns.saturating_sub(ns);
        let (Some(first_ns), Some(newest_ns)) = (times.first_frame_ns, times.newest_frame_ns)
        else {
            return if since(times.ready_ns) < FIRST_FRAME_NS_MAX {
                starting(Reason::NoFrameYet)
            } else {
                blind(no_frame(seen, None))
            };
        };
        match at_it_ns(times, seen.now_ns) {
            Some(at_it_ns) if at_it_ns < FIRST_LOOK_NS_MAX => starting(Reason::NoInferenceYet),
            Some(at_it_ns) => blind(Reason::DetectorStuck {
                at_it: Duration::from_nanos(at_it_ns),
            }),
            None if since(newest_ns) >= FIRST_FRAME_NS_MAX => {
                blind(no_frame(seen, Some(since(newest_ns))))
            }
            None if since(first_ns) >= FIRST_FRAME_NS_MAX => {
                blind(Reason::NothingSeen { silence: None })
            }
            None => starting(Reason::NoInferenceYet),
        }
    }

    /// Why nobody looks at the road, after the first publication.
    fn blind(&self, seen: &Observation<'_>) -> Option<Reason> {
        let (vitals, times) = (seen.vitals, &seen.vitals.times);
        let since = |ns: Option<u64>| seen.now_ns.saturating_sub(ns.unwrap_or(0));
        let at_it_ns = at_it_ns(times, seen.now_ns);
        // The last frames of a file may still be looked at, and a source that waits for the
        // detector gives none meanwhile.
        let is_waiting = self.pace == Pace::EveryFrame && at_it_ns.is_some();
        let has_ended = vitals.capture.state == CaptureState::Ended;
        let frame_age_ns = since(times.newest_frame_ns);
        if !has_ended && !is_waiting && frame_age_ns > self.learned.frame_age_ns_max() {
            return Some(no_frame(seen, Some(frame_age_ns)));
        }
        if let Some(at_it_ns) = at_it_ns.filter(|&ns| ns > self.learned.look_ns_max()) {
            let at_it = Duration::from_nanos(at_it_ns);
            return Some(Reason::DetectorStuck { at_it });
        }
        let every_nth = vitals.load.every_nth;
        let silence_ns = since(times.newest_publication_ns);
        if silence_ns <= self.learned.publication_age_ns_max(every_nth) {
            return None;
        }
        match at_it_ns {
            Some(_) if self.state == HealthState::Blind => Some(Reason::Recovering),
            Some(_) => None,
            None => Some(Reason::NothingSeen {
                silence: Some(Duration::from_nanos(silence_ns)),
            }),
        }
    }

    /// What is wrong while frames are looked at.
    fn degraded(&mut self, seen: &Observation<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        reasons.extend(self.slow(seen));
        if seen.heat.is_throttled {
            reasons.push(Reason::Throttled);
        }
        reasons.extend(self.hot(seen.heat));
        if seen.vitals.load.level != SheddingLevel::None {
            reasons.push(Reason::Shedding {
                load: seen.vitals.load,
                cause: seen.shedding_cause.cloned(),
            });
        }
        reasons.extend(self.losses.observe(seen.vitals, seen.now_ns));
        reasons
    }

    fn slow(&mut self, seen: &Observation<'_>) -> Option<Reason> {
        let times = &seen.vitals.times;
        let at_it_ns = at_it_ns(times, seen.now_ns).unwrap_or(0);
        let newest_ns = times.inference_took_ns.unwrap_or(0);
        // Slow is over when a whole row of looks was fast.
        let took_ns = if self.is_slow {
            self.learned.look_ns().max(newest_ns).max(at_it_ns)
        } else {
            newest_ns.max(at_it_ns)
        };
        let limit_ns = if self.is_slow { FAST_NS } else { SLOW_NS };
        self.is_slow = self.pace == Pace::Live && took_ns > limit_ns;
        self.is_slow.then_some(Reason::DetectorSlow {
            took: Duration::from_nanos(took_ns),
        })
    }

    fn hot(&mut self, heat: &Heat) -> Option<Reason> {
        let margin = if self.is_hot { COOL_BELOW_CELSIUS } else { 0.0 };
        let hottest = heat
            .hottest_processor()
            .filter(|zone| zone.celsius >= self.celsius_max - margin);
        self.is_hot = hottest.is_some();
        hottest.map(|zone| Reason::Hot {
            zone: zone.name.clone(),
            celsius: zone.celsius,
        })
    }
}

fn no_frame(seen: &Observation<'_>, silence_ns: Option<u64>) -> Reason {
    let capture = &seen.vitals.capture;
    if capture.is_absent {
        return Reason::CameraAbsent;
    }
    Reason::NoFrame {
        silence: silence_ns.map(Duration::from_nanos),
        capture: capture.state,
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
