//! What can go wrong with a recording.

use std::io;
use std::path::PathBuf;

/// Why a recording cannot even begin. A disk that is missing is no such reason: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is something else in the folder's place.
    #[error("--record {0}: that is no folder; name a folder, which need not be there yet")]
    NotAFolder(PathBuf),
    /// The operating system gave no thread.
    #[error("cannot start the recorder: {0}; end other programs or raise `ulimit -u`")]
    Thread(io::Error),
}

/// Why a moment is not kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreserveError {
    /// What is kept has reached its limit.
    #[error("{0}")]
    Full(String),
    /// Nothing is being recorded just now.
    #[error("nothing is being recorded: {0}")]
    NotRecording(String),
    /// Too many wait to be taken note of.
    #[error("too many moments are to be kept at a time; ask again in a second")]
    Busy,
    /// The run is over.
    #[error("the recording is over")]
    Over,
}

/// Why nothing is recorded for now. It is tried again all the time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The system refuses something.
    #[error("{path}: {source}{}", advice(.source))]
    Disk { path: PathBuf, source: io::Error },
    /// The file that is being written is no longer in its folder.
    #[error(
        "{0} has vanished; is the disk unplugged, or did somebody delete it? Recording goes on by \
         itself"
    )]
    Vanished(PathBuf),
    /// The folder is on the system's disk, where it must not be.
    #[error(
        "{0} is on the system's own disk: mount the disk that is meant to be there, recording begins \
         by itself then, or set record.mounted_only = false"
    )]
    NotMounted(PathBuf),
    /// Another process records to this folder.
    #[error("{0}: another lookout records there; give each a folder of its own")]
    Locked(PathBuf),
    /// The disk is full of other things.
    #[error(
        "{path}: only {free_mb} MB are free, and {min_mb} MB are to stay free; delete something or \
         lower record.free_megabytes_min"
    )]
    NoRoom {
        path: PathBuf,
        free_mb: u64,
        min_mb: u64,
    },
}

impl Trouble {
    /// Turns what the system says about `path` into a trouble.
    pub(super) fn disk(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, recording goes on by itself then"
        }
        io::ErrorKind::FileTooLarge => "; the system limits files more than the settings do",
        io::ErrorKind::ReadOnlyFilesystem => "; mount the disk writable",
        io::ErrorKind::PermissionDenied => "; let lookout's user write there",
        _ => "; see that the disk is there and sound, lookout keeps trying",
    }
}
