//! Pictures for the page: crops of objects, and whole pictures with all boxes.

use super::finding::{Mark, Owner};
use crate::dataset::ImageEntry;
use crate::page;
use lookout::geometry::BBox;
use lookout::letterbox::{Resampler, View};
use lookout::pixels::Picture;

/// Colour of labels: bluish green, which people with any common colour blindness tell from
/// the other.
const LABEL_COLOUR: [u8; 3] = [0, 200, 140];
/// Colour of detections: orange.
const DETECTION_COLOUR: [u8; 3] = [255, 130, 20];
/// Around every line, so that it is seen on any ground.
const EDGE_COLOUR: [u8; 3] = [0, 0, 0];

/// Longer side of whole pictures, in pixels.
const WHOLE_SIDE_MAX: f32 = 1024.0;
/// Height of crops, in pixels.
const CROP_HEIGHT: f32 = 132.0;
/// Width of crops as a multiple of their height.
const CROP_ASPECT: std::ops::RangeInclusive<f32> = 0.6..=2.4;
/// What is shown around an object on each side, as a share of its longer side.
const CONTEXT: f32 = 0.3;
/// At least so much is shown around it, in pixels of the picture.
const CONTEXT_PIXELS_MIN: f32 = 8.0;
/// JPEG quality, in percent.
const QUALITY: u8 = 80;

/// A JPEG and its size in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jpeg {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

/// The whole picture, made smaller, with all of `marks`.
pub(super) fn whole(
    picture: &Picture<'_>,
    entry: &ImageEntry,
    marks: &[Mark],
) -> Result<Jpeg, String> {
    let (width, height) = (entry.width as f32, entry.height as f32);
    let scale = (WHOLE_SIDE_MAX / width.max(height)).min(1.0);
    let region = BBox::new(0.0, 0.0, width, height);
    draw(picture, entry, &region, scale, marks)
}

/// The surroundings of `marks` with them; what they are about fills most of it.
pub(super) fn crop(
    picture: &Picture<'_>,
    entry: &ImageEntry,
    marks: &[Mark],
) -> Result<Jpeg, String> {
    let region = moved_inside(&surroundings(marks), entry);
    draw(
        picture,
        entry,
        &region,
        CROP_HEIGHT / region.height(),
        marks,
    )
}

/// A region around all of `marks`, with some context and a shape that suits a gallery.
fn surroundings(marks: &[Mark]) -> BBox {
    let boxes = marks.iter().map(|mark| mark.bbox).filter(BBox::is_valid);
    let around = boxes.reduce(|a, b| {
        BBox::new(
            a.x0.min(b.x0),
            a.y0.min(b.y0),
            a.x1.max(b.x1),
            a.y1.max(b.y1),
        )
    });
    let around = around.unwrap_or(BBox::new(0.0, 0.0, 1.0, 1.0));
    let context = CONTEXT_PIXELS_MIN.max(CONTEXT * around.width().max(around.height()));
    let (x, y) = around.centre();
    let (width, height) = (
        around.width() + 2.0 * context,
        around.height() + 2.0 * context,
    );
    let aspect = (width / height).clamp(*CROP_ASPECT.start(), *CROP_ASPECT.end());
    BBox::from_centre(x, y, width.max(height * aspect), height.max(width / aspect))
}

/// The region moved so that it shows as little as possible of what is outside the picture.
fn moved_inside(region: &BBox, entry: &ImageEntry) -> BBox {
    let moved = |from: f32, to: f32, side: u32| {
        let room = (side as f32 - (to - from)).max(0.0);
        let start = if room > 0.0 {
            from.clamp(0.0, room)
        } else {
            from
        };
        (start, start + (to - from))
    };
    let (x0, x1) = moved(region.x0, region.x1, entry.width);
    let (y0, y1) = moved(region.y0, region.y1, entry.height);
    BBox::new(x0, y0, x1, y1)
}

/// Draws `region`, in pixels that `entry` refers to, `scale` times as large, with `marks`.
fn draw(
    picture: &Picture<'_>,
    entry: &ImageEntry,
    region: &BBox,
    scale: f32,
    marks: &[Mark],
) -> Result<Jpeg, String> {
    let side = |length: f32| (length * scale).round().clamp(1.0, 4096.0) as u32;
    let (width, height) = (side(region.width()), side(region.height()));
    // From the annotations' pixels to the output's.
    let view = View {
        scale_x: scale,
        scale_y: scale,
        left: -region.x0 * scale,
        top: -region.y0 * scale,
        mirrored: false,
    };
    // The file may be of another size.
    let from_file = View {
        scale_x: scale * entry.width as f32 / picture.width() as f32,
        scale_y: scale * entry.height as f32 / picture.height() as f32,
        ..view
    };
    let mut rgb: Vec<u8> = Vec::with_capacity(3 * width as usize * height as usize);
    Resampler::new(width, height).draw(picture, &from_file, |_, row| {
        rgb.extend(row.iter().flat_map(|[pixel @ .., _]| pixel));
    });
    for mark in marks {
        let colour = match mark.owner {
            Owner::Label => LABEL_COLOUR,
            Owner::Detection => DETECTION_COLOUR,
        };
        let bbox = view.to_input(&mark.bbox, entry.width as f32);
        // Two boxes at the same place are both seen.
        let inset = if mark.owner == Owner::Label { 0 } else { 2 };
        outline(&mut rgb, (width, height), &bbox, -1, EDGE_COLOUR);
        outline(&mut rgb, (width, height), &bbox, inset, colour);
        outline(&mut rgb, (width, height), &bbox, inset + 1, colour);
    }
    let bytes = page::jpeg(&rgb, width, height, QUALITY).map_err(|error| error.to_string())?;
    Ok(Jpeg {
        bytes,
        width,
        height,
    })
}

