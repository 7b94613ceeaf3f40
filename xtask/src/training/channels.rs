//! Mean and deviation of a data set's channels.

use crate::dataset::{Dataset, ImageEntry, read_frame};
use fastrand::Rng;
use lookout::frame::Frame;
use lookout::pixels::Decoder;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why there is no normalisation.
#[derive(Debug, thiserror::Error)]
pub enum ChannelsError {
    /// Two sets hold different things in their channels.
    #[error(
        "{first_name} holds {first} and {second_name} holds {second} in its channels; a model \
         reads one kind of picture: train on sets whose dataset.toml names the same channels"
    )]
    Differ {
        /// Name of a set.
        first_name: String,
        /// Its channels.
        first: String,
        /// Name of the other set.
        second_name: String,
        /// Its channels.
        second: String,
    },
    /// There is nothing to measure.
    #[error("the data sets hold no picture to measure; {reason}")]
    Nothing {
        /// What was wrong with the last picture.
        reason: String,
    },
}

/// Mean and deviation of pixel values, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatistics {
    /// Mean, `0.0..=255.0`.
    pub mean: [f32; 3],
    /// Standard deviation; 0 for a channel of one value.
    pub std: [f32; 3],
    /// Pictures that were measured.
    pub images: u64,
    /// Pictures that could not be read.
    pub skipped: u64,
}

/// How often each pixel value occurs in each channel. Sums of counts are exact, so the result
/// depends neither on the order of the pictures nor on the number of threads.
#[derive(Clone)]
struct Counts {
    values: [[u64; 256]; 3],
    images: u64,
    skipped: u64,
    /// What was wrong with a picture, of the lowest number.
    reason: Option<(usize, String)>,
}

impl Counts {
    const NONE: Self = Self {
        values: [[0; 256]; 3],
        images: 0,
        skipped: 0,
        reason: None,
    };

    fn add_pixels(&mut self, rgb: &[u8]) {
        for pixel in rgb.as_chunks::<3>().0 {
            for (counts, value) in self.values.iter_mut().zip(pixel) {
                counts[usize::from(*value)] += 1;
            }
        }
        self.images += 1;
    }

    fn append(&mut self, other: Self) {
        let counts = self.values.as_flattened_mut().iter_mut();
        counts
            .zip(other.values.as_flattened())
            .for_each(|(a, b)| *a += b);
        self.images += other.images;
        self.skipped += other.skipped;
        self.reason = match (self.reason.take(), other.reason) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn statistics(&self) -> ChannelStatistics {
        let mut statistics = ChannelStatistics {
            mean: [0.0; 3],
            std: [0.0; 3],
            images: self.images,
            skipped: self.skipped,
        };
        for (channel, counts) in self.values.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            let moment = |of: &dyn Fn(f64) -> f64| {
                let terms = counts.iter().enumerate();
                terms
                    .map(|(value, count)| of(value as f64) * *count as f64)
                    .sum::<f64>()
                    / total
            };
            let mean = moment(&|value| value);
            statistics.mean[channel] = mean as f32;
            statistics.std[channel] = moment(&|value| (value - mean).powi(2)).sqrt() as f32;
        }
        statistics
    }
}

/// Measures the pixels of up to `images_max` pictures of `sets`, drawn by `seed`, on all CPUs.
/// Every pixel of the files counts once; the border that a letterbox adds does not. Pictures
/// that cannot be read are counted and left out.
///
/// # Errors
/// [`ChannelsError::Nothing`] where no picture could be read.
pub fn measure_channels(
    sets: &[Dataset],
    images_max: usize,
    seed: u64,
) -> Result<ChannelStatistics, ChannelsError> {
    let mut images: Vec<&ImageEntry> = sets.iter().flat_map(|set| &set.images).collect();
    Rng::with_seed(seed).shuffle(&mut images);
    images.truncate(images_max);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let next = AtomicUsize::new(0);
    let counts = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| count(&images, &next));
        let workers: Vec<_> = (0..threads.min(images.len())).map(start).collect();
        let mut all = Counts::NONE;
        for worker in workers {
            match worker.join() {
                Ok(counts) => all.append(counts),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    if counts.images == 0 {
        let reason = counts.reason.map(|(_, reason)| reason);
        return Err(ChannelsError::Nothing {
            reason: reason.unwrap_or_else(|| "they are empty".into()),
        });
    }
    Ok(counts.statistics())
}

/// Counts the pixels of pictures, one after the other from `next`, until none is left.
fn count(images: &[&ImageEntry], next: &AtomicUsize) -> Counts {
    let mut counts = Counts::NONE;
    let (mut frame, mut decoder, mut rgb) = (Frame::with_capacity(0), Decoder::new(), Vec::new());
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = images.get(index) else {
            return counts;
        };
        let read = read_frame(&entry.path, &mut frame)
            .map_err(|e| e.to_string())
            .and_then(|()| match decoder.picture(&frame) {
                Ok(picture) => {
                    picture.write_rgb(&mut rgb);
                    Ok(())
                }
                Err(e) => Err(format!("{}: {e}", entry.path.display())),
            });
        match read {
            Ok(()) => counts.add_pixels(&rgb),
            Err(reason) => {
                counts.skipped += 1;
                // Numbers rise within a thread.
                counts.reason.get_or_insert((index, reason));
            }
        }
    }
}

/// The channels of all `sets`; `None` where there is no set.
///
/// # Errors
/// [`ChannelsError::Differ`] names two sets whose channels hold different things.
pub fn common_channels(sets: &[Dataset]) -> Result<Option<&[String; 3]>, ChannelsError> {
    let Some(first) = sets.first() else {
        return Ok(None);
    };
    let channels = &first.description.channels;
    match sets
        .iter()
        .find(|set| set.description.channels != *channels)
    {
        None => Ok(Some(channels)),
        Some(other) => Err(ChannelsError::Differ {
            first_name: first.description.name.clone(),
            first: channels.join(", "),
            second_name: other.description.name.clone(),
            second: other.description.channels.join(", "),
        }),
    }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
pub(super) mod tests;
