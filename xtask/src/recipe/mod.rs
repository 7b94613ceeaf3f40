//! The recipe of a training: everything that decides what is learnt and how, apart from the
//! data and the seed.
//!
//! A recipe is a TOML file; what it leaves out takes the default, and the whole of it, defaults
//! written out, is put beside the checkpoint. The defaults are what the ladder has shown to
//! help (`models/README.md`).

mod augmentation;
mod check;
mod file;
mod loss;
mod network;
mod schedule;

pub use augmentation::AugmentationRecipe;
pub use file::{RECIPE_BYTES_MAX, RECIPE_FILE, RecipeError};
pub use loss::{Assignment, BoxLoss, ClassLoss, ClassWeights, LossRecipe};
pub use network::{AnchorSource, NetworkRecipe};
pub use schedule::{EvaluationRecipe, Precision, QuantizationRecipe, ScheduleRecipe};

use serde::{Deserialize, Serialize};

/// How a detector is trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The network's form.
    pub network: NetworkRecipe,
    /// What is minimised, and which output learns which object.
    pub loss: LossRecipe,
    /// What pictures go through before they are learnt from.
    pub augmentation: AugmentationRecipe,
    /// Batches and learning rate.
    pub schedule: ScheduleRecipe,
    /// Looks at the validation sets on the way.
    pub evaluation: EvaluationRecipe,
    /// The last part of the training, which gets used to integers.
    pub quantization: QuantizationRecipe,
}

#[cfg(test)]
mod tests;
