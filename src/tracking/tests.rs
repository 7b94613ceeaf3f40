//! Whether objects keep their numbers.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::geometry::BBox;

const FRAME_NS: u64 = 66_000_000;

const CONFIDENT: [f32; ObjectClass::COUNT] = [0.4; ObjectClass::COUNT];

type Seen = heapless::Vec<Detection, DETECTIONS_MAX>;

fn seen(objects: &[(ObjectClass, f32, BBox)]) -> Seen {
    let detection = |&(class, score, bbox): &_| Detection::new(class, score, bbox);
    objects.iter().map(detection).collect()
}

fn car(x: f32) -> BBox {
    BBox::from_centre(x, 100.0, 40.0, 30.0)
}

fn tracker() -> Tracker {
    Tracker::new()
}

fn ids(seen: &Seen) -> Vec<Option<u32>> {
    seen.iter().map(|d| d.track.map(|t| t.id)).collect()
}

#[test]
fn an_object_keeps_its_number_and_shows_its_speed() {
    let mut tracker = tracker();
    let mut last = None;
    for i in 0..20 {
        let mut frame = seen(&[(ObjectClass::Car, 0.8, car(100.0 + 3.3 * i as f32))]);
        tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
        let track = frame[0].track;
        // Seen once, it may be an error.
        assert_eq!(track.map(|t| t.id), (i > 0).then_some(1));
        last = track;
    }
    let track = last.unwrap();
    assert!((track.velocity_x_px_per_s - 50.0).abs() < 2.0, "{track:?}");
    assert!(track.velocity_y_px_per_s.abs() < 2.0, "{track:?}");
    assert_eq!(track.age_ms, 19 * 66);
    assert!(track.contact.is_none(), "{track:?}");
}

#[test]
fn a_faint_sighting_goes_on_with_an_object_and_begins_none() {
    let mut tracker = tracker();
    for i in 0..12u64 {
        let score = if (5..9).contains(&i) { 0.15 } else { 0.8 };
        let mut frame = seen(&[
            (ObjectClass::Car, score, car(100.0 + 4.0 * i as f32)),
            (
                ObjectClass::Person,
                0.2,
                BBox::new(300.0, 50.0, 310.0, 80.0),
            ),
        ]);
        tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
        assert_eq!(ids(&frame), [(i > 0).then_some(1)], "frame {i}");
        assert_eq!(frame[0].score, score);
    }
}

#[test]
fn out_of_sight_is_waited_for_but_not_for_ever() {
    for (gone, id) in [(8, 1), (20, 2)] {
        let mut tracker = tracker();
        let mut found = Vec::new();
        for i in 0..40u64 {
            let is_hidden = (10..10 + gone).contains(&i);
            let all = [(ObjectClass::Car, 0.8, car(100.0 + 2.0 * i as f32))];
            let mut frame = seen(if is_hidden { &[] } else { &all });
            tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
            found = ids(&frame);
        }
        assert_eq!(found, [Some(id)], "hidden for {gone} frames");
    }
}

#[test]
fn two_that_pass_each_other_do_not_swap() {
    let mut tracker = tracker();
    for i in 0..30u64 {
        let x = 10.0 * i as f32;
        let (a, b) = (car(x), BBox::from_centre(300.0 - x, 112.0, 40.0, 30.0));
        // The detector's order follows the scores, which say nothing about who is who.
        let (mut one, two) = ((ObjectClass::Car, 0.8, a), (ObjectClass::Car, 0.7, b));
        one.1 = if i % 2 == 0 { 0.6 } else { 0.8 };
        let all = if i % 2 == 0 { [two, one] } else { [one, two] };
        let mut frame = seen(&all);
        tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
        if i > 1 {
            let of = |bbox| {
                frame
                    .iter()
                    .find(|d| d.bbox == bbox)
                    .unwrap()
                    .track
                    .unwrap()
                    .id
            };
            // In the first frame b came first.
            assert_eq!((of(a), of(b)), (2, 1), "frame {i}");
        }
    }
}

#[test]
fn a_rider_is_no_bicycle_but_a_truck_may_be_a_bus() {
    let at = BBox::new(10.0, 10.0, 60.0, 60.0);
    let last_ids = |first, second| {
        let mut tracker = tracker();
        let mut found = Vec::new();
        for (i, class) in [first, first, second, second].into_iter().enumerate() {
            let mut frame = seen(&[(class, 0.8, at)]);
            tracker.follow(i as u64 * FRAME_NS, &CONFIDENT, &mut frame);
            found = ids(&frame);
        }
        found
    };
    assert_eq!(last_ids(ObjectClass::Truck, ObjectClass::Bus), [Some(1)]);
    assert_eq!(
        last_ids(ObjectClass::Rider, ObjectClass::Bicycle),
        [Some(2)]
    );
}

