//! A run: capture, inference and sinks, each in its own thread.
//!
//! ```text
//! capture thread          inference thread                       sink threads
//! Supervisor -> Mailbox -> Decoder -> Detect -> DetectionFrame -> channel -> Sink
//!               (one frame)                  \-> annotated pictures    \-> your Receiver
//! ```
//!
//! Data go one way. Every buffer between two threads is bounded: a live source overwrites the
//! frame that waits in the mailbox and the oldest messages of a slow reader, a source that can
//! wait is made to wait. Everything lost is counted by cause. A thread that dies ends the run
//! with an error: a run never goes blind in silence.

mod builder;
mod capture;
mod defaults;
mod detect;
mod error;
mod handle;
mod inference;
mod load;
mod models;
mod observer;
mod outlet;
mod parts;
mod shared;
mod snapshot;
mod times;
mod watch;

#[cfg(test)]
mod tests;

pub use builder::{Builder, Lookout};
pub use defaults::{default_source, find_model, model_folders};
pub use detect::Detect;
pub use error::{RunError, StartError};
pub use handle::{Handle, Summary};
pub use load::EVERY_NTH_MAX;
pub use observer::Observer;
pub use shared::{Ended, Tuning};
pub use snapshot::{Drops, FrameTimes, Snapshot, Vitals};
pub use watch::{Sight, StallWatch};
