//! Settings of a run, in two layers: raw ones as a file or the command line gives them, and
//! checked ones that the pipeline trusts.
//!
//! A configuration file is TOML. Every key may be left out; an unknown key is an error that names
//! the nearest known one, so that a misspelt key is never silently without effect. Paths are
//! relative to the working folder. [`EXAMPLE`] has every key.

mod error;
mod raw;
mod raw_rules;
mod raw_viewers;
mod settings;
mod values;

#[cfg(test)]
mod tests;

pub use error::ConfigError;
/// A file with every key, each with what it means and what holds without it.
pub const EXAMPLE: &str = include_str!("example.toml");

pub use raw::{FILE_BYTES_MAX, RawAnnotate, RawSettings};
pub use raw_rules::{RawRule, RawZone};
pub use raw_viewers::{RawLive, RawRecord};
pub use settings::{AnnotateSettings, LiveSettings, RecordSettings, Settings};
pub use values::SINKS_MAX;
