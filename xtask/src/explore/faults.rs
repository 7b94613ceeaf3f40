//! Suspected faults of the labels: what the boxes and a detector disagree about.

use super::collection::Collection;
use super::finding::{Finding, Mark, Owner};
use super::measure::{Measured, Pair};
use super::scan::{CONFIDENT, mark_of};
use crate::dataset::{GroundTruth, ImageEntry};
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use lookout::geometry::BBox;

/// Two boxes that overlap more are the same object twice.
pub(super) const DUPLICATE_IOU: f32 = 0.85;
/// A detection that overlaps a box by this much is about the same object.
const SAME_IOU: f32 = 0.5;
/// A detection that overlaps every box by less is about another object.
const NEAR_IOU: f32 = 0.1;
/// Share of a detection inside a region to be ignored that excuses it.
const IGNORED_SHARE: f32 = 0.5;
/// Smaller objects are missed by a good detector, too: side of a square as large, in input
/// pixels.
pub(super) const PLAIN_SIDE: f32 = 24.0;
/// The detector's threshold in a scan: what scores lower is not even a guess.
pub(super) const GUESS: f32 = 0.1;

/// Row and column of [`DetectorFaults::confusion`] for "none".
pub(super) const NONE: usize = ObjectClass::COUNT;

/// Mark of a labelled object.
pub(super) fn label(object: &GroundTruth) -> Mark {
    Mark {
        owner: Owner::Label,
        class: object.class,
        score: 1.0,
        bbox: object.bbox,
    }
}

/// What can be found without a detector.
pub(super) fn of_labels(
    collection: &Collection,
    measured: &[Measured],
    pairs: &[Pair],
    examples_max: usize,
) -> [Finding; 5] {
    let mut tiny = Finding::new(
        "tiny",
        "Boxes under 16 pixels on the input",
        "Objects whose area on the model's input is less than that of a square of 16 pixels. A \
         detector learns little from them; a larger --input shows them larger, and costs time on \
         the board.",
        examples_max,
    );
    let mut overlapping = Finding::new(
        "overlapping",
        "Boxes that overlap another by more than 0.5 IoU",
        "Crowds, riders on their cycles, and labels given twice. Of two boxes of one class that \
         overlap this much, suppression may drop one.",
        examples_max,
    );
    let mut truncated = Finding::new(
        "truncated",
        "Boxes that touch the picture's edge",
        "Objects of which only a part is in the picture.",
        examples_max,
    );
    for one in measured {
        let object = &collection.images[one.image].objects[one.object];
        let marks = [label(object)];
        let side = one.side();
        if side < 16.0 {
            let text = || format!("{}, {side:.1} pixels", one.class);
            tiny.add(one.image, -side, text, &marks);
        }
        if one.overlap > 0.5 {
            let text = || format!("{}, IoU {:.2}", one.class, one.overlap);
            overlapping.add(one.image, one.overlap, text, &marks);
        }
        if one.truncated {
            truncated.add(one.image, side, || one.class.to_string(), &marks);
        }
    }
    let mut duplicate = Finding::new(
        "duplicate",
        "The same object labelled twice",
        "Two boxes of the same class with an IoU over 0.85. Delete one of them: the detector is \
         asked to report the object twice, and is punished for suppressing it.",
        examples_max,
    );
    let mut two_classes = Finding::new(
        "two-classes",
        "The same object labelled as two classes",
        "Two boxes of different classes with an IoU over 0.85, people and their cycles not \
         counted. Decide for one class: the detector is asked to be sure of both, and learns to \
         be sure of neither.",
        examples_max,
    );
    for pair in pairs {
        let objects = &collection.images[pair.image].objects;
        let [one, other] = pair.objects.map(|index| &objects[index]);
        let marks = [label(one), label(other)];
        let (image, iou) = (pair.image, pair.iou);
        if one.class == other.class {
            let text = || format!("{} twice, IoU {iou:.2}", one.class);
            duplicate.add(image, iou, text, &marks);
        } else if !is_person_and_cycle(one.class, other.class) {
            let text = || format!("{} and {}, IoU {iou:.2}", one.class, other.class);
            two_classes.add(image, iou, text, &marks);
        }
    }
    [tiny, overlapping, truncated, duplicate, two_classes]
}

/// Whether boxes of these classes may well be in one place.
fn is_person_and_cycle(one: ObjectClass, other: ObjectClass) -> bool {
    use ObjectClass::{Bicycle, Motorcycle, Person, Rider, Scooter};
    let is_person = |class| matches!(class, Person | Rider);
    let is_cycle = |class| matches!(class, Bicycle | Motorcycle | Scooter);
    is_person(one) && is_cycle(other) || is_cycle(one) && is_person(other)
}

/// Where a detector and the labels disagree.
#[derive(Clone, Debug)]
pub(super) struct DetectorFaults {
    /// Detections without a label near.
    pub unlabelled: Finding,
    /// Detections of a class that the set does not label; no fault.
    pub not_labelled: Finding,
    /// Labels without a detection near.
    pub missed: Finding,
    /// Detections of another class in a label's place.
    pub confused: Finding,
    /// How often a label of the row's class met a confident detection of the column's; the
    /// last row is for detections without a label, the last column for labels without a
    /// detection.
    pub confusion: Vec<Vec<u64>>,
}

