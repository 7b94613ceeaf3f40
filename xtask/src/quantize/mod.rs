//! From a float network to an integer one.
//!
//! [`calibrate`] runs pictures through the float network; [`Observer`] gathers what every layer
//! puts out and chooses a range for it; [`Int8Network`] turns weights and ranges into integers;
//! [`reference`] runs those in plain loops, as the measure for every faster engine.
//! [`crate::onnx`] writes the same integers as a file. [`equalise`] and [`correct_biases`] change
//! the float weights so that rounding costs less. [`command`] is the verb that does all that.

mod bias;
mod calibrate;
mod check;
pub mod command;
mod equalise;
mod error;
mod folder;
mod histogram;
mod layers;
mod observer;
mod range;
pub mod reference;
mod rounding;
mod scheme;
mod tensor;
#[cfg(test)]
pub(crate) mod testing;
mod twin;
mod weights;

pub use bias::{bias_shifts, correct_biases};
pub use calibrate::{Channel, calibrate, channels};
pub use equalise::equalise;
pub use error::QuantizeError;
pub use folder::FolderError;
pub use layers::{LayerEngine, Tensors, activate, normalised};
pub use observer::Observer;
pub use range::{Choice, LOGIT_MIN, Method, Ranges};
pub use scheme::{Int8Conv, Int8Network};
pub use tensor::{TensorScheme, input_bytes, input_scheme};
pub use twin::{Dequantized, Precision, Twin};
pub use weights::{ConvWeights, FoldedWeights, fold_norm};

pub(crate) use check::check_network;
pub(crate) use folder::{ModelFolder, pictures, replace, write_model};
pub(crate) use layers::inputs;
pub(crate) use weights::layer_weights;
