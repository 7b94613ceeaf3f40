//! The part of a recipe that is about the pictures.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What pictures go through before they are learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentationRecipe {
    /// Share of the samples that are mirrored.
    pub mirror_share: f32,
    /// Share of the samples at another scale and place than on the board.
    pub view_share: f32,
    /// Least zoom of those against the letterbox.
    pub zoom_min: f32,
    /// Largest zoom. Coming closer is favoured: small objects are many.
    pub zoom_max: f32,
    /// Change light, colour and sharpness.
    pub photometric: bool,
    /// Share of the samples that are put together from four images.
    pub mosaic_share: f32,
    /// Share of the samples into which objects of rare classes are pasted.
    pub paste_share: f32,
    /// From this share of the training on, mosaics and pastes are left out.
    pub compose_until: f64,
    /// Model whose confident detections stand for the labels of classes that a set does not
    /// label.
    pub pseudo_labels: Option<PathBuf>,
}

impl Default for AugmentationRecipe {
    fn default() -> Self {
        Self {
            mirror_share: 0.5,
            view_share: 0.6,
            zoom_min: 0.75,
            zoom_max: 1.8,
            photometric: true,
            mosaic_share: 0.0,
            paste_share: 0.0,
            compose_until: 0.8,
            pseudo_labels: None,
        }
    }
}

impl AugmentationRecipe {
    /// Pictures just as the board sees them.
    pub fn none() -> Self {
        Self {
            mirror_share: 0.0,
            view_share: 0.0,
            photometric: false,
            ..Self::default()
        }
    }
}
