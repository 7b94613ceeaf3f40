//! Judges the entries of a data set one by one, whatever format they came in.

use super::alias::{CategoryMeaning, meaning_of_category};
use super::box_judge::BoxJudge;
use super::files;
use super::lists::{Annotation, Category, Faults, Image, Lists, Sizes};
use super::picture::sizes;
use super::scalar::Scalar;
use super::{Description, ImageEntry};
use lookout::frame::Frame;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

/// A category of the set.
pub(super) struct MeantCategory {
    /// As the set calls it.
    pub name: String,
    /// What it is to us.
    pub meaning: CategoryMeaning,
}

/// What the judge goes by: the lists without their entries.
struct Rules {
    path: PathBuf,
    picture_folders: Vec<PathBuf>,
    sizes: Sizes,
    noun: &'static str,
}

/// Turns entries of lists into images and objects, and keeps a record of what is wrong.
pub(super) struct Judge<'a> {
    root: &'a Path,
    rules: Rules,
    /// Files with the labels of single pictures, by image id.
    label_paths: HashMap<i64, Box<Path>>,
    pub faults: Faults,
    pub boxes: BoxJudge,
    /// Pictures taken for shrunken copies.
    pub shrunk_count: u64,
}

/// The entries that [`Judge`] takes one after the other.
pub(super) struct Entries {
    pub categories: Vec<Category>,
    pub images: Vec<Image>,
    pub annotations: Vec<Annotation>,
}

/// An image whose file was found.
struct Found {
    id: i64,
    path: PathBuf,
    /// As the entry states it.
    size: Option<(u32, u32)>,
    label_path: Option<Box<Path>>,
}

impl<'a> Judge<'a> {
    /// A judge for lists of the set in `root`, and their entries. Nothing is wrong yet but
    /// what the reader of the format found.
    pub fn new(root: &'a Path, lists: Lists) -> (Self, Entries) {
        let judge = Self {
            root,
            rules: Rules {
                path: lists.path,
                picture_folders: lists.picture_folders,
                sizes: lists.sizes,
                noun: lists.noun,
            },
            label_paths: HashMap::new(),
            faults: lists.faults,
            boxes: BoxJudge::new(lists.unit),
            shrunk_count: 0,
        };
        let entries = Entries {
            categories: lists.categories,
            images: lists.images,
            annotations: lists.annotations,
        };
        (judge, entries)
    }

    fn skip(&mut self, path: Option<&Path>, reason: String) {
        self.faults.add(path.unwrap_or(&self.rules.path), reason);
    }

    /// The categories by id. Of two categories with one id the first wins.
    pub fn categories(&mut self, categories: &[Category]) -> HashMap<i64, MeantCategory> {
        let mut meant = HashMap::new();
        for (index, category) in categories.iter().enumerate() {
            let (Some(id), Some(name)) = (category.id.integer(), category.name.text()) else {
                self.skip(
                    None,
                    format!("category {index}: `id` or `name` is missing or wrong"),
                );
                continue;
            };
            match meant.entry(id) {
                Entry::Occupied(_) => self.skip(None, format!("category id {id} is given twice")),
                Entry::Vacant(vacant) => {
                    vacant.insert(MeantCategory {
                        meaning: meaning_of_category(name),
                        name: name.to_owned(),
                    });
                }
            }
        }
        meant
    }

    /// The usable images by rising id, without boxes yet.
    pub fn images(&mut self, images: Vec<Image>, description: &Description) -> Vec<ImageEntry> {
        let mut found = Vec::with_capacity(images.len());
        for (index, image) in images.into_iter().enumerate() {
            match self.find(&image) {
                Ok((id, path, size)) => found.push(Found {
                    id,
                    path,
                    size,
                    label_path: image.label_path,
                }),
                Err(reason) => {
                    let path = image.file_name.text().map(Path::new);
                    let reason = if image.label_path.is_some() {
                        reason
                    } else {
                        format!("image {index}: {reason}")
                    };
                    self.skip(path, reason);
                }
            }
        }
        // Stable, so that of two images with one id the first of the file wins.
        found.sort_by_key(|image| image.id);
        self.measure(&mut found);
        let mut unique: Vec<ImageEntry> = Vec::with_capacity(found.len());
        for image in found {
            let Some((width, height)) = image.size else {
                continue;
            };
            if unique.last().is_some_and(|last| last.id == image.id) {
                self.skip(
                    Some(&image.path),
                    format!("image id {} is given twice", image.id),
                );
                continue;
            }
            if let Some(path) = image.label_path {
                self.label_paths.insert(image.id, path);
            }
            unique.push(ImageEntry {
                path: image.path,
                id: image.id,
                width,
                height,
                objects: Vec::new(),
                labelled: description.labelled,
            });
        }
        unique
    }

