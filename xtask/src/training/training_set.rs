//! The images to train on, and the endless sequence in which they are shown.

use super::rare::RareObjects;
use crate::dataset::Dataset;
use fastrand::Rng;
use lookout::class::ObjectClass;

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
        let index: Vec<(u32, u32)> = sets.iter().enumerate().flat_map(images).collect();
        let entry = |&(set, image): &(u32, u32)| &sets[set as usize].images[image as usize];
        let rare = RareObjects::new(index.iter().map(entry));
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

    /// Where objects of rare classes are.
    pub(super) fn rare(&self) -> &RareObjects {
        &self.rare
    }

    /// Image number `index` of all sets.
    pub(super) fn image(&self, index: usize) -> (&Dataset, usize) {
        let (set, image) = self.index[index];
        (&self.sets[set as usize], image as usize)
    }

    /// Number of the image at `position` of the endless sequence that `seed` makes: every
    /// image once an epoch, in an order of the epoch's own.
    pub(super) fn at(&self, seed: u64, position: u64, order: &mut Order) -> usize {
        let epoch = position / self.len() as u64;
        order.prepare(seed, epoch, self.len());
        order.indices[(position % self.len() as u64) as usize]
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
