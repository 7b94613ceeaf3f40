//! Verb `evaluate`: COCO metrics of a model on data sets, through the firmware's own detector.

use crate::dataset::{
    Dataset, DatasetError, ImageEntry, LoadOptions, PictureError, Split, read_frame,
};
use crate::metrics::{Evaluator, Metrics};
use crate::progress::{Progress, Unit};
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::{Detector, DetectorOptions};
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::model::ModelError;
use lookout::pixels::{Decoder, Picture};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Detections below this score are not asked for: they cost time and hardly move the figures.
const SCORE_MIN: f32 = 0.01;
/// Only the best detections of an image count.
const DETECTIONS_PER_IMAGE_MAX: usize = 100;
/// Images whose detections are held in memory at a time.
const CHUNK_IMAGES: usize = 64;
/// Unreadable pictures named one by one.
const FAILURES_SHOWN: usize = 5;

/// Options of `cargo xtask evaluate`.
#[derive(clap::Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Data set with images/, annotations_val.json (or annotations.json) and dataset.toml.
    /// Given more than once, each set is reported on its own, and all of them together
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Which split: train or val [default: val where there is one, else train]
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,
    /// Only the first N images of each set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Images processed at a time; each thread loads the model for itself
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No picture of a set could be read.
    #[error("no picture of {} could be read; the first: {first}", root.display())]
    NoPicture {
        /// Folder of the set.
        root: PathBuf,
        /// What was wrong with the first one.
        first: PictureError,
    },
    /// The detector failed, which no picture should make it do.
    #[error("{}: {reason}", path.display())]
    Detector {
        /// The picture.
        path: PathBuf,
        /// What the detector said.
        reason: String,
    },
    /// A worker died.
    #[error("a worker thread panicked; its message is above, please report it")]
    Panicked,
    /// The figures could not be written.
    #[error("{}: cannot write the figures: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// The JSON file: the figures over all sets at the top, then those of each set.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    images: u64,
    #[serde(flatten)]
    metrics: Metrics,
    sets: Vec<SetReport>,
}

/// Figures of one set.
#[derive(Debug, Serialize)]
struct SetReport {
    name: String,
    data: PathBuf,
    split: &'static str,
    images: u64,
    unreadable: u64,
    #[serde(flatten)]
    metrics: Metrics,
}

/// Runs the verb: prints a table for each set and, for several sets, one for all of them.
pub fn run(args: EvaluateArgs) -> Result<(), EvaluateError> {
    if let Some(path) = &args.json {
        check_writable(path)?;
    }
    // All sets are read before the first image is: a wrong path shows at once.
    let datasets: Vec<Dataset> = args
        .data
        .iter()
        .map(|dir| load(dir, &args))
        .collect::<Result<_, _>>()?;
    let options = DetectorOptions {
        score_min: Some(SCORE_MIN),
    };
    let detectors = (0..args.threads)
        .map(|_| Detector::load(&args.model, &options))
        .collect::<Result<Vec<_>, _>>()?;
    let model = detectors
        .first()
        .map(|d| d.model_id().to_owned())
        .unwrap_or_default();
    println!("model {model}");

    let mut workers: Vec<_> = detectors.into_iter().map(worker).collect();
    let mut pooled = Evaluator::new();
    let mut sets = Vec::with_capacity(datasets.len());
    for dataset in &datasets {
        let Evaluated {
            evaluator,
            images,
            failures,
        } = evaluate(dataset, &mut workers)?;
        let name = &dataset.description.name;
        println!("\n{name}, {} split, {images} images", dataset.split);
        print_failures(&failures);
        let metrics = evaluator.finish();
        print!("{metrics}");
        pooled.append(&evaluator);
        sets.push(SetReport {
            name: name.clone(),
            data: dataset.root.clone(),
            split: dataset.split.name(),
            images,
            unreadable: failures.len() as u64,
            metrics,
        });
    }
    let metrics = pooled.finish();
    let images = sets.iter().map(|set| set.images).sum();
    if sets.len() > 1 {
        print!("\nall sets together, {images} images\n{metrics}");
    }
    match &args.json {
        Some(path) => write_json(
            path,
            &Report {
                model,
                images,
                metrics,
                sets,
            },
        ),
        None => Ok(()),
    }
}

/// Loads the split asked for, or the one that there is, and tells what is odd about it.
fn load(dir: &Path, args: &EvaluateArgs) -> Result<Dataset, DatasetError> {
    let split = args.split.unwrap_or_else(|| {
        let only_train = Dataset::has_split(dir, Split::Train)
            && !Dataset::has_split(dir, Split::Val)
            && !dir.join(Dataset::COMMON_FILE).is_file();
        if only_train { Split::Train } else { Split::Val }
    });
    let mut dataset = Dataset::load(dir, split, LoadOptions::EVALUATION)?;
    eprintln!("{}", dataset.summary());
    if args.split.is_none() && split == Split::Train {
        eprintln!("  warning: there is no val split; these are images to train on");
    }
    if let Some(limit) = args.limit {
        dataset.images.truncate(limit as usize);
    }
    Ok(dataset)
}

/// What a worker finds in one picture: best first, in pixels of the picture.
type Found = heapless::Vec<Detection, DETECTIONS_MAX>;

/// The firmware's path from a picture to detections.
fn worker(mut detector: Detector) -> impl FnMut(&Picture<'_>, &mut Found) -> Result<(), String> {
    move |picture, found| {
        detector
            .detect(picture, found)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

/// One set after all its images.
struct Evaluated {
    evaluator: Evaluator,
    images: u64,
    failures: Vec<PictureError>,
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
fn evaluate<W>(dataset: &Dataset, workers: &mut [W]) -> Result<Evaluated, EvaluateError>
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

fn print_failures(failures: &[PictureError]) {
    if failures.is_empty() {
        return;
    }
    println!("left out, not readable: {} images", failures.len());
    for failure in failures.iter().take(FAILURES_SHOWN) {
        println!("  {failure}");
    }
}

/// Finds out before the hour of work whether its result can be kept.
fn check_writable(path: &Path) -> Result<(), EvaluateError> {
    let fail = |reason: String| EvaluateError::Json {
        path: path.to_owned(),
        reason,
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    file.map(drop).map_err(|error| fail(error.to_string()))
}

fn write_json(path: &Path, report: &Report) -> Result<(), EvaluateError> {
    let fail = |reason: String| EvaluateError::Json {
        path: path.to_owned(),
        reason,
    };
    let mut text = serde_json::to_string_pretty(report).map_err(|error| fail(error.to_string()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
