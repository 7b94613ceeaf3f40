//! Writes networks as ONNX files: [`write_float`] to compare with, [`write_int8`] to ship;
//! [`read_float`], [`read_int8`] and [`read_dequantized`] take what they hold back out.
//!
//! Both use standard operators of opset 13 only. The input is called [`crate::network::INPUT`],
//! `f32` `[1, 3, height, width]`, each value `(pixel - mean) / std` of its channel; the outputs
//! bear the names of their layers, scores and boxes of each level in turn, `f32`. The same network gives the
//! same bytes.

mod float;
mod graph;
mod int8;
mod read;
#[cfg(test)]
pub(crate) mod tests;

pub use float::write_float;
pub use int8::write_int8;
pub use read::{read_dequantized, read_float, read_int8};

use crate::quantize::QuantizeError;

/// Why a network could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// Weights or ranges do not fit the network.
    #[error(transparent)]
    Network(#[from] QuantizeError),
    /// Two tensors have the same name.
    #[error("two tensors are called {0}; give the network's layers names of their own")]
    Name(String),
    /// The file cannot be parsed.
    #[error("this is no ONNX file ({0}); export the model anew")]
    Read(String),
    /// The file is that of another network.
    #[error(
        "the file's layer {0} is missing or of another shape: it holds another network than the \
         one that was asked for; give a model of the same network, float where float is meant"
    )]
    Other(String),
}