impl DetectorFaults {
    /// Nothing found yet.
    pub fn new(examples_max: usize) -> Self {
        Self {
            unlabelled: Finding::new(
                "unlabelled",
                "Detections without a label",
                "The detector is sure of an object (score at least 0.5) and no label is near. \
                 Either the detector is wrong, or somebody forgot a label, which teaches the next \
                 detector that this is background. Look at the best-scored first, and add the \
                 missing boxes or mark the region with iscrowd = 1.",
                examples_max,
            ),
            not_labelled: Finding::new(
                "not-labelled",
                "Detections of classes that are not labelled here",
                "The set (or the image, in sets that label per image) does not label this class, \
                 so a missing box is no fault, and training does not count it. It shows how many \
                 examples labelling the class would bring.",
                examples_max,
            ),
            missed: Finding::new(
                "missed",
                "Labels that no detection comes near",
                "Boxes of at least 24 pixels on the input that overlap no detection of any class, \
                 not even one with a score of 0.1. The largest come first: a box in the wrong \
                 place, a box around nothing, an object that hardly anybody could see, or a kind \
                 of object that the detector has yet to learn.",
                examples_max,
            ),
            confused: Finding::new(
                "confused",
                "Another class than the label's",
                "The detector is sure of another class in the place of a label (IoU at least \
                 0.5). Either it is wrong, or the label is. Where one pair of classes stands out, \
                 the two may not be told apart in the same way in all sets.",
                examples_max,
            ),
            confusion: vec![vec![0; NONE + 1]; NONE + 1],
        }
    }

    /// Compares the labels of an image with what was found in it, both in the same pixels.
    /// `sides` holds for each object the side of a square as large, in input pixels.
    pub fn add(&mut self, image: usize, entry: &ImageEntry, sides: &[f32], found: &[Detection]) {
        let objects = &entry.objects;
        let mut met = vec![false; objects.len()];
        for detection in found
            .iter()
            .filter(|detection| detection.score >= CONFIDENT)
        {
            let same = best(objects, &detection.bbox, |o| o.class == detection.class);
            let other = best(objects, &detection.bbox, |o| o.class != detection.class);
            if let Some((index, _)) = same.filter(|(_, iou)| *iou >= SAME_IOU) {
                met[index] = true;
                self.confusion[detection.class.index()][detection.class.index()] += 1;
            } else if let Some((index, iou)) = other.filter(|(_, iou)| *iou >= SAME_IOU) {
                met[index] = true;
                self.add_confused(image, entry, &objects[index], detection, iou);
            } else if is_alone(objects, &detection.bbox) {
                self.add_unlabelled(image, entry, detection);
            }
        }
        self.add_missed(image, entry, sides, found, &met);
    }

    fn add_confused(
        &mut self,
        image: usize,
        entry: &ImageEntry,
        object: &GroundTruth,
        detection: &Detection,
        iou: f32,
    ) {
        self.confusion[object.class.index()][detection.class.index()] += 1;
        let text = || {
            let Detection { class, score, .. } = detection;
            format!(
                "label {}, detection {class} {score:.2}, IoU {iou:.2}",
                object.class
            )
        };
        let marks = [label(object), mark_of(detection)];
        if entry.labelled[detection.class.index()] {
            self.confused.add(image, detection.score, text, &marks);
        } else {
            self.not_labelled.add(image, detection.score, text, &marks);
        }
    }

    fn add_unlabelled(&mut self, image: usize, entry: &ImageEntry, detection: &Detection) {
        let text = || format!("{} {:.2}", detection.class, detection.score);
        let marks = [mark_of(detection)];
        if entry.labelled[detection.class.index()] {
            self.confusion[NONE][detection.class.index()] += 1;
            self.unlabelled.add(image, detection.score, text, &marks);
        } else {
            self.not_labelled.add(image, detection.score, text, &marks);
        }
    }

    fn add_missed(
        &mut self,
        image: usize,
        entry: &ImageEntry,
        sides: &[f32],
        found: &[Detection],
        met: &[bool],
    ) {
        for (index, object) in entry.objects.iter().enumerate() {
            if object.crowd || met[index] {
                continue;
            }
            self.confusion[object.class.index()][NONE] += 1;
            let side = sides.get(index).copied().unwrap_or(0.0);
            let near = found.iter().any(|d| d.bbox.iou(&object.bbox) >= NEAR_IOU);
            if !near && side >= PLAIN_SIDE {
                let text = || format!("{}, {side:.0} pixels", object.class);
                self.missed.add(image, side, text, &[label(object)]);
            }
        }
    }
}

/// The object (no crowd region) of those wanted that `bbox` overlaps most, and by how much.
fn best(
    objects: &[GroundTruth],
    bbox: &BBox,
    wanted: impl Fn(&GroundTruth) -> bool,
) -> Option<(usize, f32)> {
    let candidates = objects.iter().enumerate();
    candidates
        .filter(|(_, object)| !object.crowd && wanted(object))
        .map(|(index, object)| (index, object.bbox.iou(bbox)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Whether nothing labelled is near, and no region to be ignored around.
fn is_alone(objects: &[GroundTruth], bbox: &BBox) -> bool {
    objects.iter().all(|object| {
        if object.crowd {
            object.bbox.intersection(bbox) < IGNORED_SHARE * bbox.area()
        } else {
            object.bbox.iou(bbox) < NEAR_IOU
        }
    })
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
