//! A few lines that stay at the foot of a terminal and change in place.

use super::canvas::{Canvas, printable};
use super::lines::Lines;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two pictures of the block.
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);

/// Where something can show its state: as lines that are drawn anew on a terminal, as a single
/// line now and then anywhere else.
pub struct Block {
    output: Output,
}

enum Output {
    Screen { bar: ProgressBar, next: Instant },
    Lines(Lines),
}

/// Something that can be shown.
pub trait Show {
    /// The whole state, for a terminal.
    fn lines(&self, canvas: Canvas) -> Vec<String>;
    /// What matters most, in one line; nothing as long as there is nothing to say.
    fn line(&self) -> Option<String>;
}

impl Block {
    /// An empty block on standard error.
    pub fn new() -> Self {
        let output = if std::io::stderr().is_terminal() {
            // The block keeps its own pace; this one only must not be slower.
            let target = ProgressDrawTarget::stderr_with_hz(20);
            let bar = ProgressBar::with_draw_target(None, target).with_style(style());
            let next = Instant::now();
            Output::Screen { bar, next }
        } else {
            Output::Lines(Lines::new())
        };
        Self { output }
    }

    /// Shows the state, unless the last time is too short ago.
    pub fn show(&mut self, state: &impl Show) {
        match &mut self.output {
            Output::Screen { bar, next } => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + REDRAW_INTERVAL;
                    bar.set_message(state.lines(Canvas::of_stderr()).join("\n"));
                }
            }
            Output::Lines(lines) => {
                if let Some(line) = state.line() {
                    lines.offer(|| line);
                }
            }
        }
    }

    /// Shows the state on a terminal again because time has gone by; anywhere else nothing.
    pub fn tick(&mut self, state: &impl Show) {
        if matches!(self.output, Output::Screen { .. }) {
            self.show(state);
        }
    }

    /// Writes a line that stays, above the block.
    pub fn note(&self, text: &str) {
        match &self.output {
            Output::Screen { bar, .. } => bar.suspend(|| eprintln!("{}", printable(text))),
            Output::Lines(lines) => lines.write(text),
        }
    }

    /// Leaves the last state on the screen.
    pub fn finish(self, state: &impl Show) {
        match self.output {
            Output::Screen { bar, .. } => {
                bar.abandon_with_message(state.lines(Canvas::of_stderr()).join("\n"));
            }
            Output::Lines(lines) => {
                if let Some(line) = state.line() {
                    lines.write(&line);
                }
            }
        }
    }

    /// A block without a terminal.
    #[cfg(test)]
    pub(crate) fn of_lines(every: Duration, write: fn(&str)) -> Self {
        let next = Instant::now();
        Self {
            output: Output::Lines(Lines { every, next, write }),
        }
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

fn style() -> ProgressStyle {
    // The template is a constant; if it were wrong, the default still shows something.
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
