//! Releases of the firmware on a board: signed, installed beside the one that runs, tried, and
//! taken back by themselves when they do not see.
//!
//! ```text
//! bundle (tar.gz)        /opt/lookout
//!   manifest.toml   ──▶    a/  b/            two slots, one of them idle
//!   manifest.sig           current -> a      replaced by rename only
//!   lookout                guard/lookout     the binary that watches a trial
//!   models/ units/ ...     trial.toml        there while a release is on trial
//! ```
//!
//! A power cut at any moment leaves `current` at a release that is whole: a slot is written and
//! flushed before the link moves, and a release that is on trial when the power goes is on trial
//! again at the next boot. What decides is [`crate::release::trial`]; it runs on the board alone,
//! so that a broken connection changes nothing.

mod archive;
mod disk;
mod install;
mod key;
mod layout;
mod manifest;
mod outcome;
mod status;
mod system;
pub mod trial;
mod version;
mod vitals;

#[cfg(test)]
mod testing;

pub(crate) use disk::free_bytes;

pub use archive::{ArchiveError, BUNDLE_BYTES_MAX, Bundle, write_bundle};
pub use install::{InstallError, InstallOptions, Installed, install, rollback};
pub use key::{KeyError, PublicKey, SecretKey};
pub use layout::{Layout, LayoutError, Slot};
pub use manifest::{FileEntry, Manifest, ManifestError};
pub use outcome::{Outcome, Verdict};
pub use status::{Status, status};
pub use system::{Board, Linux, System, SystemError};
pub use version::{Version, VersionError};
pub use vitals::Vitals;
