//! Progress on standard error: a bar on a terminal, a line now and then anywhere else.

mod block;
mod canvas;
mod history;
mod lines;
mod training;

pub use block::{Block, Show};
pub use canvas::Canvas;
pub use training::{StepReport, TrainingState};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lines::Lines;
use std::io::IsTerminal;

/// What the numbers of a [`Progress`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as MB with the speed and the time left.
    Bytes,
    /// Anything else; the message says the rest.
    Steps,
}

/// One long job.
pub struct Progress {
    label: String,
    unit: Unit,
    total: u64,
    position: u64,
    message: String,
    output: Output,
}

enum Output {
    Bar(ProgressBar),
    Lines(Lines),
}

impl Progress {
    /// Begins a job of `total` units.
    pub fn new(label: &str, unit: Unit, total: u64) -> Self {
        let output = if std::io::stderr().is_terminal() {
            Output::Bar(bar(label, unit, total))
        } else {
            Output::Lines(Lines::new())
        };
        Self {
            label: label.into(),
            unit,
            total,
            position: 0,
            message: String::new(),
            output,
        }
    }

    /// Sets how much is done.
    pub fn set(&mut self, position: u64) {
        self.position = position;
        match &mut self.output {
            Output::Bar(bar) => bar.set_position(position),
            Output::Lines(lines) => {
                let (label, message) = (&self.label, &self.message);
                lines.offer(|| line(label, self.unit, position, self.total, message));
            }
        }
    }

    /// Changes how much there is to do, because the job knows better by now.
    pub fn set_total(&mut self, total: u64) {
        self.total = total;
        if let Output::Bar(bar) = &self.output {
            bar.set_length(total);
        }
    }

    /// Sets the text that goes with the next position.
    pub fn set_message(&mut self, message: &str) {
        if let Output::Bar(bar) = &self.output {
            if self.message.is_empty() {
                bar.set_style(style(self.unit, true));
            }
            bar.set_message(message.to_owned());
        }
        message.clone_into(&mut self.message);
    }

    /// Writes a line that stays, above the bar.
    pub fn note(&self, text: &str) {
        match &self.output {
            Output::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Output::Lines(lines) => lines.write(text),
        }
    }

    /// Ends the job, and leaves its last state on the screen.
    pub fn finish(self) {
        match self.output {
            Output::Bar(bar) => bar.abandon(),
            Output::Lines(_) if self.position == 0 => {}
            Output::Lines(lines) => {
                lines.write(&line(
                    &self.label,
                    self.unit,
                    self.position,
                    self.total,
                    &self.message,
                ));
            }
        }
    }
}

fn bar(label: &str, unit: Unit, total: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(4);
    let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style(unit, false));
    bar.set_prefix(label.to_owned());
    bar
}

fn style(unit: Unit, message: bool) -> ProgressStyle {
    // The templates are constants; if one were wrong, the default still shows progress.
    ProgressStyle::with_template(template(unit, message))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A message gets a line of its own: beside the bar 80 columns are too few for both.
fn template(unit: Unit, message: bool) -> &'static str {
    match (unit, message) {
        (Unit::Bytes, _) => "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        (Unit::Steps, false) => "{prefix} {wide_bar} {pos}/{len}",
        (Unit::Steps, true) => "{prefix} {wide_bar} {pos}/{len}\n  {wide_msg}",
    }
}

/// One line about the state of a job.
fn line(label: &str, unit: Unit, position: u64, total: u64, message: &str) -> String {
    let share = u128::from(position.min(total)) * 100;
    let percent = share.checked_div(u128::from(total)).unwrap_or(100);
    let space = if message.is_empty() { "" } else { "  " };
    match unit {
        Unit::Bytes => {
            let (done, whole) = (position / 1_000_000, total / 1_000_000);
            format!("{label}: {done}/{whole} MB ({percent} %){space}{message}")
        }
        Unit::Steps => format!("{label}: {position}/{total} ({percent} %){space}{message}"),
    }
}

/// A duration for people: `45 s`, `12 min 05 s`, `3 h 20 min`; `?` when it is unknown.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".into();
    }
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    #[test]
    fn lines_say_how_far_it_is() {
        let text = line("torch", Unit::Bytes, 265_000_000, 530_000_000, "");
        assert_eq!(text, "torch: 265/530 MB (50 %)");
        assert_eq!(
            line("train", Unit::Steps, 3, 12, "loss 1"),
            "train: 3/12 (25 %)  loss 1"
        );
        assert_eq!(line("train", Unit::Steps, 0, 0, ""), "train: 0/0 (100 %)");
    }

    #[test]
    fn templates_are_understood() {
        for unit in [Unit::Bytes, Unit::Steps] {
            for message in [false, true] {
                assert!(ProgressStyle::with_template(template(unit, message)).is_ok());
            }
        }
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(65.0), "1 min 05 s");
        assert_eq!(duration(7260.0), "2 h 01 min");
        assert_eq!(duration(f64::NAN), "?");
        assert_eq!(duration(-1.0), "?");
    }

    #[test]
    fn without_a_terminal_lines_are_rare() {
        static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let write: fn(&str) = |line| {
            if let Ok(mut lines) = LINES.lock() {
                lines.push(line.into());
            }
        };
        let output = Output::Lines(Lines {
            every: Duration::from_secs(3600),
            next: Instant::now(),
            write,
        });
        let mut progress = Progress {
            label: "a".into(),
            unit: Unit::Steps,
            total: 100,
            position: 0,
            message: String::new(),
            output,
        };
        for position in 0..=100 {
            progress.set(position);
        }
        progress.finish();
        let lines = LINES.lock().map(|lines| lines.clone()).unwrap_or_default();
        assert_eq!(lines, ["a: 0/100 (0 %)", "a: 100/100 (100 %)"]);
    }
}