    /// Id, file and stated size of an image.
    #[expect(clippy::type_complexity)]
    fn find(&self, image: &Image) -> Result<(i64, PathBuf, Option<(u32, u32)>), String> {
        let id = image
            .id
            .integer()
            .ok_or("`id` is missing or is no integer")?;
        let name = image
            .file_name
            .text()
            .ok_or("`file_name` is missing or is no text")?;
        let max = i64::from(Frame::SIDE_PIXELS_MAX);
        let side = |value: &Scalar, field: &str| {
            let side = value.integer().filter(|side| (1..=max).contains(side));
            side.map(|side| side as u32)
                .ok_or(format!("`{field}` must be 1 to {max}"))
        };
        let size = side(&image.width, "width")
            .and_then(|width| Ok((width, side(&image.height, "height")?)));
        let size = match self.rules.sizes {
            Sizes::Stated => Some(size?),
            _ => size.ok(),
        };
        Ok((id, self.picture_path(name)?, size))
    }

    /// Where the picture is. Names that could lead out of the folder are refused.
    fn picture_path(&self, name: &str) -> Result<PathBuf, String> {
        let relative =
            files::inside(name).ok_or("`file_name` must be a path inside the data set's folder")?;
        let folders = &self.rules.picture_folders;
        let path = |folder: &PathBuf| self.root.join(folder).join(relative);
        folders
            .iter()
            .map(path)
            .find(|path| path.is_file())
            .ok_or_else(|| {
                let others: Vec<String> = folders
                    .iter()
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .map(|folder| format!(", nor in `{}/`", folder.display()))
                    .collect();
                format!("no such picture file{}", others.concat())
            })
    }

    /// Reads the sizes that were not stated from the pictures; images whose file is no
    /// picture stay without, and are reported.
    fn measure(&mut self, found: &mut [Found]) {
        let unstated: Vec<usize> = (0..found.len())
            .filter(|&index| found[index].size.is_none())
            .collect();
        let paths: Vec<&Path> = unstated.iter().map(|&i| found[i].path.as_path()).collect();
        let measured = sizes(&paths);
        for (&index, size) in unstated.iter().zip(measured) {
            match size {
                Ok(size) => found[index].size = Some(self.original(size)),
                Err(error) => {
                    let path = found[index].path.clone();
                    self.skip(Some(&path), error.reason);
                }
            }
        }
    }

    /// The size that boxes of a picture of this size refer to.
    fn original(&mut self, (width, height): (u32, u32)) -> (u32, u32) {
        let Sizes::OfOriginal(whole_width, whole_height) = self.rules.sizes else {
            return (width, height);
        };
        let (ratio, whole_ratio) = (
            f64::from(width) / f64::from(height),
            f64::from(whole_width) / f64::from(whole_height),
        );
        if width < whole_width && (ratio / whole_ratio - 1.0).abs() < 0.01 {
            self.shrunk_count += 1;
            return (whole_width, whole_height);
        }
        (width, height)
    }

    /// Gives every usable annotation to its image.
    pub fn place_boxes(
        &mut self,
        images: &mut [ImageEntry],
        annotations: Vec<Annotation>,
        categories: &HashMap<i64, MeantCategory>,
    ) {
        let noun = self.rules.noun;
        for (index, annotation) in annotations.into_iter().enumerate() {
            let image = annotation
                .image_id
                .integer()
                .and_then(|id| images.binary_search_by_key(&id, |image| image.id).ok());
            let Some(image) = image.map(|position| &mut images[position]) else {
                // Where labels lie beside their picture, the picture was reported already.
                if annotation.place.is_none() {
                    self.skip(
                        None,
                        format!("{noun} {index}: `image_id` names no usable image"),
                    );
                }
                continue;
            };
            if let Err(reason) = self.boxes.place(&annotation, image, categories) {
                let path = self.label_paths.get(&image.id).map_or(&*image.path, |p| p);
                let place = annotation.place.map_or(index as u64, u64::from);
                self.faults.add(path, format!("{noun} {place}: {reason}"));
            }
        }
    }
}
