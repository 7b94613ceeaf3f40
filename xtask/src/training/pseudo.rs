//! Pseudo-labels: where a set does not label a class, a finished model's confident detections
//! stand for labels, and its doubtful ones for regions that teach nothing.

use crate::dataset::{Dataset, GroundTruth, ImageEntry};
use crate::evaluate::Found;
use crate::evaluate::runner::show_image;
use crate::progress::{Progress, Unit};
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::detector::{Detector, DetectorOptions};
use lookout::frame::Frame;
use lookout::model::ModelError;
use lookout::pixels::{Decoder, Picture};
use std::path::Path;

/// Score from which a detection counts as a label.
const LABEL_SCORE_MIN: f32 = 0.6;

/// Score from which a place is not taken for background.
const DOUBT_SCORE_MIN: f32 = 0.25;

/// A detection that overlaps a labelled object of whatever class by more is that object.
const SAME_IOU_MIN: f32 = 0.4;

/// Adds to the images of `sets` what the model in `folder` finds of the classes that are not
/// labelled in them; returns how many objects. Images with every class labelled are not looked
/// at. `tell` hears of each set.
pub fn pseudo_label(
    sets: &mut [Dataset],
    folder: &Path,
    tell: &mut dyn FnMut(String),
) -> Result<usize, ModelError> {
    let options = DetectorOptions {
        score_min: Some(DOUBT_SCORE_MIN),
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(folder, &options)?;
    let (mut frame, mut decoder) = (Frame::with_capacity(1 << 20), Decoder::new());
    let mut added = 0;
    for set in sets {
        let lacking = |entry: &&mut ImageEntry| entry.labelled.contains(&false);
        let count = set.images.iter_mut().filter(lacking).count();
        let mut progress = Progress::new("pseudo-labels", Unit::Steps, count as u64);
        let before = added;
        for (done, entry) in set.images.iter_mut().filter(lacking).enumerate() {
            if let Some(found) = detections(entry, &mut detector, &mut frame, &mut decoder) {
                added += add(entry, &found);
            }
            progress.set(done as u64 + 1);
        }
        progress.finish();
        tell(format!(
            "{}: {} pseudo-labels in {count} images",
            set.description.name,
            added - before
        ));
    }
    Ok(added)
}

/// What the model finds, in the pixels of the labels; `None` where the picture is unreadable.
fn detections(
    entry: &ImageEntry,
    detector: &mut Detector,
    frame: &mut Frame,
    decoder: &mut Decoder,
) -> Option<Vec<Detection>> {
    let show = |picture: &Picture<'_>| {
        let mut found = Found::new();
        let detected = detector.detect(picture, &mut found);
        detected.map_err(|error| error.to_string())?;
        let sx = entry.width as f32 / picture.width() as f32;
        let sy = entry.height as f32 / picture.height() as f32;
        let scaled = |d: &Detection| Detection {
            bbox: d.bbox.scale(sx, sy),
            ..*d
        };
        Ok(found.iter().map(scaled).collect())
    };
    show_image(entry, frame, decoder, show).ok()
}

/// Adds detections of unlabelled classes; a doubtful one becomes an ignored region.
fn add(entry: &mut ImageEntry, found: &[Detection]) -> usize {
    let labelled = entry.objects.len();
    let mut added = 0;
    for detection in found {
        let Detection {
            class, score, bbox, ..
        } = *detection;
        let known = entry.objects[..labelled].iter();
        if entry.labelled[class.index()]
            || known.clone().any(|o| o.bbox.iou(&bbox) > SAME_IOU_MIN)
            || !confusable(class, &entry.labelled)
        {
            continue;
        }
        let is_label = score >= LABEL_SCORE_MIN;
        added += usize::from(is_label);
        entry.objects.push(GroundTruth {
            class,
            bbox,
            crowd: !is_label,
            area: bbox.area(),
        });
    }
    added
}

/// Whether a detection of `class` says something new in an image with these labels: a rider
/// may be one of the persons that were labelled as such, without being told apart.
fn confusable(class: ObjectClass, labelled: &[bool; ObjectClass::COUNT]) -> bool {
    class != ObjectClass::Rider || !labelled[ObjectClass::Person.index()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookout::geometry::BBox;

    fn entry() -> ImageEntry {
        let mut labelled = [true; ObjectClass::COUNT];
        labelled[ObjectClass::Bicycle.index()] = false;
        labelled[ObjectClass::Rider.index()] = false;
        ImageEntry {
            path: "a".into(),
            id: 1,
            width: 100,
            height: 100,
            objects: vec![GroundTruth {
                class: ObjectClass::Car,
                bbox: BBox::new(10.0, 10.0, 40.0, 40.0),
                crowd: false,
                area: 900.0,
            }],
            labelled,
        }
    }

    #[test]
    fn only_what_is_confident_new_and_unlabelled_becomes_a_label() {
        let detection =
            |class, score, x: f32| Detection::new(class, score, BBox::new(x, 10.0, x + 20.0, 40.0));
        let found = [
            detection(ObjectClass::Bicycle, 0.9, 60.0),
            detection(ObjectClass::Bicycle, 0.4, 80.0),
            // On a labelled car; of a labelled class; a person already.
            detection(ObjectClass::Bicycle, 0.9, 14.0),
            detection(ObjectClass::Bus, 0.9, 60.0),
            detection(ObjectClass::Rider, 0.9, 60.0),
        ];
        let mut entry = entry();
        assert_eq!(add(&mut entry, &found), 1);
        let kinds: Vec<_> = entry.objects.iter().map(|o| (o.class, o.crowd)).collect();
        let expected = [
            (ObjectClass::Car, false),
            (ObjectClass::Bicycle, false),
            (ObjectClass::Bicycle, true),
        ];
        assert_eq!(kinds, expected);
    }
}
