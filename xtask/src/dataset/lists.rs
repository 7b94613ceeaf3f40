//! Plain lists of categories, pictures and boxes: what every format is turned into before
//! one judge looks at them. They are COCO's own lists, in which any value may be wrong.

use super::scalar::{Corners, Scalar};
use super::{Dataset, DatasetError, RiderBox, Skipped};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// More categories than this are refused.
pub const CATEGORIES_MAX: usize = 100_000;
/// More images than this are refused.
pub const IMAGES_MAX: usize = 5_000_000;
/// More annotations than this are refused.
pub const ANNOTATIONS_MAX: usize = 20_000_000;

/// An entry of `categories`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Category {
    /// Integer.
    pub id: Scalar,
    /// Text.
    pub name: Scalar,
}

/// An entry of `images`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Integer.
    pub id: Scalar,
    /// Text: a path relative to one of [`Lists::picture_folders`].
    pub file_name: Scalar,
    /// Pixels.
    pub width: Scalar,
    /// Pixels.
    pub height: Scalar,
    /// The file that holds this picture's labels alone, for messages.
    #[serde(skip)]
    pub label_path: Option<Box<Path>>,
}

/// An entry of `annotations`. Its own id is of no use: nothing refers to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Integer.
    pub image_id: Scalar,
    /// Integer.
    pub category_id: Scalar,
    /// x, y, width, height in the unit of [`Lists::unit`].
    pub bbox: Corners,
    /// Square pixels.
    pub area: Scalar,
    /// 0 or 1.
    pub iscrowd: Scalar,
    /// Its place in the label file (a line, the how-manieth object), for messages; `None`:
    /// its place in this list.
    #[serde(skip)]
    pub place: Option<u32>,
}

/// What the numbers of boxes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Pixels of the picture.
    Pixels,
    /// Shares of its width and height, with the box's centre in place of its corner.
    CentreShares,
}

/// Where the size comes from that boxes refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// The entry must state it.
    Stated,
    /// The picture file's own, where the entry states none.
    OfPicture,
    /// As [`Sizes::OfPicture`]; but a smaller picture of this shape is a shrunken copy of
    /// one of this size, to which its boxes refer.
    OfOriginal(u32, u32),
}

/// What one split of a data set says, in the words of its format, not judged yet.
#[derive(Debug)]
pub struct Lists {
    /// The annotation file or folder, for messages.
    pub path: PathBuf,
    /// Classes.
    pub categories: Vec<Category>,
    /// Pictures.
    pub images: Vec<Image>,
    /// Boxes.
    pub annotations: Vec<Annotation>,
    /// Folders, relative to the set's, where pictures are looked for, in this order.
    pub picture_folders: Vec<PathBuf>,
    /// What box numbers count.
    pub unit: Unit,
    /// Where picture sizes come from.
    pub sizes: Sizes,
    /// What messages call an annotation: `annotation`, `line`, `object`, `label`.
    pub noun: &'static str,
    /// What rider boxes hold in sets of this kind, where no description says.
    pub rider_box: Option<RiderBox>,
    /// What was wrong so far.
    pub faults: Faults,
    /// What else a user should know.
    pub warnings: Vec<String>,
}

impl Lists {
    /// Empty lists of the annotations at `path`: pixels, sizes of the pictures.
    pub fn new(path: PathBuf, noun: &'static str) -> Self {
        Self {
            path,
            categories: Vec::new(),
            images: Vec::new(),
            annotations: Vec::new(),
            picture_folders: vec![PathBuf::new()],
            unit: Unit::Pixels,
            sizes: Sizes::OfPicture,
            noun,
            rider_box: None,
            faults: Faults::default(),
            warnings: Vec::new(),
        }
    }

    /// Adds a picture, and gives the id that its boxes refer to.
    pub fn add_image(&mut self, file_name: &str, label_path: Option<&Path>) -> Scalar {
        let id = Scalar::Integer(self.images.len() as i64);
        self.images.push(Image {
            id: id.clone(),
            file_name: Scalar::Text(file_name.into()),
            label_path: label_path.map(Box::from),
            ..Image::default()
        });
        id
    }

    /// Fails where there is no room for one more box.
    pub fn check_room(&self) -> Result<(), DatasetError> {
        if self.annotations.len() < ANNOTATIONS_MAX {
            return Ok(());
        }
        Err(DatasetError::TooMany {
            path: self.path.clone(),
            count_max: ANNOTATIONS_MAX,
            what: "boxes",
        })
    }
}

/// Ids for categories in formats that give names alone.
#[derive(Debug, Default)]
pub struct CategoryNames {
    ids: HashMap<String, i64>,
}

impl CategoryNames {
    /// Names that count as listed though no box may have them.
    pub fn of(names: &[&str]) -> Self {
        let mut known = Self::default();
        for name in names {
            known.id(name);
        }
        known
    }

    /// The id of `name`; [`Scalar::Absent`] where there are too many names already.
    pub fn id(&mut self, name: &str) -> Scalar {
        if let Some(&id) = self.ids.get(name) {
            return Scalar::Integer(id);
        }
        if self.ids.len() >= CATEGORIES_MAX {
            return Scalar::Absent;
        }
        let id = self.ids.len() as i64;
        self.ids.insert(name.to_owned(), id);
        Scalar::Integer(id)
    }

    /// The list of all names.
    pub fn into_categories(self) -> Vec<Category> {
        let entry = |(name, id): (String, i64)| Category {
            id: Scalar::Integer(id),
            name: Scalar::Text(name.into()),
        };
        let mut categories: Vec<Category> = self.ids.into_iter().map(entry).collect();
        categories.sort_by_key(|category| category.id.integer());
        categories
    }
}

/// What could not be used: counted, and listed while there is room.
#[derive(Debug, Default)]
pub struct Faults {
    /// At most [`Dataset::SKIPPED_MAX`] entries.
    pub listed: Vec<Skipped>,
    /// All of them.
    pub count: u64,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, path: &Path, reason: String) {
        self.count += 1;
        if self.listed.len() < Dataset::SKIPPED_MAX {
            let path = path.to_owned();
            self.listed.push(Skipped { path, reason });
        }
    }
}
