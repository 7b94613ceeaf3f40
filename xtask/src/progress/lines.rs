//! Progress where there is no terminal: a line now and then.

use std::time::{Duration, Instant};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lines on standard error, and when the next one is due.
pub(super) struct Lines {
    pub(super) every: Duration,
    pub(super) next: Instant,
    pub(super) write: fn(&str),
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            every: INTERVAL,
            next: Instant::now() + INTERVAL,
            write: |line| eprintln!("{line}"),
        }
    }

    /// Writes the line, which is only made if it is time for it.
    pub(super) fn offer(&mut self, line: impl FnOnce() -> String) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.every;
            self.write(&line());
        }
    }

    /// Writes a line at once.
    pub(super) fn write(&self, line: &str) {
        (self.write)(line);
    }
}
