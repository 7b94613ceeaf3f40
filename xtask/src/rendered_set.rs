//! Rendered pictures as a data set: the folder, COCO annotations and `dataset.toml`.

use crate::dataset::{DESCRIPTION_FILE, Split};
use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Frames taken of one drive before the next seed begins.
pub const FRAMES_A_DRIVE: u32 = 8;

/// Objects less visible than this are marked to be ignored.
pub const VISIBLE_MIN: f32 = 0.25;

/// Every tenth drive is for validation.
const VAL_EVERY: u32 = 10;

/// Why the data set could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderedSetError {
    /// The folder is in use.
    #[error("{} holds something already; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A file could not be written.
    #[error("{}: {reason}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl RenderedSetError {
    /// For a file that could not be written.
    pub fn write(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Write {
            path: path.to_path_buf(),
            reason: error.to_string(),
        }
    }
}

/// One object of a picture.
#[derive(Clone, Copy, Debug)]
pub struct RenderedBox {
    /// What it is.
    pub class: ObjectClass,
    /// Where it is, in pixels.
    pub bbox: BBox,
    /// Area in square pixels.
    pub area: f32,
    /// Whether it is too little visible to be learnt.
    pub ignored: bool,
}

/// One split's annotations while they grow.
#[derive(Default)]
struct Annotations {
    images: Vec<Value>,
    boxes: Vec<Value>,
}

/// A data set that is being written.
pub struct RenderedSet {
    root: PathBuf,
    train: Annotations,
    val: Annotations,
    width: u32,
    height: u32,
    frames: u32,
}

impl RenderedSet {
    /// Makes the folder `root`, which must not exist or be empty, for `frames` pictures of
    /// `width` x `height`.
    ///
    /// # Errors
    /// [`RenderedSetError`] when it is in use or cannot be made.
    pub fn create(
        root: &Path,
        frames: u32,
        (width, height): (u32, u32),
    ) -> Result<Self, RenderedSetError> {
        if root
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            return Err(RenderedSetError::NotEmpty(root.to_path_buf()));
        }
        let images = root.join("images");
        std::fs::create_dir_all(&images).map_err(|e| RenderedSetError::write(&images, e))?;
        Ok(Self {
            root: root.to_path_buf(),
            train: Annotations::default(),
            val: Annotations::default(),
            width,
            height,
            frames,
        })
    }

    /// Where the picture of this name belongs.
    pub fn image(&self, file: &str) -> PathBuf {
        self.root.join("images").join(file)
    }

    /// The split of frame number `frame`: whole drives go to either.
    fn split(&self, frame: u32) -> Split {
        let drive = frame / FRAMES_A_DRIVE;
        // A set of a few frames needs a validation part too.
        if drive % VAL_EVERY == VAL_EVERY - 1 || frame + 1 == self.frames {
            Split::Val
        } else {
            Split::Train
        }
    }

    /// Adds what is on frame number `frame`, whose picture is called `file`.
    pub fn push(&mut self, frame: u32, file: &str, boxes: impl Iterator<Item = RenderedBox>) {
        let (width, height) = (self.width, self.height);
        let split = match self.split(frame) {
            Split::Train => &mut self.train,
            Split::Val => &mut self.val,
        };
        split.images.push(json!({
            "id": frame, "file_name": file, "width": width, "height": height,
        }));
        for b in boxes {
            let box_id = split.boxes.len() + 1;
            split.boxes.push(json!({
                "id": box_id,
                "image_id": frame,
                "category_id": b.class.index() + 1,
                "bbox": [b.bbox.x0, b.bbox.y0, b.bbox.width(), b.bbox.height()],
                "area": b.area,
                "iscrowd": u8::from(b.ignored),
            }));
        }
    }

    /// Writes the annotations of both splits and the set's `description`.
    ///
    /// # Errors
    /// [`RenderedSetError::Write`] for the first file that cannot be written.
    pub fn finish(self, description: &str) -> Result<(), RenderedSetError> {
        for (split, annotations) in [(Split::Train, self.train), (Split::Val, self.val)] {
            let path = self.root.join(format!("annotations_{split}.json"));
            std::fs::write(&path, annotations.json().to_string())
                .map_err(|e| RenderedSetError::write(&path, e))?;
        }
        let path = self.root.join(DESCRIPTION_FILE);
        std::fs::write(&path, description).map_err(|e| RenderedSetError::write(&path, e))
    }
}

impl Annotations {
    fn json(self) -> Value {
        let category = |c: &ObjectClass| json!({"id": c.index() + 1, "name": c.name()});
        let categories: Vec<Value> = ObjectClass::ALL.iter().map(category).collect();
        json!({"images": self.images, "annotations": self.boxes, "categories": categories})
    }
}
