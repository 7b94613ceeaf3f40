//! How a run is, told to people, to systemd and to whoever updates the board.
//!
//! A [`Monitor`] looks at a run ten times a second. What it makes of that is decided by three
//! machines that know no clock and touch nothing: [`Judge`] says how the run is, [`Shedder`] how
//! much work to leave out, [`Feeder`] whether the watchdog is fed.
//!
//! ```no_run
//! use lookout::health::{Monitor, MonitorOptions};
//! use lookout::pipeline::Lookout;
//!
//! let (detections, handle) = Lookout::builder().start()?;
//! let options = MonitorOptions {
//!     file: Some("/run/lookout/health.json".into()),
//!     ..MonitorOptions::default()
//! };
//! let monitor = Monitor::start(handle.observer(), options)?;
//! for frame in detections.iter().take(100) {
//!     println!("{} objects", frame.detections.len());
//! }
//! handle.stop();
//! let summary = handle.join();
//! monitor.finish(&summary.ended);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod describe;
mod judge;
mod learned;
mod losses;
mod monitor;
mod reason;
mod report;
mod service;
mod shedding;
mod state;
mod watchdog;

pub use judge::{Judge, Observation, Verdict};
pub use monitor::{Monitor, MonitorOptions, write_failed_start};
pub use reason::Reason;
pub use report::{FILE_BYTES_MAX, HealthFileError, HealthReport, SCHEMA, SheddingReport};
pub use service::Service;
pub use shedding::{Shedder, SheddingCause, SheddingPolicy};
pub use state::HealthState;
pub use watchdog::Feeder;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report in this state whose reason is an absent camera.
    pub(crate) fn report(state: HealthState) -> HealthReport {
        let verdict = Verdict::because(state, Reason::CameraAbsent);
        report::Identity::read(7).report(&verdict)
    }
}
