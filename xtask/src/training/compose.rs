//! Samples put together from several: mosaics of four images, and objects of rare classes
//! pasted from one image into another.

use super::augment::{IgnoredRegion, Sample, SampleObject};
use fastrand::Rng;
use lookout::class::ObjectClass;
use lookout::geometry::BBox;

/// Bits of all classes.
const ALL: u8 = u8::MAX;

/// Where the four parts of a mosaic meet, as a share of the sides.
const CENTRE: (f32, f32) = (0.3, 0.7);

/// An object with this share in a pasted patch comes along.
const IN_PATCH_MIN: f32 = 0.6;

/// A base object with more than this share under a patch is hidden.
const COVERED_MAX: f32 = 0.5;

/// Pixels around a pasted object that come with it, faded into the picture.
const MARGIN: f32 = 3.0;

/// A patch larger than this share of the picture would replace it.
const PATCH_SHARE_MAX: f32 = 0.25;

/// The four parts of a mosaic in an input of `width` x `height`: whole pixels that cover it.
pub(super) fn mosaic_windows(width: u32, height: u32, rng: &mut Rng) -> [BBox; 4] {
    let (w, h) = (width as f32, height as f32);
    let between = |rng: &mut Rng| CENTRE.0 + (CENTRE.1 - CENTRE.0) * rng.f32();
    let (x, y) = ((w * between(rng)).round(), (h * between(rng)).round());
    [
        BBox::new(0.0, 0.0, x, y),
        BBox::new(x, 0.0, w, y),
        BBox::new(0.0, y, x, h),
        BBox::new(x, y, w, h),
    ]
}

/// The mosaic of samples of the same size, each of which counts in its window.
pub(super) fn mosaic(parts: &[(BBox, Sample)], width: usize) -> Sample {
    let mut whole = Sample {
        pixels: vec![0; parts.first().map_or(0, |(_, part)| part.pixels.len())],
        labelled: ALL,
        ..Sample::default()
    };
    for (window, part) in parts {
        copy(&mut whole.pixels, &part.pixels, window, width);
        whole.objects.extend_from_slice(&part.objects);
        whole.ignored.extend_from_slice(&part.ignored);
        // What is not labelled in one part may well be in another.
        if part.labelled != ALL {
            whole.ignored.push(IgnoredRegion {
                classes: !part.labelled,
                bbox: *window,
            });
        }
    }
    whole
}

/// Copies the pixels of `window` in all three planes.
fn copy(to: &mut [u8], from: &[u8], window: &BBox, width: usize) {
    let plane = from.len() / 3;
    let (x0, x1) = (window.x0 as usize, window.x1 as usize);
    for channel in 0..3 {
        for y in window.y0 as usize..window.y1 as usize {
            let row = channel * plane + y * width;
            to[row + x0..row + x1].copy_from_slice(&from[row + x0..row + x1]);
        }
    }
}

/// Pastes the objects of the classes in `rare` (one bit each) from `donor` into `base`, at the
/// place where they are, with what stands on them or under them. Returns how many patches.
pub(super) fn paste(base: &mut Sample, donor: &Sample, rare: u8, width: usize) -> usize {
    let mut pasted = 0;
    let height = base.pixels.len() / 3 / width;
    for object in &donor.objects {
        if rare & 1 << object.class.index() == 0 {
            continue;
        }
        let patch = patch(object, donor).clip(width as f32, height as f32);
        let taken = base.objects.iter().any(|o| {
            rare & 1 << o.class.index() != 0 && share_in(&o.bbox, &patch) > 1.0 - COVERED_MAX
        });
        if taken || patch.area() > PATCH_SHARE_MAX * (width * height) as f32 {
            continue;
        }
        fade_in(&mut base.pixels, &donor.pixels, &patch, width);
        cover(base, &patch);
        for other in &donor.objects {
            let share = share_in(&other.bbox, &patch);
            if share >= IN_PATCH_MIN {
                base.objects.push(*other);
            } else if share > 0.0 {
                ignore(base, other, &patch);
            }
        }
        // What the donor does not label may be in the patch unlabelled.
        if donor.labelled != ALL {
            base.ignored.push(IgnoredRegion {
                classes: !donor.labelled,
                bbox: patch,
            });
        }
        pasted += 1;
    }
    pasted
}

/// The object's box with those of what it carries or is carried by, and a margin.
fn patch(object: &SampleObject, donor: &Sample) -> BBox {
    let rides = |class| {
        use ObjectClass::{Bicycle, Motorcycle, Rider, Scooter};
        matches!(class, Bicycle | Motorcycle | Rider | Scooter)
    };
    let mut all = object.bbox;
    let others = donor.objects.iter().filter(|o| {
        rides(o.class) && rides(object.class) && object.bbox.intersection(&o.bbox) > 0.0
    });
    for other in others {
        let b = other.bbox;
        all = BBox::new(
            all.x0.min(b.x0),
            all.y0.min(b.y0),
            all.x1.max(b.x1),
            all.y1.max(b.y1),
        );
    }
    BBox::new(
        all.x0 - MARGIN,
        all.y0 - MARGIN,
        all.x1 + MARGIN,
        all.y1 + MARGIN,
    )
}

