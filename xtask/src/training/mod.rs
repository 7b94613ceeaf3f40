//! From labelled images to training samples, without torch: augmentation, label assignment
//! and a loader that keeps the trainer fed.

mod assign;
mod augment;
mod cache;
mod loader;
mod photometric;
mod training_set;
mod worker;

pub use assign::{NO_OBJECT, Targets, assign};
pub use augment::{Augmenter, IgnoredRegion, Sample, SampleObject};
pub use cache::{CachedPicture, PictureCache, default_bytes_max};
pub use loader::{Loader, LoaderError, LoaderOptions, LoaderStats};
pub use training_set::TrainingSet;
pub use worker::calibration_pixels;
