//! From labelled images to training samples, without torch: augmentation, label assignment
//! and a loader that keeps the trainer fed.

mod assign;
mod augment;
mod compose;
mod dynamic;
mod fit;
mod loader;
mod photometric;
mod pseudo;
mod rare;
mod validation;

pub use assign::{NO_OBJECT, Targets, assign};
pub use augment::{Augmenter, IgnoredRegion, Sample, SampleObject};
pub use dynamic::DynamicAssigner;
pub use fit::{class_weights, fitted_anchors};
pub use loader::{Loader, LoaderError, LoaderOptions, TrainingSet, calibration_pixels};
pub use pseudo::pseudo_label;
pub use validation::{Finding, LevelOutputs, Validation};
