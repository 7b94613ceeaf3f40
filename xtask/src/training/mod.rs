//! From labelled images to training samples, without torch: augmentation, label assignment
//! and a loader that keeps the trainer fed.

mod assign;
mod augment;
mod cache;
mod channels;
mod compose;
mod dynamic;
mod fit;
mod loader;
mod normalisation;
mod photometric;
mod planes;
mod pseudo;
mod rare;
mod training_set;
mod validation;
mod worker;

pub use assign::{NO_OBJECT, Targets, assign};
pub use augment::{Augmenter, IgnoredRegion, Sample, SampleObject};
pub use cache::{CachedPicture, PictureCache, default_bytes_max};
pub use channels::{ChannelStatistics, ChannelsError, common_channels, measure_channels};
pub use dynamic::DynamicAssigner;
pub use fit::{class_weights, fitted_anchors};
pub use loader::{Loader, LoaderError, LoaderOptions, LoaderStats};
pub use normalisation::{InputNormalisation, Normalisation};
pub use planes::planes;
pub use pseudo::pseudo_label;
pub use training_set::TrainingSet;
pub use validation::{Finding, LevelOutputs, Validation};
pub use worker::calibration_pixels;
