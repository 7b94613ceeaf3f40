//! Verb `track`: how well objects keep their numbers on rendered drives, whose objects are
//! known.

mod metrics;

pub use metrics::{DriveEvaluator, Found, Known, TrackingCounts};

use crate::rendered_set::VISIBLE_MIN;
use lookout::class::ObjectClass;
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::{DetectError, Detector, DetectorOptions};
use lookout::drive::{Drive, DriveBox, DriveConfig, DriveError};
use lookout::frame::PixelFormat;
use lookout::geometry::BBox;
use lookout::letterbox::Letterbox;
use lookout::model::ModelError;
use lookout::pixels::{Picture, PixelError};
use lookout::tracking::Tracker;
use std::path::PathBuf;

/// Frames a second of the drives.
const FRAMES_PER_SECOND: f32 = 15.0;

/// Time between two frames.
const FRAME_NS: u64 = (1e9 / FRAMES_PER_SECOND as f64) as u64;

/// Options of `cargo xtask track`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask track --drives 8 --seed 7000\n\n\
Boxes are compared whatever their class. Objects that are lower than --height-min, or mostly \
hidden, need not be found, and are no mistake where they are. Figures for objects of any height \
stand beside. Known boxes as detections: what the tracker would do with a perfect detector."
)]
pub struct TrackArgs {
    /// Folder of the model
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub model: PathBuf,
    /// Number of drives
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub drives: u32,
    /// Frames of each drive, 15 a second
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub frames: u32,
    /// Seed of the first drive; the others follow
    #[arg(long, value_name = "N", default_value_t = 7_000)]
    pub seed: u64,
    /// Least height of the objects that are to be found, in pixels of the model's input
    #[arg(long, value_name = "PIXELS", default_value_t = 16.0)]
    pub height_min: f32,
    /// Threads of the detector
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub threads: usize,
    /// Print JSON in place of the table
    #[arg(long)]
    pub json: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A drive cannot be rendered.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// A rendered picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PixelError),
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
}

/// Counts with a detector, of objects that are high enough and of all.
#[derive(Default)]
struct Row {
    high: TrackingCounts,
    all: TrackingCounts,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        let of = |c: &TrackingCounts| serde_json::json!({ "mota": c.mota(), "idf1": c.idf1(), "counts": c });
        serde_json::json!({ "high": of(&self.high), "all": of(&self.all) })
    }
}

/// Runs the verb.
pub fn run(args: &TrackArgs) -> Result<(), TrackError> {
    let options = DetectorOptions {
        faint: true,
        threads: args.threads,
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(&args.model, &options)?;
    let mut rows = [
        ("the detector", Row::default()),
        ("known boxes", Row::default()),
    ];
    for number in 0..args.drives {
        let seed = args.seed.wrapping_add(number.into());
        let counts = drive(&mut detector, seed, args)?;
        for ((_, row), [high, all]) in rows.iter_mut().zip(&counts) {
            row.high.add(high);
            row.all.add(all);
        }
    }
    if args.json {
        let [detector, known] = rows.map(|(_, row)| row.json());
        let heights = args.height_min;
        println!(
            "{}",
            serde_json::json!({ "height_min": heights, "detector": detector, "known_boxes": known })
        );
        return Ok(());
    }
    println!(
        "{} drives of {} frames from seed {}, {}",
        args.drives,
        args.frames,
        args.seed,
        detector.model_id()
    );
    println!(
        "detections of    objects           IDF1    MOTA  switches  missed  false alarms  objects"
    );
    let high = format!("{} px and higher", args.height_min);
    for (name, row) in &rows {
        for (which, counts) in [(high.as_str(), &row.high), ("all", &row.all)] {
            println!(
                "{name:<16} {which:<15} {:>7.3} {:>7.3} {:>9} {:>7} {:>13} {:>8}",
                counts.idf1(),
                counts.mota(),
                counts.switches,
                counts.missed,
                counts.false_alarms,
                counts.known
            );
        }
    }
    Ok(())
}

/// Counts of one drive, with the detector and with the known boxes: those of objects that are
/// high enough, and of all.
fn drive(
    detector: &mut Detector,
    seed: u64,
    args: &TrackArgs,
) -> Result<[[TrackingCounts; 2]; 2], TrackError> {
    let config = DriveConfig {
        seed,
        frames_per_second: FRAMES_PER_SECOND,
        ..DriveConfig::default()
    };
    let (width, height) = (config.width, config.height);
    let input = &detector.card().input;
    let letterbox = Letterbox::new(width, height, input.width, input.height);
    let (x, y) = (input.width as f32 / 2.0, input.height as f32 / 2.0);
    let least = BBox::from_centre(x, y, args.height_min, args.height_min);
    let heights = [letterbox.to_source(&least).height(), 0.0];
    let mut drive = Drive::new(config)?;
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let thresholds = detector.thresholds();
    let evaluators = || [(); 2].map(|()| DriveEvaluator::default());
    let mut runs = [(); 2].map(|()| (Tracker::new(), evaluators()));
    for frame in 0..args.frames {
        drive.render(frame, &mut rgb, &mut boxes);
        let known = heights.map(|height_min| -> Vec<Known> {
            boxes.iter().map(|b| known(b, height_min)).collect()
        });
        let mut detections = heapless::Vec::new();
        let stride = 3 * width as usize;
        let picture = Picture::new(PixelFormat::Rgb8, width, height, stride, &rgb)?;
        detector.detect(&picture, &mut detections)?;
        let all = [
            (detections, thresholds),
            (perfect(&boxes), [0.0; ObjectClass::COUNT]),
        ];
        for ((mut detections, thresholds), (tracker, evaluators)) in all.into_iter().zip(&mut runs)
        {
            tracker.follow(u64::from(frame) * FRAME_NS, &thresholds, &mut detections);
            let found = followed(&detections);
            for (evaluator, known) in evaluators.iter_mut().zip(&known) {
                evaluator.add(known, &found);
            }
        }
    }
    Ok(runs.map(|(_, evaluators)| evaluators.map(DriveEvaluator::finish)))
}

fn known(b: &DriveBox, height_min: f32) -> Known {
    Known {
        identity: b.identity,
        bbox: b.bbox,
        ignored: b.visible_fraction < VISIBLE_MIN || b.bbox.height() < height_min,
    }
}

/// The visible objects of a frame, as a detector without a fault would find them.
pub fn perfect(boxes: &[DriveBox]) -> heapless::Vec<Detection, DETECTIONS_MAX> {
    let visible = boxes.iter().filter(|b| b.visible_fraction >= VISIBLE_MIN);
    let detection = |b: &DriveBox| Detection::new(b.class, 1.0, b.bbox);
    visible.map(detection).take(DETECTIONS_MAX).collect()
}

fn followed(detections: &[Detection]) -> Vec<Found> {
    let found = |d: &Detection| {
        let track = d.track?;
        Some(Found {
            id: track.id,
            bbox: d.bbox,
        })
    };
    detections.iter().filter_map(found).collect()
}
