use super::*;
use crate::metrics::Evaluator;
use lookout::detection::Detection;
use lookout::geometry::BBox;

fn point(threshold: f32, objects: u64) -> OperatingPoint {
    OperatingPoint {
        threshold,
        precision: 1.0,
        recall: 1.0,
        f1: 1.0,
        objects,
        right: objects,
        wrong: 0,
    }
}

#[test]
fn thresholds_of_rare_classes_are_not_kept() {
    let recommended = BTreeMap::from([
        (ObjectClass::Car, point(0.3, OBJECTS_MIN)),
        (ObjectClass::Scooter, point(0.9, OBJECTS_MIN - 1)),
    ]);
    let kept = class_thresholds(&recommended);
    assert_eq!(kept, BTreeMap::from([("car".to_string(), 0.3)]));
}

#[test]
fn sizes_are_kept_where_there_are_objects_of_them() {
    let bbox = BBox::new(0.0, 0.0, 20.0, 20.0);
    let object = crate::dataset::GroundTruth {
        class: ObjectClass::Car,
        bbox,
        crowd: false,
        area: bbox.area(),
    };
    let found = Detection::new(ObjectClass::Car, 0.9, bbox);
    let mut evaluator = Evaluator::new();
    evaluator.add_image(&[object], &[true; 8], &[found]);
    let kept = set_metrics(&evaluator.finish());
    assert_eq!((kept.map_small, kept.map_large), (Some(1.0), None));
    assert_eq!(kept.ap_small, BTreeMap::from([("car".to_string(), 1.0)]));
    assert!(kept.ap_medium.is_empty() && kept.ap_large.is_empty());
}
