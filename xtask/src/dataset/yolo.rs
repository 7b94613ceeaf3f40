//! YOLO folders as Ultralytics has them: `data.yaml`, `images/train/*.jpg` and
//! `labels/train/*.txt` with a line `class x y width height` a box, in shares of the picture.
//!
//! Nothing outside the set's folder is read: a `path:` or `train:` that leads out of it is
//! tried inside, since exports are full of paths of other machines.

use super::lists::{Annotation, Category, Lists, Unit};
use super::scalar::{Corners, Scalar};
use super::yaml::{self, Yaml};
use super::{DatasetError, Split, files, parallel};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What a user is told was looked for.
pub(super) const LOOKED_FOR: &str =
    "`data.yaml` beside `images/train/` + `labels/train/` (or `train/images/` + `train/labels/`)";

/// Names of the file that describes the set.
const DESCRIPTIONS: [&str; 4] = ["data.yaml", "data.yml", "dataset.yaml", "dataset.yml"];
/// It is a page long; files with a download script are a few.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;
/// Pictures, also of kinds that cannot be read: those are reported.
const PICTURES: [&str; 7] = ["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff"];

/// The file that describes the set, relative to `root`: of a usual name, or the only YAML
/// file, where it has `names`.
pub(super) fn sign(root: &Path) -> Option<PathBuf> {
    let usual = DESCRIPTIONS.into_iter().map(PathBuf::from);
    let usual = usual.into_iter().find(|file| root.join(file).is_file());
    usual.or_else(|| {
        let entries = root.read_dir().ok()?.flatten().take(10_000);
        let names = entries.map(|entry| PathBuf::from(entry.file_name()));
        let is_yaml = |file: &PathBuf| file.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let mut found = names.filter(is_yaml);
        let only = found.next().filter(|_| found.next().is_none())?;
        let text = files::text(&root.join(&only), DESCRIPTION_BYTES_MAX).ok()?;
        yaml::read(&text).contains_key("names").then_some(only)
    })
}

/// Whether there are pictures for this split.
pub(super) fn has_split(root: &Path, split: Split) -> bool {
    let description = Description::read(root, split);
    description.is_ok_and(|description| description.sources(root, split).is_ok())
}

/// Reads one split.
pub(super) fn lists(root: &Path, split: Split) -> Result<Lists, DatasetError> {
    let description = Description::read(root, split)?;
    let (sources, warnings) = description.sources(root, split)?;
    let mut lists = Lists {
        unit: Unit::CentreShares,
        categories: description.categories()?,
        warnings,
        ..Lists::new(description.path.clone(), "line")
    };
    let pictures = pictures(root, &sources, &mut lists)?;
    let mut without = 0;
    parallel::in_order(
        &pictures,
        |picture| labels(root, picture),
        |picture, (path, text)| {
            let picture = picture.to_string_lossy();
            match text {
                None => {
                    without += 1;
                    lists.add_image(&picture, None);
                }
                Some(Ok(text)) => {
                    let id = lists.add_image(&picture, Some(&path));
                    add_lines(&text, &id, &path, &mut lists)?;
                }
                Some(Err(error)) => lists.faults.add(&path, error.reason()),
            }
            Ok(())
        },
    )?;
    if without == pictures.len() {
        let first = pictures.first().map(|picture| label_of(picture));
        return Err(DatasetError::NoAnnotations {
            root: root.to_owned(),
            split,
            looked_for: first.map_or(LOOKED_FOR.to_owned(), |path| {
                format!("`{}` and the like", path.display())
            }),
        });
    }
    if without > 0 {
        let all = pictures.len();
        lists.warnings.push(format!(
            "{without} of {all} pictures have no label file and count as pictures without objects"
        ));
    }
    let training = || description.sources(root, Split::Train);
    if split == Split::Val && training().is_ok_and(|training| training.0 == sources) {
        lists
            .warnings
            .push("both splits are the same pictures".to_owned());
    }
    Ok(lists)
}

/// Text of a picture's label file, `None` where there is none.
fn labels(root: &Path, picture: &Path) -> (PathBuf, Option<Result<String, DatasetError>>) {
    let path = root.join(label_of(picture));
    let text = path
        .is_file()
        .then(|| files::text(&path, files::LABEL_BYTES_MAX));
    (path, text)
}

