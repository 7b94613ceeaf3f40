#![allow(clippy::unwrap_used)]
use super::*;
use crate::class::ObjectClass;
use crate::detection::{Detection, Track};
use crate::event::Phase;
use crate::geometry::BBox;
use std::time::Duration;

const FRAME_MS: u64 = 100;

fn rule(name: &str) -> Rule {
    Rule {
        name: name.try_into().unwrap(),
        zone: Some(Zone {
            name: "lower third".into(),
            polygon: vec![[0.0, 0.667], [1.0, 0.667], [1.0, 1.0], [0.0, 1.0]],
        }),
        classes: vec![ObjectClass::Person],
        score_min: 0.5,
        count_min: 1,
        dwell: Duration::from_millis(2000),
        patience: Duration::from_millis(300),
        update_period: Duration::from_millis(1000),
        preserve: true,
    }
}

/// An object whose box ends so far down a picture of 100 by 100 pixels.
fn object(id: u32, class: ObjectClass, foot_y: f32) -> Detection {
    let mut detection = Detection::new(class, 0.9, BBox::new(40.0, 10.0, 60.0, foot_y));
    detection.track = (id != 0).then_some(Track {
        id,
        age_ms: 0,
        velocity_x_px_per_s: 0.0,
        velocity_y_px_per_s: 0.0,
        contact: None,
    });
    detection
}

/// Shows one frame after the other; gives what is told, with the number of the frame.
fn told(rules: &mut Rules, is_tracked: bool, frames: &[Vec<Detection>]) -> Vec<(usize, Event)> {
    let mut told = Vec::new();
    for (number, detections) in frames.iter().enumerate() {
        let mut frame = DetectionFrame {
            frame_width: 100,
            frame_height: 100,
            detections: detections.iter().copied().collect(),
            ..DetectionFrame::empty()
        };
        let now_ns = (number as u64 + 1) * FRAME_MS * 1_000_000;
        rules.look(now_ns, is_tracked, &mut frame);
        told.extend(frame.events.iter().map(|event| (number, event.clone())));
    }
    told
}

fn phases(told: &[(usize, Event)]) -> Vec<(usize, Phase)> {
    told.iter()
        .map(|(number, event)| (*number, event.phase))
        .collect()
}

#[test]
fn a_person_who_stays_is_told_of_until_gone() {
    let mut frames = vec![vec![object(7, ObjectClass::Person, 90.0)]; 35];
    frames.extend(vec![vec![]; 10]);
    let told = told(&mut Rules::new(&[rule("near")]), true, &frames);
    // There from frame 0 on, so 2 s later in frame 20; gone after frame 34 and 0.3 s of patience.
    let expected = [(20, Phase::New), (30, Phase::Update), (38, Phase::End)];
    assert_eq!(phases(&told), expected);
    let first = &told[0].1;
    assert_eq!(
        (first.rule.as_str(), first.id, first.objects),
        ("near", 1, 1)
    );
    assert!(first.preserve);
    assert_eq!(told[2].1.age_ms, 1800);
    assert_eq!(told[2].1.objects, 0);
}

#[test]
fn what_does_not_match_counts_for_nothing() {
    let faint = Detection {
        score: 0.4,
        ..object(1, ObjectClass::Person, 90.0)
    };
    let others = vec![
        object(2, ObjectClass::Car, 90.0),
        object(3, ObjectClass::Person, 50.0),
        faint,
    ];
    let frames = vec![others; 60];
    assert_eq!(told(&mut Rules::new(&[rule("near")]), true, &frames), []);
}

#[test]
fn passers_by_never_dwell_but_one_missed_detection_is_forgiven() {
    let mut rules = Rules::new(&[rule("near")]);
    let passing = |i: u32| vec![object(1 + i / 10, ObjectClass::Person, 90.0)];
    let frames: Vec<_> = (0..60).map(passing).collect();
    assert_eq!(told(&mut rules, true, &frames), []);

    let mut rules = Rules::new(&[rule("near")]);
    let mut frames = vec![vec![object(1, ObjectClass::Person, 90.0)]; 25];
    frames[10].clear();
    frames[11].clear();
    assert_eq!(phases(&told(&mut rules, true, &frames)), [(20, Phase::New)]);
}

#[test]
fn without_tracking_the_condition_itself_must_last() {
    let untracked = Rule {
        count_min: 2,
        ..rule("two")
    };
    let mut rules = Rules::new(&[untracked]);
    let person = object(0, ObjectClass::Person, 90.0);
    let mut frames = vec![vec![person; 2]; 22];
    frames.insert(0, vec![person]);
    let told = told(&mut rules, false, &frames);
    assert_eq!(phases(&told), [(21, Phase::New)]);
    assert_eq!(told[0].1.objects, 2);
}

#[test]
fn a_recording_that_begins_anew_begins_dwelling_anew() {
    let mut rules = Rules::new(&[rule("near")]);
    let frames = vec![vec![object(1, ObjectClass::Person, 90.0)]; 15];
    assert_eq!(told(&mut rules, true, &frames), []);
    assert_eq!(told(&mut rules, true, &frames), []);
}

#[test]
fn changed_rules_end_and_the_same_go_on() {
    let quick = |name| Rule {
        dwell: Duration::ZERO,
        ..rule(name)
    };
    let frames = vec![vec![object(1, ObjectClass::Person, 90.0)]; 2];
    let mut rules = Rules::new(&[quick("a"), quick("b")]);
    let began = told(&mut rules, true, &frames);
    assert_eq!(phases(&began), [(0, Phase::New), (0, Phase::New)]);
    rules.replace(Rules::new(&[quick("b"), quick("c")]));
    let after = told(&mut rules, true, &frames);
    let names: Vec<_> = after
        .iter()
        .map(|(_, e)| (e.rule.as_str(), e.id, e.phase))
        .collect();
    assert_eq!(names, [("a", 1, Phase::End), ("c", 3, Phase::New)]);
}

#[test]
fn the_picture_s_edge_is_in_the_picture() {
    let quick = Rule {
        dwell: Duration::ZERO,
        ..rule("edge")
    };
    let frames = vec![vec![object(1, ObjectClass::Person, 100.0)]];
    let told = told(&mut Rules::new(&[quick]), true, &frames);
    assert_eq!(phases(&told), [(0, Phase::New)]);
}
