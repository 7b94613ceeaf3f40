#![allow(clippy::unwrap_used)]
use super::*;
use lookout::class::ObjectClass;
use std::collections::BTreeMap;

fn panorama(seed: u64) -> Panorama {
    Panorama::new(PanoramaConfig {
        seed,
        width: 512,
        height: 64,
    })
    .unwrap()
}

fn render(panorama: &mut Panorama, time_s: f32) -> (Vec<u8>, Vec<PanoramaBox>) {
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    panorama.render(time_s, &mut rgb, &mut boxes);
    assert_eq!(rgb.len(), 3 * 512 * 64);
    (rgb, boxes)
}

#[test]
fn a_moment_depends_on_seed_and_time_alone() {
    let mut drive = panorama(5);
    let first = render(&mut drive, 2.0);
    let other = render(&mut drive, 3.0);
    assert_eq!(render(&mut drive, 2.0), first);
    assert_eq!(render(&mut panorama(5), 2.0), first);
    assert_ne!(other.0, first.0);
    assert_ne!(render(&mut panorama(6), 2.0).0, first.0);
}

#[test]
fn every_class_is_plainly_seen_now_and_then() {
    let mut plain = [0; ObjectClass::COUNT];
    for seed in 0..10 {
        let mut drive = panorama(seed);
        for time_s in [0.0, 4.0] {
            for b in render(&mut drive, time_s).1 {
                let large = b.bbox.width() >= 5.0 && b.bbox.height() >= 5.0;
                plain[b.class.index()] += u32::from(large && b.visible_fraction > 0.7);
            }
        }
    }
    assert!(plain.iter().all(|&count| count >= 5), "{plain:?}");
}

/// Looks at every pixel: a box holds all that is visible of its road user, touches it at all
/// four sides, and nothing visible is without a box.
#[test]
fn boxes_enclose_what_is_visible_and_no_more() {
    let mut across = 0;
    for seed in 0..12 {
        let mut drive = panorama(seed);
        let (_, boxes) = render(&mut drive, 1.0 + seed as f32);
        let mut pixels: BTreeMap<(u32, usize), Vec<(f32, f32)>> = BTreeMap::new();
        for (at, pixel) in drive.canvas.pixels.iter().enumerate() {
            if pixel.id == 0 {
                continue;
            }
            let thing = &drive.scene.things[pixel.id as usize - 1];
            if let Some(class) = thing.class {
                let place = ((at % 512) as f32, (at / 512) as f32);
                let key = (thing.identity, class.index());
                pixels.entry(key).or_default().push(place);
            }
        }
        let mut labelled: BTreeMap<(u32, usize), Vec<&PanoramaBox>> = BTreeMap::new();
        for b in &boxes {
            let key = (b.identity, b.class.index());
            labelled.entry(key).or_default().push(b);
        }
        assert!(pixels.keys().eq(labelled.keys()), "seed {seed}");
        for (key, places) in &pixels {
            let boxes = &labelled[key];
            for b in boxes {
                let inside: Vec<_> = places
                    .iter()
                    .filter(|(x, y)| {
                        (b.bbox.x0..b.bbox.x1).contains(x) && (b.bbox.y0..b.bbox.y1).contains(y)
                    })
                    .collect();
                assert_eq!(inside.len() as u32, b.visible_pixels);
                assert!(inside.iter().any(|(x, _)| *x == b.bbox.x0));
                assert!(inside.iter().any(|(_, y)| *y == b.bbox.y0));
                assert!(inside.iter().any(|(x, _)| x + 1.0 == b.bbox.x1));
                assert!(inside.iter().any(|(_, y)| y + 1.0 == b.bbox.y1));
                assert!(b.visible_fraction > 0.0 && b.visible_fraction <= 1.0);
                assert!(b.bbox.width() < 300.0, "seed {seed}: {b:?}");
            }
            let counted: u32 = boxes.iter().map(|b| b.visible_pixels).sum();
            assert_eq!(counted as usize, places.len(), "seed {seed}, {key:?}");
            if let [a, b] = boxes[..] {
                across += 1;
                assert_eq!((a.bbox.x0, b.bbox.x1), (0.0, 512.0), "not at the seam");
            }
            assert!(boxes.len() <= 2);
        }
    }
    assert!(across >= 3, "only {across} were seen across the seam");
}

