//! The detector as plain data: a list of layers.
//!
//! The trainer builds its computation from this list, the ONNX writer its graph, and the
//! calibration its ranges; none of them knows the network otherwise.

mod detector;
mod lite0;

pub use detector::{Architecture, DEFAULT_ANCHORS, detector};

use lookout::anchors::{AnchorGrid, AnchorLevel};
use lookout::letterbox::PAD;
use lookout::model::pixel_numbers;

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// A convolution with square kernel, padding `kernel / 2` on all sides and no dilation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Groups; equal to `inputs` for a depthwise convolution.
    pub groups: usize,
    /// Name of the weights `[outputs, inputs / groups, kernel, kernel]`; two layers with the
    /// same name share them.
    pub weight: String,
    /// What is added behind the weights.
    pub bias: Bias,
    /// What follows.
    pub activation: Activation,
}

impl Conv {
    /// Names of the numbers that it learns.
    pub fn parameters(&self) -> Vec<String> {
        let kernel = format!("{}.weight", self.weight);
        match &self.bias {
            Bias::Norm(norm) => vec![kernel, format!("{norm}.weight"), format!("{norm}.bias")],
            Bias::Plain(bias) => vec![kernel, bias.clone()],
        }
    }
}

/// The additive part of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bias {
    /// A batch normalisation with this name (weight, bias, running mean and variance).
    Norm(String),
    /// A plain bias with this name, `[outputs]`.
    Plain(String),
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A convolution of its one input.
    Conv(Conv),
    /// The sum of its two inputs, which have the same shape.
    Add,
    /// Every pixel of its one input twice in both directions.
    Upsample2,
}

/// One layer; its output bears its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name, unique in the network.
    pub name: String,
    /// Names of the layers that it reads, earlier in the list; [`INPUT`] is the picture.
    pub inputs: Vec<String>,
    /// What it does.
    pub op: Op,
    /// `[channels, rows, columns]` of its output.
    pub shape: [usize; 3],
}

/// Name of the network's input.
pub const INPUT: &str = "input";

/// Outputs of one feature level, and the anchors that they are relative to.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Layer that gives the class logits `[anchors * classes, rows, columns]`.
    pub scores: String,
    /// Layer that gives the box codes `[anchors * 4, rows, columns]`.
    pub boxes: String,
    /// Input pixels per cell.
    pub stride: u32,
    /// `[width, height]` of each anchor in input pixels.
    pub anchors: Vec<[f32; 2]>,
}

/// A network: layers in an order in which they can be computed, and its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Rows of the input.
    pub input_height: usize,
    /// Columns of the input.
    pub input_width: usize,
    /// Subtracted from the pixel values of each channel; [`PAD`] unless measured.
    pub input_mean: [f32; 3],
    /// Divides the difference; [`PIXEL_STD`] unless measured.
    pub input_std: [f32; 3],
    /// The layers.
    pub layers: Vec<Layer>,
    /// Feature levels, finest first.
    pub heads: Vec<Head>,
}

/// Pixel values of colours are divided by this after [`PAD`] was subtracted, as the body was
/// pretrained.
pub const PIXEL_STD: f32 = 128.0;

/// Added to the variance of every batch normalisation, as EfficientNet was trained with.
pub const NORM_EPSILON: f64 = 1e-3;

impl Network {
    /// The same network for pixels of other mean and deviation, channel by channel.
    pub fn with_normalisation(self, mean: [f32; 3], std: [f32; 3]) -> Self {
        Self {
            input_mean: mean,
            input_std: std,
            ..self
        }
    }

    /// The number that goes in for each pixel value of each channel.
    pub fn pixel_numbers(&self) -> [[f32; 256]; 3] {
        pixel_numbers(self.input_mean, self.input_std)
    }

    /// What goes in for `pixels`, planes `[3, height, width]`.
    pub fn normalised(&self, pixels: &[u8]) -> Vec<f32> {
        let planes = pixels.chunks((pixels.len() / 3).max(1));
        let numbers = |(plane, table): (&[u8], [f32; 256])| -> Vec<f32> {
            plane.iter().map(|p| table[usize::from(*p)]).collect()
        };
        planes.zip(self.pixel_numbers()).flat_map(numbers).collect()
    }

