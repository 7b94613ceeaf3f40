//! One labelled image.

use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use std::path::PathBuf;

/// One labelled object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundTruth {
    /// What it is.
    pub class: ObjectClass,
    /// Where it is, in pixels of [`ImageEntry::width`] x [`ImageEntry::height`], inside them.
    pub bbox: BBox,
    /// A region to be ignored (`iscrowd`): neither an object nor background.
    pub crowd: bool,
    /// Area in square pixels as the annotations give it (COCO: of the object's mask);
    /// decides whether it counts as small, medium or large.
    pub area: f32,
}

/// One image and what is labelled in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageEntry {
    /// The picture file, which existed when the set was loaded.
    pub path: PathBuf,
    /// Its id in the annotation file.
    pub id: i64,
    /// Width in pixels that the boxes refer to. The file's own width may differ.
    pub width: u32,
    /// Height in pixels that the boxes refer to. The file's own height may differ.
    pub height: u32,
    /// The objects, in the order of the annotation file.
    pub objects: Vec<GroundTruth>,
    /// By class index: whether the absence of a box means the absence of an object here.
    /// Where it is false, background gives no negative loss and a detection that matches
    /// no box counts neither as right nor as wrong.
    pub labelled: [bool; ObjectClass::COUNT],
}

/// Something in the annotations that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The picture it belongs to, or the annotation file.
    pub path: PathBuf,
    /// What was wrong.
    pub reason: String,
}
