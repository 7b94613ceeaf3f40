//! Why settings are refused.

use super::raw::FILE_BYTES_MAX;
use std::path::PathBuf;

/// Why settings were refused. The message names the key, the value and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: {source}; check the path given to --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is longer than [`FILE_BYTES_MAX`].
    #[error("configuration {path}: larger than {FILE_BYTES_MAX} bytes; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not TOML, has an unknown key or a value of the wrong kind.
    #[error("configuration {path}: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what, over several lines.
        reason: String,
    },
    /// A value is not allowed.
    #[error("{key}: {value} is not allowed; give {allowed}")]
    Value {
        /// The key in the file; on the command line the option of that name.
        key: &'static str,
        /// The value found.
        value: String,
        /// What would be right.
        allowed: String,
    },
}
