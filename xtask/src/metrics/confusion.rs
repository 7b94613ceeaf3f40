//! What is taken for what.

use super::matching::{Meeting, iou_thresholds};
use super::scene::Scene;
use lookout::class::ObjectClass;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Number of classes.
const N: usize = ObjectClass::COUNT;

/// Counts of labelled class against the class shown, at IoU 0.5 and given thresholds.
///
/// A detection first meets an object of its own class, as for all other figures, so that the
/// diagonal is what the precision and recall of the classes count as right. What is left meets,
/// best score first, the free object of any class that it overlaps most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// `taken_for[labelled][shown]`: objects of the one class shown as the other.
    pub taken_for: [[u64; N]; N],
    /// Objects that nothing was shown for.
    pub missed: [u64; N],
    /// Shown where there is an object that a better detection has met: a second box.
    pub doubled: [u64; N],
    /// Shown where nothing is labelled.
    pub nothing_there: [u64; N],
    /// Shown of a class that is not labelled in its image, or in a crowd region: nobody knows.
    pub left_out: [u64; N],
}

impl Confusion {
    /// Counts over all scenes at the thresholds, which are given by class index.
    pub fn new(scenes: &[&Scene], thresholds: &[f32; N]) -> Self {
        let mut counts = Self::default();
        scenes
            .iter()
            .for_each(|scene| counts.add(scene, thresholds));
        counts
    }

    fn add(&mut self, scene: &Scene, thresholds: &[f32; N]) {
        let mut taken = scene.found(thresholds);
        let mut rest = Vec::new();
        for finding in scene.shown(thresholds) {
            let class = finding.detection.class.index();
            match finding.meeting {
                Meeting::Right(_) => self.taken_for[class][class] += 1,
                Meeting::Ignored => self.left_out[class] += 1,
                Meeting::Wrong => rest.push(finding.detection),
            }
        }
        rest.sort_by(|a, b| super::descending(a.score, b.score));
        let iou_min = iou_thresholds()[0] as f32;
        for detection in rest {
            let overlapping = scene
                .objects
                .iter()
                .enumerate()
                .filter_map(|(index, object)| {
                    let iou = object.bbox.iou(&detection.bbox);
                    (!object.crowd && iou >= iou_min).then_some((index, iou))
                });
            let overlapping: Vec<(usize, f32)> = overlapping.collect();
            let free = overlapping
                .iter()
                .filter(|(index, _)| !taken[*index])
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let shown = detection.class.index();
            match free {
                Some(&(index, _)) => {
                    taken[index] = true;
                    self.taken_for[scene.objects[index].class.index()][shown] += 1;
                }
                None if overlapping.is_empty() => self.nothing_there[shown] += 1,
                None => self.doubled[shown] += 1,
            }
        }
        for (object, taken) in scene.objects.iter().zip(taken) {
            if !object.crowd && !taken {
                self.missed[object.class.index()] += 1;
            }
        }
    }
}

/// As a map of rows: the labelled classes, `doubled`, `nothing_there` and `left_out`, each with
/// the classes shown; in the rows of classes there is `missed`, too.
impl Serialize for Confusion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_map(Some(N + 3))?;
        for class in ObjectClass::ALL {
            let (shown, missed) = (&self.taken_for[class.index()], self.missed[class.index()]);
            rows.serialize_entry(class.name(), &row(shown, Some(missed)))?;
        }
        rows.serialize_entry("doubled", &row(&self.doubled, None))?;
        rows.serialize_entry("nothing_there", &row(&self.nothing_there, None))?;
        rows.serialize_entry("left_out", &row(&self.left_out, None))?;
        rows.end()
    }
}

