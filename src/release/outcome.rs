//! What became of the last installation.

use super::disk;
use super::layout::{Layout, LayoutError};
use super::version::Version;
use serde::{Deserialize, Serialize};
use std::fs;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The release is healthy and stays.
    Accepted,
    /// The release was not healthy, and the one before it is back.
    RolledBack,
    /// The release is not healthy, but there was none before it.
    KeptUnhealthy,
    /// The installation was cut off before the release was ever started.
    Abandoned,
    /// A person went back to the other slot.
    ByHand,
}

/// The file `outcome.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The release that was on trial, or that a person went back to.
    pub version: Version,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, for people.
    pub reason: String,
}

impl Outcome {
    /// Reads the outcome of the last installation; `None` while there is none.
    pub fn read(layout: &Layout) -> Option<Self> {
        toml::from_str(&fs::read_to_string(layout.outcome()).ok()?).ok()
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<(), LayoutError> {
        let path = layout.outcome();
        let text = toml::to_string(self).map_err(std::io::Error::other);
        text.and_then(|text| disk::replace(&path, text.as_bytes()))
            .map_err(|source| LayoutError { path, source })
    }
}
