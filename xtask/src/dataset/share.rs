//! A share of a data set, as learning curves are made of.

use super::{Dataset, ImageEntry};

impl Dataset {
    /// Keeps this share of the images, one at least, where there are any; `seed` draws them. What
    /// a small share holds is in every larger one of the same seed, too.
    pub fn keep_share(&mut self, share: f64, seed: u64) {
        let count = (self.images.len() as f64 * share).ceil() as usize;
        if count >= self.images.len() {
            return;
        }
        let mut ranks: Vec<u64> = self.images.iter().map(|image| rank(image, seed)).collect();
        ranks.sort_unstable();
        let last = ranks[count.max(1) - 1];
        self.images.retain(|image| rank(image, seed) <= last);
    }
}

/// Where an image stands in the order of the draw: by its name, so that it stays there when
/// others are added.
fn rank(image: &ImageEntry, seed: u64) -> u64 {
    let name = image.path.file_name().unwrap_or_default();
    let hashed = name.as_encoded_bytes().iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    fastrand::Rng::with_seed(hashed).u64(..)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{LoadOptions, Split};
    use super::*;
    use crate::render_drive::{self, RenderDriveArgs};
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn kept(whole: &Dataset, share: f64, seed: u64) -> BTreeSet<PathBuf> {
        let mut part = whole.clone();
        part.keep_share(share, seed);
        part.images.into_iter().map(|image| image.path).collect()
    }

    #[test]
    fn larger_shares_hold_smaller_ones() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("drives");
        let args = RenderDriveArgs {
            out: out.clone(),
            frames: 40,
            seed: 5,
            width: 64,
            height: 64,
        };
        render_drive::run(&args).unwrap();
        let whole = Dataset::load(&out, Split::Train, LoadOptions::TRAINING).unwrap();
        let images = whole.images.len();
        let [tenth, half, all] = [0.1, 0.5, 1.0].map(|share| kept(&whole, share, 1));
        assert_eq!((half.len(), all.len()), (images.div_ceil(2), images));
        assert_eq!(tenth.len(), images.div_ceil(10));
        assert!(tenth.is_subset(&half) && half.is_subset(&all));
        assert_ne!(half, kept(&whole, 0.5, 2));
        assert_eq!(kept(&whole, 1e-9, 1).len(), 1);
    }
}
