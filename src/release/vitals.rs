//! What the running firmware says of itself, as far as releases care.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest report that is read, in bytes.
const REPORT_BYTES_MAX: u64 = 64 * 1024;

/// The keys of `health.json` that decide whether a release works. A watcher reads the reports of
/// releases that are newer than itself, so it asks for no more than it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// The boot that it was written in.
    pub boot_id: String,
    /// The process that wrote it.
    pub pid: u32,
    /// The program that this process runs.
    pub executable: PathBuf,
    /// When it was written, nanoseconds on CLOCK_MONOTONIC.
    pub written_monotonic_ns: u64,
    /// Name of a [`crate::health::HealthState`].
    pub state: String,
    /// Why the state is not `ok`.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Frames that were looked at since the process started.
    pub inferences: u64,
}

impl Vitals {
    /// Reads a report; `None` when there is none or none that can be read, which says as much as
    /// an old one: that nothing is known.
    pub fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = File::open(path).ok()?;
        file.take(REPORT_BYTES_MAX).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// State and reasons in one line.
    pub fn summary(&self) -> String {
        match self.reasons.as_slice() {
            [] => self.state.clone(),
            reasons => format!("{}: {}", self.state, reasons.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_is_read_whatever_else_it_holds() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = r#"{"schema":"lookout.health/1","boot_id":"b","pid":7,"executable":"/x",
            "written_monotonic_ns":5,"state":"blind","reasons":["no camera"],"inferences":9,"new":1}"#;
        std::fs::write(file.path(), text).unwrap();
        let report = Vitals::read(file.path()).unwrap();
        assert_eq!((report.pid, report.inferences), (7, 9));
        assert_eq!(report.summary(), "blind: no camera");
        for text in ["", "{}", "[1]", &text[..80]] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(Vitals::read(file.path()), None, "{text}");
        }
        assert_eq!(Vitals::read(Path::new("/no/such/file")), None);
    }
}