#[test]
fn hidden_road_users_have_no_box() {
    let (mut things, mut boxes) = (0, 0);
    for seed in 0..6 {
        let mut drive = panorama(seed);
        let found = render(&mut drive, 0.0).1;
        let users = drive.scene.things.iter().filter(|t| t.class.is_some());
        let hidden = drive.canvas.silhouettes.iter().zip(&drive.scene.things);
        for (halves, thing) in hidden.filter(|(_, t)| t.class.is_some()) {
            let visible = halves[0].visible + halves[1].visible;
            let has_box = found
                .iter()
                .any(|b| (b.identity, Some(b.class)) == (thing.identity, thing.class));
            assert_eq!(visible > 0, has_box, "seed {seed}: {thing:?}");
            assert!(visible <= halves[0].whole + halves[1].whole);
        }
        things += users.count();
        boxes += found.len();
    }
    assert!(boxes < things, "nobody of {things} was hidden");
}

#[test]
fn road_users_move_from_frame_to_frame_and_stay_who_they_are() {
    let (mut large, mut kept, mut moved) = (0, 0, 0);
    for seed in 0..6 {
        let mut drive = panorama(seed);
        let first = render(&mut drive, 5.0).1;
        let next = render(&mut drive, 5.04).1;
        for a in first.iter().filter(|b| b.bbox.area() > 60.0) {
            large += 1;
            let mut same = next
                .iter()
                .filter(|b| (b.identity, b.class) == (a.identity, a.class));
            if let Some(b) = same.find(|b| a.bbox.iou(&b.bbox) > 0.3) {
                kept += 1;
                moved += usize::from(b.bbox != a.bbox);
            }
        }
    }
    assert!(
        large >= 50 && 10 * kept >= 9 * large,
        "{kept} of {large} kept"
    );
    assert!(3 * moved > kept, "{moved} of {kept} moved");
}

#[test]
fn the_sky_gives_no_echo_and_near_ground_is_brighter_than_far() {
    let (rgb, _) = render(&mut panorama(2), 0.0);
    let depth_of = |row: usize| {
        let row = &rgb[3 * 512 * row..3 * 512 * (row + 1)];
        let echoes = row.chunks_exact(3).map(|p| u32::from(p[0]));
        let echoes: Vec<u32> = echoes.filter(|&depth| depth > 0).collect();
        echoes.iter().sum::<u32>() / echoes.len() as u32
    };
    assert!(depth_of(63) > depth_of(45) && depth_of(45) > depth_of(32));
    let lost = rgb.chunks_exact(3).filter(|p| p[0] == 0);
    let (count, echo) = lost.fold((0, 0), |(n, sum), p| (n + 1, sum + u32::from(p[2])));
    assert!(count > 1000 && echo == 0, "{count} without depth, {echo}");
}

#[test]
fn absurd_sizes_are_refused() {
    for (width, height) in [(0, 64), (512, 0), (8, 64), (5000, 64), (512, u32::MAX)] {
        let seed = 1;
        let config = PanoramaConfig {
            seed,
            width,
            height,
        };
        let error = Panorama::new(config).unwrap_err().to_string();
        assert!(error.contains("16 to 4096"), "{error}");
    }
    let config = PanoramaConfig {
        seed: 1,
        width: 16,
        height: 16,
    };
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    Panorama::new(config)
        .unwrap()
        .render(1e6, &mut rgb, &mut boxes);
    assert_eq!(rgb.len(), 3 * 16 * 16);
}
