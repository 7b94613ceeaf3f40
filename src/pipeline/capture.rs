//! The capture thread: from the source into the mailbox.

use super::error::RunError;
use super::load::Sieve;
use super::shared::{Ended, Shared};
use crate::capture::Supervisor;
use crate::frame::Frame;
use crate::source::{Next, Pace};

/// Hands frames on until the source ends, the run is stopped or the mailbox is closed.
pub(super) fn run(mut supervisor: Supervisor, shared: &Shared) -> Result<Option<Ended>, RunError> {
    let mut frame = Frame::with_capacity(0);
    let mut sieve = Sieve::default();
    while !shared.stop.is_stopped() {
        let next = supervisor.next_frame(&mut frame)?;
        if next == Next::Frame {
            shared.times.note_frame(frame.stamp.monotonic_ns);
            if shared.pace == Pace::Live && !sieve.takes(shared.load.every_nth()) {
                shared.tallies.skipped.add(1);
                continue;
            }
        }
        match next {
            Next::Frame if shared.mailbox.put(&mut frame).is_ok() => {}
            // Either inference has closed the mailbox and gives the reason itself, or the
            // source has ended and inference goes on with the last frame.
            Next::Frame | Next::End => break,
        }
    }
    shared.mailbox.close();
    Ok(None)
}
