//! Labelled images from a folder, in whichever of five formats they come.
//!
//! | kind | what the folder holds |
//! |---|---|
//! | `coco` | `images/` and `annotations_train.json` + `annotations_val.json`, or one `annotations.json` for both splits; or COCO's own `annotations/instances_train2017.json` + `train2017/` |
//! | `yolo` | `data.yaml`, `images/train/` + `labels/train/`, as Ultralytics has them |
//! | `voc` | `Annotations/*.xml`, `JPEGImages/`, `ImageSets/Main/*.txt` |
//! | `kitti` | `training/image_2/` + `training/label_2/` |
//! | `bdd` | `labels/det_20/det_train.json` or `labels/bdd100k_labels_images_train.json`, `images/100k/` |
//!
//! The kind shows in the folder's content, or is named: [`DatasetLocation`]. In every
//! format a `dataset.toml` says which classes the set labels and what its rider boxes hold.
//! Each format is turned into the same plain lists (`lists`), and one judge looks at these:
//! whatever is wrong with single images or boxes is reported in [`Dataset::skipped`] and
//! left out; only what makes the whole set unusable is an error, unless
//! [`LoadOptions::strict`] asks for more. Nothing outside the folder is read, whatever the
//! annotations say: absolute paths and `..` are refused.

mod alias;
mod bdd;
mod box_judge;
mod check;
mod coco;
pub(crate) mod coco_json;
mod combined_riders;
mod derived_split;
mod description;
mod detect;
mod entry;
mod error;
mod files;
mod header;
mod judge;
mod kitti;
mod lenient;
mod lists;
mod loader;
mod location;
mod options;
mod parallel;
mod person_on_cycle;
mod picture;
mod scalar;
mod share;
mod summary;
mod voc;
mod yaml;
mod yolo;

pub use alias::{CategoryMeaning, class_of_category, meaning_of_category};
pub use check::check_pictures;
pub use combined_riders::{CombinedRiders, rider_share};
pub use description::{COLOURS, DESCRIPTION_FILE, Description, RiderBox};
pub use entry::{GroundTruth, ImageEntry, Skipped};
pub use error::DatasetError;
pub use location::{DatasetKind, DatasetLocation};
pub use options::{LoadOptions, Split};
pub use person_on_cycle::{is_on_cycle, relabel_riders};
pub use picture::{PictureError, read_frame};

use lookout::class::ObjectClass;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One split of one data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder.
    pub root: PathBuf,
    /// In which form it comes.
    pub kind: DatasetKind,
    /// Which split was asked for.
    pub split: Split,
    /// What the set labels; with [`LoadOptions::relabel_riders`], riders count as labelled
    /// where persons and cycles are, and where [`CombinedRiders`] took riders and cycles
    /// apart, rider boxes hold the person alone.
    pub description: Description,
    /// The usable images, by rising id.
    pub images: Vec<ImageEntry>,
    /// What was wrong with the annotations, at most [`Dataset::SKIPPED_MAX`] entries.
    pub skipped: Vec<Skipped>,
    /// How many entries were skipped, also beyond those listed.
    pub skipped_count: u64,
    /// Boxes dropped because their category is none of our classes, by category name.
    pub dropped: BTreeMap<String, u64>,
    /// Boxes that became regions to ignore because their category may be one of our classes
    /// or hide some, by category name.
    pub ignored: BTreeMap<String, u64>,
    /// Boxes that stuck out of their image by more than a pixel and were cut at its edge.
    pub clipped_count: u64,
    /// Persons relabelled as riders.
    pub relabelled_count: u64,
    /// Riders that are in one box with their cycle.
    pub combined_count: u64,
    /// What was done with them.
    pub combined_riders: CombinedRiders,
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

    /// Loads one split of the data set in `dir`, a folder or `kind:FOLDER`
    /// ([`DatasetLocation`]).
    ///
    /// In COCO sets the split's own file is taken where there is one, else
    /// [`Self::COMMON_FILE`]; a validation split that is also the training split is reported
    /// in [`Dataset::warnings`], and so is a split that had to be made.
    pub fn load(dir: &Path, split: Split, options: LoadOptions) -> Result<Self, DatasetError> {
        Self::load_from(&DatasetLocation::from_path(dir)?, split, options)
    }

    /// Loads one split of the data set at `location`.
    pub fn load_from(
        location: &DatasetLocation,
        split: Split,
        options: LoadOptions,
    ) -> Result<Self, DatasetError> {
        loader::load(location, split, options)
    }

    /// Whether the set in `dir`, a folder or `kind:FOLDER`, has images of its own for this
    /// split; not so where one COCO file serves both, or where there is no data set.
    pub fn has_split(dir: &Path, split: Split) -> bool {
        DatasetLocation::from_path(dir).is_ok_and(|location| {
            let kind = location.detect();
            kind.is_ok_and(|kind| kind.has_split(&location.root, split))
        })
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
}