/// Where the labels of a picture are: the last folder `images` becomes `labels`.
fn label_of(picture: &Path) -> PathBuf {
    let parts: Vec<Component<'_>> = picture.components().collect();
    let last = parts.iter().rposition(|part| part.as_os_str() == "images");
    let swap = |(index, part): (usize, &Component<'_>)| {
        if Some(index) == last {
            PathBuf::from("labels")
        } else {
            PathBuf::from(part.as_os_str())
        }
    };
    let path: PathBuf = parts.iter().enumerate().map(swap).collect();
    path.with_extension("txt")
}

/// Adds the boxes of one label file.
fn add_lines(
    text: &str,
    image_id: &Scalar,
    path: &Path,
    lists: &mut Lists,
) -> Result<(), DatasetError> {
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = index as u32 + 1;
        match line_box(line) {
            Ok((class, corners)) => {
                lists.check_room()?;
                lists.annotations.push(Annotation {
                    image_id: image_id.clone(),
                    category_id: Scalar::Integer(class),
                    bbox: Corners(Some(corners)),
                    place: Some(place),
                    ..Annotation::default()
                });
            }
            Err(reason) => lists.faults.add(path, format!("line {place}: {reason}")),
        }
    }
    Ok(())
}

/// Class and box of a line: `class x y width height`, or the corners of an outline, whose
/// bounding box is taken.
fn line_box(line: &str) -> Result<(i64, [f64; 4]), &'static str> {
    let mut fields = line.split_whitespace();
    let class: f64 = fields
        .next()
        .and_then(|field| field.parse().ok())
        .ok_or("the class must be a number")?;
    if class.fract() != 0.0 || !(0.0..1e6).contains(&class) {
        return Err("the class must be a whole number from 0");
    }
    let numbers: Result<Vec<f64>, _> = fields.map(str::parse).collect();
    let numbers = numbers.map_err(|_| "what follows the class must be numbers")?;
    let class = class as i64;
    match *numbers.as_slice() {
        [x, y, width, height] => Ok((class, [x, y, width, height])),
        ref outline if outline.len() >= 6 && outline.len() % 2 == 0 => {
            Ok((class, around(outline)?))
        }
        _ => Err("must be `class x y width height`"),
    }
}

/// Centre and size of the box around the points `x y x y ...`.
fn around(outline: &[f64]) -> Result<[f64; 4], &'static str> {
    // Minimum and maximum pass over a NaN, so that it must be looked for.
    if outline.iter().any(|value| !value.is_finite()) {
        return Err("an outline must be numbers");
    }
    let range = |skip: usize| {
        let values = outline.iter().skip(skip).step_by(2);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
            (low.min(v), high.max(v))
        })
    };
    let ((x0, x1), (y0, y1)) = (range(0), range(1));
    Ok([(x0 + x1) * 0.5, (y0 + y1) * 0.5, x1 - x0, y1 - y0])
}

/// All pictures of the sources, each once, relative to `root`.
fn pictures(
    root: &Path,
    sources: &[PathBuf],
    lists: &mut Lists,
) -> Result<Vec<PathBuf>, DatasetError> {
    let mut pictures = Vec::new();
    for source in sources {
        let full = root.join(source);
        if full.is_dir() {
            pictures.extend(files::list(root, source, &PICTURES)?);
            continue;
        }
        let parent = source.parent().unwrap_or(Path::new(""));
        for name in files::names(&full)? {
            match name {
                Ok(name) => {
                    let beside = parent.join(&name);
                    let is_beside = root.join(&beside).is_file();
                    pictures.push(if is_beside { beside } else { name.into() });
                }
                Err(reason) => lists.faults.add(&full, reason),
            }
        }
    }
    // `./a` and `a` are one picture.
    let plain = |path: PathBuf| {
        path.components()
            .filter(|c| *c != Component::CurDir)
            .collect()
    };
    let mut pictures: Vec<PathBuf> = pictures.into_iter().map(plain).collect();
    pictures.sort();
    pictures.dedup();
    Ok(pictures)
}

#[path = "yolo_description.rs"]
mod description;
use description::Description;

#[cfg(test)]
#[path = "yolo_tests.rs"]
mod tests;
