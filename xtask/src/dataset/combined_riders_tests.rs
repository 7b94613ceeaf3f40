#![allow(clippy::unwrap_used)]
use super::*;
use crate::dataset::{Dataset, LoadOptions, Split, is_on_cycle};
use proptest::prelude::*;

fn object(class: ObjectClass, bbox: BBox) -> GroundTruth {
    GroundTruth {
        class,
        bbox,
        crowd: false,
        area: bbox.area(),
    }
}

#[test]
fn a_rider_seen_from_behind_keeps_its_width_and_one_from_the_side_does_not() {
    let narrow = BBox::new(10.0, 20.0, 50.0, 120.0);
    assert_eq!(rider_share(&narrow), BBox::new(10.0, 20.0, 50.0, 102.0));
    let wide = BBox::new(0.0, 0.0, 150.0, 100.0);
    assert_eq!(rider_share(&wide), BBox::new(47.5, 0.0, 102.5, 82.0));
}

#[test]
fn every_rule_does_its_own_to_riders_alone() {
    let rider = object(ObjectClass::Rider, BBox::new(0.0, 0.0, 40.0, 100.0));
    let crowd = GroundTruth {
        crowd: true,
        ..rider
    };
    let car = object(ObjectClass::Car, BBox::new(0.0, 0.0, 90.0, 50.0));
    let mut labelled = [true; ObjectClass::COUNT];
    labelled[ObjectClass::Motorcycle.index()] = false;
    let after = |rule| {
        let mut objects = vec![rider, crowd, car];
        assert_eq!(apply(rule, &mut objects, &labelled), 1);
        objects
    };
    assert_eq!(after(CombinedRiders::Class), [rider, crowd, car]);

    let region = |class| GroundTruth { class, ..crowd };
    let ignored = after(CombinedRiders::Ignore);
    assert_eq!(ignored[..2], [crowd, car]);
    let classes = [
        ObjectClass::Person,
        ObjectClass::Rider,
        ObjectClass::Bicycle,
        ObjectClass::Scooter,
    ];
    assert_eq!(ignored[2..], classes.map(region));

    let split = after(CombinedRiders::Split);
    assert_eq!(split[0].bbox, BBox::new(0.0, 0.0, 40.0, 82.0));
    assert_eq!(split[0].area, 4000.0 * 0.82);
    assert_eq!(split[1..3], [crowd, car]);
    let cycles = [ObjectClass::Bicycle, ObjectClass::Scooter];
    assert_eq!(split[3..], cycles.map(region));
}

#[test]
fn rules_have_names() {
    for rule in CombinedRiders::ALL {
        assert_eq!(rule.to_string().parse(), Ok(rule));
    }
    let error = "halve".parse::<CombinedRiders>().unwrap_err();
    assert!(error.contains("class, ignore, split"));
}

proptest! {
    #[test]
    fn the_share_is_a_box_inside(
        x in -100.0f32..9000.0, y in -100.0f32..9000.0, w in 0.01f32..9000.0, h in 0.01f32..9000.0,
    ) {
        let combined = BBox::new(x, y, x + w, y + h);
        prop_assume!(combined.is_valid());
        let share = rider_share(&combined);
        prop_assert!(share.x0 >= combined.x0 - 0.01 && share.x1 <= combined.x1 + 0.01);
        prop_assert!(share.y0 == combined.y0 && share.y1 <= combined.y1);
        prop_assert!(share.is_valid() || w < 0.1 || h < 0.1);
    }
}

/// Riders with the cycle under them: `(rider, combined box)`.
fn pairs(dataset: &Dataset) -> Vec<(BBox, BBox)> {
    let is_cycle = |o: &&GroundTruth| {
        matches!(o.class, ObjectClass::Bicycle | ObjectClass::Motorcycle) && !o.crowd
    };
    let mut pairs = Vec::new();
    for image in &dataset.images {
        let mut cycles: Vec<BBox> = image
            .objects
            .iter()
            .filter(is_cycle)
            .map(|o| o.bbox)
            .collect();
        for rider in image
            .objects
            .iter()
            .filter(|o| o.class == ObjectClass::Rider)
        {
            let r = rider.bbox;
            let below = (0..cycles.len()).filter(|&index| is_on_cycle(&r, &cycles[index]));
            let best = below.max_by(|&a, &b| r.iou(&cycles[a]).total_cmp(&r.iou(&cycles[b])));
            let Some(index) = best else { continue };
            let c = cycles.swap_remove(index);
            let (x0, y0) = (r.x0.min(c.x0), r.y0.min(c.y0));
            pairs.push((r, BBox::new(x0, y0, r.x1.max(c.x1), r.y1.max(c.y1))));
        }
    }
    pairs
}

/// Prints the table of [`rider_share`] for the set that `LOOKOUT_RIDER_SET` names.
#[test]
#[ignore = "prints figures; needs a set with boxes of riders and of cycles in LOOKOUT_RIDER_SET"]
fn figures() {
    let root = std::env::var_os("LOOKOUT_RIDER_SET").unwrap();
    let load = |split| Dataset::load(root.as_ref(), split, LoadOptions::EVALUATION).unwrap();
    let all: Vec<_> = [Split::Train, Split::Val]
        .into_iter()
        .flat_map(|split| pairs(&load(split)))
        .collect();
    for (from, to) in [(0.0, 0.6), (0.6, 1.0), (1.0, 99.0), (0.0, 99.0)] {
        let of = |share: &dyn Fn(&BBox) -> BBox| {
            let inside = all.iter().filter(|(_, combined)| {
                (from..to).contains(&(combined.width() / combined.height()))
            });
            let overlaps: Vec<f32> = inside
                .map(|(r, combined)| r.iou(&share(combined)))
                .collect();
            let mean = overlaps.iter().sum::<f32>() / overlaps.len() as f32;
            let good = overlaps.iter().filter(|&&iou| iou >= 0.5).count();
            let share = good as f32 / overlaps.len() as f32;
            format!(
                "{} riders, mean IoU {mean:.3}, >= 0.5: {share:.3}",
                overlaps.len()
            )
        };
        println!("{from}..{to} split: {}", of(&rider_share));
        println!("{from}..{to} whole: {}", of(&|combined| *combined));
    }
}
