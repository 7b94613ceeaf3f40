//! Boxes that reach out of their picture, which the loader cuts or skips without keeping them.

use super::collection::Collection;
use super::finding::{Finding, Mark, Owner};
use crate::dataset::coco::{self, CocoFile};
use crate::dataset::{Dataset, class_of_category};
use lookout::geometry::BBox;
use std::collections::HashMap;
use std::io::Read;

/// Boxes may stick out by this much without being worth a word (rounding).
const PIXELS_MAX: f32 = 1.0;

/// Reads the annotations again where the loader reported such boxes.
pub(super) fn outside(collection: &Collection, examples_max: usize) -> Finding {
    let mut finding = Finding::new(
        "outside",
        "Boxes that reach out of the picture",
        "The annotation file gives a box that ends more than a pixel outside. Training uses the \
         part inside, if there is one. Many of them point to annotations made for pictures of \
         another size: compare `width` and `height` with the files.",
        examples_max,
    );
    for (index, part) in collection.parts.iter().enumerate() {
        if part.clipped_count == 0 && part.skipped_count == 0 {
            continue;
        }
        // It was read before; if it cannot be read any more, there is just nothing to show.
        let file = std::fs::File::open(&part.annotations).map(|file| {
            let reader = std::io::BufReader::with_capacity(1 << 20, file);
            coco::read(reader.take(Dataset::ANNOTATION_BYTES_MAX))
        });
        if let Ok(Ok(file)) = file {
            add_part(collection, index, &file, &mut finding);
        }
    }
    finding
}

fn add_part(collection: &Collection, part: usize, file: &CocoFile, finding: &mut Finding) {
    let of_part = collection
        .part_of
        .iter()
        .enumerate()
        .filter(|(_, of)| **of == part);
    let image_of: HashMap<i64, usize> = of_part
        .map(|(image, _)| (collection.images[image].id, image))
        .collect();
    let categories = file.categories.iter().flatten();
    let classes: HashMap<i64, _> = categories
        .filter_map(|category| {
            Some((
                category.id.integer()?,
                class_of_category(category.name.text()?)?,
            ))
        })
        .collect();
    let mut cases: Vec<(usize, f32, Mark)> = Vec::new();
    for annotation in file.annotations.iter().flatten() {
        let image = annotation
            .image_id
            .integer()
            .and_then(|id| image_of.get(&id));
        let class = annotation
            .category_id
            .integer()
            .and_then(|id| classes.get(&id));
        let (Some(&image), Some(&class), Some([x, y, width, height])) =
            (image, class, annotation.bbox.0)
        else {
            continue;
        };
        let bbox = BBox::new(x as f32, y as f32, (x + width) as f32, (y + height) as f32);
        let entry = &collection.images[image];
        let (w, h) = (entry.width as f32, entry.height as f32);
        let by = (-bbox.x0).max(-bbox.y0).max(bbox.x1 - w).max(bbox.y1 - h);
        if bbox.is_valid() && by > PIXELS_MAX {
            let owner = Owner::Label;
            cases.push((
                image,
                by,
                Mark {
                    owner,
                    class,
                    score: 1.0,
                    bbox,
                },
            ));
        }
    }
    // The file gives them in any order.
    cases.sort_by_key(|(image, ..)| *image);
    for (image, by, mark) in cases {
        let text = || format!("{}, {by:.0} pixels outside", mark.class);
        finding.add(image, by, text, &[mark]);
    }
}