fn share_in(object: &BBox, patch: &BBox) -> f32 {
    object.intersection(patch) / object.area().max(f32::MIN_POSITIVE)
}

/// Takes the objects that `patch` hides out of what is learnt.
fn cover(base: &mut Sample, patch: &BBox) {
    let (kept, hidden): (Vec<_>, Vec<_>) = base
        .objects
        .iter()
        .partition(|o| share_in(&o.bbox, patch) <= COVERED_MAX);
    base.objects = kept;
    for object in hidden {
        // Of an object that is hidden altogether nothing is left to be silent about.
        if share_in(&object.bbox, patch) < 0.95 {
            base.ignored.push(IgnoredRegion {
                classes: 1 << object.class.index(),
                bbox: object.bbox,
            });
        }
    }
}

fn ignore(base: &mut Sample, object: &SampleObject, patch: &BBox) {
    base.ignored.push(IgnoredRegion {
        classes: 1 << object.class.index(),
        bbox: object.bbox.part_in(patch),
    });
}

/// Copies the pixels of `patch`, mixed with those below over the margin.
fn fade_in(to: &mut [u8], from: &[u8], patch: &BBox, width: usize) {
    let plane = from.len() / 3;
    let (x0, x1) = (patch.x0.ceil() as usize, patch.x1.floor() as usize);
    let (y0, y1) = (patch.y0.ceil() as usize, patch.y1.floor() as usize);
    for y in y0..y1 {
        for x in x0..x1 {
            let edge = (x - x0).min(x1 - 1 - x).min(y - y0).min(y1 - 1 - y) as f32 + 1.0;
            let share = (edge / (MARGIN + 1.0)).min(1.0);
            for channel in 0..3 {
                let i = channel * plane + y * width + x;
                let (below, above) = (f32::from(to[i]), f32::from(from[i]));
                to[i] = (below + (above - below) * share + 0.5) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 40;

    fn flat(value: u8, objects: &[(ObjectClass, BBox)]) -> Sample {
        let object = |&(class, bbox): &_| SampleObject {
            class,
            bbox,
            box_is_ours: true,
        };
        Sample {
            pixels: vec![value; 3 * WIDTH * HEIGHT],
            objects: objects.iter().map(object).collect(),
            labelled: ALL,
            ..Sample::default()
        }
    }

    #[test]
    fn a_mosaic_shows_each_part_in_its_window() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let windows = mosaic_windows(WIDTH as u32, HEIGHT as u32, &mut rng);
            assert_eq!(
                windows.iter().map(BBox::area).sum::<f32>(),
                (WIDTH * HEIGHT) as f32
            );
            let mut parts: Vec<_> = (1u8..)
                .zip(windows)
                .map(|(value, window)| (window, flat(value, &[(ObjectClass::Car, window)])))
                .collect();
            parts[2].1.labelled = !(1 << ObjectClass::Rider.index());
            let whole = mosaic(&parts, WIDTH);
            for (value, window) in (1u8..).zip(windows) {
                let count = whole.pixels.iter().filter(|p| **p == value).count();
                assert_eq!(count as f32, 3.0 * window.area());
            }
            assert_eq!(whole.objects.len(), 4);
            let silent = IgnoredRegion {
                classes: 1 << ObjectClass::Rider.index(),
                bbox: windows[2],
            };
            assert_eq!(whole.ignored, [silent]);
        }
    }

    #[test]
    fn a_rare_object_comes_with_its_vehicle_and_hides_what_is_behind() {
        let rider = (ObjectClass::Rider, BBox::new(20.0, 6.0, 28.0, 20.0));
        let bicycle = (ObjectClass::Bicycle, BBox::new(18.0, 14.0, 32.0, 26.0));
        let far = (ObjectClass::Car, BBox::new(40.0, 2.0, 60.0, 20.0));
        let hidden = (ObjectClass::Person, BBox::new(21.0, 10.0, 25.0, 20.0));
        let mut base = flat(10, &[hidden, far]);
        let donor = flat(200, &[rider, bicycle]);
        let rare = 1 << ObjectClass::Rider.index();
        assert_eq!(paste(&mut base, &donor, rare, WIDTH), 1);
        let mut classes: Vec<_> = base.objects.iter().map(|o| o.class).collect();
        classes.sort_by_key(|c| c.index());
        let expected = [ObjectClass::Car, ObjectClass::Bicycle, ObjectClass::Rider];
        assert_eq!(classes, expected);
        // Bright in the middle of the patch, dark outside, no hard edge.
        assert_eq!(base.pixels[16 * WIDTH + 25], 200);
        assert_eq!(base.pixels[16 * WIDTH + 50], 10);
        let edge = base.pixels[16 * WIDTH + 15];
        assert!((11..200).contains(&edge), "{edge}");
        // The same rider is not pasted over itself.
        assert_eq!(paste(&mut base, &donor, rare, WIDTH), 0);
        assert_eq!(paste(&mut flat(1, &[]), &flat(2, &[far]), rare, WIDTH), 0);
    }
}
