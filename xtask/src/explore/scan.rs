//! Looks at every picture once: reads it, runs the detector, cuts out what the page shows.

use super::ExploreError;
use super::finding::{Mark, Owner};
use super::view::{self, Jpeg};
use crate::dataset::ImageEntry;
use crate::evaluate::runner::{CHUNK_IMAGES, Found, ImageError, in_entry_pixels, show_chunk};
use crate::progress::{Progress, Unit};
use lookout::detection::Detection;
use lookout::detector::Detector;
use lookout::pixels::Picture;
use std::collections::BTreeMap;

/// Detections of at least this score are drawn on whole pictures, and suspected of being
/// right where the labels disagree.
pub(super) const CONFIDENT: f32 = 0.5;

/// Rows that the brightness of a picture is taken from.
const BRIGHTNESS_ROWS: u32 = 24;

/// What is to be shown of some images, by index: the boxes of each crop.
pub(super) type Wanted = BTreeMap<usize, Vec<Vec<Mark>>>;

/// What was seen in one picture.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    /// Size of the file in pixels.
    pub width: u32,
    pub height: u32,
    /// Mean of the pixels' luma, in `0..=255`.
    pub brightness: f32,
    /// What the detector found, in pixels that the annotations refer to, best first; empty
    /// without a detector.
    pub found: Vec<Detection>,
    /// The crops that were wanted, in their order.
    pub crops: Vec<Jpeg>,
    /// The whole picture, if anything of it was wanted.
    pub whole: Option<Jpeg>,
}

/// Shows the images with these indices to `detectors` (or to so many threads without one),
/// and calls `seen` for each, in their order; `Err` is what is wrong with its file.
pub(super) fn scan(
    label: &str,
    images: &[ImageEntry],
    indices: &[usize],
    detectors: &mut [Option<Detector>],
    wanted: &Wanted,
    mut seen: impl FnMut(usize, Result<Sight, String>) -> Result<(), ExploreError>,
) -> Result<(), ExploreError> {
    let mut progress = Progress::new(label, Unit::Steps, indices.len() as u64);
    for (number, chunk) in indices.chunks(CHUNK_IMAGES).enumerate() {
        let entries: Vec<&ImageEntry> = chunk.iter().map(|index| &images[*index]).collect();
        let mut workers: Vec<_> = detectors
            .iter_mut()
            .map(|detector| {
                let entries = &entries;
                move |position: usize, picture: &Picture<'_>| {
                    let crops = wanted.get(&chunk[position]).map(Vec::as_slice);
                    look(entries[position], picture, detector.as_mut(), crops)
                }
            })
            .collect();
        let sights = show_chunk(&entries, &mut workers)?;
        for (index, sight) in chunk.iter().zip(sights) {
            match sight {
                Ok(sight) => seen(*index, Ok(sight))?,
                Err(ImageError::Picture(error)) => seen(*index, Err(error.reason))?,
                Err(ImageError::Detector(error)) => return Err(error.into()),
            }
        }
        progress.set((number * CHUNK_IMAGES + chunk.len()) as u64);
    }
    progress.finish();
    Ok(())
}

fn look(
    entry: &ImageEntry,
    picture: &Picture<'_>,
    detector: Option<&mut Detector>,
    crops: Option<&[Vec<Mark>]>,
) -> Result<Sight, String> {
    let mut found = Found::new();
    if let Some(detector) = detector {
        detector
            .detect(picture, &mut found)
            .map_err(|error| error.to_string())?;
    }
    let found: Vec<Detection> = in_entry_pixels(entry, picture, &found).collect();
    let whole = crops.map(|_| view::whole(picture, entry, &all_marks(entry, &found)));
    let crops = crops.unwrap_or_default().iter();
    Ok(Sight {
        width: picture.width(),
        height: picture.height(),
        brightness: brightness(picture),
        crops: crops
            .map(|marks| view::crop(picture, entry, marks))
            .collect::<Result<_, _>>()?,
        whole: whole.transpose()?,
        found,
    })
}

/// All labels, and what the detector is sure of.
fn all_marks(entry: &ImageEntry, found: &[Detection]) -> Vec<Mark> {
    let labels = entry.objects.iter().map(|object| Mark {
        owner: Owner::Label,
        class: object.class,
        score: 1.0,
        bbox: object.bbox,
    });
    let sure = found
        .iter()
        .filter(|detection| detection.score >= CONFIDENT);
    labels.chain(sure.map(mark_of)).collect()
}

/// A detection as a mark.
pub(super) fn mark_of(detection: &Detection) -> Mark {
    Mark {
        owner: Owner::Detection,
        class: detection.class,
        score: detection.score,
        bbox: detection.bbox,
    }
}

/// Mean luma (BT.601) of some evenly spaced rows.
fn brightness(picture: &Picture<'_>) -> f32 {
    let mut row = vec![0; 3 * picture.width() as usize];
    let rows = BRIGHTNESS_ROWS.min(picture.height());
    let mut sum = 0u64;
    for index in 0..rows {
        let y = u64::from(picture.height()) * u64::from(2 * index + 1) / u64::from(2 * rows);
        picture.rgb_row(y as u32, &mut row);
        for pixel in row.chunks_exact(3) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u64::from);
            sum += 299 * r + 587 * g + 114 * b;
        }
    }
    (sum as f64 / 1000.0 / f64::from(rows) / f64::from(picture.width())) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::frame::PixelFormat;

    #[test]
    fn brightness_is_the_mean_luma() {
        let mut rgb = vec![0u8; 3 * 8 * 100];
        rgb[..3 * 8 * 50].fill(200);
        let picture = Picture::new(PixelFormat::Rgb8, 8, 100, 24, &rgb).unwrap();
        assert!((brightness(&picture) - 100.0).abs() < 0.1);
    }
}
