//! Detection labels of BDD100K: a JSON list of frames a split, each with `name` and
//! `labels`, of which those with a `box2d` are ours. Lanes and drivable areas are passed
//! over. The pictures are in `images/100k/train/`, or nearer by.

use super::coco::READ_BUFFER_BYTES;
use super::lenient::{Lenient, LenientList};
use super::lists::{ANNOTATIONS_MAX, Annotation, CategoryNames, IMAGES_MAX, Lists, Sizes};
use super::scalar::{Corners, Scalar};
use super::{Dataset, DatasetError, RiderBox, Split, files};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What a user is told was looked for.
pub(super) const LOOKED_FOR: &str = "`labels/det_20/det_train.json` or \
    `labels/bdd100k_labels_images_train.json` (or either without its folders), and the \
    pictures in `images/100k/train/`";

/// All frames of the set are of this size, and so are the numbers of their boxes.
const FRAME_PIXELS: (u32, u32) = (1280, 720);

/// What the set labels everywhere, whether a split has a box of it or not.
const LABELLED: [&str; 7] = [
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "pedestrian",
    "rider",
];

/// The label file of a split, relative to `root`.
fn label_file(root: &Path, split: Split) -> Option<PathBuf> {
    let folders = ["labels/det_20", "det_20", "labels", ""];
    let names = [
        format!("det_{split}.json"),
        format!("bdd100k_labels_images_{split}.json"),
    ];
    let files = folders
        .iter()
        .flat_map(|folder| names.iter().map(|name| Path::new(folder).join(name)));
    files.into_iter().find(|file| root.join(file).is_file())
}

/// The label file that shows that `root` is such a set, relative to it.
pub(super) fn sign(root: &Path) -> Option<PathBuf> {
    label_file(root, Split::Train).or_else(|| label_file(root, Split::Val))
}

/// Whether the split has a label file.
pub(super) fn has_split(root: &Path, split: Split) -> bool {
    label_file(root, split).is_some()
}

/// Reads one split.
pub(super) fn lists(root: &Path, split: Split) -> Result<Lists, DatasetError> {
    let file = label_file(root, split).ok_or_else(|| DatasetError::NoAnnotations {
        root: root.to_owned(),
        split,
        looked_for: LOOKED_FOR.to_owned(),
    })?;
    let path = root.join(file);
    let reader = files::open(&path, Dataset::ANNOTATION_BYTES_MAX)?;
    let reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    let mut lists = Lists {
        sizes: Sizes::OfOriginal(FRAME_PIXELS.0, FRAME_PIXELS.1),
        rider_box: Some(RiderBox::Alone),
        ..Lists::new(path.clone(), "label")
    };
    read(reader, &mut lists).map_err(|source| DatasetError::Json {
        path,
        format: "BDD100K",
        source,
    })?;
    lists.picture_folders = [
        format!("images/100k/{split}"),
        format!("100k/{split}"),
        format!("images/{split}"),
        "images/100k".to_owned(),
        "images".to_owned(),
        split.name().to_owned(),
        String::new(),
    ]
    .map(PathBuf::from)
    .into();
    Ok(lists)
}

/// Reads the frames: a list, or an object with the list `frames`.
fn read(reader: impl Read, lists: &mut Lists) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let mut categories = CategoryNames::of(&LABELLED);
    let frames = Frames {
        lists,
        categories: &mut categories,
        count: 0,
    };
    frames.deserialize(&mut deserializer)?;
    deserializer.end()?;
    lists.categories = categories.into_categories();
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FrameRecord {
    name: Scalar,
    labels: LenientList<LabelRecord>,
    size: Lenient<SizeRecord>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SizeRecord {
    width: Scalar,
    height: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LabelRecord {
    category: Scalar,
    box2d: Option<Lenient<BoxRecord>>,
    attributes: Lenient<AttributesRecord>,
    poly2d: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AttributesRecord {
    crowd: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BoxRecord {
    x1: Scalar,
    y1: Scalar,
    x2: Scalar,
    y2: Scalar,
}

impl BoxRecord {
    fn corners(&self) -> Option<[f64; 4]> {
        let number = Scalar::number;
        let (x, y) = (number(&self.x1)?, number(&self.y1)?);
        Some([x, y, number(&self.x2)? - x, number(&self.y2)? - y])
    }
}

/// Takes the frames one by one, so that only what is kept of them is in memory.
struct Frames<'a> {
    lists: &'a mut Lists,
    categories: &'a mut CategoryNames,
    /// Frames so far.
    count: u64,
}

impl<'de> DeserializeSeed<'de> for Frames<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Frames<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of frames with `name` and `labels`")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(Lenient(frame)) = seq.next_element::<Lenient<FrameRecord>>()? {
            self.add(frame).map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        let Frames {
            lists, categories, ..
        } = self;
        while let Some(key) = map.next_key::<Scalar>()? {
            if key.text() == Some("frames") {
                found = true;
                map.next_value_seed(Frames {
                    lists: &mut *lists,
                    categories: &mut *categories,
                    count: 0,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found {
            Ok(())
        } else {
            Err(A::Error::custom("the list `frames` is missing"))
        }
    }
}

impl Frames<'_> {
    fn add(&mut self, frame: FrameRecord) -> Result<(), String> {
        if self.lists.images.len() == IMAGES_MAX {
            return Err(format!("more than {IMAGES_MAX} frames"));
        }
        self.count += 1;
        let Some(name) = frame.name.text() else {
            let reason = format!("frame {}: `name` is missing or is no text", self.count);
            let path = self.lists.path.clone();
            self.lists.faults.add(&path, reason);
            return Ok(());
        };
        let id = self.lists.add_image(name, None);
        if let Some(image) = self.lists.images.last_mut() {
            image.width = frame.size.0.width;
            image.height = frame.size.0.height;
        }
        for (place, label) in (1..).zip(frame.labels.0) {
            // A lane or an area has an outline in place of the box.
            if label.box2d.is_none() && label.poly2d != Scalar::Absent {
                continue;
            }
            if self.lists.annotations.len() == ANNOTATIONS_MAX {
                return Err(format!("more than {ANNOTATIONS_MAX} boxes"));
            }
            let category = label.category.text().map(|name| self.categories.id(name));
            self.lists.annotations.push(Annotation {
                image_id: id.clone(),
                category_id: category.unwrap_or_default(),
                bbox: Corners(label.box2d.and_then(|Lenient(record)| record.corners())),
                iscrowd: label.attributes.0.crowd,
                place: Some(place),
                ..Annotation::default()
            });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "bdd_tests.rs"]
mod tests;
