//! KITTI's object detection set: `training/image_2/NAME.png` and `training/label_2/NAME.txt`
//! with a line an object, of which the first field is the class and the fifth to eighth are
//! left, top, right and bottom in pixels from 0.
//!
//! The set has no validation split. `ImageSets/train.txt` and `val.txt` are taken where
//! somebody put them there, as many do; else one picture in ten is for validation.

use super::lists::{Annotation, CategoryNames, Lists};
use super::scalar::{Corners, Scalar};
use super::{DatasetError, RiderBox, Split, derived_split, files, parallel};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a user is told was looked for.
pub(super) const LOOKED_FOR: &str = "`training/image_2/` beside `training/label_2/`";

/// What the set labels everywhere, whether a split has a box of it or not. Van, Misc and
/// the others only come as names of boxes.
const LABELLED: [&str; 4] = ["Car", "Truck", "Pedestrian", "Cyclist"];
const PICTURES: [&str; 3] = ["png", "jpg", "jpeg"];

/// The folder with the labels, relative to `root`, which may be `training` itself.
pub(super) fn sign(root: &Path) -> Option<PathBuf> {
    ["training", ""]
        .into_iter()
        .map(|folder| Path::new(folder).join("label_2"))
        .find(|labels| {
            let labels = root.join(labels);
            labels.is_dir() && labels.with_file_name("image_2").is_dir()
        })
}

/// Whether there is such a split: always, since one is made.
pub(super) fn has_split(root: &Path, _: Split) -> bool {
    sign(root).is_some()
}

/// Reads one split.
pub(super) fn lists(root: &Path, split: Split) -> Result<Lists, DatasetError> {
    let folder = sign(root).ok_or_else(|| DatasetError::NoAnnotations {
        root: root.to_owned(),
        split,
        looked_for: LOOKED_FOR.to_owned(),
    })?;
    let images = folder.with_file_name("image_2");
    let mut lists = Lists::new(root.join(&folder), "line");
    lists.rider_box = Some(RiderBox::WithCycle);
    let names = names(root, &folder, &images, split, &mut lists)?;
    let label = |name: &String| root.join(&folder).join(format!("{name}.txt"));
    let mut categories = CategoryNames::of(&LABELLED);
    parallel::in_order(
        &names,
        |name| files::text(&label(name), files::LABEL_BYTES_MAX),
        |name, text| {
            let path = label(name);
            match text {
                Ok(text) => {
                    let picture = picture(root, &images, name);
                    let id = lists.add_image(&picture.to_string_lossy(), Some(&path));
                    add_lines(&text, &id, &path, &mut categories, &mut lists)?;
                }
                Err(error) => lists.faults.add(&path, error.reason()),
            }
            Ok(())
        },
    )?;
    lists.categories = categories.into_categories();
    Ok(lists)
}

/// Names of the split's pictures, from a list or from the folders. A picture without labels
/// is in it, and so are labels without a picture: both are reported later.
fn names(
    root: &Path,
    labels: &Path,
    images: &Path,
    split: Split,
    lists: &mut Lists,
) -> Result<Vec<String>, DatasetError> {
    let list = root.join("ImageSets").join(format!("{split}.txt"));
    let mut names = BTreeSet::new();
    if list.is_file() {
        for name in files::names(&list)? {
            match name {
                Ok(name) => drop(names.insert(name)),
                Err(reason) => lists.faults.add(&list, reason),
            }
        }
        return Ok(names.into_iter().collect());
    }
    lists
        .warnings
        .push(derived_split::warning("ImageSets/train.txt"));
    for (folder, extensions) in [(labels, &["txt"][..]), (images, &PICTURES)] {
        let files = files::list(root, folder, extensions)?;
        let stems = files.iter().filter_map(|file| file.file_stem());
        let stems = stems.map(|stem| stem.to_string_lossy().into_owned());
        names.extend(stems.filter(|stem| derived_split::split_of(stem) == split));
    }
    Ok(names.into_iter().collect())
}

fn picture(root: &Path, images: &Path, name: &str) -> PathBuf {
    let mut files = PICTURES.map(|extension| images.join(format!("{name}.{extension}")));
    let found = files.iter().position(|file| root.join(file).is_file());
    std::mem::take(&mut files[found.unwrap_or(0)])
}

fn add_lines(
    text: &str,
    image_id: &Scalar,
    path: &Path,
    categories: &mut CategoryNames,
    lists: &mut Lists,
) -> Result<(), DatasetError> {
    for (place, line) in (1..).zip(text.lines()) {
        let mut fields = line.split_whitespace();
        let Some(name) = fields.next() else { continue };
        let numbers = fields.skip(3).take(4).map(str::parse::<f64>);
        let numbers: Vec<f64> = numbers.filter_map(Result::ok).collect();
        let corners = match *numbers.as_slice() {
            [x0, y0, x1, y1] => Some([x0, y0, x1 - x0, y1 - y0]),
            _ => None,
        };
        lists.check_room()?;
        let name = &name[..name.floor_char_boundary(Scalar::TEXT_BYTES_MAX)];
        if corners.is_none() {
            let reason = "must be the class, three numbers, and a box of four";
            lists.faults.add(path, format!("line {place}: {reason}"));
            continue;
        }
        lists.annotations.push(Annotation {
            image_id: image_id.clone(),
            category_id: categories.id(name),
            bbox: Corners(corners),
            place: Some(place),
            ..Annotation::default()
        });
    }
    Ok(())
}
