//! Where everything lies on a board.

use super::disk;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One of the two places for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The folder `a`.
    A,
    /// The folder `b`.
    B,
}

impl Slot {
    /// Its folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The other place.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The folders of a board.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// Something in the layout cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct LayoutError {
    /// What.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl Default for Layout {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Layout {
    /// The layout of a board whose file system is at `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The folder of releases.
    pub fn home(&self) -> PathBuf {
        self.root.join("opt/lookout")
    }

    /// A slot's folder.
    pub fn slot(&self, slot: Slot) -> PathBuf {
        self.home().join(slot.name())
    }

    /// The link to the slot in use.
    pub fn current(&self) -> PathBuf {
        self.home().join("current")
    }

    /// The folder of the program that watches trials.
    pub fn guard(&self) -> PathBuf {
        self.home().join("guard")
    }

    /// The file that is there while a release is on trial.
    pub fn trial(&self) -> PathBuf {
        self.home().join("trial.toml")
    }

    /// What became of the last trial.
    pub fn outcome(&self) -> PathBuf {
        self.home().join("outcome.toml")
    }

    /// What only one installation at a time holds.
    pub fn lock(&self) -> PathBuf {
        self.home().join("lock")
    }

    /// The folder of the owner's settings and of the trusted key.
    pub fn settings(&self) -> PathBuf {
        self.root.join("etc/lookout")
    }

    /// The key that releases must be signed with.
    pub fn trusted_key(&self) -> PathBuf {
        self.settings().join("release-key.pem")
    }

    /// Where links to our units, rules and module lists go.
    pub fn etc(&self) -> PathBuf {
        self.root.join("etc")
    }

    /// What the running firmware says of itself.
    pub fn health(&self) -> PathBuf {
        self.root.join("run/lookout/health.json")
    }

    /// The number of this boot, as the kernel gives it.
    pub fn boot_id(&self) -> String {
        let path = self.root.join("proc/sys/kernel/random/boot_id");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().to_owned()
    }

    /// What the board is, by its device tree; empty where there is none.
    pub fn compatible(&self) -> Vec<String> {
        let path = self.root.join("proc/device-tree/compatible");
        let bytes = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let strings = text.split('\0').filter(|text| !text.is_empty());
        strings.map(str::to_owned).collect()
    }

    /// The slot in use; none before the first installation.
    ///
    /// # Errors
    /// When the link is there and is none of ours.
    pub fn current_slot(&self) -> Result<Option<Slot>, LayoutError> {
        let path = self.current();
        match fs::read_link(&path) {
            Ok(target) if target == Path::new("a") => Ok(Some(Slot::A)),
            Ok(target) if target == Path::new("b") => Ok(Some(Slot::B)),
            Ok(target) => Err(LayoutError {
                path,
                source: io::Error::other(format!(
                    "it leads to {}, which is no slot; remove it and install again",
                    target.display()
                )),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LayoutError { path, source }),
        }
    }

    /// Makes `slot` the one in use, at once.
    ///
    /// # Errors
    /// When the link cannot be replaced; the old one then stays.
    pub fn switch(&self, slot: Slot) -> Result<(), LayoutError> {
        let path = self.current();
        disk::replace_link(&path, Path::new(slot.name()))
            .map_err(|source| LayoutError { path, source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_link_leads_to_one_of_two_slots() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        fs::create_dir_all(layout.home()).unwrap();
        assert_eq!(layout.current_slot().unwrap(), None);
        for slot in [Slot::A, Slot::B, Slot::A] {
            layout.switch(slot).unwrap();
            assert_eq!(layout.current_slot().unwrap(), Some(slot));
            assert_eq!(
                layout.current_slot().unwrap().unwrap().other().other(),
                slot
            );
        }
        fs::remove_file(layout.current()).unwrap();
        symlink("/etc", layout.current()).unwrap();
        let error = layout.current_slot().unwrap_err();
        assert!(error.to_string().contains("no slot"), "{error}");
    }

    #[test]
    fn a_board_says_what_it_is() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        assert!(layout.compatible().is_empty());
        let folder = root.path().join("proc/device-tree");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("compatible"),
            b"nvidia,p3450-0000\0nvidia,tegra210\0",
        )
        .unwrap();
        assert_eq!(
            layout.compatible(),
            ["nvidia,p3450-0000", "nvidia,tegra210"]
        );
    }
}
