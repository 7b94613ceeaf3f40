//! One training sample: an image seen at a random scale, place, mirror side and light.
//!
//! Pixels go through the board's own resampler, so that sharpness and aliasing in training
//! are those of the camera path.

use super::photometric;
use crate::dataset::{GroundTruth, ImageEntry, RiderBox};
use fastrand::Rng;
use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use lookout::letterbox::{Letterbox, Resampler, View};
use lookout::pixels::Picture;

/// An object to learn, in pixels of the model's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleObject {
    /// What it is.
    pub class: ObjectClass,
    /// Where it is, clipped to the input.
    pub bbox: BBox,
    /// Whether the box is of our convention; otherwise only the class is learnt.
    pub box_is_ours: bool,
}

/// A region that teaches nothing about some classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IgnoredRegion {
    /// One bit per class index.
    pub classes: u8,
    /// Where it is, in pixels of the model's input.
    pub bbox: BBox,
}

/// Pixels and labels of one training sample.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Planar `[3, height, width]`.
    pub pixels: Vec<u8>,
    /// What is to be found.
    pub objects: Vec<SampleObject>,
    /// What is neither object nor background.
    pub ignored: Vec<IgnoredRegion>,
    /// One bit per class index: whether the class's absence is meaningful in this image.
    pub labelled: u8,
}

/// Share of an object that must stay in the picture for it to be learnt; below, its rest is
/// ignored.
const VISIBLE_MIN: f32 = 0.4;

/// Objects thinner than this at the model's input cannot be seen there and are ignored.
const SIDE_PIXELS_MIN: f32 = 2.5;

/// Share of samples that are seen just as on the board.
const PLAIN_SHARE: f32 = 0.4;

/// Range of the zoom against the letterbox, `ln`-uniform. It favours coming closer: small
/// objects are many and must not get smaller.
const ZOOM: (f32, f32) = (0.75, 1.8);

/// Makes samples; owns the buffers of one loader thread.
#[derive(Debug)]
pub struct Augmenter {
    width: u32,
    height: u32,
    resampler: Resampler,
}

impl Augmenter {
    /// Samples for a model input of `height` x `width`.
    pub fn new(height: u32, width: u32) -> Self {
        Self {
            width,
            height,
            resampler: Resampler::new(width, height),
        }
    }

    /// The sample that `rng` makes of an image.
    pub fn augment(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
        rng: &mut Rng,
    ) -> Sample {
        let view = self.random_view(picture, rng);
        let mut sample = self.plain(picture, entry, rider_box, &view);
        photometric::distort(
            &mut sample.pixels,
            self.width as usize,
            self.height as usize,
            true,
            rng,
        );
        sample
    }

    /// The sample as the board sees the image.
    pub fn letterboxed(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
    ) -> Sample {
        let view =
            Letterbox::new(picture.width(), picture.height(), self.width, self.height).view();
        self.plain(picture, entry, rider_box, &view)
    }

    fn plain(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
        view: &View,
    ) -> Sample {
        let mut sample = Sample {
            pixels: vec![0; 3 * (self.width * self.height) as usize],
            labelled: bits(&entry.labelled),
            ..Sample::default()
        };
        let (width, plane) = (self.width as usize, sample.pixels.len() / 3);
        self.resampler.draw(picture, view, |y, row| {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                for (channel, value) in pixel.iter().enumerate() {
                    sample.pixels[channel * plane + y * width + x] = *value;
                }
            }
        });
        // The file may have another size than the one its boxes were drawn on.
        let sx = picture.width() as f32 / entry.width as f32;
        let sy = picture.height() as f32 / entry.height as f32;
        for object in &entry.objects {
            let b = object.bbox;
            let on_picture = BBox::new(b.x0 * sx, b.y0 * sy, b.x1 * sx, b.y1 * sy);
            let bbox = view.to_input(&on_picture, picture.width() as f32);
            self.place(object, bbox, rider_box, &mut sample);
        }
        sample
    }

    /// Adds an object, whole at `bbox`, to the sample, as something to learn or to ignore.
    fn place(&self, object: &GroundTruth, bbox: BBox, rider_box: RiderBox, sample: &mut Sample) {
        let seen = bbox.clip(self.width as f32, self.height as f32);
        if seen.area() <= 0.0 {
            return;
        }
        let classes = 1 << object.class.index();
        if object.crowd {
            // Whose persons are unlabelled, its riders are too.
            let either = is_human(object.class);
            let humans = 1 << ObjectClass::Person.index() | 1 << ObjectClass::Rider.index();
            let classes = if either { humans } else { classes };
            sample.ignored.push(IgnoredRegion {
                classes,
                bbox: seen,
            });
            return;
        }
        let visible = seen.area() / bbox.area();
        if visible < VISIBLE_MIN || seen.width().min(seen.height()) < SIDE_PIXELS_MIN {
            sample.ignored.push(IgnoredRegion {
                classes,
                bbox: seen,
            });
            return;
        }
        let with_cycle = object.class == ObjectClass::Rider && rider_box == RiderBox::WithCycle;
        sample.objects.push(SampleObject {
            class: object.class,
            bbox: seen,
            box_is_ours: !with_cycle,
        });
    }

    fn random_view(&self, picture: &Picture<'_>, rng: &mut Rng) -> View {
        let (pw, ph) = (picture.width() as f32, picture.height() as f32);
        let (w, h) = (self.width as f32, self.height as f32);
        let base =
            Letterbox::new(picture.width(), picture.height(), self.width, self.height).view();
        let mirrored = rng.bool();
        if rng.f32() < PLAIN_SHARE {
            return View { mirrored, ..base };
        }
        let zoom = ZOOM.0 * (ZOOM.1 / ZOOM.0).powf(rng.f32());
        let stretch = 0.9 + 0.2 * rng.f32();
        let scale_x = base.scale_x * zoom * stretch;
        let scale_y = base.scale_y * zoom / stretch;
        // Anywhere between flush left and flush right, whether the picture is larger than
        // the input or smaller.
        let left = ((w - pw * scale_x) * rng.f32()).round();
        let top = ((h - ph * scale_y) * rng.f32()).round();
        View {
            scale_x,
            scale_y,
            left,
            top,
            mirrored,
        }
    }
}

