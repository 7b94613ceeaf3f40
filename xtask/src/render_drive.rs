//! `cargo xtask render-drive`: rendered drives as a data set, for the classes and views that
//! real sets lack.

use clap::Args;
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use lookout::class::ObjectClass;
use lookout::drive::{Drive, DriveBox, DriveConfig, DriveError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Frames of a drive that are a few seconds apart look different enough to learn from.
const FRAME_STEP: u32 = 20;

/// Frames taken of one drive before the next seed begins.
const FRAMES_A_DRIVE: u32 = 8;

/// Objects less visible than this are marked to be ignored.
const VISIBLE_MIN: f32 = 0.25;

/// JPEG quality in percent, as of a middling camera.
const JPEG_QUALITY: u8 = 85;

/// Every tenth drive is for validation.
const VAL_EVERY: u64 = 10;

/// Renders drives and writes them as a data set that `train-and-export` and `evaluate` read.
#[derive(Args, Debug)]
pub struct RenderDriveArgs {
    /// Folder to make; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of pictures, training and validation together
    #[arg(long, value_name = "N", default_value_t = 640, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub frames: u32,
    /// First seed; seed 0 is the demo and better kept for showing
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Width of the pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 768)]
    pub width: u32,
    /// Height of the pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 432)]
    pub height: u32,
}

/// Why the data set could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderDriveError {
    /// The folder is in use.
    #[error("{0} holds something already; name a new folder")]
    NotEmpty(PathBuf),
    /// A file could not be written.
    #[error("{path}: {reason}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The size is out of bounds.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

fn write_error(path: &Path, error: impl std::fmt::Display) -> RenderDriveError {
    RenderDriveError::Write {
        path: path.to_path_buf(),
        reason: error.to_string(),
    }
}

/// One split's annotations while they grow.
#[derive(Default)]
struct Annotations {
    images: Vec<Value>,
    boxes: Vec<Value>,
}

/// Renders and writes the data set.
pub fn run(args: &RenderDriveArgs) -> Result<(), RenderDriveError> {
    let images = args.out.join("images");
    if args
        .out
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(RenderDriveError::NotEmpty(args.out.clone()));
    }
    std::fs::create_dir_all(&images).map_err(|e| write_error(&images, e))?;
    let (mut train, mut val) = (Annotations::default(), Annotations::default());
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let mut drive = None;
    for frame in 0..args.frames {
        let (number, index) = (u64::from(frame / FRAMES_A_DRIVE), frame % FRAMES_A_DRIVE);
        if index == 0 {
            drive = Some(Drive::new(DriveConfig {
                seed: args.seed + number,
                width: args.width,
                height: args.height,
                ..DriveConfig::default()
            })?);
        }
        let Some(drive) = drive.as_mut() else {
            continue;
        };
        drive.render(index * FRAME_STEP, &mut rgb, &mut boxes);
        let file = format!(
            "drive-{:05}-{:03}.jpg",
            args.seed + number,
            index * FRAME_STEP
        );
        write_jpeg(&images.join(&file), &rgb, args.width, args.height)?;
        // A set of a few frames needs a validation part too.
        let is_val = number % VAL_EVERY == VAL_EVERY - 1 || frame + 1 == args.frames;
        let split = if is_val { &mut val } else { &mut train };
        split.push(frame, &file, args, &boxes);
    }
    for (name, split) in [("train", train), ("val", val)] {
        let path = args.out.join(format!("annotations_{name}.json"));
        std::fs::write(&path, split.json().to_string()).map_err(|e| write_error(&path, e))?;
    }
    let path = args.out.join("dataset.toml");
    std::fs::write(&path, DESCRIPTION).map_err(|e| write_error(&path, e))?;
    println!(
        "{}: {} pictures of rendered drives",
        args.out.display(),
        args.frames
    );
    Ok(())
}

fn write_jpeg(path: &Path, rgb: &[u8], width: u32, height: u32) -> Result<(), RenderDriveError> {
    let file = std::fs::File::create(path).map_err(|e| write_error(path, e))?;
    JpegEncoder::new_with_quality(std::io::BufWriter::new(file), JPEG_QUALITY)
        .write_image(rgb, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|e| write_error(path, e))
}

impl Annotations {
    fn push(&mut self, id: u32, file: &str, args: &RenderDriveArgs, boxes: &[DriveBox]) {
        self.images.push(json!({
            "id": id, "file_name": file, "width": args.width, "height": args.height,
        }));
        for b in boxes {
            let (w, h) = (b.bbox.width(), b.bbox.height());
            self.boxes.push(json!({
                "id": self.boxes.len() + 1,
                "image_id": id,
                "category_id": b.class.index() + 1,
                "bbox": [b.bbox.x0, b.bbox.y0, w, h],
                "area": w * h,
                "iscrowd": u8::from(b.visible_fraction < VISIBLE_MIN),
            }));
        }
    }

    fn json(self) -> Value {
        let category = |c: &ObjectClass| json!({"id": c.index() + 1, "name": c.name()});
        let categories: Vec<Value> = ObjectClass::ALL.iter().map(category).collect();
        json!({"images": self.images, "annotations": self.boxes, "categories": categories})
    }
}

const DESCRIPTION: &str = r#"name = "Rendered drives of Lookout"
view = "dashcam, rendered"
licence = "MIT OR Apache-2.0 (made by this project)"
labelled = ["car", "truck", "bus", "motorcycle", "bicycle", "scooter", "person", "rider"]
rider_box = "rider is the person alone; the cycle has its own box"
note = "boxes from the renderer; objects mostly hidden are marked iscrowd"
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::{Dataset, LoadOptions, Split};

    #[test]
    fn the_set_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("drives");
        let args = RenderDriveArgs {
            out: out.clone(),
            frames: 5,
            seed: 3,
            width: 160,
            height: 96,
        };
        run(&args).unwrap();
        let load = |split| Dataset::load(&out, split, LoadOptions::TRAINING).unwrap();
        let (train, val) = (load(Split::Train), load(Split::Val));
        assert_eq!((train.images.len(), val.images.len()), (4, 1));
        assert_eq!(
            train.skipped_count + val.skipped_count,
            0,
            "{}",
            train.summary()
        );
        assert!(train.description.labelled.iter().all(|&l| l));
        assert!(train.boxes_by_class().iter().sum::<u64>() > 0);
        assert!(matches!(run(&args), Err(RenderDriveError::NotEmpty(_))));
    }
}
