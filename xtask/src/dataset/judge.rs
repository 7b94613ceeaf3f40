//! Judges the entries of a COCO file one by one.

use super::coco::{Annotation, Category, CocoFile, Image};
use super::scalar::{Corners, Scalar};
use super::{
    Dataset, DatasetError, Description, GroundTruth, ImageEntry, Skipped, class_of_category,
};
use lookout::class::ObjectClass;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

/// Boxes may stick out of the image by this much without being worth a word (rounding).
const OUTSIDE_PIXELS_MAX: f32 = 1.0;
/// More names of dropped categories than this are counted together.
const DROPPED_NAMES_MAX: usize = 1000;
/// Where the names of dropped categories beyond the limit are counted.
const DROPPED_OTHERS: &str = "(others)";

/// The three lists that every COCO file has.
pub(super) struct Lists {
    pub categories: Vec<Category>,
    pub images: Vec<Image>,
    pub annotations: Vec<Annotation>,
}

/// A category of the file: one of our classes, or the name of something else.
pub(super) type CategoryClass = Result<ObjectClass, String>;

/// Turns entries of a COCO file into images and objects, and keeps a record of what is wrong.
pub(super) struct Judge<'a> {
    root: &'a Path,
    annotation_path: &'a Path,
    pub skipped: Vec<Skipped>,
    pub skipped_count: u64,
    pub dropped: BTreeMap<String, u64>,
    pub clipped_count: u64,
}

impl<'a> Judge<'a> {
    /// Nothing wrong yet.
    pub fn new(root: &'a Path, annotation_path: &'a Path) -> Self {
        Self {
            root,
            annotation_path,
            skipped: Vec::new(),
            skipped_count: 0,
            dropped: BTreeMap::new(),
            clipped_count: 0,
        }
    }

    /// Counts something unusable, and lists it while there is room.
    fn skip(&mut self, path: Option<&Path>, reason: String) {
        self.skipped_count += 1;
        if self.skipped.len() < Dataset::SKIPPED_MAX {
            let path = path.unwrap_or(self.annotation_path).to_owned();
            self.skipped.push(Skipped { path, reason });
        }
    }

    /// Why the first unusable entry was skipped.
    pub fn first_reason(&self) -> Option<&str> {
        self.skipped.first().map(|skipped| skipped.reason.as_str())
    }

    /// The three lists, or which one is missing.
    pub fn lists(&self, file: CocoFile) -> Result<Lists, DatasetError> {
        let missing = |list| DatasetError::MissingList {
            path: self.annotation_path.to_owned(),
            list,
        };
        Ok(Lists {
            categories: file.categories.ok_or_else(|| missing("categories"))?,
            images: file.images.ok_or_else(|| missing("images"))?,
            annotations: file.annotations.ok_or_else(|| missing("annotations"))?,
        })
    }

    /// Class by category id. Of two categories with one id the first wins.
    pub fn classes(&mut self, categories: &[Category]) -> HashMap<i64, CategoryClass> {
        let mut classes = HashMap::new();
        for (index, category) in categories.iter().enumerate() {
            let (Some(id), Some(name)) = (category.id.integer(), category.name.text()) else {
                self.skip(
                    None,
                    format!("category {index}: `id` or `name` is missing or wrong"),
                );
                continue;
            };
            match classes.entry(id) {
                Entry::Occupied(_) => self.skip(None, format!("category id {id} is given twice")),
                Entry::Vacant(vacant) => {
                    vacant.insert(class_of_category(name).ok_or_else(|| name.to_owned()));
                }
            }
        }
        classes
    }

    /// The usable images by rising id, without boxes yet.
    pub fn entries(&mut self, images: Vec<Image>, description: &Description) -> Vec<ImageEntry> {
        let mut entries = Vec::with_capacity(images.len());
        for (index, image) in images.into_iter().enumerate() {
            match self.entry(&image, description) {
                Ok(entry) => entries.push(entry),
                Err(reason) => {
                    let path = image.file_name.text().map(Path::new);
                    self.skip(path, format!("image {index}: {reason}"));
                }
            }
        }
        // Stable, so that of two images with one id the first of the file wins.
        entries.sort_by_key(|entry| entry.id);
        let mut unique: Vec<ImageEntry> = Vec::with_capacity(entries.len());
        for entry in entries {
            if unique.last().is_some_and(|last| last.id == entry.id) {
                self.skip(
                    Some(&entry.path),
                    format!("image id {} is given twice", entry.id),
                );
            } else {
                unique.push(entry);
            }
        }
        unique
    }

