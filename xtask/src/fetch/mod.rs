//! Fetches what training needs and nobody should have to install: libtorch and the
//! pretrained body, hash-checked, into a cache folder that all checkouts share.

pub mod cache;
pub mod libtorch;
pub mod listing;
pub mod pins;
pub mod pypi;
pub mod unpack;

use std::path::{Path, PathBuf};

/// Why something could not be fetched. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The environment names no folder for the cache.
    #[error("no folder for downloads: set LOOKOUT_CACHE to an absolute path with some GB free")]
    NoCacheFolder,
    /// A file or folder of the cache cannot be read or written.
    #[error("{path}: {reason}; the cache folder can be moved with LOOKOUT_CACHE")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The cache is being filled by another process, for very long.
    #[error("{path} has been locked by another process for {waited_s} s: end it, or try later")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long this process waited.
        waited_s: u64,
    },
    /// There is not enough room.
    #[error(
        "{path}: {needed_mb} MB are needed and {free_mb} MB are free; \
         make room or set LOOKOUT_CACHE to another disk"
    )]
    NoSpace {
        /// The cache folder.
        path: PathBuf,
        /// Needed for downloads and unpacked files.
        needed_mb: u64,
        /// Free for this user.
        free_mb: u64,
    },
    /// The address of the index is not usable.
    #[error("PIP_INDEX_URL `{0}` is not an http or https address of a package index")]
    IndexUrl(String),
    /// The network or a server failed.
    #[error(
        "{url}: {reason}; check the network (HTTPS_PROXY, SSL_CERT_FILE and PIP_INDEX_URL are \
         honoured) and run the same command again: it goes on where it stopped"
    )]
    Network {
        /// What was asked for, without credentials.
        url: String,
        /// What failed.
        reason: String,
    },
    /// The index does not have the file.
    #[error("{url} does not list {file}: set PIP_INDEX_URL to an index that mirrors PyPI")]
    NotListed {
        /// The index page, without credentials.
        url: String,
        /// The wheel.
        file: &'static str,
    },
    /// The bytes are not those that this program was written for.
    #[error("{file} has SHA-256 {found} instead of {expected}: the download was thrown away")]
    Hash {
        /// The wheel.
        file: &'static str,
        /// The pinned hash.
        expected: &'static str,
        /// The hash of the download.
        found: String,
    },
    /// A wheel holds something unexpected.
    #[error("{path}: {reason}")]
    Archive {
        /// The wheel.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no wheel for this computer.
    #[error(
        "libtorch is fetched for x86-64 Linux only: on this computer set LIBTORCH to an \
         unpacked libtorch {0}"
    )]
    Platform(&'static str),
    /// The folder in LIBTORCH cannot be used.
    #[error("LIBTORCH={path}: {reason}; unset it and a fitting one will be fetched")]
    Libtorch {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FetchError {
    /// An input or output error of this path.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |reason| Self::File { path, reason }
    }
}
