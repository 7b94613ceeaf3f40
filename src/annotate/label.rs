//! Boxes with a plate that names class and score.

use super::canvas::{Area, Canvas, GLYPH_PIXELS};
use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, Detection};
use std::fmt::Write;

/// Colours that people with any common colour blindness can tell apart: the set of Okabe and
/// Ito, with white instead of its black. By class index.
const COLOURS: [[u8; 3]; ObjectClass::COUNT] = [
    [86, 180, 233],  // car: sky blue
    [0, 114, 178],   // truck: blue
    [0, 158, 115],   // bus: bluish green
    [230, 159, 0],   // motorcycle: orange
    [240, 228, 66],  // bicycle: yellow
    [255, 255, 255], // scooter: white
    [213, 94, 0],    // person: vermilion
    [204, 121, 167], // rider: reddish purple
];

const BLACK: [u8; 3] = [0, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];

/// Room for the longest class name, a score and the number of a track.
const TEXT_BYTES_MAX: usize = 32;

/// Space between a plate's edge and its text at scale 1, in pixels.
const MARGIN_PIXELS: i32 = 2;

/// Pictures whose shorter side has at least this many pixels get text of scale 2, those with
/// twice as many of scale 3.
const SCALE_2_SIDE_PIXELS: i32 = 600;

/// The colour in which this class is drawn, as R, G, B.
pub fn class_colour(class: ObjectClass) -> [u8; 3] {
    COLOURS[class.index()]
}

/// Draws every detection on a tightly packed RGB picture: a rectangle in the colour of its
/// class and a plate with its name and score. Boxes are in pixels of this picture; the parts
/// outside are cut off, and boxes that are not finite or have no area are left out, as is all
/// beyond the first [`DETECTIONS_MAX`]. A picture with too few bytes for its size stays as it
/// is.
///
/// Detections come best first, as in a [`crate::detection::DetectionFrame`]: where plates
/// cannot avoid each other, the better one stays readable.
pub fn draw(rgb: &mut [u8], width: u32, height: u32, detections: &[Detection]) {
    let Some(mut canvas) = Canvas::new(rgb, width, height) else {
        return;
    };
    let side = canvas.width().min(canvas.height());
    let scale = (side / SCALE_2_SIDE_PIXELS + 1).min(3);
    let mut labels = heapless::Vec::<Label, DETECTIONS_MAX>::new();
    for detection in detections.iter().take(DETECTIONS_MAX) {
        if let Some(area) = pixels_of(detection, width, height) {
            let label = Label::place(detection, area, scale, &canvas, &labels);
            // There is room for as many as are taken.
            let _ = labels.push(label);
        }
    }
    // All boxes first, so that no rectangle runs through a plate; the best last, on top.
    for label in labels.iter().rev() {
        label.draw_box(&mut canvas, scale);
    }
    for label in labels.iter().rev() {
        label.draw_plate(&mut canvas, scale);
    }
}

/// The pixels of a detection's box, `None` when there are none in the picture.
fn pixels_of(detection: &Detection, width: u32, height: u32) -> Option<Area> {
    let bbox = detection.bbox;
    if !bbox.is_valid() {
        return None;
    }
    let clipped = bbox.clip(width as f32, height as f32);
    clipped.is_valid().then(|| Area {
        x0: clipped.x0.floor() as i32,
        y0: clipped.y0.floor() as i32,
        x1: clipped.x1.ceil() as i32,
        y1: clipped.y1.ceil() as i32,
    })
}

/// One detection, laid out.
struct Label {
    bbox: Area,
    plate: Area,
    colour: [u8; 3],
    text: heapless::String<TEXT_BYTES_MAX>,
}

impl Label {
    /// Puts the plate where none of `others` is: above its box, below it, or inside at the
    /// top. Where all are taken or outside the picture, inside the picture and near.
    fn place(
        detection: &Detection,
        bbox: Area,
        scale: i32,
        canvas: &Canvas<'_>,
        others: &[Self],
    ) -> Self {
        let mut text = heapless::String::new();
        // The longest name, a score and a number fit.
        let score = detection.score.clamp(0.0, 1.0);
        let _ = match detection.track {
            Some(track) => write!(text, "{} {score:.2} #{}", detection.class, track.id),
            None => write!(text, "{} {score:.2}", detection.class),
        };
        let padding = (2 * MARGIN_PIXELS - 1) * scale;
        let width = GLYPH_PIXELS * scale * text.len() as i32 + padding;
        let height = GLYPH_PIXELS * scale + padding;
        let x0 = bbox.x0.min(canvas.width() - width).max(0);
        let at = |y0: i32| Area {
            x0,
            y0,
            x1: x0 + width,
            y1: y0 + height,
        };
        let is_free = |plate: &Area| {
            let is_inside = plate.y0 >= 0 && plate.y1 <= canvas.height();
            is_inside && !others.iter().any(|other| other.plate.overlaps(plate))
        };
        let candidates = [bbox.y0 - height, bbox.y1, bbox.y0].map(at);
        let fallback = if bbox.y0 >= height {
            candidates[0]
        } else {
            candidates[2]
        };
        let plate = candidates.into_iter().find(is_free).unwrap_or(fallback);
        Self {
            bbox,
            plate,
            colour: class_colour(detection.class),
            text,
        }
    }

