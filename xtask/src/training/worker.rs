//! What one loader thread does: reads, decodes, augments and assigns.

use super::assign::{Targets, assign};
use super::augment::{Augmenter, Sample};
use super::compose::{mosaic, mosaic_windows, paste};
use super::loader::LoaderOptions;
use super::training_set::{Order, TrainingSet, mix};
use crate::dataset::{ImageEntry, RiderBox, read_frame};
use crate::recipe::{Assignment, AugmentationRecipe};
use fastrand::Rng;
use lookout::anchors::AnchorGrid;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::pixels::{Decoder, Picture};
use std::sync::Arc;

/// Pixels `[3, height, width]` of `count` images of `set`, drawn by `seed`, as the board sees
/// them: what the ranges of an int8 model are measured on. Unreadable pictures are left out.
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
        cache: None,
    };
    let mut worker = Worker::new(set, grid.clone(), options);
    let positions = 0..count.min(worker.set.len()) as u64;
    positions.filter_map(move |position| worker.letterboxed(position).ok().map(|s| s.pixels))
}

/// What one loader thread owns.
pub(super) struct Worker {
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
    pub fn new(set: Arc<TrainingSet>, grid: AnchorGrid, options: LoaderOptions) -> Self {
        let (height, width) = options.input;
        let colours = set
            .sets()
            .iter()
            .all(|set| set.description.channels_are_colours());
        Self {
            set,
            anchors: grid.iter().collect(),
            grid,
            augmenter: Augmenter::new(height, width, &options.augmentation, colours),
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
        let rider_box = dataset.description.rider_box;
        let cache = self.options.cache.as_ref();
        let cached = cache.and_then(|cache| cache.get(&entry.path));
        if let Some(picture) = cached.as_ref().and_then(|cached| cached.picture()) {
            return Ok(make(&mut self.augmenter, &picture, entry, rider_box));
        }
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", entry.path.display());
        read_frame(&entry.path, &mut self.frame).map_err(|e| e.to_string())?;
        let picture = self.decoder.picture(&self.frame).map_err(|e| failed(&e))?;
        if let Some(cache) = cache {
            cache.offer(&entry.path, &picture);
        }
        Ok(make(&mut self.augmenter, &picture, entry, rider_box))
    }

    /// The sample at `position` of the sequence, and what it teaches.
    pub fn sample(&mut self, position: u64) -> Result<(Sample, Targets), String> {
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
        let Some(index) = self.set.rare().draw(rng) else {
            return Ok(());
        };
        let donor = self.augmented(index, rng)?;
        let width = self.options.input.1 as usize;
        paste(sample, &donor, self.set.rare().classes(), width);
        Ok(())
    }

    fn letterboxed(&mut self, position: u64) -> Result<Sample, String> {
        let index = self.set.at(self.options.seed, position, &mut self.order);
        self.with_picture(index, |augmenter, picture, entry, rider_box| {
            augmenter.letterboxed(picture, entry, rider_box)
        })
    }
}
