use super::*;
use ObjectClass::{Bicycle, Car, Person, Truck};

fn truth(class: ObjectClass, bbox: [f32; 4], crowd: bool) -> GroundTruth {
    let [x0, y0, x1, y1] = bbox;
    let bbox = BBox::new(x0, y0, x1, y1);
    GroundTruth {
        class,
        bbox,
        crowd,
        area: bbox.area(),
    }
}

fn detection(class: ObjectClass, score: f32, bbox: [f32; 4]) -> Detection {
    let [x0, y0, x1, y1] = bbox;
    Detection::new(class, score, BBox::new(x0, y0, x1, y1))
}

/// The faults of one image in which everything but scooters is labelled.
fn faults(objects: Vec<GroundTruth>, found: &[Detection]) -> DetectorFaults {
    let mut labelled = [true; ObjectClass::COUNT];
    labelled[ObjectClass::Scooter.index()] = false;
    let sides = vec![50.0; objects.len()];
    let entry = ImageEntry {
        path: "a.jpg".into(),
        id: 1,
        width: 500,
        height: 300,
        objects,
        labelled,
    };
    let mut faults = DetectorFaults::new(5);
    faults.add(0, &entry, &sides, found);
    faults
}

fn counts(faults: &DetectorFaults) -> [u64; 4] {
    let DetectorFaults {
        unlabelled,
        not_labelled,
        missed,
        confused,
        ..
    } = faults;
    [unlabelled, not_labelled, missed, confused].map(|finding| finding.count)
}

const PLACE: [f32; 4] = [100.0, 100.0, 200.0, 200.0];
const ELSEWHERE: [f32; 4] = [300.0, 100.0, 400.0, 200.0];

#[test]
fn agreement_is_no_fault() {
    let found = faults(
        vec![truth(Car, PLACE, false)],
        &[detection(Car, 0.9, PLACE)],
    );
    assert_eq!(counts(&found), [0; 4]);
    assert_eq!(found.confusion[Car.index()][Car.index()], 1);
}

#[test]
fn a_sure_detection_without_a_label_is_suspected() {
    let label = || vec![truth(Car, PLACE, false)];
    let car = detection(Car, 0.9, PLACE);
    let found = faults(label(), &[car, detection(Bicycle, 0.8, ELSEWHERE)]);
    assert_eq!(counts(&found), [1, 0, 0, 0]);
    assert_eq!(found.unlabelled.examples[0].text, "bicycle 0.80");
    assert_eq!(found.confusion[NONE][Bicycle.index()], 1);
    let unsure = faults(label(), &[car, detection(Bicycle, 0.4, ELSEWHERE)]);
    assert_eq!(counts(&unsure), [0; 4]);
    let scooter = detection(ObjectClass::Scooter, 0.8, ELSEWHERE);
    assert_eq!(counts(&faults(label(), &[car, scooter])), [0, 1, 0, 0]);
}

#[test]
fn regions_to_be_ignored_excuse_what_is_in_them() {
    let crowd = truth(Person, [290.0, 90.0, 410.0, 210.0], true);
    let found = faults(vec![crowd], &[detection(Person, 0.9, ELSEWHERE)]);
    assert_eq!(counts(&found), [0; 4], "nor is the region itself missed");
}

#[test]
fn a_label_that_nothing_comes_near_is_suspected() {
    let label = || vec![truth(Car, PLACE, false)];
    assert_eq!(counts(&faults(label(), &[])), [0, 0, 1, 0]);
    let guess = detection(Truck, 0.15, PLACE);
    let found = faults(label(), &[guess]);
    assert_eq!(counts(&found), [0; 4], "something was seen there");
    assert_eq!(
        found.confusion[Car.index()][NONE],
        1,
        "but nothing to be sure of"
    );
}

#[test]
fn another_class_in_a_labels_place_is_confusion() {
    let found = faults(
        vec![truth(Car, PLACE, false)],
        &[detection(Truck, 0.7, PLACE)],
    );
    assert_eq!(counts(&found), [0, 0, 0, 1]);
    assert_eq!(found.confusion[Car.index()][Truck.index()], 1);
    assert_eq!(found.confused.examples[0].marks.len(), 2);
    // Two labels in one place: the one of the detection's class decides.
    let both = vec![truth(Car, PLACE, false), truth(Truck, PLACE, false)];
    assert_eq!(counts(&faults(both, &[detection(Truck, 0.7, PLACE)]))[3], 0);
}

#[test]
fn small_labels_may_be_missed() {
    let object = truth(Car, PLACE, false);
    let entry = ImageEntry {
        path: "a.jpg".into(),
        id: 1,
        width: 500,
        height: 300,
        objects: vec![object],
        labelled: [true; ObjectClass::COUNT],
    };
    let mut faults = DetectorFaults::new(5);
    faults.add(0, &entry, &[PLAIN_SIDE - 1.0], &[]);
    assert_eq!(faults.missed.count, 0);
    assert_eq!(faults.confusion[Car.index()][NONE], 1);
}
