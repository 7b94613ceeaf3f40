//! How far a run has come, and the learning rate that belongs there.

use serde::{Deserialize, Serialize};
use xtask::recipe::ScheduleRecipe;

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
    /// Share of the budget that was left out because nothing got better any more.
    #[serde(default)]
    pub skipped: f64,
}

impl Budget {
    /// Share of the budget that is used or left out, `0..=1`.
    pub fn share(&self, progress: &Progress) -> f64 {
        (self.used(progress) + progress.skipped).min(1.0)
    }

    fn used(&self, progress: &Progress) -> f64 {
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
pub fn rate(schedule: &ScheduleRecipe, budget: &Budget, progress: &Progress) -> f64 {
    let warm_up = f64::from(schedule.warm_up_steps.max(1));
    let warm = ((progress.batches as f64 + 1.0) / warm_up).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * budget.share(progress)).cos());
    let end = schedule.learning_rate_end;
    schedule.learning_rate * warm * (end + (1.0 - end) * cosine)
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
                seconds: 100.0,
                skipped: 0.0
            }),
            0.5
        );
        assert_eq!(
            budget.share(&Progress {
                batches: 10,
                seconds: 900.0,
                skipped: 0.0
            }),
            0.9
        );
        assert_eq!(
            budget.share(&Progress {
                batches: 200,
                seconds: 0.0,
                skipped: 0.0
            }),
            1.0
        );
        let half = Progress {
            batches: 50,
            seconds: 100.0,
            skipped: 0.0,
        };
        assert_eq!(budget.steps_expected(&half), 100);
        assert_eq!(budget.seconds_left(&half), 100.0);
        let stopped_early = Progress {
            skipped: 0.25,
            ..half
        };
        assert_eq!(budget.share(&stopped_early), 0.75);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let budget = Budget {
            steps: Some(10_000),
            seconds: None,
        };
        let at = |batches| {
            let progress = Progress {
                batches,
                ..Progress::default()
            };
            let schedule = ScheduleRecipe {
                learning_rate: 1.0,
                ..ScheduleRecipe::default()
            };
            rate(&schedule, &budget, &progress)
        };
        assert!(at(0) < 0.01 && at(200) > 0.99 && at(5000) < 0.52 && at(10_000) < 0.011);
    }
}
