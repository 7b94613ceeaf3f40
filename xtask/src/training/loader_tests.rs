#![allow(clippy::unwrap_used)]
use super::*;
use crate::dataset::{Dataset, LoadOptions, Split};
use crate::render_drive::{self, RenderDriveArgs};
use crate::training::calibration_pixels;
use lookout::anchors::AnchorLevel;

fn grid() -> AnchorGrid {
    let levels = vec![AnchorLevel {
        stride: 32,
        shapes: vec![[30.0, 40.0]],
    }];
    AnchorGrid::new(levels, 64, 96)
}

/// Nine rendered training images in a folder.
fn set(folder: &std::path::Path) -> Arc<TrainingSet> {
    let out = folder.join("drives");
    render_drive::run(&RenderDriveArgs {
        out: out.clone(),
        frames: 10,
        seed: 9,
        width: 128,
        height: 96,
    })
    .unwrap();
    let sets = vec![Dataset::load(&out, Split::Train, LoadOptions::TRAINING).unwrap()];
    Arc::new(TrainingSet::new(sets))
}

/// Pixels and targets of the first samples.
fn taken(loader: &mut Loader, count: usize) -> Vec<(Vec<u8>, Targets)> {
    let mut next = || {
        let (sample, targets) = loader.next_sample().unwrap();
        (sample.pixels, targets)
    };
    (0..count).map(|_| next()).collect()
}

fn samples(
    set: &Arc<TrainingSet>,
    first: u64,
    threads: usize,
    count: usize,
) -> Vec<(Vec<u8>, Targets)> {
    let mut loader = Loader::start(set.clone(), &grid(), &options(first, threads));
    taken(&mut loader, count)
}

fn options(first: u64, threads: usize) -> LoaderOptions {
    LoaderOptions {
        input: (64, 96),
        seed: 5,
        first,
        threads,
        augmentation: AugmentationRecipe::default(),
        composing: false,
        assignment: Assignment::Adaptive,
        cache: None,
    }
}

#[test]
fn the_sequence_depends_on_the_seed_alone() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    assert_eq!(set.len(), 9);
    let whole = samples(&set, 0, 1, 25);
    assert_eq!(samples(&set, 0, 3, 25), whole);
    // A run that is resumed after ten samples sees the rest.
    assert_eq!(samples(&set, 10, 2, 15), whole[10..]);
    // The second epoch shows the same images in another guise.
    assert!(
        whole[..9]
            .iter()
            .all(|sample| !whole[9..18].contains(sample))
    );
}

#[test]
fn unreadable_pictures_are_skipped_counted_and_in_the_end_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let images = folder.path().join("drives/images");
    let paths: Vec<_> = images
        .read_dir()
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let first = set.sets()[0].images[0].path.clone();
    std::fs::write(&first, b"torn").unwrap();
    let mut loader = Loader::start(set.clone(), &grid(), &options(0, 2));
    for _ in 0..16 {
        loader.next_sample().unwrap();
    }
    assert!(
        (1..=3).contains(&loader.stats().failures),
        "{}",
        loader.stats().failures
    );
    drop(loader);
    paths
        .iter()
        .for_each(|path| std::fs::write(path, b"gone").unwrap());
    let mut loader = Loader::start(set, &grid(), &options(0, 2));
    let error = loader.next_sample().unwrap_err();
    assert!(matches!(error, LoaderError::Stopped(_)), "{error}");
}

#[test]
fn calibration_sees_pictures_as_the_board_does() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let pixels: Vec<_> = calibration_pixels(set, &grid(), (64, 96), 5, 100).collect();
    assert_eq!(pixels.len(), 9, "not more than there are images");
    // A 4:3 picture leaves a border at the left of a 3:2 input.
    assert!(pixels.iter().all(|p| p.len() == 3 * 64 * 96));
    assert!(pixels.iter().all(|p| p[0] == lookout::letterbox::PAD));
}

#[test]
fn composed_samples_depend_on_the_seed_alone_too() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let composed = |first, threads, count| {
        let mut options = options(first, threads);
        options.composing = true;
        options.augmentation.mosaic_share = 0.5;
        options.augmentation.paste_share = 0.5;
        taken(&mut Loader::start(set.clone(), &grid(), &options), count)
    };
    let whole = composed(0, 1, 20);
    assert_eq!(composed(7, 3, 13), whole[7..]);
    let plain = samples(&set, 0, 1, 20);
    let changed = whole.iter().zip(&plain).filter(|(a, b)| a != b).count();
    assert!(changed >= 5, "{changed} of 20 samples were composed");
}

#[test]
fn samples_are_the_same_from_the_cache_and_from_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let picture_bytes = 3 * 128 * 96 + 1000;
    let run = |cache_bytes_max| {
        let options = LoaderOptions {
            cache: Some(Arc::new(PictureCache::new(cache_bytes_max))),
            ..options(0, 2)
        };
        let mut loader = Loader::start(set.clone(), &grid(), &options);
        let samples = taken(&mut loader, 45);
        (samples, loader.stats())
    };
    let (plain, without) = run(0);
    let (some, part) = run(4 * picture_bytes);
    let (all, whole) = run(100 * picture_bytes);
    assert!(some == plain && all == plain);
    assert_eq!((without.cache_hits, without.cache_bytes), (0, 0));
    assert!(without.cache_misses >= 45);
    // Nine pictures, of which four stay: each later epoch hits four times.
    assert!(part.cache_hits >= 4 * 3, "{part:?}");
    // Two threads may ask for a picture that neither has yet, but only in the first epoch.
    assert!(whole.cache_misses <= 18, "{whole:?}");
    assert!(whole.cache_hits >= 45 - 18, "{whole:?}");
}

#[test]
fn waiting_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let mut loader = Loader::start(set, &grid(), &options(0, 1));
    assert_eq!(loader.stats().samples, 0);
    taken(&mut loader, 1);
    while loader.ready() < AHEAD {
        std::thread::yield_now();
    }
    let before = loader.stats();
    taken(&mut loader, AHEAD);
    let after = loader.stats();
    assert_eq!(after.samples, 1 + AHEAD as u64);
    assert_eq!(after.waits, before.waits, "all were ready");
    assert_eq!(after.wait_seconds, before.wait_seconds);
    assert!((0.0..=1.0).contains(&after.wait_share()), "{after:?}");
    assert!(after.to_string().starts_with("25 samples; waited "));
    assert_eq!(LoaderStats::default().wait_share(), 0.0);
}
