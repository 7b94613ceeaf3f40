//! Labelled images from a folder: COCO JSON, the pictures and `dataset.toml`.
//!
//! A folder holds `images/` and `annotations_train.json` + `annotations_val.json`, or one
//! `annotations.json` for both splits. `dataset.toml` beside them says which classes the set
//! labels. Whatever is wrong with single images or boxes is reported in
//! [`Dataset::skipped`] and left out; only what makes the whole set unusable is an error.

mod alias;
pub(crate) mod coco;
mod description;
mod entry;
mod error;
mod judge;
mod loader;
mod person_on_cycle;
mod picture;
mod scalar;

pub use alias::class_of_category;
pub use description::{DESCRIPTION_FILE, Description, RiderBox};
pub use entry::{GroundTruth, ImageEntry, Skipped};
pub use error::DatasetError;
pub use person_on_cycle::{is_on_cycle, relabel_riders};
pub use picture::{PictureError, read_frame};

use lookout::class::ObjectClass;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To train on.
    Train,
    /// To measure on.
    Val,
}

impl Split {
    /// `train` or `val`, as in the names of the annotation files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "train" => Ok(Self::Train),
            "val" => Ok(Self::Val),
            _ => Err(format!("`{text}` is no split; give `train` or `val`")),
        }
    }
}

/// How a data set is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// In sets without rider boxes ([`RiderBox::None`]): relabel as riders the persons on a
    /// cycle, see [`is_on_cycle`]. Other sets are not touched by it.
    pub relabel_riders: bool,
}

impl LoadOptions {
    /// For training: riders are told from persons in every set, so that the two classes mean
    /// the same everywhere.
    pub const TRAINING: Self = Self {
        relabel_riders: true,
    };

    /// For measuring: labels as they are, so that figures can be compared with others'.
    pub const EVALUATION: Self = Self {
        relabel_riders: false,
    };
}

/// One split of one data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder.
    pub root: PathBuf,
    /// Which split was asked for.
    pub split: Split,
    /// What the set labels; with [`LoadOptions::relabel_riders`], riders count as labelled
    /// where persons and cycles are.
    pub description: Description,
    /// The usable images, by rising id.
    pub images: Vec<ImageEntry>,
    /// What was wrong with the annotations, at most [`Dataset::SKIPPED_MAX`] entries.
    pub skipped: Vec<Skipped>,
    /// How many entries were skipped, also beyond those listed.
    pub skipped_count: u64,
    /// Boxes dropped because their category is none of our classes, by category name.
    pub dropped: BTreeMap<String, u64>,
    /// Boxes that stuck out of their image by more than a pixel and were cut at its edge.
    pub clipped_count: u64,
    /// Persons relabelled as riders.
    pub relabelled_count: u64,
    /// What else a user should know: unknown fields, defaults assumed, splits shared.
    pub warnings: Vec<String>,
}

impl Dataset {
    /// No more skipped entries than this are listed.
    pub const SKIPPED_MAX: usize = 10_000;
    /// Annotation files larger than this are refused.
    pub const ANNOTATION_BYTES_MAX: u64 = 2 << 30;
    /// File with the annotations of all splits, where a split has none of its own.
    pub const COMMON_FILE: &'static str = "annotations.json";

    /// Loads one split of the data set in `dir`.
    ///
    /// The split's own file `annotations_SPLIT.json` is taken where there is one, else
    /// `annotations.json`; a validation split that is also the training split is reported in
    /// [`Dataset::warnings`].
    pub fn load(dir: &Path, split: Split, options: LoadOptions) -> Result<Self, DatasetError> {
        loader::load(dir, split, options)
    }

    /// Whether the folder has a file of its own for this split.
    pub fn has_split(dir: &Path, split: Split) -> bool {
        dir.join(format!("annotations_{split}.json")).is_file()
    }

    /// Boxes by class index, crowd regions not counted.
    pub fn boxes_by_class(&self) -> [u64; ObjectClass::COUNT] {
        let mut counts = [0; ObjectClass::COUNT];
        for object in self.images.iter().flat_map(|image| &image.objects) {
            if !object.crowd {
                counts[object.class.index()] += 1;
            }
        }
        counts
    }

    /// A few lines for people: what was loaded, what was left out and why.
    pub fn summary(&self) -> String {
        const SKIPPED_SHOWN: usize = 5;
        let counts = self.boxes_by_class();
        let boxes: Vec<String> = ObjectClass::ALL
            .iter()
            .filter(|class| counts[class.index()] > 0)
            .map(|class| format!("{class} {}", counts[class.index()]))
            .collect();
        let mut lines = vec![format!(
            "{} ({}), {} split: {} images; boxes: {}",
            self.description.name,
            self.root.display(),
            self.split,
            self.images.len(),
            if boxes.is_empty() {
                "none".to_owned()
            } else {
                boxes.join(", ")
            }
        )];
        lines.extend(
            self.warnings
                .iter()
                .map(|warning| format!("  warning: {warning}")),
        );
        for (name, count) in &self.dropped {
            lines.push(format!(
                "  dropped: {count} boxes of `{name}`, which is none of our classes"
            ));
        }
        if self.clipped_count > 0 {
            lines.push(format!(
                "  clipped at the image's edge: {} boxes",
                self.clipped_count
            ));
        }
        if self.relabelled_count > 0 {
            lines.push(format!(
                "  persons on cycles taken as riders: {}",
                self.relabelled_count
            ));
        }
        if self.skipped_count > 0 {
            lines.push(format!("  skipped: {} entries", self.skipped_count));
            for skipped in self.skipped.iter().take(SKIPPED_SHOWN) {
                lines.push(format!(
                    "    {}: {}",
                    skipped.path.display(),
                    skipped.reason
                ));
            }
            if self.skipped_count > SKIPPED_SHOWN as u64 {
                lines.push("    ...".to_owned());
            }
        }
        lines.join("\n")
    }
}
