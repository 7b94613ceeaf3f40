//! Two readers of others look at recordings: the crate `mcap`, and Foxglove's own in Python.

use crate::bench::PythonError;
use crate::bench::python::Environment;
use crate::bench::run_limited;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("check.py");

const READER: Environment = Environment {
    name: "mcap-reader",
    what: "Foxglove's reader of MCAP files, about 1 MB",
    requirements: include_str!("requirements.txt"),
    needed_bytes: 50_000_000,
};

/// Reading takes a while in Python.
const READ_LIMIT: Duration = Duration::from_secs(600);

/// Most bytes of the script's answer.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Files that the script is given at a time, so that the command line is not too long.
const FILES_MAX: usize = 500;

/// Largest file that the crate is given, which takes it into memory.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Why a recording is not believed. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum McapError {
    /// There is no Python, or its packages cannot be had.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// A file or folder cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The script failed.
    #[error("Foxglove's reader failed: {0}; see above")]
    Script(String),
    /// A recording is not what it should be.
    #[error("{path}: {reason}")]
    Disagrees {
        /// The recording.
        path: PathBuf,
        /// What a reader says.
        reason: String,
    },
}

/// A message as it was decoded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Seen {
    /// Its number.
    pub sequence: u32,
    /// Its time, in nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// Bytes of a picture, texts of annotations, a line of the log, or detections.
    pub seen: serde_json::Value,
}

/// A recording as Foxglove's reader sees it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Recording {
    /// Messages by topic.
    pub topics: BTreeMap<String, Vec<Seen>>,
    /// What the file tells of the run.
    pub facts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    File(Recording),
    Error(String),
}

/// Whether Foxglove's reader is in the cache already, so that no network is needed.
pub fn is_installed() -> bool {
    READER.existing().is_some()
}

/// Has both readers read all of these files, by index and from the front, with all checksums.
///
/// Foxglove's is fetched into the cache unless it is there; Python 3.11 or newer is needed.
///
/// # Errors
/// [`McapError::Python`] where there is no Python or no network, [`McapError::Disagrees`] with
/// the first file that one of them cannot read.
pub fn check(files: &[PathBuf]) -> Result<BTreeMap<PathBuf, Recording>, McapError> {
    let python = READER.ensure()?;
    let work = tempfile::tempdir().map_err(file_error(&std::env::temp_dir()))?;
    let (script, answer) = (work.path().join("check.py"), work.path().join("seen.json"));
    std::fs::write(&script, SCRIPT).map_err(file_error(&script))?;
    let mut recordings = BTreeMap::new();
    for files in files.chunks(FILES_MAX) {
        let mut command = Command::new(&python);
        command.arg("-I").arg(&script).arg(&answer).args(files);
        run_limited(&mut command, READ_LIMIT).map_err(McapError::Script)?;
        let mut text = String::new();
        File::open(&answer)
            .and_then(|file| file.take(ANSWER_BYTES_MAX).read_to_string(&mut text))
            .map_err(file_error(&answer))?;
        let answers: BTreeMap<PathBuf, Answer> = serde_json::from_str(&text)
            .map_err(|error| McapError::Script(format!("its answer is odd: {error}")))?;
        for (path, answer) in answers {
            match answer {
                Answer::Error(reason) => return Err(McapError::Disagrees { path, reason }),
                Answer::File(recording) => {
                    check_with_crate(&path, &recording)?;
                    recordings.insert(path, recording);
                }
            }
        }
    }
    Ok(recordings)
}

/// The crate must see as many messages on each topic.
fn check_with_crate(path: &Path, recording: &Recording) -> Result<(), McapError> {
    let disagrees = |reason: String| McapError::Disagrees {
        path: path.to_owned(),
        reason: format!("the crate `mcap`: {reason}"),
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(file_error(path))?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in mcap::MessageStream::new(&bytes).map_err(|e| disagrees(e.to_string()))? {
        let message = message.map_err(|error| disagrees(error.to_string()))?;
        *counts.entry(message.channel.topic.clone()).or_default() += 1;
    }
    let seen = recording.topics.iter();
    let seen: BTreeMap<String, usize> = seen.map(|(k, v)| (k.clone(), v.len())).collect();
    if counts == seen {
        return Ok(());
    }
    Err(disagrees(format!("has {counts:?}, not {seen:?}")))
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> McapError {
    let path = path.to_owned();
    move |reason| McapError::File { path, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::python::unpinned;

    #[test]
    fn every_package_is_pinned_and_hashed() {
        assert_eq!(unpinned(READER.requirements), None);
    }
}
