//! The images to train on, and the endless sequence in which they are shown.

use crate::dataset::Dataset;
use fastrand::Rng;

/// The images of several data sets, one list.
#[derive(Debug)]
pub struct TrainingSet {
    sets: Vec<Dataset>,
    /// `(set, image)` of every usable image.
    index: Vec<(u32, u32)>,
}

impl TrainingSet {
    /// All images of `sets`.
    pub fn new(sets: Vec<Dataset>) -> Self {
        let images = |(set, dataset): (usize, &Dataset)| {
            (0..dataset.images.len())
                .map(move |image| (set as u32, image as u32))
                .collect::<Vec<_>>()
        };
        let index = sets.iter().enumerate().flat_map(images).collect();
        Self { sets, index }
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

    /// Image number `position` of the endless sequence that `seed` makes: every image once
    /// an epoch, in an order of the epoch's own.
    pub(super) fn at(&self, seed: u64, position: u64, order: &mut Order) -> (&Dataset, usize) {
        let epoch = position / self.len() as u64;
        order.prepare(seed, epoch, self.len());
        let (set, image) = self.index[order.indices[(position % self.len() as u64) as usize]];
        (&self.sets[set as usize], image as usize)
    }
}

/// The shuffled order of one epoch.
#[derive(Default)]
pub(super) struct Order {
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
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x2545_f491_4f6c_dd1d);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
