//! How far a run has come, and the learning rate that belongs there.

use serde::{Deserialize, Serialize};

/// Steps over which the rate rises from 0.
const WARM_UP_STEPS: f64 = 150.0;

/// The rate ends at this share of its peak.
const FINAL_SHARE: f64 = 0.01;

/// What ends the training.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Optimiser steps.
    pub steps: Option<u64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
}

/// How far a run has come, earlier sessions of it included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Batches shown.
    pub batches: u64,
    /// Seconds of training.
    pub seconds: f64,
}

impl Budget {
    /// Share of the budget that is used, `0..=1`.
    pub fn share(&self, progress: &Progress) -> f64 {
        let steps = self
            .steps
            .map_or(0.0, |steps| progress.batches as f64 / steps.max(1) as f64);
        let seconds = self
            .seconds
            .map_or(0.0, |seconds| progress.seconds / seconds.max(1e-9));
        steps.max(seconds).min(1.0)
    }

    /// Steps that the run will take in all, as far as its speed so far tells.
    pub fn steps_expected(&self, progress: &Progress) -> u64 {
        let share = self.share(progress);
        if share <= 0.0 {
            return self.steps.unwrap_or(0);
        }
        (progress.batches as f64 / share).round() as u64
    }

    /// Seconds that are left, as far as the speed so far tells.
    pub fn seconds_left(&self, progress: &Progress) -> f64 {
        let share = self.share(progress);
        if share <= 0.0 {
            return self.seconds.unwrap_or(0.0);
        }
        progress.seconds / share * (1.0 - share)
    }
}

/// The learning rate: a short warm-up, then half a cosine down.
pub fn rate(peak: f64, budget: &Budget, progress: &Progress) -> f64 {
    let warm = ((progress.batches as f64 + 1.0) / WARM_UP_STEPS).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * budget.share(progress)).cos());
    peak * warm * (FINAL_SHARE + (1.0 - FINAL_SHARE) * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_reached_counts() {
        let budget = Budget {
            steps: Some(100),
            seconds: Some(1000.0),
        };
        assert_eq!(
            budget.share(&Progress {
                batches: 50,
                seconds: 100.0
            }),
            0.5
        );
        assert_eq!(
            budget.share(&Progress {
                batches: 10,
                seconds: 900.0
            }),
            0.9
        );
        assert_eq!(
            budget.share(&Progress {
                batches: 200,
                seconds: 0.0
            }),
            1.0
        );
        let half = Progress {
            batches: 50,
            seconds: 100.0,
        };
        assert_eq!(budget.steps_expected(&half), 100);
        assert_eq!(budget.seconds_left(&half), 100.0);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let budget = Budget {
            steps: Some(10_000),
            seconds: None,
        };
        let at = |batches| {
            rate(
                1.0,
                &budget,
                &Progress {
                    batches,
                    seconds: 0.0,
                },
            )
        };
        assert!(at(0) < 0.01 && at(200) > 0.99 && at(5000) < 0.52 && at(10_000) < 0.011);
    }
}
