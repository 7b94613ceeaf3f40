//! Small data sets written for a test.

use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use std::path::Path;
use tempfile::TempDir;
use xtask::dataset::{Dataset, DatasetError, GroundTruth, LoadOptions, Split};

/// Size of the pictures.
pub const SIZE: (u32, u32) = (64, 32);

/// A folder that is removed in the end.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and the folders it is in.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Writes a grey picture of [`SIZE`].
    pub fn picture(&self, name: &str) -> &Self {
        self.picture_of(name, SIZE)
    }

    pub fn picture_of(&self, name: &str, (width, height): (u32, u32)) -> &Self {
        self.write(name, []);
        image::RgbImage::from_pixel(width, height, image::Rgb([90; 3]))
            .save(self.path().join(name))
            .unwrap();
        self
    }

    pub fn load(&self, split: Split) -> Dataset {
        self.try_load(split).unwrap()
    }

    pub fn try_load(&self, split: Split) -> Result<Dataset, DatasetError> {
        Dataset::load(self.path(), split, LoadOptions::EVALUATION)
    }

    /// The message of the error that loading ends in.
    pub fn error(&self, split: Split) -> String {
        self.try_load(split).unwrap_err().to_string()
    }
}

/// Class, box and whether it is to be ignored.
pub type Plain = (ObjectClass, [f32; 4], bool);

pub fn plain(objects: &[GroundTruth]) -> Vec<Plain> {
    let corners = |b: BBox| [b.x0, b.y0, b.x1, b.y1];
    objects
        .iter()
        .map(|object| (object.class, corners(object.bbox), object.crowd))
        .collect()
}

/// File names of the pictures, in order.
pub fn names(dataset: &Dataset) -> Vec<String> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    dataset
        .images
        .iter()
        .map(|image| name(&image.path))
        .collect()
}

/// Expects one skipped entry, of a file whose path ends in `path` and for this reason.
pub fn assert_skipped(dataset: &Dataset, path: &str, reason: &str) {
    let skipped = &dataset.skipped;
    assert_eq!(
        (skipped.len(), dataset.skipped_count),
        (1, 1),
        "{skipped:?}"
    );
    assert!(skipped[0].path.ends_with(path), "{skipped:?}");
    assert!(
        skipped[0].reason.contains(reason),
        "{skipped:?} lacks {reason}"
    );
}
