//! Tells the parent process how it goes.

use std::io::Write;
use xtask::train_job::TrainEvent;

/// Prints one event. A parent that has gone away is no reason to stop training: the
/// checkpoint is what matters.
pub fn send(event: &TrainEvent) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", event.to_line()).and_then(|()| out.flush());
}

/// Prints a remark.
pub fn note(text: impl Into<String>) {
    send(&TrainEvent::Note { text: text.into() });
}
