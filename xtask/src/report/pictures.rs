//! Photographs with the boxes that are right, false and missing.

use crate::dataset::{ImageEntry, PictureError, read_frame};
use crate::metrics::Scene;
use crate::page::{Picture, jpeg};
use image::RgbImage;
use image::imageops::{FilterType, resize};
use lookout::class::ObjectClass;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::pixels::Decoder;

/// Wider pictures are made smaller, for the page's sake.
const WIDTH_MAX: u32 = 560;
/// Of the JPEGs in the page.
const JPEG_QUALITY: u8 = 72;
/// Of a box.
const LINE_PIXELS: u32 = 2;

/// Right, false and missing: three colours that people with any common colour blindness can
/// tell apart, from the set of Okabe and Ito.
const GREEN: [u8; 3] = [0, 158, 115];
const ORANGE: [u8; 3] = [230, 120, 0];
const YELLOW: [u8; 3] = [240, 228, 66];

/// One picture with the boxes of one class: what is shown from `threshold` on, and what is
/// missing.
pub(super) fn picture(
    entry: &ImageEntry,
    scene: &Scene,
    class: ObjectClass,
    threshold: f32,
    caption: &str,
) -> Result<Picture, PictureError> {
    let failed = |reason: String| PictureError {
        path: entry.path.clone(),
        reason,
    };
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    read_frame(&entry.path, &mut frame)?;
    let picture = decoder.picture(&frame).map_err(|e| failed(e.to_string()))?;
    let mut rgb = Vec::new();
    picture.write_rgb(&mut rgb);
    let image = RgbImage::from_raw(picture.width(), picture.height(), rgb);
    let mut image = image.ok_or_else(|| failed("cannot be decoded".into()))?;
    if image.width() > WIDTH_MAX {
        let height = u64::from(image.height()) * u64::from(WIDTH_MAX) / u64::from(image.width());
        image = resize(
            &image,
            WIDTH_MAX,
            (height as u32).max(1),
            FilterType::Triangle,
        );
    }
    let scale_x = image.width() as f32 / entry.width as f32;
    let scale_y = image.height() as f32 / entry.height as f32;
    for (bbox, colour) in boxes(scene, class, threshold) {
        outline(&mut image, &bbox.scale(scale_x, scale_y), colour);
    }
    let (width, height) = image.dimensions();
    let bytes = jpeg(image.as_raw(), width, height, JPEG_QUALITY);
    let bytes = bytes.map_err(|error| failed(error.to_string()))?;
    Ok(Picture::embedded(&bytes, width, height, caption))
}

/// The boxes to draw, the most important last.
fn boxes(scene: &Scene, class: ObjectClass, threshold: f32) -> Vec<(BBox, [u8; 3])> {
    let thresholds = [threshold; ObjectClass::COUNT];
    let found = scene.found(&thresholds);
    let missing = scene
        .objects
        .iter()
        .zip(found)
        .filter(|(object, found)| object.class == class && !object.crowd && !found);
    let missing = missing.map(|(object, _)| (object.bbox, YELLOW));
    let shown = || {
        scene
            .shown(&thresholds)
            .filter(|f| f.detection.class == class)
    };
    let wrong = shown()
        .filter(|f| f.is_wrong())
        .map(|f| (f.detection.bbox, ORANGE));
    let right = shown()
        .filter(|f| f.is_right())
        .map(|f| (f.detection.bbox, GREEN));
    right.chain(wrong).chain(missing).collect()
}

/// Draws the edge of a box, as far as it is in the picture.
fn outline(image: &mut RgbImage, bbox: &BBox, colour: [u8; 3]) {
    let (width, height) = image.dimensions();
    let bbox = bbox.clip(width as f32, height as f32);
    // Casts of what is not a number give 0.
    let (x0, y0) = (bbox.x0.floor() as u32, bbox.y0.floor() as u32);
    let (x1, y1) = (bbox.x1.ceil() as u32, bbox.y1.ceil() as u32);
    for y in y0..y1.min(height) {
        let is_edge_row = y < y0 + LINE_PIXELS || y + LINE_PIXELS >= y1;
        for x in x0..x1.min(width) {
            if is_edge_row || x < x0 + LINE_PIXELS || x + LINE_PIXELS >= x1 {
                image.put_pixel(x, y, image::Rgb(colour));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_edge_is_drawn_and_only_inside() {
        let mut image = RgbImage::new(20, 10);
        outline(&mut image, &BBox::new(2.0, 1.0, 12.0, 9.0), GREEN);
        assert_eq!(image.get_pixel(2, 1).0, GREEN);
        assert_eq!(image.get_pixel(11, 8).0, GREEN);
        assert_eq!(image.get_pixel(7, 5).0, [0; 3]);
        assert_eq!(image.get_pixel(1, 1).0, [0; 3]);
        for far in [f32::NAN, -1e9, 1e9] {
            outline(&mut image, &BBox::new(far, far, 1e9, f32::INFINITY), GREEN);
        }
    }
}
