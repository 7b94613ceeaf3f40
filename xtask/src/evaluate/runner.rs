//! Shows the images of a data set to workers and collects what they find.

use super::EvaluateError;
use crate::dataset::{Dataset, ImageEntry, PictureError, read_frame};
use crate::metrics::Evaluator;
use crate::progress::{Progress, Unit};
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::Detector;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::pixels::{Decoder, Picture};

/// Only the best detections of an image count.
const DETECTIONS_PER_IMAGE_MAX: usize = 100;
/// Images whose detections are held in memory at a time.
const CHUNK_IMAGES: usize = 64;

/// What a worker finds in one picture: best first, in pixels of the picture.
pub(crate) type Found = heapless::Vec<Detection, DETECTIONS_MAX>;

/// The firmware's path from a picture to detections.
pub(super) fn worker(
    mut detector: Detector,
) -> impl FnMut(&Picture<'_>, &mut Found) -> Result<(), String> {
    move |picture, found| {
        detector
            .detect(picture, found)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

/// One set after all its images.
pub struct Evaluated {
    /// All that was found, ready for the figures.
    pub evaluator: Evaluator,
    /// How many images were shown.
    pub images: u64,
    /// Pictures that could not be read; they are in no figure.
    pub failures: Vec<PictureError>,
}

/// Why one image gave no detections.
enum ImageError {
    /// Its file is broken: it is left out.
    Picture(PictureError),
    /// The detector is: nothing can go on.
    Detector(EvaluateError),
}

/// Shows every image of `dataset` to one of `workers` and collects what they find, in the
/// order of the images, so that the figures do not depend on which thread was faster.
pub(crate) fn evaluate<W>(dataset: &Dataset, workers: &mut [W]) -> Result<Evaluated, EvaluateError>
where
    W: FnMut(&Picture<'_>, &mut Found) -> Result<(), String> + Send,
{
    let mut progress = Progress::new("evaluate", Unit::Steps, dataset.images.len() as u64);
    let mut done = Evaluated {
        evaluator: Evaluator::new(),
        images: 0,
        failures: Vec::new(),
    };
    for chunk in dataset.images.chunks(CHUNK_IMAGES) {
        for (entry, found) in chunk.iter().zip(detect_chunk(chunk, workers)?) {
            match found {
                Ok(found) => {
                    done.evaluator
                        .add_image(&entry.objects, &entry.labelled, &found);
                    done.images += 1;
                }
                Err(ImageError::Picture(error)) => done.failures.push(error),
                Err(ImageError::Detector(error)) => return Err(error),
            }
        }
        progress.set(done.images + done.failures.len() as u64);
    }
    progress.finish();
    if done.images == 0 && !done.failures.is_empty() {
        let first = done.failures.swap_remove(0);
        return Err(EvaluateError::NoPicture {
            root: dataset.root.clone(),
            first,
        });
    }
    Ok(done)
}

type ImageResult = Result<Vec<Detection>, ImageError>;

/// Detections of each image of a chunk, in its order. Each worker takes every n-th image.
fn detect_chunk<W>(
    chunk: &[ImageEntry],
    workers: &mut [W],
) -> Result<Vec<ImageResult>, EvaluateError>
where
    W: FnMut(&Picture<'_>, &mut Found) -> Result<(), String> + Send,
{
    let count = workers.len();
    let columns = std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .enumerate()
            .map(|(first, worker)| {
                scope.spawn(move || {
                    let mut frame = Frame::with_capacity(0);
                    let mut decoder = Decoder::new();
                    let images = chunk.iter().skip(first).step_by(count);
                    images
                        .map(|entry| detect_image(entry, &mut frame, &mut decoder, worker))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Result<Vec<_>, _>>()
    });
    let mut columns: Vec<_> = columns
        .map_err(|_| EvaluateError::Panicked)?
        .into_iter()
        .map(Vec::into_iter)
        .collect();
    Ok((0..chunk.len())
        .filter_map(|index| columns[index % count].next())
        .collect())
}

/// The best detections of one image, in the pixels that its boxes are given in.
fn detect_image(
    entry: &ImageEntry,
    frame: &mut Frame,
    decoder: &mut Decoder,
    worker: &mut impl FnMut(&Picture<'_>, &mut Found) -> Result<(), String>,
) -> ImageResult {
    read_frame(&entry.path, frame).map_err(ImageError::Picture)?;
    let picture = decoder.picture(frame).map_err(|error| {
        ImageError::Picture(PictureError {
            path: entry.path.clone(),
            reason: error.to_string(),
        })
    })?;
    let mut found = Found::new();
    worker(&picture, &mut found).map_err(|reason| {
        ImageError::Detector(EvaluateError::Detector {
            path: entry.path.clone(),
            reason,
        })
    })?;
    let scale_x = entry.width as f32 / picture.width() as f32;
    let scale_y = entry.height as f32 / picture.height() as f32;
    let scaled = found
        .iter()
        .take(DETECTIONS_PER_IMAGE_MAX)
        .map(|detection| {
            let BBox { x0, y0, x1, y1 } = detection.bbox;
            let bbox = BBox::new(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y);
            Detection { bbox, ..*detection }
        });
    Ok(scaled.collect())
}
