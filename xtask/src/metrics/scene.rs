//! One image with what is labelled and what was found in it.

use super::evaluator::counted;
use super::matching::{Meeting, meetings};
use crate::dataset::GroundTruth;
use lookout::class::ObjectClass;
use lookout::detection::Detection;

/// What was found in one image beside what is labelled there. Every figure at IoU 0.5, at any
/// threshold, comes from these.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Position of the image in its set, as the caller counts.
    pub image: usize,
    /// The labelled objects.
    pub objects: Vec<GroundTruth>,
    /// By class index: whether the absence of a box means the absence of an object.
    pub labelled: [bool; ObjectClass::COUNT],
    /// What was found and counts, class by class, best first within a class.
    pub findings: Vec<Finding>,
}

/// One detection and what became of it at IoU 0.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// The detection.
    pub detection: Detection,
    pub(super) meeting: Meeting,
}

impl Finding {
    /// Whether it meets an object of its class that no better one has met.
    pub fn is_right(&self) -> bool {
        matches!(self.meeting, Meeting::Right(_))
    }

    /// Whether it meets none, where the labels would tell of one.
    pub fn is_wrong(&self) -> bool {
        self.meeting == Meeting::Wrong
    }
}

impl Scene {
    /// Matches as the [`super::Evaluator`] does, and takes the same arguments.
    pub fn new(
        image: usize,
        objects: &[GroundTruth],
        labelled: &[bool; ObjectClass::COUNT],
        detections: &[Detection],
    ) -> Self {
        let mut findings = Vec::new();
        for class in ObjectClass::ALL {
            let positions: Vec<usize> = (0..objects.len())
                .filter(|&index| objects[index].class == class)
                .collect();
            let own: Vec<&GroundTruth> = positions.iter().map(|&index| &objects[index]).collect();
            let detections = counted(detections, class);
            let met = meetings(&own, &detections, labelled[class.index()]);
            findings.extend(detections.iter().zip(met).map(|(detection, meeting)| {
                let meeting = match meeting {
                    Meeting::Right(own) => Meeting::Right(positions[own]),
                    other => other,
                };
                Finding {
                    detection: **detection,
                    meeting,
                }
            }));
        }
        Self {
            image,
            objects: objects.to_vec(),
            labelled: *labelled,
            findings,
        }
    }

    /// What was found of this class.
    pub fn findings_of(&self, class: ObjectClass) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.detection.class == class)
    }

    /// How many objects of this class are to be found; crowd regions are none.
    pub fn objects_of(&self, class: ObjectClass) -> u64 {
        let own = self.objects.iter().filter(|o| o.class == class && !o.crowd);
        own.count() as u64
    }

    /// What a detector with these thresholds, by class index, shows.
    pub fn shown(
        &self,
        thresholds: &[f32; ObjectClass::COUNT],
    ) -> impl Iterator<Item = &Finding> + use<'_> {
        let thresholds = *thresholds;
        self.findings.iter().filter(move |finding| {
            finding.detection.score >= thresholds[finding.detection.class.index()]
        })
    }

    /// By object: whether one of the detections shown is right about it.
    pub fn found(&self, thresholds: &[f32; ObjectClass::COUNT]) -> Vec<bool> {
        let mut found = vec![false; self.objects.len()];
        for finding in self.shown(thresholds) {
            if let Meeting::Right(object) = finding.meeting {
                found[object] = true;
            }
        }
        found
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use lookout::geometry::BBox;

    pub(crate) const ALL_LABELLED: [bool; ObjectClass::COUNT] = [true; ObjectClass::COUNT];

    /// Boxes of 10 x 10 pixels; those with the same `place` are the same box.
    pub(crate) fn bbox(place: u32) -> BBox {
        let x0 = 20.0 * place as f32;
        BBox::new(x0, 0.0, x0 + 10.0, 10.0)
    }

    pub(crate) fn object(class: ObjectClass, place: u32) -> GroundTruth {
        GroundTruth {
            class,
            bbox: bbox(place),
            crowd: false,
            area: 100.0,
        }
    }

    pub(crate) fn detection(class: ObjectClass, place: u32, score: f32) -> Detection {
        Detection::new(class, score, bbox(place))
    }

    #[test]
    fn findings_know_which_object_they_meet() {
        use ObjectClass::{Bus, Car};
        let crowd = GroundTruth {
            crowd: true,
            ..object(Car, 0)
        };
        let objects = [crowd, object(Bus, 1), object(Car, 2)];
        let detections = [
            detection(Bus, 1, 0.9),
            detection(Car, 0, 0.8),
            detection(Car, 2, 0.7),
            detection(Car, 2, 0.6),
        ];
        let scene = Scene::new(0, &objects, &ALL_LABELLED, &detections);
        let meetings: Vec<Meeting> = scene.findings.iter().map(|f| f.meeting).collect();
        assert_eq!(
            meetings,
            [
                Meeting::Ignored,
                Meeting::Right(2),
                Meeting::Wrong,
                Meeting::Right(1)
            ]
        );
        assert_eq!((scene.objects_of(Car), scene.objects_of(Bus)), (1, 1));
        let mut thresholds = [0.65; ObjectClass::COUNT];
        assert_eq!(scene.found(&thresholds), [false, true, true]);
        thresholds[Bus.index()] = 0.95;
        assert_eq!(scene.found(&thresholds), [false, false, true]);
        assert_eq!(scene.shown(&thresholds).count(), 2);
    }

    #[test]
    fn what_is_not_labelled_is_ignored_unless_it_meets_a_box() {
        use ObjectClass::Rider;
        let mut labelled = ALL_LABELLED;
        labelled[Rider.index()] = false;
        let detections = [detection(Rider, 0, 0.9), detection(Rider, 1, 0.8)];
        let scene = Scene::new(0, &[object(Rider, 0)], &labelled, &detections);
        assert!(scene.findings[0].is_right());
        assert!(!scene.findings[1].is_right() && !scene.findings[1].is_wrong());
    }
}
