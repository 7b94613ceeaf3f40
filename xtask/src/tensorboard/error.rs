//! What can go wrong with event files.

use crate::bench::PythonError;
use std::path::{Path, PathBuf};

/// Why an event file cannot be written, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum TensorboardError {
    /// A file or folder cannot be opened, made or read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// An event cannot be written; those before it are whole.
    #[error(
        "TensorBoard's log {}: {reason}; events are lost until it can be written again, make \
         room on its disk", path.display()
    )]
    Write {
        /// The event file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file has got as long as a file may.
    #[error(
        "TensorBoard's log {} has reached {limit_mb} MB: further events are lost; write fewer \
         pictures and histograms", path.display()
    )]
    Full {
        /// The event file.
        path: PathBuf,
        /// The limit.
        limit_mb: u64,
    },
    /// The caller gave something that no event can hold.
    #[error("TensorBoard's log: {0}")]
    Value(String),
    /// A record is not what its writer wrote.
    #[error(
        "{}: the record at byte {offset} is damaged ({reason}); what lies before it is good",
        path.display()
    )]
    Damaged {
        /// The event file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file ends within a record: its writer was killed, or still writes.
    #[error("{}: the file ends within the record at byte {offset}", path.display())]
    Torn {
        /// The event file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// There is no environment with TensorBoard.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// TensorBoard's reader failed or saw something else than what was written.
    #[error("TensorBoard reads {} otherwise than it was written: {reason}", path.display())]
    Disagrees {
        /// The folder.
        path: PathBuf,
        /// The first difference.
        reason: String,
    },
}

impl TensorboardError {
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |reason| Self::File { path, reason }
    }
}
