//! Shows the images of a data set to workers and collects what they find.

use super::EvaluateError;
use crate::dataset::{Dataset, ImageEntry, PictureError, read_frame};
use crate::metrics::{Evaluator, Scene};
use crate::progress::{Progress, Unit};
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::Detector;
use lookout::frame::Frame;
use lookout::pixels::{Decoder, Picture};

/// Only the best detections of an image count.
pub(crate) const DETECTIONS_PER_IMAGE_MAX: usize = 100;
/// Images whose detections are held in memory at a time.
pub(crate) const CHUNK_IMAGES: usize = 64;

/// What a worker finds in one picture: best first, in pixels of the picture.
pub(crate) type Found = heapless::Vec<Detection, DETECTIONS_MAX>;

/// The firmware's path from a picture to detections.
pub(super) fn worker(
    detector: &mut Detector,
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
    /// The same image by image, for all that is not a COCO metric.
    pub scenes: Vec<Scene>,
    /// How many images were shown.
    pub images: u64,
    /// Pictures that could not be read; they are in no figure.
    pub failures: Vec<PictureError>,
}

/// Why one image gave no detections.
pub(crate) enum ImageError {
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
        scenes: Vec::with_capacity(dataset.images.len()),
        images: 0,
        failures: Vec::new(),
    };
    for (chunk_index, chunk) in dataset.images.chunks(CHUNK_IMAGES).enumerate() {
        let first = chunk_index * CHUNK_IMAGES;
        for ((index, entry), found) in (first..).zip(chunk).zip(detect_chunk(chunk, workers)?) {
            match found {
                Ok(found) => {
                    let (objects, labelled) = (&entry.objects, &entry.labelled);
                    done.evaluator.add_image(objects, labelled, &found);
                    let scene = Scene::new(index, objects, labelled, &found);
                    done.scenes.push(scene);
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

pub(crate) type ImageResult<R> = Result<R, ImageError>;

/// Detections of each image of a chunk, in its order.
fn detect_chunk<W>(
    chunk: &[ImageEntry],
    workers: &mut [W],
) -> Result<Vec<ImageResult<Vec<Detection>>>, EvaluateError>
where
    W: FnMut(&Picture<'_>, &mut Found) -> Result<(), String> + Send,
{
    let entries: Vec<&ImageEntry> = chunk.iter().collect();
    let mut detecting: Vec<_> = workers
        .iter_mut()
        .map(|worker| {
            let entries = &entries;
            move |position: usize, picture: &Picture<'_>| {
                let mut found = Found::new();
                worker(picture, &mut found)?;
                Ok(in_entry_pixels(entries[position], picture, &found).collect())
            }
        })
        .collect();
    show_chunk(&entries, &mut detecting)
}

/// Shows each image of a chunk to one of `workers`, with its position in the chunk, and
/// returns what they say, in the chunk's order. Each worker takes every n-th image.
pub(crate) fn show_chunk<W, R>(
    chunk: &[&ImageEntry],
    workers: &mut [W],
) -> Result<Vec<ImageResult<R>>, EvaluateError>
where
    W: FnMut(usize, &Picture<'_>) -> Result<R, String> + Send,
    R: Send,
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
                    let images = chunk.iter().enumerate().skip(first).step_by(count);
                    images
                        .map(|(position, entry)| {
                            let show = |picture: &Picture<'_>| worker(position, picture);
                            show_image(entry, &mut frame, &mut decoder, show)
                        })
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

/// Reads one image and shows it.
pub(crate) fn show_image<R>(
    entry: &ImageEntry,
    frame: &mut Frame,
    decoder: &mut Decoder,
    show: impl FnOnce(&Picture<'_>) -> Result<R, String>,
) -> ImageResult<R> {
    read_frame(&entry.path, frame).map_err(ImageError::Picture)?;
    let picture = decoder.picture(frame).map_err(|error| {
        ImageError::Picture(PictureError {
            path: entry.path.clone(),
            reason: error.to_string(),
        })
    })?;
    show(&picture).map_err(|reason| {
        ImageError::Detector(EvaluateError::Detector {
            path: entry.path.clone(),
            reason,
        })
    })
}

/// The best detections of one image, in the pixels that its boxes are given in.
pub(crate) fn in_entry_pixels(
    entry: &ImageEntry,
    picture: &Picture<'_>,
    found: &Found,
) -> impl Iterator<Item = Detection> {
    let scale_x = entry.width as f32 / picture.width() as f32;
    let scale_y = entry.height as f32 / picture.height() as f32;
    let best = found.iter().take(DETECTIONS_PER_IMAGE_MAX);
    best.map(move |detection| Detection {
        bbox: detection.bbox.scale(scale_x, scale_y),
        ..*detection
    })
}
