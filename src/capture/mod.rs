//! Frames from cameras, without end: the V4L2 source, the list of cameras and the
//! supervisor that opens a source again whenever it fails.

mod counters;
mod guard;
mod negotiate;
mod stop;
mod supervisor;
mod trouble;

pub use counters::{CaptureCounters, CaptureSnapshot, CaptureState};
pub use stop::StopFlag;
pub use supervisor::{Opener, SourceMode, Supervisor};
