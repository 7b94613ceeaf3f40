//! What one loader thread does: reads, decodes, augments and assigns.

use super::assign::{Targets, assign};
use super::augment::{Augmenter, Sample};
use super::cache::PictureCache;
use super::training_set::{Order, TrainingSet, mix};
use crate::dataset::{ImageEntry, RiderBox, read_frame};
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
    (height, width): (u32, u32),
    seed: u64,
    count: usize,
) -> impl Iterator<Item = Vec<u8>> {
    let mut worker = Worker::new(set, grid.clone(), height, width, seed);
    let positions = 0..count.min(worker.set.len()) as u64;
    positions.filter_map(move |position| worker.letterboxed(position).ok().map(|s| s.pixels))
}

/// What one loader thread owns.
pub(super) struct Worker {
    set: Arc<TrainingSet>,
    grid: AnchorGrid,
    anchors: Vec<BBox>,
    augmenter: Augmenter,
    seed: u64,
    order: Order,
    frame: Frame,
    decoder: Decoder,
    /// `None` where every picture is seen once.
    pub cache: Option<Arc<PictureCache>>,
}

impl Worker {
    pub fn new(
        set: Arc<TrainingSet>,
        grid: AnchorGrid,
        height: u32,
        width: u32,
        seed: u64,
    ) -> Self {
        Self {
            set,
            anchors: grid.iter().collect(),
            grid,
            augmenter: Augmenter::new(height, width),
            seed,
            order: Order::default(),
            frame: Frame::with_capacity(1 << 20),
            decoder: Decoder::new(),
            cache: None,
        }
    }

    /// Reads the image at `position` of the sequence and has `make` turn it into a sample.
    fn with_picture(
        &mut self,
        position: u64,
        make: impl FnOnce(&mut Augmenter, &Picture<'_>, &ImageEntry, RiderBox) -> Sample,
    ) -> Result<Sample, String> {
        let (dataset, image) = self.set.at(self.seed, position, &mut self.order);
        let entry = &dataset.images[image];
        let rider_box = dataset.description.rider_box;
        let cached = self.cache.as_ref().and_then(|cache| cache.get(&entry.path));
        if let Some(picture) = cached.as_ref().and_then(|cached| cached.picture()) {
            return Ok(make(&mut self.augmenter, &picture, entry, rider_box));
        }
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", entry.path.display());
        read_frame(&entry.path, &mut self.frame).map_err(|e| e.to_string())?;
        let picture = self.decoder.picture(&self.frame).map_err(|e| failed(&e))?;
        if let Some(cache) = &self.cache {
            cache.offer(&entry.path, &picture);
        }
        Ok(make(&mut self.augmenter, &picture, entry, rider_box))
    }

    /// The sample at `position` of the sequence, and what it teaches.
    pub fn sample(&mut self, position: u64) -> Result<(Sample, Targets), String> {
        // Each sample has a generator of its own: what it becomes does not depend on the
        // number of threads, nor on where training was interrupted.
        let mut rng = Rng::with_seed(mix(self.seed ^ 0x5a5a, position));
        let sample = self.with_picture(position, |augmenter, picture, entry, rider_box| {
            augmenter.augment(picture, entry, rider_box, &mut rng)
        })?;
        let targets = assign(&self.grid, &self.anchors, &sample);
        Ok((sample, targets))
    }

    fn letterboxed(&mut self, position: u64) -> Result<Sample, String> {
        self.with_picture(position, |augmenter, picture, entry, rider_box| {
            augmenter.letterboxed(picture, entry, rider_box)
        })
    }
}
