//! From a float network to an integer one.
//!
//! [`Observer`] gathers what every layer puts out over the calibration pictures and chooses a
//! range for it; [`Int8Network`] turns weights and ranges into integers; [`reference`] runs
//! those in plain loops, as the measure for every faster engine. [`crate::onnx`] writes the
//! same integers as a file.

mod check;
mod error;
mod histogram;
mod observer;
mod range;
pub mod reference;
mod rounding;
mod scheme;
mod tensor;
mod weights;

pub use error::QuantizeError;
pub use observer::Observer;
pub use range::{LOGIT_MIN, Method, Ranges};
pub use scheme::{Int8Conv, Int8Network};
pub use tensor::{TensorScheme, input_bytes, input_scheme};
pub use weights::{ConvWeights, FoldedWeights, fold_norm};

pub(crate) use check::check_network;
pub(crate) use weights::layer_weights;
