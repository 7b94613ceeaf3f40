//! Where a data set is, and of which kind: `DIR` or `kind:DIR`.

use super::DatasetError;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// In which form a data set comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetKind {
    /// COCO JSON with its pictures.
    Coco,
    /// Folders of pictures and of text files with boxes, and a `data.yaml`.
    Yolo,
    /// Pascal VOC: an XML file a picture.
    Voc,
    /// The object detection set of KITTI: a text file a picture.
    Kitti,
    /// The detection labels of BDD100K: one JSON list of frames a split.
    Bdd,
}

impl DatasetKind {
    /// All kinds, in the order in which messages name them.
    pub const ALL: [Self; 5] = [Self::Coco, Self::Yolo, Self::Voc, Self::Kitti, Self::Bdd];

    /// The word before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Yolo => "yolo",
            Self::Voc => "voc",
            Self::Kitti => "kitti",
            Self::Bdd => "bdd",
        }
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A data set as a user names it: a folder, with its kind where the folder's content does
/// not tell.
///
/// Text up to the first colon is a kind only if it is one of the five words; any other
/// colon belongs to the path. A folder whose own name begins like a kind is reached as
/// `./coco:odd` or `coco:coco:odd`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatasetLocation {
    /// The kind that was named; `None`: to be told from what the folder holds.
    pub kind: Option<DatasetKind>,
    /// The folder.
    pub root: PathBuf,
}

impl DatasetLocation {
    /// Takes `kind:` off the front of `path`, where it is there.
    ///
    /// # Errors
    /// When no folder is named.
    pub fn from_path(path: &Path) -> Result<Self, DatasetError> {
        let bytes = path.as_os_str().as_bytes();
        let named = DatasetKind::ALL.into_iter().find_map(|kind| {
            let rest = bytes.strip_prefix(kind.name().as_bytes())?;
            Some((kind, rest.strip_prefix(b":")?))
        });
        let (kind, root) = match named {
            Some((kind, rest)) => (Some(kind), PathBuf::from(OsStr::from_bytes(rest))),
            None => (None, path.to_owned()),
        };
        if root.as_os_str().is_empty() {
            return Err(DatasetError::Folder {
                path: path.to_owned(),
                reason: "no folder is named".to_owned(),
            });
        }
        Ok(Self { kind, root })
    }
}

impl std::str::FromStr for DatasetLocation {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        Self::from_path(Path::new(text))
    }
}

impl fmt::Display for DatasetLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{kind}:")?;
        }
        self.root.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (Option<DatasetKind>, String) {
        let location: DatasetLocation = text.parse().unwrap();
        assert_eq!(location.to_string(), text);
        (location.kind, location.root.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_kind_is_taken_off_and_other_colons_stay() {
        assert_eq!(
            parsed("voc:/data/a"),
            (Some(DatasetKind::Voc), "/data/a".into())
        );
        assert_eq!(parsed("data/voc"), (None, "data/voc".into()));
        assert_eq!(
            parsed("/data/16:9:wide"),
            (None, "/data/16:9:wide".to_owned())
        );
        assert_eq!(
            parsed("kitti:a:b"),
            (Some(DatasetKind::Kitti), "a:b".into())
        );
        assert_eq!(parsed("./coco:odd"), (None, "./coco:odd".into()));
        assert_eq!(
            parsed("coco:coco:odd"),
            (Some(DatasetKind::Coco), "coco:odd".into())
        );
        assert_eq!(parsed("COCO:x"), (None, "COCO:x".into()));
        assert_eq!(parsed("cocos:x"), (None, "cocos:x".into()));
        for text in ["", "yolo:"] {
            let error = text.parse::<DatasetLocation>().unwrap_err().to_string();
            assert!(error.contains("no folder is named"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in "(coco|yolo|bdd)?:?[a-z:/.]{0,20}") {
            if let Ok(location) = text.parse::<DatasetLocation>() {
                prop_assert_eq!(location.to_string(), text);
            }
        }
    }
}
