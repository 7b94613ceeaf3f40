//! From labelled images to training samples, without torch: augmentation, label assignment
//! and a loader that keeps the trainer fed.

mod assign;
mod augment;
mod channels;
mod loader;
mod normalisation;
mod photometric;

pub use assign::{NO_OBJECT, Targets, assign};
pub use augment::{Augmenter, IgnoredRegion, Sample, SampleObject};
pub use channels::{ChannelStatistics, ChannelsError, common_channels, measure_channels};
pub use loader::{Loader, LoaderError, TrainingSet, calibration_pixels};
pub use normalisation::{InputNormalisation, Normalisation};
