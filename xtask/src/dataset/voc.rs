//! Pascal VOC: `Annotations/NAME.xml`, `JPEGImages/NAME.jpg`, and the splits as lists of
//! names in `ImageSets/Main/`.
//!
//! XML is read with roxmltree, which needs no unsafe code, has one small dependency and
//! refuses document type definitions, so that no entity can grow or name another file.

use super::lists::{Annotation, CategoryNames, Lists};
use super::scalar::{Corners, Scalar};
use super::{DatasetError, Split, derived_split, files, parallel};
use roxmltree::{Document, Node, ParsingOptions};
use std::path::{Path, PathBuf};

/// What a user is told was looked for.
pub(super) const LOOKED_FOR: &str =
    "`Annotations/` beside `JPEGImages/`, with `ImageSets/Main/train.txt` + `val.txt`";

const ANNOTATIONS: &str = "Annotations";
const PICTURES: &str = "JPEGImages";
/// More XML nodes than this are no description of one picture.
const NODES_MAX: u32 = 500_000;

/// The folder that shows that `root` is such a set, relative to it.
pub(super) fn sign(root: &Path) -> Option<PathBuf> {
    let both = root.join(ANNOTATIONS).is_dir() && root.join(PICTURES).is_dir();
    both.then(|| PathBuf::from(ANNOTATIONS))
}

/// Whether there is such a split; where there is no list, one is made.
pub(super) fn has_split(root: &Path, split: Split) -> bool {
    let list = |name: &str| root.join(list_path(name)).is_file();
    sign(root).is_some() && (list(split.name()) || !list(other(split).name()))
}

fn other(split: Split) -> Split {
    match split {
        Split::Train => Split::Val,
        Split::Val => Split::Train,
    }
}

fn list_path(name: &str) -> PathBuf {
    PathBuf::from(format!("ImageSets/Main/{name}.txt"))
}

/// Reads one split.
pub(super) fn lists(root: &Path, split: Split) -> Result<Lists, DatasetError> {
    if !has_split(root, split) {
        return Err(DatasetError::NoAnnotations {
            root: root.to_owned(),
            split,
            looked_for: LOOKED_FOR.to_owned(),
        });
    }
    let mut lists = Lists::new(root.join(ANNOTATIONS), "object");
    lists.picture_folders = vec![PathBuf::from(PICTURES)];
    let names = names(root, split, &mut lists)?;
    let mut categories = CategoryNames::default();
    parallel::in_order(
        &names,
        |name| read(root, name),
        |name, (path, file)| match file {
            Ok(file) => add(root, name, &path, file, &mut categories, &mut lists),
            Err(reason) => {
                lists.faults.add(&path, reason);
                Ok(())
            }
        },
    )?;
    lists.categories = categories.into_categories();
    Ok(lists)
}