#[test]
fn what_two_classes_claim_is_one_object_and_told_once() {
    let mut tracker = tracker();
    for i in 0..10u64 {
        let x = 100.0 + 2.0 * i as f32;
        // The better of the two changes from frame to frame.
        let (truck, bus) = if i % 2 == 0 { (0.8, 0.6) } else { (0.6, 0.8) };
        let mut frame = seen(&[
            (ObjectClass::Truck, truck, car(x)),
            (ObjectClass::Bus, bus, car(x + 2.0)),
            // Of another family, and of its own class: both may be there.
            (ObjectClass::Person, 0.5, car(x)),
            (ObjectClass::Truck, 0.5, car(x + 30.0)),
        ]);
        tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
        let best = if i % 2 == 0 {
            ObjectClass::Truck
        } else {
            ObjectClass::Bus
        };
        let classes: Vec<ObjectClass> = frame.iter().map(|d| d.class).collect();
        assert_eq!(classes, [best, ObjectClass::Person, ObjectClass::Truck]);
        let told = |id| (i > 0).then_some(id);
        assert_eq!(ids(&frame), [told(1), told(2), told(3)], "frame {i}");
    }
    assert_eq!(tracker.objects.len(), 3);
}

#[test]
fn what_is_hidden_itself_hides_nothing() {
    let mut tracker = tracker();
    // Each overlaps the next by more than half, the first and the last do not.
    let mut frame = seen(&[
        (ObjectClass::Person, 0.9, car(100.0)),
        (ObjectClass::Person, 0.8, car(112.0)),
        (ObjectClass::Person, 0.7, car(124.0)),
    ]);
    tracker.follow(0, &CONFIDENT, &mut frame);
    let scores: Vec<f32> = frame.iter().map(|d| d.score).collect();
    assert_eq!(scores, [0.9, 0.7]);
}

#[test]
fn a_faint_claim_hides_no_confident_one() {
    let mut tracker = tracker();
    let mut confident = CONFIDENT;
    confident[ObjectClass::Car.index()] = 0.7;
    let mut frame = seen(&[
        (ObjectClass::Car, 0.6, car(100.0)),
        (ObjectClass::Truck, 0.5, car(101.0)),
    ]);
    tracker.follow(0, &confident, &mut frame);
    assert_eq!(frame.len(), 1);
    assert_eq!(frame[0].class, ObjectClass::Truck);
}

#[test]
fn what_is_hardly_seen_is_told_but_begins_no_object() {
    let mut tracker = tracker();
    for (i, (score, is_followed)) in [(0.41, false), (0.41, false), (0.45, false), (0.41, true)]
        .into_iter()
        .enumerate()
    {
        let mut frame = seen(&[(ObjectClass::Person, score, car(100.0))]);
        tracker.follow(i as u64 * FRAME_NS, &CONFIDENT, &mut frame);
        assert_eq!(frame.len(), 1, "frame {i}");
        assert_eq!(frame[0].track.is_some(), is_followed, "frame {i}");
    }
}

#[test]
fn what_grows_tells_when_it_would_be_here() {
    let mut tracker = tracker();
    let mut contact = None;
    for i in 0..30u64 {
        // 4 s away at first, at constant speed: the size goes as one by the distance.
        let left_s = 4.0 - i as f32 * FRAME_NS as f32 * 1e-9;
        let side = 120.0 / left_s;
        let bbox = BBox::from_centre(200.0, 100.0, side, side);
        let mut frame = seen(&[(ObjectClass::Truck, 0.8, bbox)]);
        tracker.follow(i * FRAME_NS, &CONFIDENT, &mut frame);
        contact = frame[0].track.and_then(|t| t.contact).map(|c| (c, left_s));
    }
    let (contact, left_s) = contact.unwrap();
    let off = (contact.seconds - left_s).abs();
    assert!(
        off < 0.5 && off < 2.0 * contact.seconds_std,
        "{contact:?} {left_s}"
    );
}

#[test]
fn frames_that_go_back_in_time_or_stay_away_are_borne() {
    let mut tracker = tracker();
    let all = [(ObjectClass::Car, 0.8, car(50.0))];
    for (now_ns, id) in [
        (9_000_000_000, None),
        (9_000_000_000, Some(1)),
        (8_000_000_000, Some(1)),
        (9_050_000_000, Some(1)),
        (60_000_000_000, None),
        (60_050_000_000, Some(2)),
    ] {
        let mut frame = seen(&all);
        tracker.follow(now_ns, &CONFIDENT, &mut frame);
        assert_eq!(ids(&frame), [id], "{now_ns}");
    }
}

#[test]
fn the_number_of_objects_is_bounded() {
    let mut tracker = tracker();
    for i in 0..30u64 {
        // Everything is somewhere else each time.
        let at = |k: usize| BBox::from_centre(100.0 * k as f32, 500.0 * i as f32, 20.0, 20.0);
        let all: Vec<_> = (0..DETECTIONS_MAX)
            .map(|k| (ObjectClass::Car, 0.9, at(k)))
            .collect();
        tracker.follow(i * 1_000_000, &CONFIDENT, &mut seen(&all));
        assert!(tracker.objects.len() <= OBJECTS_MAX);
    }
    assert_eq!(tracker.objects.len(), OBJECTS_MAX);
}
