//! `cargo xtask render-drive`: rendered drives as a data set, for the classes and views that
//! real sets lack.

use crate::rendered_set::{
    FRAMES_A_DRIVE, RenderedBox, RenderedSet, RenderedSetError, VISIBLE_MIN,
};
use clap::Args;
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use lookout::drive::{Drive, DriveBox, DriveConfig, DriveError};
use std::path::{Path, PathBuf};

/// Frames of a drive that are a few seconds apart look different enough to learn from.
const FRAME_STEP: u32 = 20;

/// JPEG quality in percent, as of a middling camera.
const JPEG_QUALITY: u8 = 85;

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
    /// The folder or a file in it.
    #[error(transparent)]
    Set(#[from] RenderedSetError),
    /// The size is out of bounds.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

/// Renders and writes the data set.
pub fn run(args: &RenderDriveArgs) -> Result<(), RenderDriveError> {
    let mut set = RenderedSet::create(&args.out, args.frames, (args.width, args.height))?;
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let mut drive = None;
    for frame in 0..args.frames {
        let (number, index) = (frame / FRAMES_A_DRIVE, frame % FRAMES_A_DRIVE);
        let seed = args.seed.wrapping_add(number.into());
        if index == 0 {
            drive = Some(Drive::new(DriveConfig {
                seed,
                width: args.width,
                height: args.height,
                ..DriveConfig::default()
            })?);
        }
        let Some(drive) = drive.as_mut() else {
            continue;
        };
        drive.render(index * FRAME_STEP, &mut rgb, &mut boxes);
        let file = format!("drive-{seed:05}-{:03}.jpg", index * FRAME_STEP);
        write_jpeg(&set.image(&file), &rgb, args.width, args.height)?;
        set.push(frame, &file, boxes.iter().map(rendered_box));
    }
    set.finish(DESCRIPTION)?;
    println!(
        "{}: {} pictures of rendered drives",
        args.out.display(),
        args.frames
    );
    Ok(())
}

fn rendered_box(object: &DriveBox) -> RenderedBox {
    RenderedBox {
        class: object.class,
        bbox: object.bbox,
        area: object.bbox.area(),
        ignored: object.visible_fraction < VISIBLE_MIN,
    }
}

fn write_jpeg(path: &Path, rgb: &[u8], width: u32, height: u32) -> Result<(), RenderedSetError> {
    let failed = |e: &dyn std::fmt::Display| RenderedSetError::write(path, e);
    let file = std::fs::File::create(path).map_err(|e| failed(&e))?;
    JpegEncoder::new_with_quality(std::io::BufWriter::new(file), JPEG_QUALITY)
        .write_image(rgb, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|e| failed(&e))
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
        assert!(matches!(
            run(&args),
            Err(RenderDriveError::Set(RenderedSetError::NotEmpty(_)))
        ));
    }
}
