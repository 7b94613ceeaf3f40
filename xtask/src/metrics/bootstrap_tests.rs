#![allow(clippy::unwrap_used)]
use super::super::scene::tests::{ALL_LABELLED, detection, object};
use super::super::{Evaluator, Scene};
use super::*;
use ObjectClass::{Car, Person};
use lookout::geometry::BBox;
use proptest::prelude::*;

const DRAWS: Bootstrap = Bootstrap {
    resamples: 200,
    seed: 1,
    threads: 2,
};

/// Images of three cars each; a detector that finds each with this chance and errs at times.
fn scenes(chance: f64, images: usize, seed: u64) -> Vec<Scene> {
    let mut random = fastrand::Rng::with_seed(seed);
    let objects: Vec<_> = (0..3).map(|place| object(Car, place)).collect();
    let one = |image| {
        let mut found = Vec::new();
        for place in 0..3 {
            if random.f64() < chance {
                let mut hit = detection(Car, place, 0.5 + 0.5 * random.f32());
                hit.bbox.x1 += 4.0 * random.f32();
                found.push(hit);
            }
        }
        found.push(detection(Car, 9, random.f32()));
        Scene::new(image, &objects, &ALL_LABELLED, &found)
    };
    (0..images).map(one).collect()
}

fn stratum<'a>(a: &'a [Scene], b: &'a [Scene]) -> Stratum<'a> {
    Stratum {
        a: a.iter().collect(),
        b: b.iter().collect(),
    }
}

#[test]
fn a_clear_difference_is_seen_and_its_sign_is_right() {
    let (good, bad) = (scenes(0.9, 40, 3), scenes(0.4, 40, 4));
    let verdict = |a: &[Scene], b: &[Scene]| {
        let rows = compare(&[stratum(a, b)], DRAWS).rows;
        assert_eq!(rows[0].figure, "mAP");
        assert!(rows[0].low.unwrap() <= rows[0].difference);
        assert!(rows[0].difference <= rows[0].high.unwrap());
        (rows[0].verdict, rows[1].verdict, rows[2].verdict)
    };
    let better = Verdict::Better;
    assert_eq!(verdict(&bad, &good), (better, better, better));
    let worse = Verdict::Worse;
    assert_eq!(verdict(&good, &bad), (worse, worse, worse));
    let same = Verdict::NoDifferenceShown;
    assert_eq!(verdict(&good, &good), (same, same, same));
}

#[test]
fn few_images_are_no_evidence_and_no_objects_no_figure() {
    let (good, bad) = (scenes(1.0, 9, 3), scenes(0.1, 9, 4));
    let rows = compare(&[stratum(&bad, &good)], DRAWS).rows;
    assert_eq!(rows[0].verdict, Verdict::TooFewImages);
    let person = rows.iter().find(|row| row.figure == "person").unwrap();
    assert_eq!((person.a, person.low), (ABSENT, None));
    assert_eq!(person.verdict, Verdict::TooFewImages);
    let nothing = compare(&[], DRAWS).rows;
    assert_eq!((nothing[0].a, nothing[0].images), (ABSENT, 0));
}

#[test]
fn the_seed_decides_and_the_threads_do_not() {
    let (a, b) = (scenes(0.8, 30, 5), scenes(0.7, 30, 6));
    let run = |seed, threads| {
        let bootstrap = Bootstrap {
            seed,
            threads,
            ..DRAWS
        };
        compare(&[stratum(&a, &b)], bootstrap)
    };
    assert_eq!(run(1, 1), run(1, 3));
    assert_ne!(run(1, 1).rows[0].low, run(2, 1).rows[0].low);
}

#[test]
fn each_stratum_keeps_its_size() {
    let mut weights = Vec::new();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20 {
        draw_weights(&mut random, &[3, 0, 5], &mut weights);
        assert_eq!(weights.len(), 8);
        assert_eq!(weights[..3].iter().sum::<u32>(), 3);
        assert_eq!(weights[3..].iter().sum::<u32>(), 5);
    }
}

#[test]
fn intervals_hold_the_middle() {
    let values: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
    assert_eq!(interval(values), Some((25.0, 975.0)));
    assert_eq!(interval(vec![1.0]), None);
}

proptest! {
    /// Weights are repetitions: the figures are those of an evaluator that is shown the image
    /// so many times.
    #[test]
    fn weighted_figures_are_those_of_the_evaluator(
        images in prop::collection::vec(
            (
                prop::collection::vec((0usize..2, 0u32..5, any::<bool>()), 0..5),
                prop::collection::vec((0usize..2, 0u32..7, 0u8..12, 0u16..1000), 0..12),
                any::<[bool; 2]>(),
            ),
            1..5,
        ),
        weights in prop::collection::vec(0u32..4, 5),
    ) {
        let classes = [Car, Person];
        let mut scenes = Vec::new();
        let mut evaluator = Evaluator::new();
        let mut number = 0.0;
        for (index, (objects, found, labels)) in images.iter().enumerate() {
            let objects: Vec<_> = objects
                .iter()
                .map(|&(class, place, crowd)| GroundTruth { crowd, ..object(classes[class], place) })
                .collect();
            let found: Vec<_> = found
                .iter()
                .map(|&(class, place, wider, score)| {
                    // No two scores are equal: their order would be that of the images.
                    number += 1e-5;
                    let mut it = detection(classes[class], place, f32::from(score) / 1024.0 + number);
                    it.bbox = BBox { x1: it.bbox.x1 + f32::from(wider), ..it.bbox };
                    it
                })
                .collect();
            let mut labelled = ALL_LABELLED;
            (labelled[Car.index()], labelled[Person.index()]) = (labels[0], labels[1]);
            for _ in 0..weights[index] {
                evaluator.add_image(&objects, &labelled, &found);
            }
            scenes.push(Scene::new(index, &objects, &labelled, &found));
        }
        let record = Record::new(&scenes.iter().collect::<Vec<_>>());
        let figures = record.figures(&weights);
        let expected = evaluator.finish();
        prop_assert!((figures[0] - expected.map).abs() < 1e-9, "{} {}", figures[0], expected.map);
        prop_assert!((figures[1] - expected.map50).abs() < 1e-9);
        for (figure, class) in figures[2..].iter().zip(ObjectClass::ALL) {
            prop_assert!((figure - expected.per_class[&class].ap50).abs() < 1e-9);
        }
    }
}
