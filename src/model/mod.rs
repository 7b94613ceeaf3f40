//! A model on disk: `model.onnx` and its card `model.toml`, verified before use.

mod card;
mod per_channel;
mod verify;

pub use card::{
    DataSource, InputSpec, LevelSpec, ModelCard, OnnxFile, PixelLayout, Postprocess, SetMetrics,
    SplitMetrics, Training, check_normalisation, pixel_numbers,
};
pub use per_channel::PerChannel;
pub use verify::{CARD_FILE, ModelError, VerifiedModel, sha256_hex};
