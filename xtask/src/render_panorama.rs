//! `cargo xtask render-panorama`: what a spinning lidar sees on rendered drives, as a data set.

use crate::panorama::{CHANNELS, Panorama, PanoramaBox, PanoramaConfig, PanoramaError};
use crate::rendered_set::{
    FRAMES_A_DRIVE, RenderedBox, RenderedSet, RenderedSetError, VISIBLE_MIN,
};
use clap::Args;
use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use std::path::{Path, PathBuf};

/// Between the frames taken of a drive.
const FRAME_STEP_S: f32 = 1.0;

/// Objects thinner than this are marked to be ignored: nobody could name them.
const SIDE_PIXELS_MIN: f32 = 3.0;

/// Renders panoramas and writes them as a data set that `train-and-export` and `evaluate` read.
#[derive(Args, Debug)]
pub struct RenderPanoramaArgs {
    /// Folder to make; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of pictures, training and validation together
    #[arg(long, value_name = "N", default_value_t = 640, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub frames: u32,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Columns around the full circle
    #[arg(long, value_name = "PIXELS", default_value_t = 1024)]
    pub width: u32,
    /// Rows over 45 degrees
    #[arg(long, value_name = "PIXELS", default_value_t = 128)]
    pub height: u32,
}

/// Why the data set could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderPanoramaError {
    /// The folder or a file in it.
    #[error(transparent)]
    Set(#[from] RenderedSetError),
    /// The size is out of bounds.
    #[error(transparent)]
    Panorama(#[from] PanoramaError),
}

/// Renders and writes the data set.
///
/// # Errors
/// [`RenderPanoramaError`] for sizes out of bounds, a folder in use, and files that cannot be
/// written.
pub fn run(args: &RenderPanoramaArgs) -> Result<(), RenderPanoramaError> {
    let drive = |number: u32| {
        let config = PanoramaConfig {
            seed: args.seed.wrapping_add(number.into()),
            width: args.width,
            height: args.height,
        };
        Panorama::new(config).map(|panorama| (config.seed, panorama))
    };
    let (mut seed, mut panorama) = drive(0)?;
    let mut set = RenderedSet::create(&args.out, args.frames, (args.width, args.height))?;
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    for frame in 0..args.frames {
        let (number, index) = (frame / FRAMES_A_DRIVE, frame % FRAMES_A_DRIVE);
        if index == 0 {
            (seed, panorama) = drive(number)?;
        }
        panorama.render(index as f32 * FRAME_STEP_S, &mut rgb, &mut boxes);
        let file = format!("panorama-{seed:05}-{index}.png");
        write_png(&set.image(&file), &rgb, args.width, args.height)?;
        set.push(frame, &file, boxes.iter().map(rendered_box));
    }
    set.finish(&description())?;
    println!(
        "{}: {} panoramas of rendered drives",
        args.out.display(),
        args.frames
    );
    Ok(())
}

fn rendered_box(object: &PanoramaBox) -> RenderedBox {
    let thin = object.bbox.width().min(object.bbox.height()) < SIDE_PIXELS_MIN;
    RenderedBox {
        class: object.class,
        bbox: object.bbox,
        area: object.visible_pixels as f32,
        ignored: thin || object.visible_fraction < VISIBLE_MIN,
    }
}

/// PNG, since a JPEG would mix the channels and blur the depth.
fn write_png(path: &Path, rgb: &[u8], width: u32, height: u32) -> Result<(), RenderedSetError> {
    let failed = |e: &dyn std::fmt::Display| RenderedSetError::write(path, e);
    let file = std::fs::File::create(path).map_err(|e| failed(&e))?;
    let file = std::io::BufWriter::new(file);
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(rgb, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|e| failed(&e))
}

fn description() -> String {
    format!(
        r#"name = "Rendered panoramas of Lookout"
view = "spinning lidar on a car's roof, 360 degrees, rendered"
licence = "MIT OR Apache-2.0 (made by this project)"
labelled = ["car", "truck", "bus", "motorcycle", "bicycle", "scooter", "person", "rider"]
rider_box = "rider is the person alone; the cycle has its own box"
channels = {CHANNELS:?}
note = "boxes from the renderer; objects mostly hidden or thinner than 3 pixels are marked iscrowd; the seam is behind the car, and what lies across it has a box at either end"
"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::{Dataset, LoadOptions, Split};
    use crate::training::{Normalisation, measure_channels};

    fn args(out: &Path, frames: u32) -> RenderPanoramaArgs {
        RenderPanoramaArgs {
            out: out.to_path_buf(),
            frames,
            seed: 3,
            width: 512,
            height: 64,
        }
    }

    #[test]
    fn the_set_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("panoramas");
        run(&args(&out, 5)).unwrap();
        let load = |split| Dataset::load(&out, split, LoadOptions::TRAINING).unwrap();
        let (train, val) = (load(Split::Train), load(Split::Val));
        assert_eq!((train.images.len(), val.images.len()), (4, 1));
        let wrong = train.skipped_count + train.clipped_count + val.skipped_count;
        assert_eq!(wrong, 0, "{}", train.summary());
        assert!(train.warnings.is_empty(), "{:?}", train.warnings);
        assert!(train.description.labelled.iter().all(|&l| l));
        assert_eq!(train.description.channels, CHANNELS);
        assert!(train.boxes_by_class().iter().sum::<u64>() > 20);
        assert!(matches!(
            run(&args(&out, 5)),
            Err(RenderPanoramaError::Set(RenderedSetError::NotEmpty(_)))
        ));
        let wide = RenderPanoramaArgs {
            width: 1 << 20,
            ..args(&folder.path().join("wide"), 5)
        };
        let error = run(&wide).unwrap_err().to_string();
        assert!(error.contains("4096"), "{error}");
        assert!(!wide.out.exists());
    }

    #[test]
    fn channels_are_measured_and_differ() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("panoramas");
        run(&args(&out, 4)).unwrap();
        let set = Dataset::load(&out, Split::Train, LoadOptions::TRAINING).unwrap();
        let found = measure_channels(std::slice::from_ref(&set), 100, 1).unwrap();
        for channel in 0..3 {
            let mut values = Vec::new();
            for entry in &set.images {
                let picture = image::open(&entry.path).unwrap().into_rgb8();
                values.extend(picture.pixels().map(|pixel| f64::from(pixel[channel])));
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            let std = (squares / values.len() as f64).sqrt();
            assert!((f64::from(found.mean[channel]) - mean).abs() < 1e-3);
            assert!((f64::from(found.std[channel]) - std).abs() < 1e-3);
        }
        let [depth, ambient, intensity] = found.mean;
        let apart = [depth - ambient, ambient - intensity, intensity - depth];
        assert!(apart.iter().all(|d| d.abs() > 3.0), "{found:?}");
        let used = Normalisation::Auto.resolve(&[set], None, 1).unwrap();
        assert_eq!((used.mean, used.measured), (found.mean, Some(found)));
    }
}
