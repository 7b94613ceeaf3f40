//! Tests of the built-in drive as a whole.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn drive(seed: u64, width: u32, height: u32) -> Drive {
    Drive::new(DriveConfig {
        seed,
        width,
        height,
        ..DriveConfig::default()
    })
    .unwrap()
}

#[test]
fn a_frame_depends_on_seed_and_index_only() {
    let (mut a, mut b) = (drive(3, 320, 180), drive(3, 320, 180));
    let (mut rgb_a, mut rgb_b, mut boxes_a, mut boxes_b) = (vec![], vec![], vec![], vec![]);
    for index in [0, 1, 40] {
        a.render(index, &mut rgb_a, &mut boxes_a);
    }
    b.render(40, &mut rgb_b, &mut boxes_b);
    assert!(
        rgb_a == rgb_b,
        "frame 40 differs with what was rendered before it"
    );
    assert_eq!(boxes_a, boxes_b);
    b.render(41, &mut rgb_b, &mut boxes_b);
    assert!(rgb_a != rgb_b, "nothing moves");
    drive(4, 320, 180).render(40, &mut rgb_b, &mut boxes_b);
    assert!(rgb_a != rgb_b, "two seeds give one street");
}

#[test]
fn boxes_are_the_extent_of_the_visible_samples() {
    for seed in 0..4 {
        let mut d = drive(seed, 384, 216);
        let (mut rgb, mut boxes) = (vec![], vec![]);
        for index in [0, 37] {
            d.render(index, &mut rgb, &mut boxes);
            let mut found = 0;
            for (n, actor) in d.actors.iter().enumerate() {
                let id = raster::ID_OBJECTS + n as u32;
                let at = d
                    .ids
                    .iter()
                    .enumerate()
                    .filter(|(_, v)| **v == id)
                    .map(|(i, _)| i);
                let (mut x0, mut y0, mut x1, mut y1) = (usize::MAX, usize::MAX, 0, 0);
                for i in at {
                    let (x, y) = (i % 768, i / 768);
                    (x0, y0, x1, y1) = (x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1));
                }
                let listed = boxes.iter().find(|b| b.identity == actor.identity);
                if x1 == 0 {
                    assert_eq!(listed, None);
                    continue;
                }
                let half = |v: usize| v as f32 * 0.5;
                let want = BBox::new(half(x0), half(y0), half(x1), half(y1));
                assert_eq!(listed.unwrap().bbox, want);
                found += 1;
            }
            assert_eq!(found, boxes.len());
            assert!(found > 0);
        }
    }
}

#[test]
fn the_first_ten_seconds_show_every_class_plainly() {
    let mut d = Drive::new(DriveConfig::default()).unwrap();
    let (mut rgb, mut boxes) = (vec![], vec![]);
    let mut seen = [false; ObjectClass::COUNT];
    for index in (0..150).step_by(5) {
        d.render(index, &mut rgb, &mut boxes);
        for b in boxes
            .iter()
            .filter(|b| b.visible_fraction > 0.8 && b.bbox.height() >= 40.0)
        {
            seen[b.class.index()] = true;
        }
    }
    let missing: Vec<_> = ObjectClass::ALL
        .into_iter()
        .filter(|c| !seen[c.index()])
        .collect();
    assert!(missing.is_empty(), "never plainly visible: {missing:?}");
}

#[test]
fn identities_are_unique_and_last() {
    let mut d = drive(1, 384, 216);
    let (mut rgb, mut before, mut after) = (vec![], vec![], vec![]);
    d.render(10, &mut rgb, &mut before);
    d.render(11, &mut rgb, &mut after);
    for boxes in [&before, &after] {
        let mut ids: Vec<_> = boxes.iter().map(|b| b.identity).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), boxes.len());
    }
    let mut kept = 0;
    for b in &before {
        if let Some(a) = after.iter().find(|a| a.identity == b.identity) {
            assert_eq!(a.class, b.class);
            assert!((a.distance_m - b.distance_m).abs() < 3.0);
            kept += 1;
        }
    }
    assert!(
        kept * 2 > before.len(),
        "{kept} of {} objects kept their identity",
        before.len()
    );
}

#[test]
fn nonsense_is_refused() {
    let refused = |width, height, frames_per_second| {
        Drive::new(DriveConfig {
            width,
            height,
            frames_per_second,
            ..DriveConfig::default()
        })
        .is_err()
    };
    assert!(refused(63, 432, 15.0));
    assert!(refused(768, 1921, 15.0));
    assert!(refused(768, 432, 0.5));
    assert!(refused(768, 432, f32::NAN));
    assert!(!refused(64, 64, 1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_drive_renders_boxes_inside_the_frame(
        seed in any::<u64>(),
        width in 64u32..=1920,
        height in 64u32..=1920,
        rate in 1.0f32..=120.0,
        index in prop_oneof![0u32..2000, any::<u32>()],
        light in 0usize..6,
    ) {
        // Cases of a tenth of the largest area keep the test short.
        prop_assume!(width * height < 400_000);
        let light = Light::ALL.get(light).copied();
        let config = DriveConfig { seed, width, height, frames_per_second: rate, light };
        let mut d = Drive::new(config).unwrap();
        let (mut rgb, mut boxes) = (vec![], vec![]);
        d.render(index, &mut rgb, &mut boxes);
        prop_assert_eq!(rgb.len(), 3 * (width * height) as usize);
        for b in &boxes {
            prop_assert!(b.bbox.is_valid(), "{:?}", b);
            prop_assert_eq!(b.bbox, b.bbox.clip(width as f32, height as f32));
            prop_assert!((0.0..=1.0).contains(&b.visible_fraction), "{:?}", b);
        }
    }
}
