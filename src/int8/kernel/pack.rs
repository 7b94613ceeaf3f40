//! Weights as a set of kernels reads them.

use crate::int8::graph::{Conv, Shape};

/// Weights, biases and multipliers of one convolution, laid out for a set of kernels.
#[derive(Debug, Default)]
pub struct Packed {
    /// Weights; the layout is the set's own.
    pub weight: Vec<i8>,
    /// Biases, the input's zero point folded in, in the order of the accumulators.
    pub bias: Vec<i32>,
    /// Multipliers, in the order of the accumulators.
    pub multiplier: Vec<f32>,
    /// The output's integer that stands for 0.
    pub output_zero: i32,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Columns from one window to the next.
    pub stride: usize,
    /// Input channels in fours (dense), or channels (depthwise).
    pub inputs: usize,
    /// Blocks of output channels.
    pub blocks: Blocks,
    /// Whether two products may not fit 16 bits together, for sets that add them there.
    pub may_overflow: bool,
}

/// Sizes of the blocks of output channels, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks(pub Vec<usize>);

impl Blocks {
    /// Splits `channels` into blocks of the `sizes` given, largest first, the last rounded up
    /// to the smallest that holds the rest.
    pub fn split(channels: usize, sizes: &[usize]) -> Self {
        let mut blocks = Vec::new();
        let mut rest = channels;
        while rest > 0 {
            let whole = sizes.iter().find(|size| **size <= rest);
            let last = sizes.iter().rev().find(|size| **size >= rest);
            // A rest that fits no block exactly goes into the smallest that holds it.
            let size = match (last, whole) {
                (Some(last), _) => *last,
                (None, Some(whole)) => *whole,
                (None, None) => return Self(blocks),
            };
            blocks.push(size);
            rest = rest.saturating_sub(size);
        }
        Self(blocks)
    }

    /// All channels, the padding included.
    pub fn channels(&self) -> usize {
        self.0.iter().sum()
    }
}

/// A convolution's weights by output, input and tap, whatever its groups, and its biases with
/// the zero point folded in.
pub struct Weights<'a> {
    conv: &'a Conv,
    inputs: usize,
    inputs_per_group: usize,
    outputs_per_group: usize,
    taps: usize,
}

impl<'a> Weights<'a> {
    /// Those of `conv` on an input of this shape.
    pub fn new(conv: &'a Conv, input: &Shape) -> Self {
        Self {
            conv,
            inputs: input.channels,
            inputs_per_group: (input.channels / conv.groups).max(1),
            outputs_per_group: (conv.bias.len() / conv.groups).max(1),
            taps: conv.window.kernel.iter().product(),
        }
    }

    /// The weight; 0 outside and between groups.
    pub fn dense(&self, output: usize, input: usize, tap: usize) -> i8 {
        if output >= self.conv.bias.len() || input >= self.inputs {
            return 0;
        }
        // Millions of weights are asked for at load, and a division costs more than the rest.
        let input = if self.conv.groups == 1 {
            input
        } else if input / self.inputs_per_group == output / self.outputs_per_group {
            input % self.inputs_per_group
        } else {
            return 0;
        };
        self.conv.weight[(output * self.inputs_per_group + input) * self.taps + tap]
    }

    /// The weight of a depthwise convolution; 0 outside.
    pub fn depthwise(&self, channel: usize, tap: usize) -> i8 {
        if channel >= self.conv.bias.len() || tap >= self.taps {
            return 0;
        }
        self.conv.weight[channel * self.taps + tap]
    }

    /// The bias for stored bytes, whose zero is `input zero point ^ flip` read as a number of
    /// the kind that is stored; 0 outside.
    pub fn bias(&self, output: usize, flip: u8) -> i32 {
        let Some(bias) = self.conv.bias.get(output) else {
            return 0;
        };
        let per_output = self.conv.weights_per_output();
        let weights = &self.conv.weight[output * per_output..][..per_output];
        let sum: i32 = weights.iter().map(|w| i32::from(*w)).sum();
        let zero = i32::from(self.conv.input_zero) - i32::from(flip);
        bias.wrapping_sub(zero.wrapping_mul(sum))
    }

    /// The multiplier; 0 outside.
    pub fn multiplier(&self, output: usize) -> f32 {
        self.conv.multiplier.get(output).copied().unwrap_or(0.0)
    }
}