    fn draw_box(&self, canvas: &mut Canvas<'_>, scale: i32) {
        let Area { x0, y0, x1, y1 } = self.bbox;
        // A thick line would fill a small box and hide what it marks.
        let limit = ((x1 - x0).min(y1 - y0) / 8).max(1);
        let thickness = if scale == 1 { 2 } else { 3 };
        canvas.outline(self.bbox, thickness.min(limit), self.colour);
    }

    fn draw_plate(&self, canvas: &mut Canvas<'_>, scale: i32) {
        canvas.fill(self.plate, self.colour);
        let (x, y) = (
            self.plate.x0 + MARGIN_PIXELS * scale,
            self.plate.y0 + MARGIN_PIXELS * scale,
        );
        canvas.text(x, y, scale, &self.text, text_colour(self.colour));
    }
}

/// Black or white, whichever stands out more.
fn text_colour([r, g, b]: [u8; 3]) -> [u8; 3] {
    let luma = (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000;
    if luma > 110 { BLACK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;
    use proptest::prelude::*;

    fn detection(class: ObjectClass, bbox: BBox) -> Detection {
        Detection::new(class, 0.87, bbox)
    }

    fn drawn(width: u32, height: u32, detections: &[Detection]) -> Vec<u8> {
        let mut rgb = vec![7; (3 * width * height) as usize];
        draw(&mut rgb, width, height, detections);
        rgb
    }

    #[test]
    fn a_box_has_its_edge_in_the_colour_of_its_class_and_its_middle_untouched() {
        for class in ObjectClass::ALL {
            let rgb = drawn(
                200,
                100,
                &[detection(class, BBox::new(20.0, 30.0, 180.0, 90.0))],
            );
            let at = |x: usize, y: usize| &rgb[3 * (200 * y + x)..][..3];
            assert_eq!(at(20, 60), class_colour(class));
            assert_eq!(at(100, 89), class_colour(class));
            assert_eq!(at(179, 31), class_colour(class));
            assert_eq!(at(100, 60), [7, 7, 7]);
            assert_eq!(at(19, 60), [7, 7, 7]);
            // The plate lies above the box, and something is written on it.
            let plate: Vec<_> = (22..60).map(|x| at(x, 23)).collect();
            let ink = text_colour(class_colour(class));
            assert!(plate.iter().any(|pixel| *pixel == ink), "{class}");
            assert!(
                plate.iter().any(|pixel| *pixel == class_colour(class)),
                "{class}"
            );
        }
    }

    #[test]
    fn nonsense_leaves_no_trace() {
        let nonsense = [
            BBox::new(f32::NAN, 0.0, 50.0, 50.0),
            BBox::new(0.0, 0.0, f32::INFINITY, 50.0),
            BBox::new(50.0, 50.0, 10.0, 10.0),
            BBox::new(500.0, 10.0, 600.0, 50.0),
            BBox::new(-90.0, -90.0, -1.0, -1.0),
            BBox::new(5.0, 5.0, 5.0, 50.0),
        ];
        let detections = nonsense.map(|bbox| detection(ObjectClass::Bus, bbox));
        assert!(drawn(64, 64, &detections).iter().all(|byte| *byte == 7));
    }

    #[test]
    fn plates_avoid_each_other_and_the_better_one_stays_readable() {
        let bbox = BBox::new(40.0, 40.0, 90.0, 90.0);
        let good = detection(ObjectClass::Car, bbox);
        let poor = detection(ObjectClass::Truck, bbox);
        let truck = class_colour(ObjectClass::Truck);
        let at = |rgb: &[u8], x: usize, y: usize| [0, 1, 2].map(|c| rgb[3 * (200 * y + x) + c]);
        let alone = drawn(200, 120, &[good]);
        assert_eq!(at(&alone, 41, 91), [7; 3]);
        // The second goes below the box, the third inside, the fourth has no place left.
        let crowd = drawn(200, 120, &[good, poor, poor, poor]);
        assert_eq!(at(&crowd, 41, 91), truck);
        assert_eq!(at(&crowd, 48, 41), truck);
        let above = 3 * 200 * 34 + 3 * 40..3 * 200 * 34 + 3 * 100;
        assert_eq!(alone[above.clone()], crowd[above]);
    }

    #[test]
    fn a_small_box_does_not_become_a_blot() {
        let rgb = drawn(
            100,
            100,
            &[detection(
                ObjectClass::Person,
                BBox::new(50., 50., 56., 62.),
            )],
        );
        assert_eq!(rgb[3 * (100 * 56 + 51)..][..3], [7, 7, 7]);
    }

    #[test]
    fn the_longest_text_fits() {
        for class in ObjectClass::ALL {
            assert!(class.name().len() + " 0.00".len() <= TEXT_BYTES_MAX);
        }
    }

    #[test]
    fn colours_are_distinct() {
        for (index, colour) in COLOURS.iter().enumerate() {
            assert!(!COLOURS[..index].contains(colour));
        }
    }

    proptest! {
        #[test]
        fn no_box_panics(
            edges in proptest::array::uniform4(proptest::num::f32::ANY),
            near in proptest::array::uniform4(-80f32..80.0),
            score in proptest::num::f32::ANY,
            (width, height) in (0u32..70, 0u32..70),
        ) {
            let detections = [edges, near].map(|[x0, y0, x1, y1]| {
                Detection::new(ObjectClass::Motorcycle, score, BBox::new(x0, y0, x1, y1))
            });
            drawn(width, height, &detections);
            draw(&mut [0; 100], width, height, &detections);
        }
    }
}
