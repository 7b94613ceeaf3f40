//! The parts of a recipe that are about time: steps, looks at the validation sets, the end.

use serde::{Deserialize, Serialize};

/// The arithmetic of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 16 bits for the convolutions on a GPU, 32 on a CPU.
    #[default]
    Auto,
    /// 32 bits.
    Float32,
    /// `bfloat16` for the convolutions; weights, normalisation and loss stay in 32 bits.
    Bfloat16,
}

/// Batches and learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleRecipe {
    /// Images in one step.
    pub batch: u32,
    /// Highest learning rate; a warm-up rises to it and half a cosine falls from it.
    pub learning_rate: f64,
    /// Share of that rate at which the training ends.
    pub learning_rate_end: f64,
    /// Steps of the warm-up.
    pub warm_up_steps: u32,
    /// The pretrained body's rate as a share of the others'.
    pub body_rate: f64,
    /// The pretrained body's layers up to this stride in pixels stay as they are; 0 lets all
    /// learn. They are half the work of a step: 4 doubles the images per second on a CPU.
    pub frozen_stride: u32,
    /// How much weights shrink, as a share of the rate.
    pub weight_decay: f64,
    /// Gradients longer than this are shortened.
    pub gradient_norm_max: f64,
    /// Decay of the weights' moving average; the average is what is exported.
    pub average_decay: f64,
    /// The arithmetic.
    pub precision: Precision,
    /// Seconds between checkpoints: what a power cut can cost at most.
    pub checkpoint_every_s: f64,
    /// Memory for pictures, in MiB; 0 reads them from the disk each time. Left out, a quarter
    /// of the memory that is free.
    pub cache_mib: Option<u64>,
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self {
            batch: 16,
            learning_rate: 1e-3,
            learning_rate_end: 0.01,
            warm_up_steps: 150,
            body_rate: 0.5,
            frozen_stride: 0,
            weight_decay: 0.02,
            gradient_norm_max: 10.0,
            average_decay: 0.998,
            precision: Precision::Auto,
            checkpoint_every_s: 180.0,
            cache_mib: None,
        }
    }
}

/// Looks at the validation sets on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationRecipe {
    /// Evaluations in the course of the training; 0 for none.
    pub times: u32,
    /// Validation images that are looked at in the course of the training, spread evenly over
    /// all sets; in a ladder also those that its rungs are measured on.
    pub images_max: u32,
    /// Go on to the last part of the training after so many evaluations without a better
    /// mAP; 0 never stops early.
    pub patience: u32,
}

impl Default for EvaluationRecipe {
    fn default() -> Self {
        Self {
            times: 8,
            images_max: 200,
            patience: 0,
        }
    }
}

/// The last part of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantizationRecipe {
    /// From this share of the training on, weights and activations are rounded as the export
    /// will round them; 1 leaves that out.
    pub from: f64,
    /// Training images on which the ranges of activations are measured.
    pub calibration_images: u32,
}

impl Default for QuantizationRecipe {
    fn default() -> Self {
        Self {
            from: 0.8,
            calibration_images: 160,
        }
    }
}
