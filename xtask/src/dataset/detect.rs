//! Tells from what a folder holds of which kind the data set in it is.

use super::lists::Lists;
use super::location::{DatasetKind, DatasetLocation};
use super::{DatasetError, Split, bdd, coco, kitti, voc, yolo};
use std::path::{Path, PathBuf};

/// Entries of a folder that are looked at for a hint.
const HINT_ENTRIES_MAX: usize = 1000;

impl DatasetKind {
    /// What in `root` shows that it holds a set of this kind, relative to it.
    fn sign(self, root: &Path) -> Option<PathBuf> {
        match self {
            Self::Coco => coco::sign(root),
            Self::Yolo => yolo::sign(root),
            Self::Voc => voc::sign(root),
            Self::Kitti => kitti::sign(root),
            Self::Bdd => bdd::sign(root),
        }
    }

    /// Files and folders of such a set.
    const fn looked_for(self) -> &'static str {
        match self {
            Self::Coco => coco::LOOKED_FOR,
            Self::Yolo => yolo::LOOKED_FOR,
            Self::Voc => voc::LOOKED_FOR,
            Self::Kitti => kitti::LOOKED_FOR,
            Self::Bdd => bdd::LOOKED_FOR,
        }
    }

    /// Reads one split of the set in `root`.
    pub(super) fn lists(self, root: &Path, split: Split) -> Result<Lists, DatasetError> {
        match self {
            Self::Coco => coco::lists(root, split),
            Self::Yolo => yolo::lists(root, split),
            Self::Voc => voc::lists(root, split),
            Self::Kitti => kitti::lists(root, split),
            Self::Bdd => bdd::lists(root, split),
        }
    }

    /// Whether the set in `root` has a split of its own of this name.
    pub(super) fn has_split(self, root: &Path, split: Split) -> bool {
        match self {
            Self::Coco => coco::has_split(root, split),
            Self::Yolo => yolo::has_split(root, split),
            Self::Voc => voc::has_split(root, split),
            Self::Kitti => kitti::has_split(root, split),
            Self::Bdd => bdd::has_split(root, split),
        }
    }
}

impl DatasetLocation {
    /// The kind that was named, else the one that the folder's content shows.
    ///
    /// # Errors
    /// When the folder is missing, shows no kind, or shows several.
    pub fn detect(&self) -> Result<DatasetKind, DatasetError> {
        check_folder(&self.root)?;
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let found = signs(&self.root);
        match found.as_slice() {
            [(kind, _)] => Ok(*kind),
            [] => Err(DatasetError::UnknownKind {
                root: self.root.clone(),
                looked_for: looked_for(),
                hint: hint(&self.root),
            }),
            several => Err(DatasetError::AmbiguousKind {
                root: self.root.clone(),
                found: several
                    .iter()
                    .map(|(kind, sign)| format!("{kind} (`{}`)", sign.display()))
                    .collect::<Vec<_>>()
                    .join(" and "),
                kind: several[0].0,
            }),
        }
    }
}

fn signs(root: &Path) -> Vec<(DatasetKind, PathBuf)> {
    let kinds = DatasetKind::ALL.into_iter();
    kinds
        .filter_map(|kind| kind.sign(root).map(|sign| (kind, sign)))
        .collect()
}

/// One sentence with all that was looked for.
fn looked_for() -> String {
    DatasetKind::ALL
        .map(|kind| format!("{kind}: {}", kind.looked_for()))
        .join("; ")
}

/// A subfolder that is a data set, for those who named its parent.
fn hint(root: &Path) -> String {
    let entries = root.read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .take(HINT_ENTRIES_MAX)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let found = folders.iter().find(|folder| !signs(folder).is_empty());
    found.map_or(String::new(), |folder| {
        format!("; but {} looks like one", folder.display())
    })
}

fn check_folder(root: &Path) -> Result<(), DatasetError> {
    if root.is_dir() {
        return Ok(());
    }
    let reason = if root.exists() {
        "not a folder"
    } else {
        "no such folder"
    };
    Err(DatasetError::Folder {
        path: root.to_owned(),
        reason: reason.to_owned(),
    })
}
