//! Reads COCO JSON leniently and in bounded memory.
//!
//! One bad entry among many must not cost the whole set, so every field takes any JSON
//! value and is judged later. Fields that we do not use (segmentations above all) are
//! passed over without being stored.

use super::scalar::{Corners, Scalar, visit_simple_as};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

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
    /// Text.
    pub file_name: Scalar,
    /// Pixels.
    pub width: Scalar,
    /// Pixels.
    pub height: Scalar,
}

/// An entry of `annotations`. Its own id is of no use: nothing refers to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Integer.
    pub image_id: Scalar,
    /// Integer.
    pub category_id: Scalar,
    /// x, y, width, height in pixels.
    pub bbox: Corners,
    /// Square pixels.
    pub area: Scalar,
    /// 0 or 1.
    pub iscrowd: Scalar,
}

/// The lists of a COCO file; `None` where a list is missing. Entries that are not
/// objects are kept as entries without any field, so that they are reported and counted.
#[derive(Debug, Default)]
pub struct CocoFile {
    /// Classes.
    pub categories: Option<Vec<Category>>,
    /// Pictures.
    pub images: Option<Vec<Image>>,
    /// Boxes.
    pub annotations: Option<Vec<Annotation>>,
}

/// Reads a COCO file. Fails where the text is no JSON, where the top is no object, where one
/// of the three lists is no list, and where a list is over its limit.
pub fn read(reader: impl Read) -> Result<CocoFile, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let file = deserializer.deserialize_map(FileVisitor)?;
    deserializer.end()?;
    Ok(file)
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = CocoFile;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with `images`, `annotations` and `categories`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CocoFile, A::Error> {
        let mut file = CocoFile::default();
        while let Some(key) = map.next_key::<Scalar>()? {
            match key.text() {
                Some("categories") => {
                    let list = map.next_value_seed(ListSeed::new("categories", CATEGORIES_MAX))?;
                    file.categories = Some(list);
                }
                Some("images") => {
                    file.images = Some(map.next_value_seed(ListSeed::new("images", IMAGES_MAX))?);
                }
                Some("annotations") => {
                    let list =
                        map.next_value_seed(ListSeed::new("annotations", ANNOTATIONS_MAX))?;
                    file.annotations = Some(list);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(file)
    }
}

/// A list with a limit, of entries that may be anything.
struct ListSeed<T> {
    name: &'static str,
    entries_max: usize,
    entry: PhantomData<T>,
}

impl<T> ListSeed<T> {
    fn new(name: &'static str, entries_max: usize) -> Self {
        Self {
            name,
            entries_max,
            entry: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> DeserializeSeed<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list of {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Lenient(entry)) = seq.next_element::<Lenient<T>>()? {
            if entries.len() == self.entries_max {
                let expected = format!("at most {} {}", self.entries_max, self.name);
                return Err(Error::invalid_value(
                    Unexpected::Other("one more"),
                    &expected.as_str(),
                ));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// An object, or the default for anything else.
struct Lenient<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Lenient)
    }

    visit_simple_as!(Lenient(T::default()));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(T::default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn odd_entries_are_kept_as_empty_ones() {
        let text = r#"{"info": [[{}]], "images": [5, null, "x", [1, {"a": 2}], {"id": 7.0,
            "file_name": "a.jpg", "width": {"deep": []}, "extra": 1}],
            "annotations": [{"bbox": [1, 2.5, 3, 4], "segmentation": [[1, 2]], "iscrowd": true},
            {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, 4, 5]}, {"bbox": "box"}, {"bbox": [1, 2, 3, "4"]}]}"#;
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.categories, None);
        let images = file.images.unwrap();
        assert!(images[..4].iter().all(|image| *image == Image::default()));
        assert_eq!(images[4].id.integer(), Some(7));
        assert_eq!(images[4].width, Scalar::Other);
        let boxes: Vec<_> = file.annotations.unwrap().iter().map(|a| a.bbox.0).collect();
        assert_eq!(boxes, [Some([1.0, 2.5, 3.0, 4.0]), None, None, None, None]);
    }

    #[test]
    fn what_is_no_coco_file_is_refused_with_its_place() {
        for text in [
            "",
            "[]",
            "7",
            "{\"images\": {}}",
            "{\"images\": [",
            "{} x",
            "{\"images\": [{\"id\": NaN}]}",
        ] {
            assert!(
                read(text.as_bytes())
                    .unwrap_err()
                    .to_string()
                    .contains("line 1"),
                "{text}"
            );
        }
        // Nesting deeper than the parser's own limit is an error, not a stack overflow.
        let deep = format!("{{\"images\": {}", "[".repeat(100_000));
        assert!(read(deep.as_bytes()).is_err());
    }

    #[test]
    fn lists_have_limits() {
        let text = format!("{{\"categories\": [0{}]}}", ",0".repeat(CATEGORIES_MAX));
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("at most 100000 categories"), "{error}");
    }
}