/// Draws a rectangle one pixel wide, `inset` pixels inside the edge of `bbox`.
fn outline(rgb: &mut [u8], (width, height): (u32, u32), bbox: &BBox, inset: i32, colour: [u8; 3]) {
    if !bbox.is_valid() {
        return;
    }
    // The casts saturate; what is far outside is cut below.
    let place = |value: f32| (value.round().clamp(-1e6, 1e6)) as i32;
    let (x0, x1) = (place(bbox.x0) + inset, place(bbox.x1) - 1 - inset);
    let (y0, y1) = (place(bbox.y0) + inset, place(bbox.y1) - 1 - inset);
    if x0 > x1 || y0 > y1 {
        return;
    }
    let (width, height) = (width as i32, height as i32);
    let mut dot = |x: i32, y: i32| {
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let at = 3 * (y as usize * width as usize + x as usize);
            if let Some(pixel) = rgb.get_mut(at..at + 3) {
                pixel.copy_from_slice(&colour);
            }
        }
    };
    for x in x0.max(0)..=x1.min(width - 1) {
        dot(x, y0);
        dot(x, y1);
    }
    for y in y0.max(0)..=y1.min(height - 1) {
        dot(x0, y);
        dot(x1, y);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::class::ObjectClass;
    use lookout::frame::PixelFormat;
    use proptest::prelude::*;

    fn entry(width: u32, height: u32) -> ImageEntry {
        ImageEntry {
            path: "a.png".into(),
            id: 1,
            width,
            height,
            objects: Vec::new(),
            labelled: [true; ObjectClass::COUNT],
        }
    }

    fn mark(owner: Owner, bbox: [f32; 4]) -> Mark {
        let [x0, y0, x1, y1] = bbox;
        Mark {
            owner,
            class: ObjectClass::Car,
            score: 1.0,
            bbox: BBox::new(x0, y0, x1, y1),
        }
    }

    fn decoded(jpeg: &Jpeg) -> image::RgbImage {
        let image = image::load_from_memory(&jpeg.bytes).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (jpeg.width, jpeg.height));
        image
    }

    #[test]
    fn boxes_are_drawn_where_they_are_though_the_file_has_another_size() {
        let grey = [90; 3 * 64 * 32];
        let picture = Picture::new(PixelFormat::Rgb8, 64, 32, 3 * 64, &grey).unwrap();
        let jpeg = whole(
            &picture,
            &entry(128, 64),
            &[mark(Owner::Label, [20., 10., 100., 50.])],
        );
        let image = decoded(&jpeg.unwrap());
        assert_eq!(image.dimensions(), (128, 64));
        let is_green = |x, y| {
            let [r, g, _] = image.get_pixel(x, y).0;
            g > r.saturating_add(60)
        };
        assert!(is_green(60, 10) && is_green(21, 30) && is_green(98, 30));
        assert!(!is_green(60, 30) && !is_green(60, 60));
    }

    #[test]
    fn a_crop_shows_a_small_object_large() {
        let grey = [90; 3 * 640 * 320];
        let picture = Picture::new(PixelFormat::Rgb8, 640, 320, 3 * 640, &grey).unwrap();
        let jpeg = crop(
            &picture,
            &entry(640, 320),
            &[mark(Owner::Label, [3., 4., 13., 24.])],
        );
        let jpeg = jpeg.unwrap();
        assert!(
            jpeg.height.abs_diff(CROP_HEIGHT as u32) <= 1,
            "{}",
            jpeg.height
        );
        assert!(jpeg.width < jpeg.height);
        decoded(&jpeg);
    }

    #[test]
    fn a_crop_at_the_edge_shows_no_border() {
        let entry = entry(640, 320);
        let region = moved_inside(&BBox::new(-20.0, 300.0, 80.0, 350.0), &entry);
        assert_eq!(region, BBox::new(0.0, 270.0, 100.0, 320.0));
        let high = BBox::new(600.0, -50.0, 700.0, 350.0);
        assert_eq!(
            moved_inside(&high, &entry),
            BBox::new(540.0, -50.0, 640.0, 350.0)
        );
    }

    proptest! {
        #[test]
        fn no_box_panics(
            wild in proptest::array::uniform4(any::<f32>()),
            near in proptest::array::uniform4(-40f32..80.0),
        ) {
            let grey = [90; 3 * 32 * 16];
            let picture = Picture::new(PixelFormat::Rgb8, 32, 16, 3 * 32, &grey).unwrap();
            let entry = entry(32, 16);
            let mut rgb = vec![0; 3 * 9 * 7];
            for bbox in [wild, near] {
                let bbox = BBox::new(bbox[0], bbox[1], bbox[2], bbox[3]);
                outline(&mut rgb, (9, 7), &bbox, 1, EDGE_COLOUR);
            }
            prop_assert!(crop(&picture, &entry, &[mark(Owner::Detection, near)]).is_ok());
        }
    }
}
