//! The part of a network that computes in integers, as plain data.
//!
//! Activations are `u8` in planes `[channels, rows, columns]`; what number an integer stands
//! for matters only where tensors are added and at the ends.

/// How the integers of a tensor stand for numbers: `(integer - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheme {
    /// Size of a step.
    pub scale: f32,
    /// The integer that stands for 0.
    pub zero_point: u8,
}

/// Extent of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl Shape {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.channels * self.rows * self.columns
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A window that slides over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns that it covers.
    pub kernel: [usize; 2],
    /// Rows and columns between two positions.
    pub stride: [usize; 2],
    /// Rows above and columns to the left of the tensor at which it begins.
    pub before: [usize; 2],
}

/// A convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Where it looks.
    pub window: Window,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// `[outputs, inputs / groups, kernel rows, kernel columns]`, row-major.
    pub weight: Vec<i8>,
    /// `[outputs]`, in steps of input scale times weight scale.
    pub bias: Vec<i32>,
    /// Steps of the output per step of the sum, `[outputs]`.
    pub multiplier: Vec<f32>,
    /// The input's integer that stands for 0; padding has this value.
    pub input_zero: u8,
    /// The output's integer that stands for 0.
    pub output_zero: u8,
}

impl Conv {
    /// Whether every channel has a filter of its own and nothing else.
    pub fn is_depthwise(&self, input: &Shape) -> bool {
        self.groups == input.channels && self.bias.len() == input.channels
    }

    /// Weights of one output.
    pub fn weights_per_output(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }
}

/// The sum of two tensors as numbers, in steps of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add {
    /// The two inputs.
    pub inputs: [Scheme; 2],
    /// The output's integer that stands for 0.
    pub output_zero: u8,
    /// Steps of the output per unit: the reciprocal of its scale.
    pub output_per_unit: f32,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A tensor that comes from outside, the how-manieth.
    Input(usize),
    /// A convolution of the one input.
    Conv(Conv),
    /// The sum of the two inputs.
    Add(Add),
    /// Each pixel of the one input `[rows, columns]` times.
    Upsample([usize; 2]),
    /// The inputs' channels one behind the other.
    Concat,
    /// The largest value under the window; padding does not count.
    MaxPool(Window),
}

/// One tensor and how it comes about.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name, for people.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// Indices of the nodes that are read, all smaller than the node's own.
    pub inputs: Vec<usize>,
    /// Extent of the output.
    pub shape: Shape,
}

/// Nodes in an order in which they can be computed, and those whose value is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Indices of the wanted nodes.
    pub outputs: Vec<usize>,
}

impl Node {
    /// Multiply-accumulates of the node.
    pub fn macs(&self) -> u64 {
        match &self.op {
            Op::Conv(conv) => {
                (self.shape.rows * self.shape.columns * self.shape.channels) as u64
                    * conv.weights_per_output() as u64
            }
            _ => 0,
        }
    }
}
