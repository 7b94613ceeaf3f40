//! Why a data set could not be loaded.

use super::{DatasetKind, Split};
use std::path::PathBuf;

/// A data set that cannot be used at all. Single bad images and boxes are no errors:
/// they are listed in [`super::Dataset::skipped`].
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder is missing or is not a folder.
    #[error(
        "{}: {reason}; give the folder of a data set, or KIND:FOLDER with one of the kinds \
         coco, yolo, voc, kitti, bdd", path.display()
    )]
    Folder {
        /// The folder asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing in the folder is of any kind of data set.
    #[error("{}: holds no data set{hint}; looked for {looked_for}", root.display())]
    UnknownKind {
        /// The folder.
        root: PathBuf,
        /// What each kind would have.
        looked_for: String,
        /// A subfolder that is one, as a half sentence; may be empty.
        hint: String,
    },
    /// The folder holds what several kinds of data sets have.
    #[error(
        "{}: holds {found}; say which is meant, as in {kind}:{}", root.display(), root.display()
    )]
    AmbiguousKind {
        /// The folder.
        root: PathBuf,
        /// The kinds, and what shows them.
        found: String,
        /// One of them.
        kind: DatasetKind,
    },
    /// The folder has no annotations for this split.
    #[error("{}: no annotations for the {split} split; looked for {looked_for}", root.display())]
    NoAnnotations {
        /// The data set's folder.
        root: PathBuf,
        /// The split asked for.
        split: Split,
        /// Files and folders that would have held them.
        looked_for: String,
    },
    /// A file is there but cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than the limit.
    #[error("{}: {bytes} bytes, the limit is {bytes_max}; split the set", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// There is more of something than the limit.
    #[error("{}: more than {count_max} {what}; split the set", path.display())]
    TooMany {
        /// The file or folder.
        path: PathBuf,
        /// The limit.
        count_max: usize,
        /// What is counted.
        what: &'static str,
    },
    /// The annotations are not JSON, or not in the form that the kind has.
    #[error("{}: not {format} JSON: {source}", path.display())]
    Json {
        /// The annotation file.
        path: PathBuf,
        /// `COCO` or `BDD100K`.
        format: &'static str,
        /// Line, column and what was expected there.
        source: serde_json::Error,
    },
    /// The annotations are JSON, but lists that COCO requires are missing.
    #[error("{}: the list `{list}` is missing; a COCO file has `images`, `annotations` and `categories`", path.display())]
    MissingList {
        /// The annotation file.
        path: PathBuf,
        /// Name of the list.
        list: &'static str,
    },
    /// The file that describes a set of this kind is wrong.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// `dataset.toml` is wrong.
    #[error("{}: {reason}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// Which key is wrong and what is allowed.
        reason: String,
    },
    /// Nothing is left after all bad entries were skipped.
    #[error("{}: no usable image ({skipped} entries skipped; the first: {first})", path.display())]
    Empty {
        /// The annotation file.
        path: PathBuf,
        /// How many entries were skipped.
        skipped: u64,
        /// Why the first one was.
        first: String,
    },
    /// Entries are broken, and none was allowed to be.
    #[error(
        "{}: {count} broken entries, the first:{first}\nmend or remove them, or leave out --strict \
         to have them skipped", root.display()
    )]
    Strict {
        /// The data set's folder.
        root: PathBuf,
        /// How many there are.
        count: u64,
        /// The first ones, each on a line of its own.
        first: String,
    },
}

impl DatasetError {
    /// What is wrong with a file, without its name.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Read { source, .. } => format!("cannot be read: {source}"),
            Self::TooLarge {
                bytes, bytes_max, ..
            } => format!("{bytes} bytes, the limit is {bytes_max}"),
            other => other.to_string(),
        }
    }
}
