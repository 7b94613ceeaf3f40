//! What is installed on a board and how it does, for people and programs.

use super::layout::{Layout, LayoutError, Slot};
use super::manifest::Manifest;
use super::outcome::Outcome;
use super::trial::Trial;
use super::version::Version;
use super::vitals::Vitals;
use serde::{Deserialize, Serialize};

/// `lookout release status --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The slot in use.
    pub slot: Option<Slot>,
    /// The release in it.
    pub version: Option<Version>,
    /// The board that the release is for.
    pub board: Option<String>,
    /// The release in the other slot, which a rollback would bring back.
    pub other_version: Option<Version>,
    /// The release that is on trial.
    pub trial: Option<Version>,
    /// What became of the last installation.
    pub outcome: Option<Outcome>,
    /// What the firmware last said, and whether that is from this boot.
    pub health: Option<Vitals>,
    /// Whether [`Self::health`] is from this boot.
    pub health_is_current: bool,
}

/// Looks at a board.
///
/// # Errors
/// When the link `current` is none of ours.
pub fn status(layout: &Layout) -> Result<Status, LayoutError> {
    let slot = layout.current_slot()?;
    let manifest = slot.and_then(|slot| Manifest::of_slot(layout, slot));
    let other = slot
        .map(Slot::other)
        .and_then(|slot| Manifest::of_slot(layout, slot));
    let health = Vitals::read(&layout.health());
    let health_is_current = health
        .as_ref()
        .is_some_and(|report| report.boot_id == layout.boot_id());
    Ok(Status {
        slot,
        version: manifest.as_ref().map(|manifest| manifest.version.clone()),
        board: manifest.map(|manifest| manifest.board),
        other_version: other.map(|manifest| manifest.version),
        trial: Trial::read(layout).map(|trial| trial.version),
        outcome: Outcome::read(layout),
        health,
        health_is_current,
    })
}
