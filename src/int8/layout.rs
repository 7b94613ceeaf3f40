//! Which tensors share memory, and when each is computed.

use super::Int8Error;
use super::arena::{Lifetime, place};
use super::graph::{Graph, Op, Window};
use super::kernel::{CHANNEL_STEP, SLACK_BYTES, SLACK_PIXELS};
use super::plan::{Halo, Place};

/// Bytes of a picture's pixel: three channels and one of padding.
const PIXEL_BYTES: usize = 4;

/// Whether kernels have a depthwise loop for this window; others run as dense ones.
pub fn depthwise_is_fast(window: &Window) -> bool {
    matches!(window.kernel, [3, 3] | [5, 5]) && matches!(window.stride, [1, 1] | [2, 2])
}

/// A tensor that owns memory, and those that lie inside it.
#[derive(Clone, Copy, Debug, Default)]
struct Buffer {
    halo: Halo,
    /// What the halo must hold, where some reader asks for one.
    fill: Option<u8>,
}

/// Where and when tensors are.
pub struct Layout {
    /// Whether the node has steps of its own, or lies where its inputs are.
    pub is_computed: Vec<bool>,
    /// The stage that computes the node.
    pub stage: Vec<usize>,
    /// Number of stages.
    pub stages: usize,
    /// Where each node lies.
    pub places: Vec<Place>,
    /// Size of the arena.
    pub arena_bytes: usize,
}

/// What is known of the readers of every node.
struct Readers {
    nodes: Vec<Vec<usize>>,
    is_output: Vec<bool>,
}

impl Layout {
    /// Lays out a sound graph. `flip` is combined with what halos hold.
    pub fn new(graph: &Graph, flip: u8) -> Result<Self, Int8Error> {
        let count = graph.nodes.len();
        let mut readers = Readers {
            nodes: vec![Vec::new(); count],
            is_output: vec![false; count],
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            for input in &node.inputs {
                readers.nodes[*input].push(index);
            }
        }
        for output in &graph.outputs {
            readers.is_output[*output] = true;
        }
        let mut buffers = (0..count)
            .map(|index| needs(graph, &readers, index))
            .collect::<Result<Vec<_>, _>>()?;
        let is_computed: Vec<bool> = (0..count)
            .map(|index| !is_read_in_place(graph, &readers, index))
            .collect();
        let owner = owners(graph, &is_computed, &mut buffers);
        let (stage, stages) = stages(graph, &is_computed, &owner);
        let (places, arena_bytes) = places(
            graph,
            &Sharing {
                readers: &readers,
                is_computed: &is_computed,
                owner: &owner,
                buffers: &buffers,
                stage: &stage,
                stages,
            },
            flip,
        );
        Ok(Self {
            is_computed,
            stage,
            stages,
            places,
            arena_bytes,
        })
    }
}

/// The halo that a node's readers ask for.
fn needs(graph: &Graph, readers: &Readers, index: usize) -> Result<Buffer, Int8Error> {
    let shape = graph.nodes[index].shape;
    let mut buffer = Buffer::default();
    for reader in &readers.nodes[index] {
        let Op::Conv(conv) = &graph.nodes[*reader].op else {
            continue;
        };
        let (w, out) = (&conv.window, graph.nodes[*reader].shape);
        let after = |i: usize, input: usize, output: usize| {
            ((output - 1) * w.stride[i] + w.kernel[i]).saturating_sub(w.before[i] + input)
        };
        let halo = Halo {
            top: w.before[0],
            left: w.before[1],
            bottom: after(0, shape.rows, out.rows),
            right: after(1, shape.columns, out.columns),
        };
        if halo == Halo::default() {
            continue;
        }
        if !buffer.merge(halo, conv.input_zero) {
            return Err(Int8Error::Graph {
                node: graph.nodes[index].name.clone(),
                reason: "is read with two different zero points",
            });
        }
    }
    Ok(buffer)
}

impl Buffer {
    /// Widens the halo; false, and nothing changed, where the fill would be another.
    fn merge(&mut self, halo: Halo, fill: u8) -> bool {
        if halo == Halo::default() {
            return true;
        }
        if self.fill.is_some_and(|own| own != fill) {
            return false;
        }
        self.fill = Some(fill);
        self.halo.top = self.halo.top.max(halo.top);
        self.halo.left = self.halo.left.max(halo.left);
        self.halo.bottom = self.halo.bottom.max(halo.bottom);
        self.halo.right = self.halo.right.max(halo.right);
        true
    }
}

/// Whether an upsampling need not be written out, because sums read it repeatedly instead.
fn is_read_in_place(graph: &Graph, readers: &Readers, index: usize) -> bool {
    let is_upsampling = |node: usize| matches!(graph.nodes[node].op, Op::Upsample(_));
    is_upsampling(index)
        && !readers.is_output[index]
        && readers.nodes[index].iter().all(|reader| {
            let node = &graph.nodes[*reader];
            let others = node.inputs.iter().filter(|i| is_upsampling(**i)).count();
            matches!(node.op, Op::Add(_)) && others == 1
        })
}

