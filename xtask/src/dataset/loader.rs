//! Turns a COCO file into a [`Dataset`], judging every entry.

use super::coco::{self, Annotation, Category, CocoFile, Corners, Image};
use super::{
    Dataset, DatasetError, Description, GroundTruth, ImageEntry, LoadOptions, RiderBox, Skipped,
    Split, class_of_category, relabel_riders,
};
use lookout::class::ObjectClass;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// The buffer for reading JSON; the parser takes single bytes from it.
const READ_BUFFER_BYTES: usize = 1 << 20;
/// Boxes may stick out of the image by this much without being worth a word (rounding).
const OUTSIDE_PIXELS_MAX: f32 = 1.0;
/// More names of dropped categories than this are counted together.
const DROPPED_NAMES_MAX: usize = 1000;
/// Where the names of dropped categories beyond the limit are counted.
const DROPPED_OTHERS: &str = "(others)";

/// See [`Dataset::load`].
pub(super) fn load(
    dir: &Path,
    split: Split,
    options: LoadOptions,
) -> Result<Dataset, DatasetError> {
    if !dir.is_dir() {
        let reason = if dir.exists() {
            "not a folder"
        } else {
            "no such folder"
        };
        return Err(DatasetError::Folder {
            path: dir.to_owned(),
            reason: reason.to_owned(),
        });
    }
    let description = Description::read(dir)?;
    let annotation_path = find_annotations(dir, split)?;
    let file = read_coco(&annotation_path)?;
    let mut loader = Loader::new(dir, annotation_path);
    let Lists {
        categories,
        images,
        annotations,
    } = loader.lists(file)?;

    let classes = loader.classes(&categories);
    let mut listed = [false; ObjectClass::COUNT];
    classes
        .values()
        .filter_map(|class| class.as_ref().ok())
        .for_each(|c| listed[c.index()] = true);
    let mut description = description.unwrap_or_else(|| Description::assumed(dir, listed));
    let mut warnings = std::mem::take(&mut description.warnings);
    if !Dataset::has_split(dir, split) {
        warnings.push(format!(
            "no annotations_{split}.json: both splits are all of {}",
            Dataset::COMMON_FILE
        ));
    }

    let mut entries = loader.entries(images, &description);
    loader.place_boxes(&mut entries, annotations, &classes);
    if entries.is_empty() {
        let first = loader.skipped.first();
        return Err(DatasetError::Empty {
            path: loader.annotation_path,
            skipped: loader.skipped_count,
            first: first.map_or("the list `images` is empty".to_owned(), |s| {
                s.reason.clone()
            }),
        });
    }
    let relabelled_count = finish_entries(&mut entries, &mut description, options);
    Ok(Dataset {
        root: dir.to_owned(),
        split,
        description,
        images: entries,
        skipped: loader.skipped,
        skipped_count: loader.skipped_count,
        dropped: loader.dropped,
        clipped_count: loader.clipped_count,
        relabelled_count,
        warnings,
    })
}

/// The split's own file, else the common one.
fn find_annotations(dir: &Path, split: Split) -> Result<PathBuf, DatasetError> {
    [
        format!("annotations_{split}.json"),
        Dataset::COMMON_FILE.to_owned(),
    ]
    .into_iter()
    .map(|name| dir.join(name))
    .find(|path| path.is_file())
    .ok_or_else(|| DatasetError::NoAnnotations {
        root: dir.to_owned(),
        split,
    })
}

fn read_coco(path: &Path) -> Result<CocoFile, DatasetError> {
    let bytes_max = Dataset::ANNOTATION_BYTES_MAX;
    let read = |source| DatasetError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    if bytes > bytes_max {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
            bytes,
            bytes_max,
        });
    }
    // The file may grow while it is read; the limit holds all the same.
    let reader = BufReader::with_capacity(READ_BUFFER_BYTES, file.take(bytes_max));
    coco::read(reader).map_err(|source| DatasetError::Json {
        path: path.to_owned(),
        source,
    })
}

/// Sets the `labelled` masks and, where asked for, tells riders from persons. Returns how
/// many persons became riders.
fn finish_entries(
    entries: &mut [ImageEntry],
    description: &mut Description,
    options: LoadOptions,
) -> u64 {
    use ObjectClass::{Bicycle, Motorcycle, Person, Rider};
    let relabel = options.relabel_riders && description.rider_box == RiderBox::None;
    let mut relabelled_count = 0;
    for entry in entries {
        entry.labelled = description.labelled;
        if description.per_image {
            let with_box = classes_with_box(&entry.objects);
            entry
                .labelled
                .iter_mut()
                .zip(with_box)
                .for_each(|(l, with_box)| *l &= with_box);
        }
        if relabel {
            let count = relabel_riders(&mut entry.objects);
            relabelled_count += count as u64;
            let all_needed = [Person, Bicycle, Motorcycle]
                .iter()
                .all(|c| entry.labelled[c.index()]);
            entry.labelled[Rider.index()] |= all_needed || count > 0;
        }
    }
    if relabel {
        description.labelled[Rider.index()] |= [Person, Bicycle, Motorcycle]
            .iter()
            .all(|c| description.labelled[c.index()]);
    }
    relabelled_count
}

/// Which classes have a box that is no crowd region. Crowd regions do not count: some of
/// them stand for objects that nobody labelled.
fn classes_with_box(objects: &[GroundTruth]) -> [bool; ObjectClass::COUNT] {
    let mut with_box = [false; ObjectClass::COUNT];
    objects
        .iter()
        .filter(|object| !object.crowd)
        .for_each(|o| with_box[o.class.index()] = true);
    with_box
}

/// The three lists that every COCO file has.
struct Lists {
    categories: Vec<Category>,
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

/// A category of the file: one of our classes, or the name of something else.
type CategoryClass = Result<ObjectClass, String>;

/// Collects what is wrong while entries are judged.
struct Loader<'a> {
    root: &'a Path,
    annotation_path: PathBuf,
    skipped: Vec<Skipped>,
    skipped_count: u64,
    dropped: BTreeMap<String, u64>,
    clipped_count: u64,
}

impl<'a> Loader<'a> {
    fn new(root: &'a Path, annotation_path: PathBuf) -> Self {
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
            let path = path.unwrap_or(&self.annotation_path).to_owned();
            self.skipped.push(Skipped { path, reason });
        }
    }

    fn lists(&self, file: CocoFile) -> Result<Lists, DatasetError> {
        let missing = |list| DatasetError::MissingList {
            path: self.annotation_path.clone(),
            list,
        };
        Ok(Lists {
            categories: file.categories.ok_or_else(|| missing("categories"))?,
            images: file.images.ok_or_else(|| missing("images"))?,
            annotations: file.annotations.ok_or_else(|| missing("annotations"))?,
        })
    }

    /// Class by category id. Of two categories with one id the first wins.
    fn classes(&mut self, categories: &[Category]) -> HashMap<i64, CategoryClass> {
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
    fn entries(&mut self, images: Vec<Image>, description: &Description) -> Vec<ImageEntry> {
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
        let side = |value: &coco::Scalar, field: &str| {
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
    fn place_boxes(
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
