//! What a release consists of, and where it may be installed.

use super::layout::{Layout, Slot};
use super::version::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// The only layout of manifests so far.
const FORMAT: u32 = 1;
/// The most files in a release.
const FILES_MAX: usize = 256;
/// The most that the files of a release may be together, in bytes.
pub(super) const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// The largest manifest, in bytes.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 * 1024;
/// The longest waits that a manifest may ask for, in seconds.
const WAIT_S_MAX: u64 = 3600;
/// The program of a release.
pub(super) const PROGRAM: &str = "lookout";

/// `manifest.toml` of a release. Its signature covers its bytes, and its hashes cover the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of this file: 1.
    pub format: u32,
    /// Version of the release.
    pub version: Version,
    /// The board it is for, a name from `board/`.
    pub board: String,
    /// Processor, as `uname -m` says it.
    pub machine: String,
    /// One of these must be among the board's device-tree `compatible` strings; empty: any.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// What must stay free on the board's disk, in bytes.
    pub disk_free_min_bytes: u64,
    /// How long a fresh release has to become healthy, in seconds.
    pub health_wait_s: u64,
    /// How long it must then stay so, in seconds.
    pub soak_s: u64,
    /// Every file.
    pub files: Vec<FileEntry>,
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path in the release's folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether it is a program.
    #[serde(default)]
    pub executable: bool,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no TOML, or lacks keys.
    #[error("the release's manifest cannot be read: {0}; make the bundle anew")]
    Syntax(String),
    /// Its values make no sense.
    #[error("the release's manifest is wrong: {0}; make the bundle anew")]
    Content(String),
}

impl Manifest {
    /// Reads and checks the text of a manifest.
    ///
    /// # Errors
    /// When it is none or would lead outside the release's folder or over a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        manifest.check().map_err(ManifestError::Content)?;
        Ok(manifest)
    }

    /// The text of the file, for [`super::write_bundle`].
    ///
    /// # Errors
    /// As [`Self::parse`]: what could not be read is not written.
    pub fn to_text(&self) -> Result<String, ManifestError> {
        self.check().map_err(ManifestError::Content)?;
        toml::to_string(self).map_err(|error| ManifestError::Content(error.to_string()))
    }

    /// The manifest of the release in a slot; `None` where there is none or none that can be
    /// read.
    pub fn of_slot(layout: &Layout, slot: Slot) -> Option<Self> {
        let path = layout.slot(slot).join(super::archive::MANIFEST);
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Self::parse(&bytes).ok()
    }

    /// Size of all files together, in bytes.
    pub fn unpacked_bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "format {}; this program knows {FORMAT}",
                self.format
            ));
        }
        for (key, value) in [("board", &self.board), ("machine", &self.machine)] {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if value.is_empty() || value.len() > 64 || !value.chars().all(is_plain) {
                return Err(format!("{key} = {value:?}"));
            }
        }
        if self.health_wait_s > WAIT_S_MAX || self.soak_s > WAIT_S_MAX {
            return Err(format!("waits of more than {WAIT_S_MAX} s"));
        }
        if self.files.len() > FILES_MAX || self.unpacked_bytes() > UNPACKED_BYTES_MAX {
            return Err(format!(
                "{} files of {} bytes; at most {FILES_MAX} of {UNPACKED_BYTES_MAX}",
                self.files.len(),
                self.unpacked_bytes()
            ));
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            check_path(&file.path)?;
            if !paths.insert(&file.path) {
                return Err(format!("{} twice", file.path));
            }
            let is_hash =
                file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_hash {
                return Err(format!("{}: sha256 = {:?}", file.path, file.sha256));
            }
        }
        let is_program = |file: &FileEntry| file.path == PROGRAM && file.executable;
        if !self.files.iter().any(is_program) {
            return Err(format!("there is no program {PROGRAM}"));
        }
        Ok(())
    }
}

/// A path is a way down and nothing else.
fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    let goes_down = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let is_reserved = path == super::archive::MANIFEST || path == super::archive::SIGNATURE;
    if path.is_empty()
        || path.len() > 200
        || path.ends_with('/')
        || path.contains("//")
        || !path.chars().all(is_plain)
        || !goes_down
        || is_reserved
    {
        return Err(format!("path {path:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::release::testing::manifest;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let manifest = manifest("0.1.0+3.gabc");
        let text = manifest.to_text().unwrap();
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
        assert!(Manifest::parse(format!("{text}\nx = 1\n").as_bytes()).is_err());
    }

    #[test]
    fn hostile_contents_are_refused() {
        type Change = fn(&mut Manifest);
        let changes: [Change; 12] = [
            |m| m.format = 2,
            |m| m.board = "../x".to_owned(),
            |m| m.board.clear(),
            |m| m.machine = "a b".to_owned(),
            |m| m.soak_s = u64::MAX,
            |m| m.files.clear(),
            |m| m.files[0].executable = false,
            |m| m.files[1].path = m.files[0].path.clone(),
            |m| m.files[1].sha256 = "00".to_owned(),
            |m| m.files[1].bytes = u64::MAX,
            |m| m.files[1].path = "manifest.sig".to_owned(),
            |m| m.files = vec![m.files[0].clone(); FILES_MAX + 1],
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut manifest = manifest("0.1.0+3");
            change(&mut manifest);
            assert!(manifest.to_text().is_err(), "change {index}");
            let text = toml::to_string(&manifest).unwrap();
            assert!(Manifest::parse(text.as_bytes()).is_err(), "change {index}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "a b",
            "a\\b",
            "ä",
        ] {
            let mut manifest = manifest("0.1.0+3");
            manifest.files[1].path = path.to_owned();
            assert!(manifest.to_text().is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::parse(&bytes);
        }

        #[test]
        fn a_damaged_manifest_never_leads_outside(at in 0usize..600, byte in any::<u8>()) {
            let mut text = manifest("0.1.0+3").to_text().unwrap().into_bytes();
            let at = at % text.len();
            text[at] = byte;
            if let Ok(manifest) = Manifest::parse(&text) {
                for file in manifest.files {
                    prop_assert!(check_path(&file.path).is_ok());
                }
            }
        }
    }
}
