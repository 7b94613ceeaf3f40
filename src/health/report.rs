//! The health of a program as a file: schema `lookout.health/1`, one JSON object; `SCHEMA.md`
//! beside this file is its contract.

use super::judge::Verdict;
use super::state::HealthState;
use crate::capture::CaptureState;
use crate::clock::monotonic_ns;
use crate::detection::SheddingLevel;
use crate::process::{self, ProcessCosts};
use crate::recording::RecorderReport;
use crate::thermal::ThermalZone;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Name and version of the schema. The number grows when a key changes its meaning or goes; new
/// keys may come without that.
pub const SCHEMA: &str = "lookout.health/1";

/// The largest health file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What is left out of the work, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SheddingReport {
    /// What is left out.
    pub level: SheddingLevel,
    /// Every how many captured frames one is offered to the detector.
    pub every_nth: u32,
    /// What it is left out for; `None` when nothing is, or when the board is at ease again.
    pub reason: Option<String>,
}

/// The health of a program at one moment. What is not known yet, or cannot be, is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which boot of the machine this is.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// The program's file, with all links followed.
    pub executable: String,
    /// The program's version.
    pub version: String,
    /// When this was written, on CLOCK_MONOTONIC.
    pub written_monotonic_ns: u64,
    /// How the program is.
    pub state: HealthState,
    /// Why, in sentences; empty when all is well.
    pub reasons: Vec<String>,
    /// Good frames captured.
    pub frames: u64,
    /// Frames published.
    pub inferences: u64,
    /// Time since the newest capture.
    pub frame_age_ms: Option<u64>,
    /// Time since the newest publication.
    pub inference_age_ms: Option<u64>,
    /// Frames published per second, lately.
    pub frames_per_s: f64,
    /// Median age of the newest frames at publication.
    pub age_us_p50: Option<u64>,
    /// 99th percentile of that age.
    pub age_us_p99: Option<u64>,
    /// Frames and messages lost so far, of all causes.
    pub drops: u64,
    /// Where capture stands.
    pub capture_state: CaptureState,
    /// Whether there is no such camera.
    pub camera_absent: bool,
    /// Successful openings of the source.
    pub opens: u64,
    /// Times that the open source gave no frame in time.
    pub stalls: u64,
    /// Times that the open source failed or vanished.
    pub losses: u64,
    /// The model that looks at frames at present.
    pub model_id: String,
    /// What is left out of the work.
    pub shedding: SheddingReport,
    /// All temperatures.
    pub temperatures: Vec<ThermalZone>,
    /// Whether the processors are being slowed down.
    pub throttled: bool,
    /// Memory in use, bytes.
    pub memory_resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub file_descriptors: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// What the recording does; `None` where there is none.
    #[serde(default)]
    pub recording: Option<RecorderReport>,
    /// When the program started.
    pub started_monotonic_ns: u64,
    /// When the model was loaded and the threads started.
    pub ready_monotonic_ns: Option<u64>,
    /// When the first frame arrived.
    pub first_frame_monotonic_ns: Option<u64>,
    /// When the first frame that was looked at was published.
    pub first_detection_monotonic_ns: Option<u64>,
    /// Times that this file could not be written.
    pub health_write_failures: u64,
}

/// What stays the same in all reports of a process.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    boot_id: String,
    executable: String,
    started_ns: u64,
}

impl Identity {
    /// Of this process, which started at `started_ns` on CLOCK_MONOTONIC.
    pub(super) fn read(started_ns: u64) -> Self {
        Self {
            boot_id: process::boot_id(),
            executable: process::executable(),
            started_ns,
        }
    }

    /// A report of this process in which nothing has been counted.
    pub(super) fn report(&self, verdict: &Verdict) -> HealthReport {
        let costs = ProcessCosts::read();
        HealthReport {
            schema: SCHEMA.into(),
            boot_id: self.boot_id.clone(),
            pid: std::process::id(),
            executable: self.executable.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            written_monotonic_ns: monotonic_ns(),
            state: verdict.state,
            reasons: verdict.reasons.iter().map(ToString::to_string).collect(),
            frames: 0,
            inferences: 0,
            frame_age_ms: None,
            inference_age_ms: None,
            frames_per_s: 0.0,
            age_us_p50: None,
            age_us_p99: None,
            drops: 0,
            capture_state: CaptureState::default(),
            camera_absent: false,
            opens: 0,
            stalls: 0,
            losses: 0,
            model_id: String::new(),
            shedding: SheddingReport {
                level: SheddingLevel::None,
                every_nth: 1,
                reason: None,
            },
            temperatures: Vec::new(),
            throttled: false,
            memory_resident_bytes: costs.memory_resident_bytes,
            file_descriptors: costs.file_descriptors,
            threads: costs.threads,
            recording: None,
            started_monotonic_ns: self.started_ns,
            ready_monotonic_ns: None,
            first_frame_monotonic_ns: None,
            first_detection_monotonic_ns: None,
            health_write_failures: 0,
        }
    }
}

/// Why a health file cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum HealthFileError {
    /// It cannot be read.
    #[error("{path}: {source}; is `lookout run --health` running?")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is no health file that this program knows.
    #[error("{path}: {reason}; name a file that `lookout run --health` of this version writes")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl HealthReport {
    /// Reads a health file.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is no health file of this schema.
    pub fn read(path: &Path) -> Result<Self, HealthFileError> {
        let failed = |source| HealthFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Self::parse(&bytes).map_err(|reason| HealthFileError::Content {
            path: path.to_owned(),
            reason,
        })
    }

    /// Takes the contents of a health file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
        }
        let report: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if report.schema == SCHEMA {
            Ok(report)
        } else {
            Err(format!("its schema is {:?}, not {SCHEMA:?}", report.schema))
        }
    }
}

/// Writes a health file, again and again. A reader always sees a whole one.
#[derive(Debug)]
pub(super) struct HealthFile {
    path: PathBuf,
    temporary: PathBuf,
    failures: u64,
    is_failing: bool,
}

impl HealthFile {
    /// The file at `path`; `path.tmp` is used as well.
    pub(super) fn new(path: &Path) -> Self {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        Self {
            path: path.to_owned(),
            temporary: temporary.into(),
            failures: 0,
            is_failing: false,
        }
    }

    /// Replaces the file. A failure is counted, and said once until writing works again: a full
    /// disk or a missing folder is no reason to stop looking at the road.
    pub(super) fn write(&mut self, report: &mut HealthReport) {
        report.health_write_failures = self.failures;
        match self.replace(report) {
            Ok(()) if std::mem::take(&mut self.is_failing) => {
                log::info!("{}: written again", self.path.display());
            }
            Ok(()) => {}
            Err(error) => {
                self.failures += 1;
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::warn!(
                        "{}: cannot write the health file: {error}; see that its folder is there \
                         and has room, or name another with --health; detection goes on",
                        self.path.display()
                    );
                }
            }
        }
    }

    /// Not synchronised with the disk: after a power cut this file is of no use anyway.
    fn replace(&self, report: &HealthReport) -> io::Result<()> {
        let mut text = serde_json::to_vec(report)?;
        text.push(b'\n');
        let mut file = File::create(&self.temporary)?;
        file.write_all(&text)?;
        drop(file);
        fs::rename(&self.temporary, &self.path)
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
