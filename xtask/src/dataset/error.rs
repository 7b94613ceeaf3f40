//! Why a data set could not be loaded.

use super::Split;
use std::path::PathBuf;

/// A data set that cannot be used at all. Single bad images and boxes are no errors:
/// they are listed in [`super::Dataset::skipped`].
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder is missing or is not a folder.
    #[error(
        "{}: {reason}; give a folder with `images/` and `annotations_train.json` \
         + `annotations_val.json` (or one `annotations.json`)", path.display()
    )]
    Folder {
        /// The folder asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder has no annotations for this split.
    #[error(
        "{}: no annotations for the {split} split; looked for `annotations_{split}.json` and \
         `annotations.json`", root.display()
    )]
    NoAnnotations {
        /// The data set's folder.
        root: PathBuf,
        /// The split asked for.
        split: Split,
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
    /// The annotations are not JSON, or not in the form of COCO.
    #[error("{}: not COCO JSON: {source}", path.display())]
    Json {
        /// The annotation file.
        path: PathBuf,
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
}
