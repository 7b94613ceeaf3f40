//! Tells the parent process, and the log in the work folder, how it goes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use xtask::train_job::{EVENT_LOG, TrainEvent};

static LOG: OnceLock<Mutex<File>> = OnceLock::new();

/// From here on events are appended to [`EVENT_LOG`] in `work`, too.
pub fn log_to(work: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(work.join(EVENT_LOG))?;
    let _ = LOG.set(Mutex::new(file));
    Ok(())
}

/// Prints one event. A parent that has gone away or a full disk is no reason to stop
/// training: the checkpoint is what matters.
pub fn send(event: &TrainEvent) {
    let line = event.to_line();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    if let Some(Ok(mut log)) = LOG.get().map(Mutex::lock) {
        let _ = writeln!(log, "{line}");
    }
}

/// Prints a remark.
pub fn note(text: impl Into<String>) {
    send(&TrainEvent::Note { text: text.into() });
}
