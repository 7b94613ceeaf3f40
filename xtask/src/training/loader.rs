//! Feeds the trainer: decodes, augments and assigns on its own threads, in an order that
//! depends on the seed alone.

use super::assign::{Targets, assign};
use super::augment::{Augmenter, Sample};
use super::compose::{mosaic, mosaic_windows, paste};
use super::rare::RareObjects;
use crate::dataset::{Dataset, ImageEntry, RiderBox, read_frame};
use crate::recipe::{Assignment, AugmentationRecipe};
use crossbeam_channel::{Receiver, bounded};
use fastrand::Rng;
use lookout::anchors::AnchorGrid;
use lookout::class::ObjectClass;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::pixels::{Decoder, Picture};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Samples that each thread prepares ahead.
const AHEAD: usize = 24;

/// Of so many pictures in a row not one could be read: something is wrong with the disk.
const FAILURES_IN_A_ROW_MAX: usize = 50;

/// Why a picture gave no sample.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Nothing comes any more.
    #[error(
        "{FAILURES_IN_A_ROW_MAX} pictures in a row could not be read, the last one was {0}; is the data still there?"
    )]
    Stopped(String),
}

/// The images of several data sets, one list.
#[derive(Debug)]
pub struct TrainingSet {
    sets: Vec<Dataset>,
    /// `(set, image)` of every usable image.
    index: Vec<(u32, u32)>,
    rare: RareObjects,
}

impl TrainingSet {
    /// All images of `sets`.
    pub fn new(sets: Vec<Dataset>) -> Self {
        let images = |(set, dataset): (usize, &Dataset)| {
            (0..dataset.images.len())
                .map(move |image| (set as u32, image as u32))
                .collect::<Vec<_>>()
        };
        let index: Vec<_> = sets.iter().enumerate().flat_map(images).collect();
        let entries = index.iter().map(|&(set, image): &(u32, u32)| {
            let set: &Dataset = &sets[set as usize];
            &set.images[image as usize]
        });
        let rare = RareObjects::new(entries);
        Self { sets, index, rare }
    }

    /// The data sets.
    pub fn sets(&self) -> &[Dataset] {
        &self.sets
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Objects by class index, crowd regions not counted.
    pub fn boxes_by_class(&self) -> [u64; ObjectClass::COUNT] {
        let mut counts = [0; ObjectClass::COUNT];
        for set in &self.sets {
            let of_set = set.boxes_by_class();
            counts.iter_mut().zip(of_set).for_each(|(sum, n)| *sum += n);
        }
        counts
    }

    /// Image number `index` of all sets.
    fn image(&self, index: usize) -> (&Dataset, usize) {
        let (set, image) = self.index[index];
        (&self.sets[set as usize], image as usize)
    }

    /// Image number `position` of the endless sequence that `seed` makes: every image once
    /// an epoch, in an order of the epoch's own.
    fn at(&self, seed: u64, position: u64, order: &mut Order) -> usize {
        let epoch = position / self.len() as u64;
        order.prepare(seed, epoch, self.len());
        order.indices[(position % self.len() as u64) as usize]
    }
}

/// The shuffled order of one epoch.
#[derive(Default)]
struct Order {
    epoch: Option<u64>,
    indices: Vec<usize>,
}

impl Order {
    fn prepare(&mut self, seed: u64, epoch: u64, len: usize) {
        if self.epoch == Some(epoch) {
            return;
        }
        self.indices = (0..len).collect();
        Rng::with_seed(mix(seed, epoch)).shuffle(&mut self.indices);
        self.epoch = Some(epoch);
    }
}

/// Spreads two numbers over all bits, so that neighbouring seeds have nothing in common.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x2545_f491_4f6c_dd1d);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a loader makes.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// `[height, width]` of the samples in pixels.
    pub input: (u32, u32),
    /// Seed of the sequence.
    pub seed: u64,
    /// Number of the first sample in the sequence.
    pub first: u64,
    /// Threads that make samples.
    pub threads: usize,
    /// What pictures go through.
    pub augmentation: AugmentationRecipe,
    /// Whether there are mosaics and pastes among the samples, in the shares that
    /// `augmentation` says.
    pub composing: bool,
    /// Which anchors learn an object.
    pub assignment: Assignment,
}

