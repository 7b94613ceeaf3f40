//! Finds the riders in sets that label a rider as a person box on a cycle box.

use super::GroundTruth;
use lookout::class::ObjectClass;
use lookout::geometry::BBox;

/// Least share of the person's lower half that the cycle's box covers.
const LOWER_HALF_COVERED_MIN: f32 = 0.2;
/// Least horizontal overlap, as a share of the narrower of the two boxes.
const HORIZONTAL_OVERLAP_MIN: f32 = 0.8;
/// Feet lower than the wheels by more than this share of the cycle's height stand in front of it.
const FEET_BELOW_WHEELS_MAX: f32 = 0.2;
/// A person much lower or much taller than the cycle is at another distance.
const HEIGHT_RATIO: std::ops::RangeInclusive<f32> = 0.5..=2.2;

/// Whether a person with this box sits on (or pushes off with) the cycle with that box.
///
/// The lower half of a rider is in front of or behind the cycle, while a passer-by is
/// beside it, nearer or farther. The thresholds are those that agree best with a set in
/// which people labelled riders apart from persons. Somebody who stands close beside a
/// parked bicycle is taken for a rider too: boxes alone cannot tell.
pub fn is_on_cycle(person: &BBox, cycle: &BBox) -> bool {
    if !person.is_valid() || !cycle.is_valid() {
        return false;
    }
    let lower_half = BBox::new(
        person.x0,
        (person.y0 + person.y1) * 0.5,
        person.x1,
        person.y1,
    );
    let covered = lower_half.intersection(cycle) / lower_half.area();
    let overlap = person.x1.min(cycle.x1) - person.x0.max(cycle.x0);
    covered >= LOWER_HALF_COVERED_MIN
        && overlap >= HORIZONTAL_OVERLAP_MIN * person.width().min(cycle.width())
        && person.y0 <= cycle.y0
        && person.y1 <= cycle.y1 + FEET_BELOW_WHEELS_MAX * cycle.height()
        && HEIGHT_RATIO.contains(&(person.height() / cycle.height()))
}

/// Relabels as riders those persons who are on a bicycle, motorcycle or scooter of the same
/// image, and returns how many. Crowd regions are neither persons nor cycles here.
pub fn relabel_riders(objects: &mut [GroundTruth]) -> usize {
    let is_cycle = |class| {
        matches!(
            class,
            ObjectClass::Bicycle | ObjectClass::Motorcycle | ObjectClass::Scooter
        )
    };
    let mut count = 0;
    for index in 0..objects.len() {
        let GroundTruth {
            class, bbox, crowd, ..
        } = objects[index];
        if class != ObjectClass::Person || crowd {
            continue;
        }
        let on_cycle = objects
            .iter()
            .any(|other| is_cycle(other.class) && !other.crowd && is_on_cycle(&bbox, &other.bbox));
        if on_cycle {
            objects[index].class = ObjectClass::Rider;
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(class: ObjectClass, x0: f32, y0: f32, x1: f32, y1: f32) -> GroundTruth {
        let bbox = BBox::new(x0, y0, x1, y1);
        GroundTruth {
            class,
            bbox,
            crowd: false,
            area: bbox.area(),
        }
    }

    #[test]
    fn riders_are_told_from_people_beside_before_and_behind() {
        let bicycle = BBox::new(100.0, 140.0, 180.0, 200.0);
        assert!(
            is_on_cycle(&BBox::new(120.0, 90.0, 160.0, 195.0), &bicycle),
            "rider"
        );
        assert!(
            !is_on_cycle(&BBox::new(175.0, 90.0, 215.0, 200.0), &bicycle),
            "beside"
        );
        assert!(
            !is_on_cycle(&BBox::new(120.0, 130.0, 160.0, 280.0), &bicycle),
            "in front"
        );
        assert!(
            !is_on_cycle(&BBox::new(130.0, 120.0, 140.0, 145.0), &bicycle),
            "far behind"
        );
        assert!(!is_on_cycle(&BBox::default(), &bicycle), "empty");
    }

    #[test]
    fn only_persons_on_cycles_become_riders() {
        let mut objects = [
            object(ObjectClass::Person, 120.0, 90.0, 160.0, 195.0),
            object(ObjectClass::Bicycle, 100.0, 140.0, 180.0, 200.0),
            object(ObjectClass::Person, 320.0, 90.0, 360.0, 195.0),
            object(ObjectClass::Car, 300.0, 140.0, 380.0, 200.0),
        ];
        assert_eq!(relabel_riders(&mut objects), 1);
        assert_eq!(
            objects.map(|object| object.class),
            [
                ObjectClass::Rider,
                ObjectClass::Bicycle,
                ObjectClass::Person,
                ObjectClass::Car
            ]
        );
        objects[0].class = ObjectClass::Person;
        objects[1].crowd = true;
        assert_eq!(relabel_riders(&mut objects), 0);
    }
}
