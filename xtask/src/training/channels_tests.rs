#![allow(clippy::unwrap_used)]
use super::*;
use crate::dataset::{LoadOptions, Split};
use std::path::Path;

/// A set of `count` pictures of different sizes, PNG, with the bytes of `value`.
pub(crate) fn set(
    folder: &Path,
    count: u32,
    channels: &str,
    value: impl Fn(u32, usize) -> u8,
) -> Dataset {
    std::fs::create_dir_all(folder.join("images")).unwrap();
    let mut images = Vec::new();
    for i in 0..count {
        let (width, height) = (20 + i, 9);
        let bytes = (0..3 * (width * height) as usize).map(|at| value(i, at));
        let picture = image::RgbImage::from_raw(width, height, bytes.collect()).unwrap();
        picture
            .save(folder.join(format!("images/{i}.png")))
            .unwrap();
        images.push(serde_json::json!({
            "id": i, "file_name": format!("{i}.png"), "width": width, "height": height,
        }));
    }
    let file = serde_json::json!({
        "images": images, "annotations": [], "categories": [{"id": 1, "name": "car"}],
    });
    std::fs::write(folder.join("annotations_train.json"), file.to_string()).unwrap();
    let description =
        format!("name = {folder:?}\nlicence = \"none\"\nlabelled = [\"car\"]\n{channels}");
    std::fs::write(folder.join("dataset.toml"), description).unwrap();
    Dataset::load(folder, Split::Train, LoadOptions::TRAINING).unwrap()
}

/// For a `dataset.toml`.
pub(crate) const LIDAR: &str = r#"channels = ["depth", "ambient", "intensity"]"#;

/// Three channels that have little in common.
pub(crate) fn value(image: u32, at: usize) -> u8 {
    let mut random = Rng::with_seed(u64::from(image) << 32 | at as u64);
    match at % 3 {
        0 => random.u8(..),
        1 => 100 + random.u8(..30),
        _ => 7,
    }
}

#[test]
fn statistics_are_those_of_all_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path(), 13, LIDAR, value);
    let measured = measure_channels(std::slice::from_ref(&set), 100, 1).unwrap();
    assert_eq!((measured.images, measured.skipped), (13, 0));
    // Once more, value by value, as a running mean.
    for channel in 0..3 {
        let (mut count, mut mean, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        for image in 0..13 {
            for at in (channel..3 * (20 + image as usize) * 9).step_by(3) {
                let value = f64::from(value(image, at));
                count += 1.0;
                let off = value - mean;
                mean += off / count;
                squares += off * (value - mean);
            }
        }
        assert!((f64::from(measured.mean[channel]) - mean).abs() < 1e-4);
        assert!((f64::from(measured.std[channel]) - (squares / count).sqrt()).abs() < 1e-4);
    }
    assert_eq!((measured.mean[2], measured.std[2]), (7.0, 0.0));
}

#[test]
fn a_part_is_drawn_by_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [set(folder.path(), 20, LIDAR, |image, _| image as u8)];
    let measure = |count, seed| measure_channels(&sets, count, seed).unwrap();
    assert_eq!(measure(5, 1), measure(5, 1));
    assert_eq!(measure(5, 1).images, 5);
    assert!((2..20).any(|seed| measure(5, seed).mean != measure(5, 1).mean));
    assert_eq!(measure(100, 1), measure(100, 2));
}

#[test]
fn unreadable_pictures_are_counted_and_only_those_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [set(folder.path(), 4, LIDAR, value)];
    std::fs::write(folder.path().join("images/2.png"), b"torn").unwrap();
    let measured = measure_channels(&sets, 100, 1).unwrap();
    assert_eq!((measured.images, measured.skipped), (3, 1));
    for i in 0..4 {
        std::fs::write(folder.path().join(format!("images/{i}.png")), b"gone").unwrap();
    }
    let error = measure_channels(&sets, 100, 1).unwrap_err().to_string();
    assert!(error.contains(".png"), "{error}");
    let error = measure_channels(&[], 100, 1).unwrap_err().to_string();
    assert!(error.contains("empty"), "{error}");
}

#[test]
fn sets_of_different_channels_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        set(&folder.path().join("camera"), 1, "", value),
        set(&folder.path().join("lidar"), 1, LIDAR, value),
    ];
    let error = common_channels(&sets).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ChannelsError::Differ { .. }));
    for word in ["camera", "lidar", "red, green, blue", "depth, ambient"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(matches!(common_channels(&[]), Ok(None)));
}
