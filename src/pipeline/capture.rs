//! The capture thread: from the source into the mailbox.

use super::error::RunError;
use super::shared::{Ended, Shared};
use crate::capture::Supervisor;
use crate::frame::Frame;
use crate::source::Next;

/// Hands frames on until the source ends, the run is stopped or the mailbox is closed.
pub(super) fn run(mut supervisor: Supervisor, shared: &Shared) -> Result<Option<Ended>, RunError> {
    let mut frame = Frame::with_capacity(0);
    while !shared.stop.is_stopped() {
        match supervisor.next_frame(&mut frame)? {
            Next::Frame if shared.mailbox.put(&mut frame).is_ok() => {}
            // Either inference has closed the mailbox and gives the reason itself, or the
            // source has ended and inference goes on with the last frame.
            Next::Frame | Next::End => break,
        }
    }
    shared.mailbox.close();
    Ok(None)
}
