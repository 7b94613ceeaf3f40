//! What a rung came to.

use crate::trainings::Figures;
use serde::Serialize;

/// The figures of one rung.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Name of the rung.
    pub rung: String,
    /// What it changes.
    pub change: String,
    /// Name of the rung that it stands on; `None` for the bottom.
    pub stands_on: Option<String>,
    /// How good the network is.
    #[serde(flatten)]
    pub figures: Figures,
    /// Parameters of the network.
    pub parameters: u64,
    /// Multiply-accumulates of one inference, in millions.
    pub macs_millions: f64,
    /// Images seen in training.
    pub images: u64,
    /// Training speed.
    pub images_per_s: f64,
    /// mAP against that of the rung that it stands on.
    pub gain: f64,
    /// Whether the next rungs stand on it.
    pub kept: bool,
}