    /// The layer of this name.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// Convolutions of the body whose output has this stride or a smaller one.
    pub fn body_up_to(&self, stride: usize) -> impl Iterator<Item = &Conv> {
        let is_within = move |layer: &&Layer| layer.shape[1] * stride >= self.input_height;
        let layers = self.layers.iter().filter(is_within);
        layers.filter_map(|layer| match &layer.op {
            Op::Conv(conv) if conv.weight.starts_with('_') => Some(conv),
            Op::Conv(_) | Op::Add | Op::Upsample2 => None,
        })
    }

    /// The anchors of all levels over the input.
    pub fn anchor_grid(&self) -> AnchorGrid {
        let level = |head: &Head| AnchorLevel {
            stride: head.stride,
            shapes: head.anchors.clone(),
        };
        let levels = self.heads.iter().map(level).collect();
        AnchorGrid::new(levels, self.input_height as u32, self.input_width as u32)
    }

    /// Multiply-accumulates of one inference.
    pub fn macs(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| match &layer.op {
                Op::Conv(c) => {
                    let [channels, rows, columns] = layer.shape;
                    (channels * rows * columns * (c.inputs / c.groups) * c.kernel * c.kernel) as u64
                }
                Op::Add | Op::Upsample2 => 0,
            })
            .sum()
    }

    /// Parameters once batch normalisation is folded, shared ones counted per layer as the
    /// file holds them.
    pub fn parameters(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| match &layer.op {
                Op::Conv(c) => {
                    (c.outputs * (c.inputs / c.groups) * c.kernel * c.kernel + c.outputs) as u64
                }
                Op::Add | Op::Upsample2 => 0,
            })
            .sum()
    }
}

/// Puts a network together, layer by layer, and works out the shapes.
#[derive(Debug)]
pub(crate) struct Builder {
    network: Network,
}

impl Builder {
    pub(crate) fn new(input_height: usize, input_width: usize) -> Self {
        let (layers, heads) = (Vec::new(), Vec::new());
        Self {
            network: Network {
                input_height,
                input_width,
                input_mean: [f32::from(PAD); 3],
                input_std: [PIXEL_STD; 3],
                layers,
                heads,
            },
        }
    }

    pub(crate) fn finish(self) -> Network {
        self.network
    }

    /// Shape of a layer's output; that of the picture for [`INPUT`].
    pub(crate) fn shape(&self, name: &str) -> [usize; 3] {
        let network = &self.network;
        let picture = [3, network.input_height, network.input_width];
        network.layer(name).map_or(picture, |layer| layer.shape)
    }

    fn push(&mut self, name: &str, inputs: &[&str], op: Op, shape: [usize; 3]) -> String {
        debug_assert!(
            self.network.layer(name).is_none(),
            "two layers are called {name}"
        );
        let inputs = inputs.iter().map(|i| i.to_string()).collect();
        self.network.layers.push(Layer {
            name: name.into(),
            inputs,
            op,
            shape,
        });
        name.into()
    }

    pub(crate) fn conv(&mut self, name: &str, input: &str, conv: Conv) -> String {
        let [channels, rows, columns] = self.shape(input);
        debug_assert_eq!(channels, conv.inputs, "{name} reads {input}");
        let side = |n: usize| (n + 2 * (conv.kernel / 2) - conv.kernel) / conv.stride + 1;
        let shape = [conv.outputs, side(rows), side(columns)];
        self.push(name, &[input], Op::Conv(conv), shape)
    }

    pub(crate) fn add(&mut self, name: &str, a: &str, b: &str) -> String {
        let shape = self.shape(a);
        debug_assert_eq!(shape, self.shape(b), "{name} adds {a} and {b}");
        self.push(name, &[a, b], Op::Add, shape)
    }

    pub(crate) fn upsample2(&mut self, name: &str, input: &str) -> String {
        let [channels, rows, columns] = self.shape(input);
        self.push(
            name,
            &[input],
            Op::Upsample2,
            [channels, 2 * rows, 2 * columns],
        )
    }

    pub(crate) fn head(&mut self, head: Head) {
        self.network.heads.push(head);
    }
}