fn row(shown: &[u64; N], missed: Option<u64>) -> serde_json::Map<String, serde_json::Value> {
    let shown = ObjectClass::ALL.iter().zip(shown);
    let shown = shown.map(|(class, &count)| (class.name().to_owned(), count.into()));
    let missed = missed.map(|count| ("missed".to_owned(), count.into()));
    shown.chain(missed).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::operating::PrCurve;
    use super::super::scene::tests::{ALL_LABELLED, detection, object};
    use super::*;
    use ObjectClass::{Bus, Car, Person, Rider, Truck};
    use proptest::prelude::*;

    #[test]
    fn each_fate_has_its_place() {
        let objects = [object(Car, 0), object(Truck, 1), object(Bus, 2)];
        let detections = [
            detection(Car, 0, 0.5),
            // A second box on the car, of another class and better.
            detection(Truck, 0, 0.9),
            // The truck is taken for a bus, then for a car.
            detection(Bus, 1, 0.8),
            detection(Car, 1, 0.7),
            detection(Person, 9, 0.6),
            // Under the threshold: the bus is missed.
            detection(Bus, 2, 0.3),
        ];
        let scene = Scene::new(0, &objects, &ALL_LABELLED, &detections);
        let counts = Confusion::new(&[&scene], &[0.4; 8]);
        let [car, truck, bus, person] = [Car, Truck, Bus, Person].map(ObjectClass::index);
        assert_eq!(counts.taken_for[car][car], 1);
        assert_eq!(counts.taken_for[truck][bus], 1);
        assert_eq!(counts.taken_for.iter().flatten().sum::<u64>(), 2);
        assert_eq!(counts.doubled[truck] + counts.doubled[car], 2);
        assert_eq!(counts.nothing_there[person], 1);
        assert_eq!(counts.nothing_there.iter().sum::<u64>(), 1);
        assert_eq!(counts.missed[bus], 1);
        let json = serde_json::to_value(&counts).unwrap();
        assert_eq!(json["truck"]["bus"], 1);
        assert_eq!(json["bus"]["missed"], 1);
        assert_eq!(json["nothing_there"]["person"], 1);
    }

    #[test]
    fn what_is_not_labelled_is_confused_with_nothing() {
        let mut labelled = ALL_LABELLED;
        labelled[Rider.index()] = false;
        // A rider found where the set says person: the set has no riders.
        let detections = [detection(Rider, 0, 0.9), detection(Rider, 5, 0.9)];
        let scene = Scene::new(0, &[object(Person, 0)], &labelled, &detections);
        let counts = Confusion::new(&[&scene], &[0.4; 8]);
        assert_eq!(counts.left_out[Rider.index()], 2);
        assert_eq!(counts.missed[Person.index()], 1);
        assert_eq!(counts.taken_for, [[0; 8]; 8]);
        assert_eq!(counts.nothing_there, [0; 8]);
    }

    proptest! {
        #[test]
        fn every_object_and_detection_is_counted_once(
            objects in prop::collection::vec((0usize..8, 0u32..10), 0..12),
            hits in prop::collection::vec((0usize..8, 0u32..12, 0u16..=64), 0..40),
            labelled: [bool; 8],
            threshold in 0.0f32..1.0,
        ) {
            let objects: Vec<_> = objects
                .iter()
                .map(|&(class, place)| object(ObjectClass::ALL[class], place))
                .collect();
            let detections: Vec<_> = hits
                .iter()
                .map(|&(c, p, s)| detection(ObjectClass::ALL[c], p, f32::from(s) / 64.0))
                .collect();
            let scene = Scene::new(0, &objects, &labelled, &detections);
            let thresholds = [threshold; 8];
            let counts = Confusion::new(&[&scene], &thresholds);
            for class in ObjectClass::ALL {
                let i = class.index();
                let row: u64 = counts.taken_for[i].iter().sum();
                prop_assert_eq!(row + counts.missed[i], scene.objects_of(class));
                let column: u64 = counts.taken_for.iter().map(|row| row[i]).sum();
                let others = counts.doubled[i] + counts.nothing_there[i] + counts.left_out[i];
                let shown = scene.shown(&thresholds).filter(|f| f.detection.class == class);
                prop_assert_eq!(column + others, shown.count() as u64);
                if let Some(point) = PrCurve::new(&[&scene], class).at(threshold) {
                    prop_assert_eq!(point.right, counts.taken_for[i][i]);
                    prop_assert_eq!(point.right + point.wrong + counts.left_out[i], column + others);
                }
            }
        }
    }
}