/// The names of the split's pictures: from its list, else a tenth of `trainval.txt`, else
/// of all annotations.
fn names(root: &Path, split: Split, lists: &mut Lists) -> Result<Vec<String>, DatasetError> {
    let own = root.join(list_path(split.name()));
    let both = root.join(list_path("trainval"));
    if !own.is_file() && !both.is_file() {
        let files = files::list(root, Path::new(ANNOTATIONS), &["xml"])?;
        lists
            .warnings
            .push(derived_split::warning("ImageSets/Main/train.txt"));
        let stem = |path: &PathBuf| {
            let name = path.strip_prefix(ANNOTATIONS).ok()?.with_extension("");
            Some(name.to_string_lossy().into_owned())
        };
        let in_split = |name: &String| derived_split::split_of(name) == split;
        return Ok(files.iter().filter_map(stem).filter(in_split).collect());
    }
    let is_own = own.is_file();
    if !is_own {
        lists
            .warnings
            .push(derived_split::warning("ImageSets/Main/train.txt"));
    }
    let list = if is_own { own } else { both };
    let mut names = Vec::new();
    for name in files::names(&list)? {
        match name {
            Ok(name) if is_own || derived_split::split_of(&name) == split => names.push(name),
            Ok(_) => {}
            Err(reason) => lists.faults.add(&list, reason),
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// What one XML file says.
#[derive(Debug, Default)]
struct VocFile {
    picture: Option<String>,
    width: Scalar,
    height: Scalar,
    objects: Vec<VocObject>,
}

#[derive(Debug)]
struct VocObject {
    name: String,
    difficult: Scalar,
    corners: Corners,
}

fn read(root: &Path, name: &str) -> (PathBuf, Result<VocFile, String>) {
    let path = root.join(ANNOTATIONS).join(format!("{name}.xml"));
    let text = files::text(&path, files::LABEL_BYTES_MAX).map_err(|error| error.reason());
    let file = text.and_then(|text| parse(&text));
    (path, file)
}

/// Reads the text of an XML file.
fn parse(text: &str) -> Result<VocFile, String> {
    let options = ParsingOptions {
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(text, options).map_err(|e| format!("not XML: {e}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "annotation" {
        return Err("the outermost element must be `annotation`".to_owned());
    }
    let size = child(root, "size");
    let side = |name| {
        size.and_then(|size| child(size, name))
            .map_or(Scalar::Absent, number)
    };
    Ok(VocFile {
        picture: child(root, "filename").map(trimmed),
        width: side("width"),
        height: side("height"),
        objects: children(root, "object").map(object).collect(),
    })
}

/// An object. Pixels count from 1 and the last one belongs to the box. Parts of the object
/// have boxes of their own, deeper down, and are not ours.
fn object(node: Node<'_, '_>) -> VocObject {
    let bounds = child(node, "bndbox");
    let bound = |name| {
        let field = child(bounds?, name)?;
        trimmed(field).parse::<f64>().ok()
    };
    let bounds = || {
        Some([
            bound("xmin")?,
            bound("ymin")?,
            bound("xmax")?,
            bound("ymax")?,
        ])
    };
    let corners =
        bounds().map(|[x0, y0, x1, y1]| [x0 - 1.0, y0 - 1.0, x1 - x0 + 1.0, y1 - y0 + 1.0]);
    VocObject {
        name: child(node, "name").map(trimmed).unwrap_or_default(),
        difficult: child(node, "difficult").map_or(Scalar::Absent, number),
        corners: Corners(corners),
    }
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |child| child.has_tag_name(name))
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

/// The element's text, cut to what a name may be long.
fn trimmed(node: Node<'_, '_>) -> String {
    let text = node.text().unwrap_or_default().trim();
    text[..text.floor_char_boundary(Scalar::TEXT_BYTES_MAX)].to_owned()
}

/// The element's number, or its text where it is none.
fn number(node: Node<'_, '_>) -> Scalar {
    let text = trimmed(node);
    let number = text.parse::<f64>().map(Scalar::Number);
    number.unwrap_or_else(|_| Scalar::Text(text.into()))
}

fn add(
    root: &Path,
    name: &str,
    path: &Path,
    file: VocFile,
    categories: &mut CategoryNames,
    lists: &mut Lists,
) -> Result<(), DatasetError> {
    let picture = picture(root, name, file.picture.as_deref());
    let image_id = lists.add_image(&picture, Some(path));
    if let Some(image) = lists.images.last_mut() {
        (image.width, image.height) = (file.width, file.height);
    }
    for (place, object) in (1..).zip(file.objects) {
        if object.name.is_empty() {
            lists
                .faults
                .add(path, format!("object {place}: `name` is missing"));
            continue;
        }
        lists.check_room()?;
        lists.annotations.push(Annotation {
            image_id: image_id.clone(),
            category_id: categories.id(&object.name),
            bbox: object.corners,
            iscrowd: object.difficult,
            place: Some(place),
            ..Annotation::default()
        });
    }
    Ok(())
}

/// The picture of this name in `JPEGImages/`; else that which the XML file names.
fn picture(root: &Path, name: &str, named: Option<&str>) -> String {
    let of_name = ["jpg", "jpeg", "png", "JPG"].map(|extension| format!("{name}.{extension}"));
    let exists = |file: &&String| root.join(PICTURES).join(file).is_file();
    let named = named.filter(|named| files::inside(named).is_some());
    let found = of_name.iter().find(exists).cloned();
    let [jpg, ..] = of_name;
    found.or(named.map(str::to_owned)).unwrap_or(jpg)
}

#[cfg(test)]
#[path = "voc_tests.rs"]
mod tests;
