//! Settings of a run, in two layers: raw ones as a file or the command line gives them, and
//! checked ones that the pipeline trusts.
//!
//! A configuration file is TOML. Every key may be left out; an unknown key is an error, so that
//! a misspelt one is never silently without effect. Paths are relative to the working folder.
//!
//! ```toml
//! source = "v4l2:///dev/dashcam?size=1280x720&fps=30"
//! model = "/usr/share/lookout/models/road-288x512"
//! score = 0.4                 # 0 to 1: detections below it are left out, of every class;
//!                             # without it, below the thresholds on the model's card
//! frames = 1000               # stop after so many frames
//! threads = 2                 # for the detector
//! pinned = true               # each of them keeps to a CPU of its own
//! sinks = ["unix:/run/lookout.sock"]
//! queue_frames = 64           # how far a sink may fall behind
//! stall_warning_ms = 2000     # how long without a frame is worth a warning
//! health = "/run/lookout/health.json"  # a file that always says how lookout is
//! lite_model = "/usr/share/lookout/models/road-lite"  # stands by for heat and overload
//! celsius_shed = 85           # from this temperature of a processor on, work is left out
//! age_ms_max = 400            # the same when frames are older at publication; without it
//!                             # a slow board may be slow
//!
//! [annotate]
//! directory = "annotated"
//! format = "jpeg"             # or "png"
//! every_nth = 15
//! files_max = 100
//! ```

mod error;
mod raw;
mod settings;
mod values;

#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use raw::{FILE_BYTES_MAX, RawAnnotate, RawSettings};
pub use settings::{AnnotateSettings, Settings};
pub use values::SINKS_MAX;
