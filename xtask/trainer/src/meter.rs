//! Smooths and reports how the steps go.

use crate::events::send;
use crate::schedule::{Budget, Progress};
use std::time::{Duration, Instant};
use xtask::train_job::TrainEvent;

/// Steps over which the reported loss is smoothed.
const SMOOTHING_STEPS: f64 = 20.0;

/// Time between reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// One optimiser step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Loss of the classes.
    pub class: f64,
    /// Loss of the boxes.
    pub boxes: f64,
    /// Length of the gradient.
    pub norm: f64,
    /// Learning rate.
    pub rate: f64,
    /// Seconds spent waiting for samples.
    pub waited_s: f64,
}

/// Smooths what is reported.
pub struct Meter {
    start: Instant,
    begun: Progress,
    reported: Option<Instant>,
    steps: f64,
    class: f64,
    boxes: f64,
    waited_s: f64,
}

impl Meter {
    /// A meter for a run that has come so far already.
    pub fn new(begun: Progress) -> Self {
        Self {
            start: Instant::now(),
            begun,
            reported: None,
            steps: 0.0,
            class: 0.0,
            boxes: 0.0,
            waited_s: 0.0,
        }
    }

    /// Takes note of a step.
    pub fn add(&mut self, step: &Step) {
        self.steps += 1.0;
        let share = 1.0 / self.steps.min(SMOOTHING_STEPS);
        self.class += (step.class - self.class) * share;
        self.boxes += (step.boxes - self.boxes) * share;
        self.waited_s += step.waited_s;
    }

    /// Smoothed losses of classes and boxes.
    pub fn losses(&self) -> (f64, f64) {
        (self.class, self.boxes)
    }

    /// Sends at most one event a second, and one for the last step; returns whether it did.
    pub fn report(&mut self, budget: &Budget, progress: &Progress, batch: u32, rate: f64) -> bool {
        let is_early = self.reported.is_some_and(|at| at.elapsed() < REPORT_EVERY);
        if is_early && budget.share(progress) < 1.0 {
            return false;
        }
        self.reported = Some(Instant::now());
        let seconds = (progress.seconds - self.begun.seconds).max(1e-9);
        let batches = progress.batches - self.begun.batches;
        send(&TrainEvent::Step {
            step: progress.batches,
            steps: budget.steps_expected(progress),
            loss: self.class + self.boxes,
            loss_class: self.class,
            loss_box: self.boxes,
            images_per_s: (batches * u64::from(batch)) as f64 / seconds,
            elapsed_s: self.start.elapsed().as_secs_f64(),
            remaining_s: budget.seconds_left(progress),
            learning_rate: rate,
            waited: self.waited(progress),
        });
        true
    }

    /// Share of the training time that was spent waiting for samples.
    pub fn waited(&self, progress: &Progress) -> f64 {
        let seconds = (progress.seconds - self.begun.seconds).max(1e-9);
        self.waited_s / seconds
    }
}
