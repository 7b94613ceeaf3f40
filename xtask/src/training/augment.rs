//! One training sample: an image seen at a random scale, place, mirror side and light.
//!
//! Pixels go through the board's own resampler, so that sharpness and aliasing in training
//! are those of the camera path.

use super::photometric;
use super::planes::planes;
use crate::dataset::{GroundTruth, ImageEntry, RiderBox};
use crate::recipe::AugmentationRecipe;
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

/// Range of the zoom of a mosaic's parts against the letterbox, `ln`-uniform.
const TILE_ZOOM: (f32, f32) = (0.5, 1.2);

/// Makes samples; owns the buffers of one loader thread.
#[derive(Debug)]
pub struct Augmenter {
    width: u32,
    height: u32,
    recipe: AugmentationRecipe,
    channels_are_colours: bool,
    resampler: Resampler,
}

impl Augmenter {
    /// Samples for a model input of `height` x `width`. Only colours have a saturation.
    pub fn new(
        height: u32,
        width: u32,
        recipe: &AugmentationRecipe,
        channels_are_colours: bool,
    ) -> Self {
        Self {
            width,
            height,
            recipe: recipe.clone(),
            channels_are_colours,
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
        let window = self.whole();
        let sample = self.plain(picture, entry, rider_box, &view, &window);
        self.relit(sample, rng)
    }

    /// A part of a mosaic: the image at a random scale, its labels cut at the part's edge.
    /// Pixels outside `window` are undefined.
    pub fn tile(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
        window: &BBox,
        rng: &mut Rng,
    ) -> Sample {
        let (pw, ph) = (picture.width() as f32, picture.height() as f32);
        let base = self.letterbox(picture);
        // In a part of half the input's sides, a zoom of 1 shows a quarter of the image.
        let zoom = TILE_ZOOM.0 * (TILE_ZOOM.1 / TILE_ZOOM.0).powf(rng.f32());
        let (scale_x, scale_y) = (base.scale_x * zoom, base.scale_y * zoom);
        let place =
            |low: f32, side: f32, drawn: f32, share: f32| (low + (side - drawn) * share).round();
        let view = View {
            scale_x,
            scale_y,
            left: place(window.x0, window.width(), pw * scale_x, rng.f32()),
            top: place(window.y0, window.height(), ph * scale_y, rng.f32()),
            mirrored: rng.f32() < self.recipe.mirror_share,
        };
        let sample = self.plain(picture, entry, rider_box, &view, window);
        self.relit(sample, rng)
    }

    fn relit(&self, mut sample: Sample, rng: &mut Rng) -> Sample {
        if self.recipe.photometric {
            let (width, height) = (self.width as usize, self.height as usize);
            photometric::distort(
                &mut sample.pixels,
                width,
                height,
                self.channels_are_colours,
                rng,
            );
        }
        sample
    }

    fn whole(&self) -> BBox {
        BBox::new(0.0, 0.0, self.width as f32, self.height as f32)
    }

    fn letterbox(&self, picture: &Picture<'_>) -> View {
        Letterbox::new(picture.width(), picture.height(), self.width, self.height).view()
    }

    /// The sample as the board sees the image.
    pub fn letterboxed(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
    ) -> Sample {
        let view = self.letterbox(picture);
        self.plain(picture, entry, rider_box, &view, &self.whole())
    }

    fn plain(
        &mut self,
        picture: &Picture<'_>,
        entry: &ImageEntry,
        rider_box: RiderBox,
        view: &View,
        window: &BBox,
    ) -> Sample {
        let mut sample = Sample {
            pixels: planes(
                &mut self.resampler,
                picture,
                view,
                (self.height, self.width),
            ),
            labelled: bits(&entry.labelled),
            ..Sample::default()
        };
        // The file may have another size than the one its boxes were drawn on.
        let sx = picture.width() as f32 / entry.width as f32;
        let sy = picture.height() as f32 / entry.height as f32;
        for object in &entry.objects {
            let bbox = view.to_input(&object.bbox.scale(sx, sy), picture.width() as f32);
            let seen = bbox.part_in(window);
            if seen.is_valid() {
                let visible = seen.area() / bbox.area();
                self.place(object, seen, visible, rider_box, &mut sample);
            }
        }
        sample
    }

    /// Adds an object, of which the share `visible` lies at `seen`, to the sample, as
    /// something to learn or to ignore.
    fn place(
        &self,
        object: &GroundTruth,
        seen: BBox,
        visible: f32,
        rider_box: RiderBox,
        sample: &mut Sample,
    ) {
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
        let base = self.letterbox(picture);
        let AugmentationRecipe {
            mirror_share,
            view_share,
            zoom_min,
            zoom_max,
            ..
        } = self.recipe;
        let mirrored = rng.f32() < mirror_share;
        if rng.f32() >= view_share {
            return View { mirrored, ..base };
        }
        let zoom = zoom_min * (zoom_max / zoom_min).powf(rng.f32());
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
        let mut augmenter = Augmenter::new(96, 160, &AugmentationRecipe::default(), true);
        let mut learnt = 0;
        for seed in 0..60 {
            let mut rng = Rng::with_seed(seed);
            let view = augmenter.random_view(&picture, &mut rng);
            let sample =
                augmenter.plain(&picture, &entry, RiderBox::Alone, &view, &augmenter.whole());
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
        let sample = Augmenter::new(96, 160, &AugmentationRecipe::default(), true).letterboxed(
            &picture,
            &entry,
            RiderBox::Alone,
        );
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
            Augmenter::new(96, 160, &AugmentationRecipe::default(), true)
                .augment(&picture, &entry, RiderBox::Alone, &mut rng)
                .pixels
        };
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
    }
}