    fn entry(&self, image: &Image, description: &Description) -> Result<ImageEntry, String> {
        let id = image
            .id
            .integer()
            .ok_or("`id` is missing or is no integer")?;
        let name = image
            .file_name
            .text()
            .ok_or("`file_name` is missing or is no text")?;
        let side = |value: &Scalar, field: &str| {
            let max = i64::from(Frame::SIDE_PIXELS_MAX);
            let side = value.integer().filter(|side| (1..=max).contains(side));
            side.map(|side| side as u32)
                .ok_or(format!("`{field}` must be 1 to {max}"))
        };
        let (width, height) = (side(&image.width, "width")?, side(&image.height, "height")?);
        let path = self.picture_path(name)?;
        let labelled = description.labelled;
        Ok(ImageEntry {
            path,
            id,
            width,
            height,
            objects: Vec::new(),
            labelled,
        })
    }

    /// Where the picture is: as the file name says, or in `images/`, as COCO itself has it.
    /// Names that could lead out of the folder are refused.
    fn picture_path(&self, name: &str) -> Result<PathBuf, String> {
        let relative = Path::new(name);
        let inside = relative
            .components()
            .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
        if !inside || name.is_empty() || name.contains('\0') {
            return Err("`file_name` must be a path inside the data set's folder".to_owned());
        }
        [
            self.root.join(relative),
            self.root.join("images").join(relative),
        ]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| "no such picture file, nor in `images/`".to_owned())
    }

    /// Gives every usable annotation to its image.
    pub fn place_boxes(
        &mut self,
        entries: &mut [ImageEntry],
        annotations: Vec<Annotation>,
        classes: &HashMap<i64, CategoryClass>,
    ) {
        for (index, annotation) in annotations.into_iter().enumerate() {
            let entry = annotation
                .image_id
                .integer()
                .and_then(|id| entries.binary_search_by_key(&id, |entry| entry.id).ok());
            let Some(entry) = entry.map(|position| &mut entries[position]) else {
                self.skip(
                    None,
                    format!("annotation {index}: `image_id` names no usable image"),
                );
                continue;
            };
            match self.object(&annotation, entry, classes) {
                Ok(Some(object)) => entry.objects.push(object),
                Ok(None) => {}
                Err(reason) => {
                    self.skip(Some(&entry.path), format!("annotation {index}: {reason}"));
                }
            }
        }
    }

    /// The object, `None` when its category is none of our classes.
    fn object(
        &mut self,
        annotation: &Annotation,
        entry: &ImageEntry,
        classes: &HashMap<i64, CategoryClass>,
    ) -> Result<Option<GroundTruth>, String> {
        let category = annotation
            .category_id
            .integer()
            .and_then(|id| classes.get(&id));
        let class = match category.ok_or("`category_id` names no category")? {
            Ok(class) => *class,
            Err(name) => {
                self.count_dropped(name);
                return Ok(None);
            }
        };
        let crowd = annotation
            .iscrowd
            .flag()
            .ok_or("`iscrowd` must be 0 or 1")?;
        let raw = corner_box(annotation.bbox)?;
        let bbox = raw.clip(entry.width as f32, entry.height as f32);
        if !bbox.is_valid() {
            return Err("`bbox` lies outside the image".to_owned());
        }
        let moved = [
            raw.x0 - bbox.x0,
            raw.y0 - bbox.y0,
            raw.x1 - bbox.x1,
            raw.y1 - bbox.y1,
        ];
        if moved.iter().any(|by| by.abs() > OUTSIDE_PIXELS_MAX) {
            self.clipped_count += 1;
        }
        let area = annotation.area.number().map(|area| area as f32);
        let area = area
            .filter(|area| area.is_finite() && *area > 0.0)
            .unwrap_or(bbox.area());
        Ok(Some(GroundTruth {
            class,
            bbox,
            crowd,
            area,
        }))
    }

    fn count_dropped(&mut self, name: &str) {
        let full = self.dropped.len() >= DROPPED_NAMES_MAX && !self.dropped.contains_key(name);
        let name = if full { DROPPED_OTHERS } else { name };
        *self.dropped.entry(name.to_owned()).or_default() += 1;
    }
}

/// The box as the file gives it, not clipped.
fn corner_box(corners: Corners) -> Result<BBox, String> {
    let [x, y, width, height] = corners.0.ok_or("`bbox` must be four numbers")?;
    if !(width > 0.0 && height > 0.0) {
        return Err("`bbox` must have a width and a height above 0".to_owned());
    }
    let bbox = BBox::new(x as f32, y as f32, (x + width) as f32, (y + height) as f32);
    let finite = [bbox.x0, bbox.y0, bbox.x1, bbox.y1]
        .iter()
        .all(|value| value.is_finite());
    if finite {
        Ok(bbox)
    } else {
        Err("`bbox` holds a number that is too large".to_owned())
    }
}