fn is_human(class: ObjectClass) -> bool {
    matches!(class, ObjectClass::Person | ObjectClass::Rider)
}

fn bits(flags: &[bool; ObjectClass::COUNT]) -> u8 {
    flags
        .iter()
        .enumerate()
        .fold(0, |bits, (i, &flag)| bits | u8::from(flag) << i)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::frame::PixelFormat;

    /// A grey picture with one white rectangle, and the entry that labels it.
    fn scene() -> (Vec<u8>, ImageEntry) {
        let (width, height) = (160u32, 90u32);
        let bbox = BBox::new(40.0, 30.0, 70.0, 60.0);
        let mut rgb = vec![60; (3 * width * height) as usize];
        for y in 30..60 {
            for x in 40..70 {
                rgb[3 * (y * width as usize + x)..][..3].fill(255);
            }
        }
        let object = GroundTruth {
            class: ObjectClass::Car,
            bbox,
            crowd: false,
            area: 900.0,
        };
        let entry = ImageEntry {
            path: "scene".into(),
            id: 1,
            width,
            height,
            objects: vec![object],
            labelled: [true; 8],
        };
        (rgb, entry)
    }

    #[test]
    fn boxes_stay_on_their_objects() {
        let (rgb, entry) = scene();
        let picture = Picture::new(PixelFormat::Rgb8, 160, 90, 480, &rgb).unwrap();
        let mut augmenter = Augmenter::new(96, 160);
        let mut learnt = 0;
        for seed in 0..60 {
            let mut rng = Rng::with_seed(seed);
            let view = augmenter.random_view(&picture, &mut rng);
            let sample = augmenter.plain(&picture, &entry, RiderBox::Alone, &view);
            let Some(object) = sample.objects.first() else {
                continue;
            };
            learnt += 1;
            // Bright pixels lie in the box and fill it.
            let plane = &sample.pixels[..160 * 96];
            let mut inside = 0;
            for (i, &value) in plane.iter().enumerate() {
                let (x, y) = ((i % 160) as f32 + 0.5, (i / 160) as f32 + 0.5);
                let b = object.bbox;
                let in_box = x > b.x0 - 2.0 && x < b.x1 + 2.0 && y > b.y0 - 2.0 && y < b.y1 + 2.0;
                assert!(
                    value < 200 || in_box,
                    "seed {seed}: bright pixel at {x}, {y} off {b:?}"
                );
                inside += usize::from(value > 200);
            }
            assert!(inside as f32 > 0.7 * object.bbox.area(), "seed {seed}");
        }
        assert!(learnt > 30, "only {learnt} of 60 views showed the object");
    }

    #[test]
    fn crowds_and_specks_are_ignored_not_learnt() {
        let (rgb, mut entry) = scene();
        entry.objects[0].crowd = true;
        entry.objects[0].class = ObjectClass::Person;
        entry.objects.push(GroundTruth {
            class: ObjectClass::Bus,
            bbox: BBox::new(1.0, 1.0, 2.0, 9.0),
            crowd: false,
            area: 8.0,
        });
        let picture = Picture::new(PixelFormat::Rgb8, 160, 90, 480, &rgb).unwrap();
        let sample = Augmenter::new(96, 160).letterboxed(&picture, &entry, RiderBox::Alone);
        assert!(sample.objects.is_empty());
        let classes: Vec<u8> = sample.ignored.iter().map(|i| i.classes).collect();
        assert_eq!(classes, [1 << 6 | 1 << 7, 1 << 2]);
    }

    #[test]
    fn the_same_seed_makes_the_same_sample() {
        let (rgb, entry) = scene();
        let picture = Picture::new(PixelFormat::Rgb8, 160, 90, 480, &rgb).unwrap();
        let make = |seed| {
            let mut rng = Rng::with_seed(seed);
            Augmenter::new(96, 160)
                .augment(&picture, &entry, RiderBox::Alone, &mut rng)
                .pixels
        };
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
    }
}
