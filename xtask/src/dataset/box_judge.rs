//! Judges single boxes: their category, their numbers, their place in the picture.

use super::alias::CategoryMeaning;
use super::judge::MeantCategory;
use super::lists::{Annotation, Unit};
use super::scalar::Corners;
use super::{GroundTruth, ImageEntry};
use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use std::collections::{BTreeMap, HashMap};

/// Boxes may stick out of the image by this much without being worth a word (rounding).
const OUTSIDE_PIXELS_MAX: f32 = 1.0;
/// More names of dropped or ignored categories than this are counted together.
const NAMES_MAX: usize = 1000;
/// Where the names beyond the limit are counted.
const OTHER_NAMES: &str = "(others)";
/// Centres of boxes given as shares may lie so far outside the picture (rounding).
const SHARE_SLACK: f64 = 0.01;

/// Turns annotations into objects, and counts what became of them.
#[derive(Debug)]
pub(super) struct BoxJudge {
    unit: Unit,
    /// Boxes of none of our classes, by the name of their category.
    pub dropped: BTreeMap<String, u64>,
    /// Boxes that are regions to ignore, by the name of their category.
    pub ignored: BTreeMap<String, u64>,
    /// Boxes that stuck out of their image by more than a pixel.
    pub clipped_count: u64,
}

impl BoxJudge {
    /// For boxes whose numbers count `unit`.
    pub fn new(unit: Unit) -> Self {
        Self {
            unit,
            dropped: BTreeMap::new(),
            ignored: BTreeMap::new(),
            clipped_count: 0,
        }
    }

    /// Adds what the annotation means to its image.
    pub fn place(
        &mut self,
        annotation: &Annotation,
        image: &mut ImageEntry,
        categories: &HashMap<i64, MeantCategory>,
    ) -> Result<(), String> {
        let category = annotation
            .category_id
            .integer()
            .and_then(|id| categories.get(&id))
            .ok_or("`category_id` names no category")?;
        if category.meaning == CategoryMeaning::Other {
            count_name(&mut self.dropped, &category.name);
            return Ok(());
        }
        let crowd = annotation
            .iscrowd
            .flag()
            .ok_or("`iscrowd` must be 0 or 1")?;
        let raw = raw_box(annotation.bbox, self.unit, image)?;
        let bbox = self.clip(&raw, image)?;
        let area = annotation.area.number().map(|area| area as f32);
        let area = area
            .filter(|area| area.is_finite() && *area > 0.0)
            .unwrap_or(bbox.area());
        let object = |class: ObjectClass, crowd: bool| GroundTruth {
            class,
            bbox,
            crowd,
            area,
        };
        match category.meaning {
            CategoryMeaning::Class(class) => image.objects.push(object(class, crowd)),
            CategoryMeaning::Ignored(classes) => {
                count_name(&mut self.ignored, &category.name);
                image
                    .objects
                    .extend(classes.iter().map(|&class| object(class, true)));
            }
            CategoryMeaning::Other => {}
        }
        Ok(())
    }

    /// The part of the box inside the image.
    fn clip(&mut self, raw: &BBox, image: &ImageEntry) -> Result<BBox, String> {
        let bbox = raw.clip(image.width as f32, image.height as f32);
        if !bbox.is_valid() {
            return Err("the box lies outside the image".to_owned());
        }
        let moved = [
            raw.x0 - bbox.x0,
            raw.y0 - bbox.y0,
            raw.x1 - bbox.x1,
            raw.y1 - bbox.y1,
        ];
        if moved.iter().any(|by| by.abs() > OUTSIDE_PIXELS_MAX) {
            self.clipped_count += 1;
        }
        Ok(bbox)
    }
}

fn count_name(counts: &mut BTreeMap<String, u64>, name: &str) {
    let full = counts.len() >= NAMES_MAX && !counts.contains_key(name);
    let name = if full { OTHER_NAMES } else { name };
    *counts.entry(name.to_owned()).or_default() += 1;
}

/// The box in pixels as the set gives it, not clipped.
fn raw_box(corners: Corners, unit: Unit, image: &ImageEntry) -> Result<BBox, String> {
    let [mut x, mut y, mut width, mut height] = corners.0.ok_or("the box must be four numbers")?;
    if unit == Unit::CentreShares {
        let range = -SHARE_SLACK..=1.0 + SHARE_SLACK;
        if !range.contains(&x) || !range.contains(&y) || width > 1.1 || height > 1.1 {
            return Err(
                "the box must be shares of the picture, 0 to 1: centre x, centre y, width, height"
                    .to_owned(),
            );
        }
        (width, height) = (
            width * f64::from(image.width),
            height * f64::from(image.height),
        );
        x = x * f64::from(image.width) - 0.5 * width;
        y = y * f64::from(image.height) - 0.5 * height;
    }
    if !(width > 0.0 && height > 0.0) {
        return Err("the box must have a width and a height above 0".to_owned());
    }
    let bbox = BBox::new(x as f32, y as f32, (x + width) as f32, (y + height) as f32);
    let finite = [bbox.x0, bbox.y0, bbox.x1, bbox.y1]
        .iter()
        .all(|value| value.is_finite());
    if finite {
        Ok(bbox)
    } else {
        Err("the box holds a number that is too large".to_owned())
    }
}