/// A running loader; samples come in the order of the sequence.
#[derive(Debug)]
pub struct Loader {
    lanes: Vec<Receiver<Result<(Sample, Targets), String>>>,
    next: usize,
    failures: u64,
    failures_in_a_row: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// Starts threads that make samples of `set` for the anchors of `grid`.
    pub fn start(set: Arc<TrainingSet>, grid: &AnchorGrid, options: &LoaderOptions) -> Self {
        let threads = options.threads.max(1);
        let first = options.first;
        let (mut lanes, mut handles) = (Vec::new(), Vec::new());
        for lane in 0..threads {
            let (sender, receiver) = bounded(AHEAD);
            let mut worker = Worker::new(set.clone(), grid.clone(), options.clone());
            handles.push(std::thread::spawn(move || {
                let mut position = first + lane as u64;
                while sender.send(worker.sample(position)).is_ok() {
                    position += threads as u64;
                }
            }));
            lanes.push(receiver);
        }
        Self {
            lanes,
            next: 0,
            failures: 0,
            failures_in_a_row: 0,
            threads: handles,
        }
    }

    /// The next sample. Pictures that cannot be read are skipped and counted.
    pub fn next_sample(&mut self) -> Result<(Sample, Targets), LoaderError> {
        loop {
            let lane = &self.lanes[self.next];
            self.next = (self.next + 1) % self.lanes.len();
            match lane.recv() {
                Ok(Ok(sample)) => {
                    self.failures_in_a_row = 0;
                    return Ok(sample);
                }
                Ok(Err(reason)) => {
                    log::warn!("picture skipped: {reason}");
                    self.failures += 1;
                    self.failures_in_a_row += 1;
                    if self.failures_in_a_row >= FAILURES_IN_A_ROW_MAX {
                        return Err(LoaderError::Stopped(reason));
                    }
                }
                Err(_) => return Err(LoaderError::Stopped("a loader thread ended".into())),
            }
        }
    }

    /// Pictures skipped so far.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Samples that are ready; 0 means that the trainer waits for its data.
    pub fn ready(&self) -> usize {
        self.lanes.iter().map(Receiver::len).sum()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Without receivers the threads' next send fails, and they end.
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a loader thread panicked");
            }
        }
    }
}

/// Samples of `count` images of `set`, drawn by `seed`, as the board sees them: what the ranges
/// of an int8 model are measured on. Unreadable pictures are left out.
pub fn calibration_pixels(
    set: Arc<TrainingSet>,
    grid: &AnchorGrid,
    input: (u32, u32),
    seed: u64,
    count: usize,
) -> impl Iterator<Item = Vec<u8>> {
    let options = LoaderOptions {
        input,
        seed,
        first: 0,
        threads: 1,
        augmentation: AugmentationRecipe::none(),
        composing: false,
        assignment: Assignment::Dynamic,
    };
    let mut worker = Worker::new(set, grid.clone(), options);
    let positions = 0..count.min(worker.set.len()) as u64;
    positions.filter_map(move |position| worker.letterboxed(position).ok().map(|s| s.pixels))
}

/// What one loader thread owns.
struct Worker {
    set: Arc<TrainingSet>,
    grid: AnchorGrid,
    anchors: Vec<BBox>,
    augmenter: Augmenter,
    options: LoaderOptions,
    order: Order,
    frame: Frame,
    decoder: Decoder,
}

impl Worker {
    fn new(set: Arc<TrainingSet>, grid: AnchorGrid, options: LoaderOptions) -> Self {
        let (height, width) = options.input;
        Self {
            set,
            anchors: grid.iter().collect(),
            grid,
            augmenter: Augmenter::new(height, width, &options.augmentation),
            options,
            order: Order::default(),
            frame: Frame::with_capacity(1 << 20),
            decoder: Decoder::new(),
        }
    }

