//! The pretrained body: EfficientNet-Lite0 with ImageNet weights, as safetensors.

pub mod legacy;
pub mod pickle;
