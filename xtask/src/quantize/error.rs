//! Why a network could not be quantized.

/// Why a network could not be quantized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantizeError {
    /// A layer has no weights.
    #[error("layer {0} has no weights; export them for every convolution of the network")]
    WeightsMissing(String),
    /// Weights or biases are not as many as the layer needs.
    #[error(
        "layer {layer}: {found} {what} instead of {expected}; export them from the same network"
    )]
    WeightsCount {
        /// Name of the layer.
        layer: String,
        /// `weights` or `biases`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the layer needs.
        expected: usize,
    },
    /// A weight is not a number, or so large that the integers cannot hold the layer.
    #[error("layer {0}: weights are infinite, no numbers or far too large; training diverged")]
    WeightsWild(String),
    /// The parts of a batch normalisation do not fit its weights.
    #[error(
        "a batch normalisation does not fit its weights, or its variance is negative; \
         fold it with the parts of one checkpoint"
    )]
    Norm,
    /// A layer's output was not observed.
    #[error("layer {0} was never observed; run the calibration pictures through all layers")]
    RangeMissing(String),
    /// A layer put out a value that is no number or beyond all sense.
    #[error("layer {0} puts out values that are infinite or no numbers; training diverged")]
    OutputWild(String),
    /// A range is empty, inverted or not finite.
    #[error("layer {0} has an impossible range; its ends must be finite and the lower one less")]
    Range(String),
    /// Mean or deviation of the input's channels cannot be used.
    #[error("the input's {0}; measure it on pictures of the data set")]
    Input(String),
    /// The network reads a layer that comes later, or adds layers of different shapes.
    #[error("layer {0} does not fit its inputs; list layers in the order of computation")]
    Network(String),
    /// The engine that computes single layers in floats failed.
    #[error("layer {0} cannot be computed in floats: {1}; this is a bug, please report it")]
    Engine(String, String),
    /// Nothing to look at.
    #[error("there is no picture to calibrate on; give data sets with readable training images")]
    NoPicture,
    /// The picture for the reference has the wrong size.
    #[error("the picture has {found} bytes instead of {expected}; give red, green and blue planes")]
    Picture {
        /// Bytes given.
        found: usize,
        /// Bytes of the network's input.
        expected: usize,
    },
}
