//! Reads COCO JSON leniently and in bounded memory.
//!
//! One bad entry among many must not cost the whole set, so every field takes any JSON
//! value and is judged later. Fields that we do not use (segmentations above all) are
//! passed over without being stored.

use super::lenient::ListSeed;
use super::lists::{ANNOTATIONS_MAX, Annotation, CATEGORIES_MAX, Category, IMAGES_MAX, Image};
use super::scalar::Scalar;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::io::Read;

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
