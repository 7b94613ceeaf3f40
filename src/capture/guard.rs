//! Turns a panic of foreign code into an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic comes back as its message.
///
/// The `v4l` crate unwraps what a driver tells it (names, colour spaces, the end of a
/// stream), and a capture thread that dies leaves the car blind. Callers drop whatever
/// `work` touched after an error, so no half-changed state is used again.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| panic_text(payload.as_ref()))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("internal failure: {text}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guarded(|| 7), Ok(7));
        let literal: Result<(), _> = guarded(|| panic!("plain"));
        assert_eq!(literal, Err("internal failure: plain".to_owned()));
        let formatted: Result<(), _> = guarded(|| panic!("code {}", 19));
        assert_eq!(formatted, Err("internal failure: code 19".to_owned()));
    }
}
