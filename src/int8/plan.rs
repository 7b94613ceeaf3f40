//! Where every tensor lies, and the steps that compute them, decided once at load.

use super::Int8Error;
use super::graph::{Add, Conv, Graph, Op, Shape, Window};
use super::kernel::{Kernels, Packed};
use super::layout::{Layout, depthwise_is_fast};

/// Rows and columns around a tensor that hold its zero: above, left, below, right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halo {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

/// A tensor in the arena: pixels of all channels, rows one behind the other, a halo around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset of the first channel of the first pixel, halo excluded.
    pub first: usize,
    /// Channels of the same pixels that lie before; the tensor without any owns the halo.
    pub channel: usize,
    /// Bytes from a pixel to the next.
    pub pixel_bytes: usize,
    /// Bytes from a row to the next.
    pub row_bytes: usize,
    /// The halo.
    pub halo: Halo,
    /// What the halo holds.
    pub fill: u8,
    /// Extent.
    pub shape: Shape,
}

impl Place {
    /// Offset of a row.
    pub fn row(&self, row: usize) -> usize {
        self.first + row * self.row_bytes
    }

    /// Whether rows follow each other without anything between.
    pub fn is_seamless(&self) -> bool {
        self.row_bytes == self.shape.columns * self.pixel_bytes
    }
}

/// What a step computes.
#[derive(Debug)]
pub enum Work {
    /// A convolution; the offset is from the input's first pixel to that of the first window.
    Conv {
        packed: Packed,
        window: Window,
        depthwise: bool,
    },
    /// A sum; the second input is read at rows and columns divided by these.
    Add { add: Add, repeat: [usize; 2] },
    /// Pixels repeated.
    Upsample([usize; 2]),
    /// Channels copied into a wider tensor.
    Copy,
    /// The largest value of a window.
    MaxPool(Window),
}

/// One step: computes the rows of one tensor.
#[derive(Debug)]
pub struct Step {
    /// Index of the node.
    pub node: usize,
    /// What is computed.
    pub work: Work,
    /// What is read.
    pub inputs: Vec<Place>,
    /// What is written.
    pub output: Place,
    /// Work of a row, in about cycles; shares it out among threads.
    pub row_cost: u64,
}

/// The steps of a network in stages; those of a stage do not depend on each other.
pub struct Plan {
    pub(super) graph: Graph,
    pub(super) kernels: &'static dyn Kernels,
    pub(super) stages: Vec<Vec<Step>>,
    pub(super) places: Vec<Place>,
    pub(super) arena_bytes: usize,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Plan({}, {} nodes, {} bytes)",
            self.kernels.name(),
            self.graph.nodes.len(),
            self.arena_bytes
        )
    }
}

impl Plan {
    /// Plans `graph` for a set of kernels.
    pub fn new(graph: Graph, kernels: &'static dyn Kernels) -> Result<Self, Int8Error> {
        super::check::check(&graph)?;
        let layout = Layout::new(&graph, kernels.flip())?;
        let mut stages: Vec<Vec<Step>> = Vec::new();
        stages.resize_with(layout.stages, Vec::new);
        for index in 0..graph.nodes.len() {
            if layout.is_computed[index] {
                steps(
                    &graph,
                    &layout,
                    index,
                    kernels,
                    &mut stages[layout.stage[index]],
                );
            }
        }
        stages.retain(|steps| !steps.is_empty());
        Ok(Self {
            graph,
            kernels,
            stages,
            places: layout.places,
            arena_bytes: layout.arena_bytes,
        })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Name of the inner loops.
    pub fn kernels(&self) -> &'static str {
        self.kernels.name()
    }

    /// Bytes of the arena.
    pub fn arena_bytes(&self) -> usize {
        self.arena_bytes
    }
}

/// Adds the steps that compute a node.
fn steps(
    graph: &Graph,
    layout: &Layout,
    index: usize,
    kernels: &dyn Kernels,
    steps: &mut Vec<Step>,
) {
    let node = &graph.nodes[index];
    let output = layout.places[index];
    let mut push = |work: Work, inputs: Vec<Place>, output: Place| {
        let row_cost = row_cost(&work, &output, node.macs());
        steps.push(Step {
            node: index,
            work,
            inputs,
            output,
            row_cost,
        });
    };
    let place = |input: usize| layout.places[input];
    match &node.op {
        Op::Input(_) => {}
        Op::Conv(conv) => {
            let x = place(node.inputs[0]);
            push(conv_work(conv, &x.shape, kernels), vec![x], output);
        }
        Op::Add(add) => {
            let (add, inputs, repeat) = add_inputs(graph, layout, add, &node.inputs);
            push(Work::Add { add, repeat }, inputs.to_vec(), output);
        }
        Op::Upsample(repeat) => push(Work::Upsample(*repeat), vec![place(node.inputs[0])], output),
        Op::MaxPool(window) => push(Work::MaxPool(*window), vec![place(node.inputs[0])], output),
        Op::Concat => {
            let mut channel = 0;
            for input in &node.inputs {
                let x = place(*input);
                let mut slice = output;
                slice.first += channel;
                slice.channel += channel;
                slice.shape.channels = x.shape.channels;
                channel += x.shape.channels;
                if slice.first != x.first || slice.pixel_bytes != x.pixel_bytes {
                    push(Work::Copy, vec![x], slice);
                }
            }
        }
    }
}

fn conv_work(conv: &Conv, x: &Shape, kernels: &dyn Kernels) -> Work {
    let depthwise = conv.is_depthwise(x) && depthwise_is_fast(&conv.window);
    let packed = if depthwise {
        kernels.pack_depthwise(conv)
    } else {
        kernels.pack_dense(conv, x)
    };
    Work::Conv {
        packed,
        window: conv.window,
        depthwise,
    }
}

/// The inputs of a sum, the one that is read repeatedly second.
fn add_inputs(
    graph: &Graph,
    layout: &Layout,
    add: &Add,
    inputs: &[usize],
) -> (Add, [Place; 2], [usize; 2]) {
    let [a, b] = [inputs[0], inputs[1]];
    let source = |node: usize| match &graph.nodes[node].op {
        Op::Upsample(repeat) if !layout.is_computed[node] => {
            (layout.places[graph.nodes[node].inputs[0]], *repeat)
        }
        _ => (layout.places[node], [1, 1]),
    };
    let ((x, x_repeat), (y, y_repeat)) = (source(a), source(b));
    if x_repeat == [1, 1] {
        return (*add, [x, y], y_repeat);
    }
    let mut swapped = *add;
    swapped.inputs.swap(0, 1);
    (swapped, [y, x], x_repeat)
}

/// About the cycles of one row; only the ratios count.
fn row_cost(work: &Work, output: &Place, macs: u64) -> u64 {
    let bytes = (output.shape.columns * output.shape.channels) as u64;
    let macs = macs / output.shape.rows as u64;
    match work {
        Work::Conv {
            depthwise: false, ..
        } => macs / 80 + bytes / 6,
        Work::Conv { .. } => macs / 25 + bytes / 6,
        _ => bytes / 4,
    }
}