/// For every node the node in whose memory it lies, and at which channel.
fn owners(graph: &Graph, is_computed: &[bool], buffers: &mut [Buffer]) -> Vec<(usize, usize)> {
    let mut owner: Vec<(usize, usize)> = (0..graph.nodes.len()).map(|i| (i, 0)).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        if !matches!(node.op, Op::Concat) {
            continue;
        }
        let mut channel = 0usize;
        for (nth, input) in node.inputs.iter().enumerate() {
            let channels = graph.nodes[*input].shape.channels;
            let last = nth + 1 == node.inputs.len();
            let fits = channel.is_multiple_of(CHANNEL_STEP)
                && (last || channels.is_multiple_of(CHANNEL_STEP));
            let free = owner[*input].0 == *input
                && is_computed[*input]
                && !matches!(graph.nodes[*input].op, Op::Input(_) | Op::Concat);
            let own = buffers[*input];
            if fits && free && buffers[index].merge(own.halo, own.fill.unwrap_or(0)) {
                owner[*input] = (index, channel);
            }
            channel += channels;
        }
    }
    owner
}

/// The stage of every node, and how many there are. Stage 0 is the inputs'.
fn stages(graph: &Graph, is_computed: &[bool], owner: &[(usize, usize)]) -> (Vec<usize>, usize) {
    let mut stage = vec![0; graph.nodes.len()];
    let mut last = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        let ready = node.inputs.iter().map(|i| stage[*i]).max();
        let in_place = matches!(node.op, Op::Concat)
            && node.inputs.iter().all(|input| owner[*input].0 == index);
        stage[index] = match ready {
            None => 0,
            Some(ready) if in_place || !is_computed[index] => ready,
            Some(ready) => ready + 1,
        };
        last = last.max(stage[index]);
    }
    (stage, last + 1)
}

struct Sharing<'a> {
    readers: &'a Readers,
    is_computed: &'a [bool],
    owner: &'a [(usize, usize)],
    buffers: &'a [Buffer],
    stage: &'a [usize],
    stages: usize,
}

fn places(graph: &Graph, sharing: &Sharing<'_>, flip: u8) -> (Vec<Place>, usize) {
    let count = graph.nodes.len();
    let mut forms: Vec<Place> = (0..count).map(|i| form(graph, sharing, i, flip)).collect();
    let owners: Vec<usize> = (0..count)
        .filter(|i| sharing.owner[*i].0 == *i && sharing.is_computed[*i])
        .collect();
    let lifetimes: Vec<Lifetime> = owners
        .iter()
        .map(|i| lifetime(graph, sharing, *i, &forms[*i]))
        .collect();
    let (offsets, bytes) = place(&lifetimes);
    for (index, offset) in owners.iter().zip(offsets) {
        forms[*index].first += offset;
    }
    let places = (0..count)
        .map(|index| {
            let (owner, channel) = sharing.owner[index];
            let mut place = forms[owner];
            place.first += channel;
            place.channel = channel;
            place.shape = graph.nodes[index].shape;
            place
        })
        .collect();
    (places, bytes)
}

/// A tensor as if the arena were its own.
fn form(graph: &Graph, sharing: &Sharing<'_>, index: usize, flip: u8) -> Place {
    let node = &graph.nodes[index];
    let Buffer { halo, fill } = sharing.buffers[index];
    let readers = &sharing.readers.nodes[index];
    let is_picture = matches!(node.op, Op::Input(_))
        && node.shape.channels <= PIXEL_BYTES
        && readers
            .iter()
            .all(|reader| matches!(graph.nodes[*reader].op, Op::Conv(_)));
    let pixel_bytes = if is_picture {
        PIXEL_BYTES
    } else {
        node.shape.channels.next_multiple_of(CHANNEL_STEP)
    };
    let row_bytes = (halo.left + node.shape.columns + halo.right) * pixel_bytes;
    Place {
        first: halo.top * row_bytes + halo.left * pixel_bytes,
        channel: 0,
        pixel_bytes,
        row_bytes,
        halo,
        fill: fill.unwrap_or(0) ^ flip,
        shape: node.shape,
    }
}

/// Size and use of the memory that a node owns, for all that lies in it.
fn lifetime(graph: &Graph, sharing: &Sharing<'_>, owner: usize, form: &Place) -> Lifetime {
    let rows = form.halo.top + form.shape.rows + form.halo.bottom;
    let slack = SLACK_PIXELS * form.pixel_bytes + SLACK_BYTES;
    let mut lifetime = Lifetime {
        bytes: rows * form.row_bytes + slack,
        first: usize::MAX,
        last: 0,
    };
    for node in (0..graph.nodes.len()).filter(|i| sharing.owner[*i].0 == owner) {
        let stage = sharing.stage[node];
        lifetime.first = lifetime.first.min(stage);
        lifetime.last = lifetime.last.max(last_use(sharing, node)).max(stage);
    }
    lifetime
}

fn last_use(sharing: &Sharing<'_>, node: usize) -> usize {
    if sharing.readers.is_output[node] {
        return sharing.stages;
    }
    let readers = sharing.readers.nodes[node].iter();
    let last = readers.map(|reader| {
        if sharing.is_computed[*reader] {
            sharing.stage[*reader]
        } else {
            // Its readers read this tensor instead.
            last_use(sharing, *reader)
        }
    });
    last.max().unwrap_or(sharing.stage[node])
}
