//! What a person sees of a training.

use super::block::Show;
use super::canvas::Canvas;
use super::history::History;
use super::{Unit, duration, line};

/// Sets that are listed; the others are only counted.
const SETS_MAX: usize = 8;

/// Longest name of a set that is shown, in columns.
const NAME_COLUMNS_MAX: usize = 24;

/// Longest chart, in columns.
const CHART_COLUMNS_MAX: usize = 60;

/// A time without a step that a person should know of, in seconds.
const SILENCE_S: f64 = 60.0;

/// What a step tells. Numbers that are unknown are NaN.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Steps that the run will take.
    pub steps: u64,
    /// Smoothed total loss.
    pub loss: f64,
    /// Its part that comes from the classes.
    pub loss_class: f64,
    /// Its part that comes from the boxes.
    pub loss_box: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Training speed.
    pub images_per_s: f64,
    /// Time since the training began, in seconds.
    pub elapsed_s: f64,
    /// Time that it will still take, in seconds.
    pub remaining_s: f64,
}

/// How well the network did on one set.
#[derive(Clone, Debug)]
struct Score {
    name: String,
    map: f64,
    map50: f64,
    best_map: f64,
    best_step: u64,
}

/// The state of a training, as far as a person sees it.
#[derive(Clone, Debug, Default)]
pub struct TrainingState {
    last: Option<StepReport>,
    losses: History,
    scores: Vec<Score>,
    silence_s: f64,
}

impl TrainingState {
    /// Takes in a step.
    pub fn step(&mut self, report: StepReport) {
        self.losses.push(report.elapsed_s, report.loss);
        self.last = Some(report);
        self.silence_s = 0.0;
    }

    /// Takes in the measure of a set: mean average precision over IoU 0.5 to 0.95 and at 0.5.
    pub fn evaluated(&mut self, set: &str, map: f64, map50: f64) {
        let step = self.last.map_or(0, |report| report.step);
        let found = self.scores.iter_mut().find(|score| score.name == set);
        let Some(score) = found else {
            self.scores.push(Score {
                name: set.to_owned(),
                map,
                map50,
                best_map: map,
                best_step: step,
            });
            return;
        };
        (score.map, score.map50) = (map, map50);
        if map > score.best_map || score.best_map.is_nan() {
            (score.best_map, score.best_step) = (map, step);
        }
    }

    /// Says how long there has been no step, in seconds.
    pub fn set_silence(&mut self, silence_s: f64) {
        self.silence_s = silence_s.max(0.0);
    }

    /// Bar, percent and steps.
    fn bar_line(report: &StepReport, canvas: Canvas) -> String {
        let (step, steps) = (report.step, report.steps.max(report.step));
        let share = step as f64 / steps.max(1) as f64;
        let percent = (share * 100.0) as u64;
        let text = format!(" {percent:>3} %  {step}/{steps}");
        let columns = canvas.columns.saturating_sub("train ".len() + text.len());
        if columns < 8 {
            return format!("train{text}");
        }
        format!("train {}{text}", canvas.bar(columns, share))
    }

    /// Time and speed. Between two steps the clock goes on.
    fn time_line(&self, report: &StepReport) -> String {
        let is_running = report.remaining_s > 1.0;
        let gone_s = if is_running { self.silence_s } else { 0.0 };
        let mut parts = Vec::new();
        if report.elapsed_s.is_finite() {
            parts.push(format!("elapsed {}", duration(report.elapsed_s + gone_s)));
        }
        if report.remaining_s.is_finite() {
            parts.push(format!(
                "{} left",
                duration((report.remaining_s - gone_s).max(0.0))
            ));
        }
        if report.images_per_s.is_finite() {
            parts.push(format!("{:.1} images/s", report.images_per_s));
        }
        if gone_s >= SILENCE_S {
            parts.push(format!("no step for {}", duration(gone_s)));
        }
        parts.join(", ")
    }

    /// The course of the loss.
    fn chart_line(&self, canvas: Canvas) -> Option<String> {
        let all = self.losses.means(CHART_COLUMNS_MAX);
        let finite = all.iter().copied().filter(|mean| mean.is_finite());
        let low = finite.clone().reduce(f64::min);
        let high = finite.reduce(f64::max);
        let (Some(low), Some(high), 2..) = (low, high, all.len()) else {
            return None;
        };
        let (low, high) = (number(low), number(high));
        let text = format!("  {low} to {high} in {}", duration(self.losses.span_s()));
        let columns = canvas.columns.saturating_sub(text.len());
        let means = self.losses.means(columns.min(CHART_COLUMNS_MAX));
        Some(format!("{}{text}", canvas.sparkline(&means)))
    }

    /// A table with a row for each set.
    fn score_lines(&self) -> Vec<String> {
        if self.scores.is_empty() {
            return Vec::new();
        }
        let cut = |name: &str| name.chars().take(NAME_COLUMNS_MAX).collect::<String>();
        let shown = self.scores.get(..SETS_MAX).unwrap_or(&self.scores);
        let columns = shown.iter().map(|score| cut(&score.name).chars().count());
        let columns = columns.max().unwrap_or(0).max("set".len());
        let mut lines = vec![format!(
            "{:columns$} {:>6} {:>7} {:>6} {:>8}",
            "set", "mAP", "mAP@0.5", "best", "at step"
        )];
        lines.extend(shown.iter().map(|score| {
            let (map, map50) = (precision(score.map), precision(score.map50));
            let (best, step) = (precision(score.best_map), score.best_step);
            let name = cut(&score.name);
            format!("{name:columns$} {map:>6} {map50:>7} {best:>6} {step:>8}")
        }));
        let more = self.scores.len() - shown.len();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    }
}

impl Show for TrainingState {
    fn lines(&self, canvas: Canvas) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.last {
            Some(report) => {
                lines.push(Self::bar_line(report, canvas));
                lines.push(self.time_line(report));
                lines.push(losses(report));
                lines.extend(self.chart_line(canvas));
            }
            None => lines.push("train: no step yet".into()),
        }
        lines.extend(self.score_lines());
        lines.retain(|line| !line.is_empty());
        lines.iter().map(|line| canvas.fit(line)).collect()
    }

    fn line(&self) -> Option<String> {
        let report = self.last.as_ref()?;
        let mut text = losses(report);
        if report.images_per_s.is_finite() {
            text += &format!("  {:.1} images/s", report.images_per_s);
        }
        text += &format!("  {} left", duration(report.remaining_s));
        let steps = report.steps.max(report.step);
        Some(line("train", Unit::Steps, report.step, steps, &text))
    }
}

/// The losses of the last step, and its learning rate where it is known.
fn losses(report: &StepReport) -> String {
    let (loss, class) = (number(report.loss), number(report.loss_class));
    let boxes = number(report.loss_box);
    let mut text = format!("loss {loss} (class {class}, box {boxes})");
    if report.learning_rate.is_finite() {
        text += &format!("  rate {:.2e}", report.learning_rate);
    }
    text
}

/// A loss in few columns, whatever its size.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (0.001..10_000.0).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.2e}")
    }
}

/// A mean average precision; a dash where there is none.
fn precision(value: f64) -> String {
    if value.is_nan() {
        "-".into()
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
#[path = "training_tests.rs"]
mod tests;
