//! The part of a recipe that is about the network.

use crate::network::{Architecture, DEFAULT_ANCHORS};
use crate::training::Normalisation;
use serde::{Deserialize, Serialize};

/// Where the sizes of the anchors come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorSource {
    /// The project's own, made for driving data at 512 pixels' width.
    #[default]
    Default,
    /// k-means over the boxes of the training images.
    Data,
    /// Three aspect ratios at each level, in steps of its stride, whatever the data are.
    Generic,
    /// One square a cell, which the network moves and scales: no anchors to speak of.
    Points,
}

/// The network's form. Whatever it is, the board runs it: the card tells all that it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkRecipe {
    /// Start with a body that has seen ImageNet, not with random weights.
    pub pretrained: bool,
    /// Mix coarse features into fine ones (a feature pyramid). Without it, every level has
    /// heads on the body's own features, as in SSD.
    pub pyramid: bool,
    /// Channels of the pyramid and its heads, a multiple of 8.
    pub head_channels: usize,
    /// Separable convolutions in front of each output of the heads.
    pub tower_layers: usize,
    /// One set of kernels for the heads of all levels. Needs the pyramid.
    pub shared_heads: bool,
    /// Stride of the finest level in pixels: 4 or 8.
    pub stride_min: u32,
    /// Stride of the coarsest level in pixels: 32, or 64 where it divides the input.
    pub stride_max: u32,
    /// Where the anchors come from.
    pub anchors: AnchorSource,
    /// Score that an untrained network gives everywhere; 0.5 means no prior.
    pub object_prior: f64,
    /// Where mean and deviation of the input's channels come from: `auto` takes for colours
    /// what the body was pretrained with, and measures other channels.
    pub normalisation: Normalisation,
}

impl Default for NetworkRecipe {
    fn default() -> Self {
        Self {
            pretrained: true,
            pyramid: true,
            head_channels: 96,
            tower_layers: 2,
            shared_heads: true,
            stride_min: 8,
            stride_max: 32,
            anchors: AnchorSource::Default,
            object_prior: 0.01,
            normalisation: Normalisation::Auto,
        }
    }
}

impl NetworkRecipe {
    /// Strides of the levels, finest first.
    pub fn strides(&self) -> Vec<u32> {
        [4, 8, 16, 32, 64]
            .into_iter()
            .filter(|stride| (self.stride_min..=self.stride_max).contains(stride))
            .collect()
    }

    /// The architecture with these anchors, one list a level.
    pub fn architecture(&self, anchors: Vec<Vec<[f32; 2]>>) -> Architecture {
        Architecture {
            pyramid: self.pyramid,
            head_channels: self.head_channels,
            tower_layers: self.tower_layers,
            shared_heads: self.shared_heads,
            levels: self.strides().into_iter().zip(anchors).collect(),
        }
    }

    /// Anchors of each level where they do not depend on the data.
    pub fn fixed_anchors(&self) -> Option<Vec<Vec<[f32; 2]>>> {
        let level = |stride: u32| match self.anchors {
            AnchorSource::Data => None,
            AnchorSource::Default => DEFAULT_ANCHORS
                .iter()
                .find(|(s, _)| *s == stride)
                .map(|(_, shapes)| shapes.to_vec()),
            AnchorSource::Generic => {
                let side = 4.0 * stride as f32;
                let shape = |ratio: f32| [side * ratio.sqrt(), side / ratio.sqrt()];
                Some([0.5, 1.0, 2.0].map(shape).to_vec())
            }
            AnchorSource::Points => Some(vec![[2.0 * stride as f32; 2]]),
        };
        self.strides().into_iter().map(level).collect()
    }
}
