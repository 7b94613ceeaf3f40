//! COCO JSON: where its annotation files and pictures lie.
//!
//! Our own layout is `annotations_train.json` and `annotations_val.json`, or one
//! `annotations.json`, beside `images/`. COCO itself has
//! `annotations/instances_train2017.json` beside `train2017/`.

use super::coco_json::{self, CocoFile};
use super::lists::{Lists, Sizes};
use super::{Dataset, DatasetError, Split, files};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The buffer for reading JSON; the parser takes single bytes from it.
pub(super) const READ_BUFFER_BYTES: usize = 1 << 20;

/// What a user is told was looked for.
pub(super) const LOOKED_FOR: &str = "`annotations_train.json` + `annotations_val.json`, or one \
    `annotations.json`, beside `images/`; or `annotations/instances_train2017.json` beside \
    `train2017/`";

/// Annotation files of one split and the folders with their pictures, in the order in which
/// they are tried.
fn candidates(split: Split) -> Vec<(String, Vec<String>)> {
    let s = split.name();
    let of = |file: &str, folders: &[&str]| {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        (file.to_owned(), folders)
    };
    let mut all = vec![of(&format!("annotations_{s}.json"), &["", "images"])];
    for tag in [format!("{s}2017"), format!("{s}2014"), s.to_owned()] {
        for folder in ["annotations/", ""] {
            let file = format!("{folder}instances_{tag}.json");
            let images = format!("images/{tag}");
            all.push(of(&file, &[&tag, &images, "images", ""]));
        }
    }
    let folders: &[&str] = match split {
        Split::Train => &["train"],
        Split::Val => &["val", "valid"],
    };
    all.extend(folders.iter().map(|folder| {
        let file = format!("{folder}/_annotations.coco.json");
        of(&file, &[folder])
    }));
    all
}

/// The annotation file that shows that `root` is such a set, relative to it.
pub(super) fn sign(root: &Path) -> Option<PathBuf> {
    let own = |split| candidates(split).into_iter().map(|(file, _)| file);
    own(Split::Train)
        .chain(own(Split::Val))
        .chain([Dataset::COMMON_FILE.to_owned()])
        .map(PathBuf::from)
        .find(|file| root.join(file).is_file())
}

/// Whether the split has an annotation file of its own.
pub(super) fn has_split(root: &Path, split: Split) -> bool {
    candidates(split)
        .iter()
        .any(|(file, _)| root.join(file).is_file())
}

/// Reads one split: its own file, else the common one.
pub(super) fn lists(root: &Path, split: Split) -> Result<Lists, DatasetError> {
    let common = (
        Dataset::COMMON_FILE.to_owned(),
        vec![String::new(), "images".to_owned()],
    );
    let (file, folders) = candidates(split)
        .into_iter()
        .chain([common])
        .find(|(file, _)| root.join(file).is_file())
        .ok_or_else(|| DatasetError::NoAnnotations {
            root: root.to_owned(),
            split,
            looked_for: LOOKED_FOR.to_owned(),
        })?;
    let path = root.join(&file);
    let reader = files::open(&path, Dataset::ANNOTATION_BYTES_MAX)?;
    let reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    let read = coco_json::read(reader).map_err(|source| DatasetError::Json {
        path: path.clone(),
        format: "COCO",
        source,
    })?;
    let mut lists = of_file(read, path)?;
    lists.picture_folders = folders.into_iter().map(PathBuf::from).collect();
    if file == Dataset::COMMON_FILE {
        lists.warnings.push(format!(
            "no annotations_{split}.json: both splits are all of {file}"
        ));
    }
    Ok(lists)
}

/// The three lists, or which one is missing.
fn of_file(file: CocoFile, path: PathBuf) -> Result<Lists, DatasetError> {
    let missing = |list| DatasetError::MissingList {
        path: path.clone(),
        list,
    };
    let categories = file.categories.ok_or_else(|| missing("categories"))?;
    let images = file.images.ok_or_else(|| missing("images"))?;
    let annotations = file.annotations.ok_or_else(|| missing("annotations"))?;
    Ok(Lists {
        categories,
        images,
        annotations,
        sizes: Sizes::Stated,
        ..Lists::new(path, "annotation")
    })
}