    /// Reads image number `index` and has `make` turn it into a sample.
    fn with_picture(
        &mut self,
        index: usize,
        make: impl FnOnce(&mut Augmenter, &Picture<'_>, &ImageEntry, RiderBox) -> Sample,
    ) -> Result<Sample, String> {
        let (dataset, image) = self.set.image(index);
        let entry = &dataset.images[image];
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", entry.path.display());
        read_frame(&entry.path, &mut self.frame).map_err(|e| e.to_string())?;
        let picture = self.decoder.picture(&self.frame).map_err(|e| failed(&e))?;
        Ok(make(
            &mut self.augmenter,
            &picture,
            entry,
            dataset.description.rider_box,
        ))
    }

    fn sample(&mut self, position: u64) -> Result<(Sample, Targets), String> {
        // Each sample has a generator of its own: what it becomes does not depend on the
        // number of threads, nor on where training was interrupted.
        let mut rng = Rng::with_seed(mix(self.options.seed ^ 0x5a5a, position));
        let index = self.set.at(self.options.seed, position, &mut self.order);
        let recipe = &self.options.augmentation;
        let (mosaics, pastes) = if self.options.composing {
            (recipe.mosaic_share, recipe.paste_share)
        } else {
            (0.0, 0.0)
        };
        let mut sample = if mosaics > 0.0 && rng.f32() < mosaics {
            self.mosaic(index, &mut rng)?
        } else {
            self.augmented(index, &mut rng)?
        };
        if pastes > 0.0 && rng.f32() < pastes {
            self.paste_rare(&mut sample, &mut rng)?;
        }
        let rule = self.options.assignment;
        let targets = assign(rule, &self.grid, &self.anchors, &sample);
        Ok((sample, targets))
    }

    fn augmented(&mut self, index: usize, rng: &mut Rng) -> Result<Sample, String> {
        self.with_picture(index, |augmenter, picture, entry, rider_box| {
            augmenter.augment(picture, entry, rider_box, rng)
        })
    }

    /// The image and three others.
    fn mosaic(&mut self, index: usize, rng: &mut Rng) -> Result<Sample, String> {
        let (height, width) = self.options.input;
        let mut parts = Vec::new();
        for (i, window) in mosaic_windows(width, height, rng).into_iter().enumerate() {
            let index = if i == 0 {
                index
            } else {
                rng.usize(..self.set.len())
            };
            let part = self.with_picture(index, |augmenter, picture, entry, rider_box| {
                augmenter.tile(picture, entry, rider_box, &window, rng)
            })?;
            parts.push((window, part));
        }
        Ok(mosaic(&parts, width as usize))
    }

    /// Pastes rare objects of another image into `sample`.
    fn paste_rare(&mut self, sample: &mut Sample, rng: &mut Rng) -> Result<(), String> {
        let Some(index) = self.set.rare.draw(rng) else {
            return Ok(());
        };
        let donor = self.augmented(index, rng)?;
        let width = self.options.input.1 as usize;
        paste(sample, &donor, self.set.rare.classes(), width);
        Ok(())
    }

    fn letterboxed(&mut self, position: u64) -> Result<Sample, String> {
        let index = self.set.at(self.options.seed, position, &mut self.order);
        self.with_picture(index, |augmenter, picture, entry, rider_box| {
            augmenter.letterboxed(picture, entry, rider_box)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::{LoadOptions, Split};
    use crate::render_drive::{self, RenderDriveArgs};
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

    fn samples(
        set: &Arc<TrainingSet>,
        first: u64,
        threads: usize,
        count: usize,
    ) -> Vec<(Vec<u8>, Targets)> {
        samples_of(set, &options(first, threads), count)
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
        }
    }

    fn samples_of(
        set: &Arc<TrainingSet>,
        options: &LoaderOptions,
        count: usize,
    ) -> Vec<(Vec<u8>, Targets)> {
        let mut loader = Loader::start(set.clone(), &grid(), options);
        let mut next = || {
            let (sample, targets) = loader.next_sample().unwrap();
            (sample.pixels, targets)
        };
        (0..count).map(|_| next()).collect()
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
    fn composed_samples_depend_on_the_seed_alone_too() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        let composed = |first, threads, count| {
            let mut options = options(first, threads);
            options.composing = true;
            options.augmentation.mosaic_share = 0.5;
            options.augmentation.paste_share = 0.5;
            samples_of(&set, &options, count)
        };
        let whole = composed(0, 1, 20);
        assert_eq!(composed(7, 3, 13), whole[7..]);
        let plain = samples(&set, 0, 1, 20);
        let changed = whole.iter().zip(&plain).filter(|(a, b)| a != b).count();
        assert!(changed >= 5, "{changed} of 20 samples were composed");
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
            (1..=3).contains(&loader.failures()),
            "{}",
            loader.failures()
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
}
