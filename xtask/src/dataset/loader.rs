//! Loads one split of a data set: finds its files, has every entry judged, sets the masks.

use super::coco::{self, CocoFile};
use super::judge::{CategoryClass, Judge};
use super::{
    Dataset, DatasetError, Description, GroundTruth, ImageEntry, LoadOptions, RiderBox, Split,
    relabel_riders,
};
use lookout::class::ObjectClass;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The buffer for reading JSON; the parser takes single bytes from it.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// See [`Dataset::load`].
pub(super) fn load(
    dir: &Path,
    split: Split,
    options: LoadOptions,
) -> Result<Dataset, DatasetError> {
    check_folder(dir)?;
    let description = Description::read(dir)?;
    let annotation_path = find_annotations(dir, split)?;
    let file = read_coco(&annotation_path)?;
    let mut judge = Judge::new(dir, &annotation_path);
    let lists = judge.lists(file)?;
    let classes = judge.classes(&lists.categories);
    let mut description =
        description.unwrap_or_else(|| Description::assumed(dir, listed_classes(&classes)));
    let mut images = judge.entries(lists.images, &description);
    judge.place_boxes(&mut images, lists.annotations, &classes);
    if images.is_empty() {
        return Err(DatasetError::Empty {
            path: annotation_path.clone(),
            skipped: judge.skipped_count,
            first: judge
                .first_reason()
                .unwrap_or("the list `images` is empty")
                .to_owned(),
        });
    }
    let relabelled_count = finish_entries(&mut images, &mut description, options);
    let mut warnings = std::mem::take(&mut description.warnings);
    if !Dataset::has_split(dir, split) {
        let file = Dataset::COMMON_FILE;
        warnings.push(format!(
            "no annotations_{split}.json: both splits are all of {file}"
        ));
    }
    Ok(Dataset {
        root: dir.to_owned(),
        split,
        description,
        images,
        skipped: judge.skipped,
        skipped_count: judge.skipped_count,
        dropped: judge.dropped,
        clipped_count: judge.clipped_count,
        relabelled_count,
        warnings,
    })
}

fn check_folder(dir: &Path) -> Result<(), DatasetError> {
    if dir.is_dir() {
        return Ok(());
    }
    let reason = if dir.exists() {
        "not a folder"
    } else {
        "no such folder"
    };
    Err(DatasetError::Folder {
        path: dir.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Which of our classes the annotation file names.
fn listed_classes(classes: &HashMap<i64, CategoryClass>) -> [bool; ObjectClass::COUNT] {
    let mut listed = [false; ObjectClass::COUNT];
    for class in classes.values().filter_map(|class| class.as_ref().ok()) {
        listed[class.index()] = true;
    }
    listed
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
