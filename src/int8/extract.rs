//! Finds the integers in tract's model.
//!
//! Works on the model as it was read, before tract simplifies it: there every quantized
//! operator is still one node. Nodes are taken as long as nothing between them would have to
//! run outside, so that all of them together are one operation.

use super::graph::{Add, Conv, Graph, Node, Op, Scheme, Shape, Window};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::conv::KernelFormat;
use tract_onnx::tract_core::ops::cnn::{Conv as TractConv, MaxPool, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_core::ops::quant::{DequantizeLinearF32, QuantizeLinearU8};

/// How a tensor crosses the border of the integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crossing {
    /// As numbers. Inwards `round(number * per_unit) + zero point`, outwards
    /// `(integer - zero point) * scale`; the scheme holds `per_unit` or `scale`.
    Numbers(Scheme),
    /// As the integers that they are.
    Integers,
}

/// A tensor of tract's model at the border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port {
    /// The tensor: what goes in, or what is replaced.
    pub outlet: OutletId,
    /// Index of the graph's node.
    pub node: usize,
    /// How it crosses.
    pub crossing: Crossing,
}

/// A node that stays with tract, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The node's name.
    pub node: String,
    /// Why it stays.
    pub reason: String,
}

/// The integers of a model.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    /// What is computed.
    pub graph: Graph,
    /// What goes in, in the order of [`Op::Input`].
    pub inputs: Vec<Port>,
    /// What comes out, in the order of the graph's outputs.
    pub outputs: Vec<Port>,
    /// What could not be taken.
    pub left: Vec<Left>,
}

/// Takes the integers out of `model`, which stays as it is.
///
/// # Errors
/// When the model's nodes contradict each other.
pub fn extract(model: &TypedModel) -> TractResult<Extraction> {
    let mut extractor = Extractor {
        model,
        found: Extraction::default(),
        taken: HashMap::new(),
        outside: HashSet::new(),
        absorbed: HashSet::new(),
    };
    for id in model.eval_order()? {
        extractor.visit(id)?;
    }
    extractor.close()?;
    Ok(extractor.found)
}

/// Why a node is not taken: `None` where it has nothing to do with integers.
type Taken = Result<(), Option<String>>;

struct Extractor<'a> {
    model: &'a TypedModel,
    found: Extraction,
    /// Nodes of the graph by the tensors that they stand for.
    taken: HashMap<OutletId, usize>,
    /// Nodes that tract runs and that read, directly or not, what was taken.
    outside: HashSet<usize>,
    /// Nodes that a sum has absorbed.
    absorbed: HashSet<usize>,
}

impl Extractor<'_> {
    fn visit(&mut self, id: usize) -> TractResult<()> {
        let node = &self.model.nodes[id];
        let taken = match self.take(node) {
            Ok(taken) => taken,
            Err(error) => Err(Some(format!("{error:#}"))),
        };
        let Err(reason) = taken else { return Ok(()) };
        if let Some(reason) = reason {
            self.found.left.push(Left {
                node: node.name.clone(),
                reason,
            });
        }
        let reads = |outlet: &OutletId| {
            self.taken.contains_key(outlet) || self.outside.contains(&outlet.node)
        };
        if node.inputs.iter().any(reads) {
            self.outside.insert(id);
        }
        Ok(())
    }

    /// Takes a node if it can be taken.
    fn take(&mut self, node: &TypedNode) -> TractResult<Taken> {
        let op = &node.op;
        if let Some(element) = op.downcast_ref::<ElementWiseOp>() {
            return match element.0.downcast_ref::<QuantizeLinearU8>() {
                Some(quantize) => self.take_quantize(node, quantize),
                None => Ok(Err(None)),
            };
        }
        if let Some(conv) = op.downcast_ref::<TractConv>() {
            return if conv.q_params.is_some() {
                self.take_conv(node, conv)
            } else {
                Ok(Err(None))
            };
        }
        let Some(x) = node.inputs.first().and_then(|i| self.taken.get(i).copied()) else {
            return Ok(Err(None));
        };
        if let Some(pool) = op.downcast_ref::<MaxPool>() {
            let window = match window(&pool.pool_spec, &self.shape(x)) {
                Ok(window) if pool.with_index_outputs.is_none() => window,
                Ok(_) => return Ok(Err(Some("gives the places of maxima".into()))),
                Err(reason) => return Ok(Err(Some(reason))),
            };
            return self.push(node, Op::MaxPool(window), vec![x]).map(Ok);
        }
        if let Some(concat) = op.downcast_ref::<TypedConcat>() {
            let inputs: Option<Vec<usize>> = node
                .inputs
                .iter()
                .map(|i| self.taken.get(i).copied())
                .collect();
            return match inputs {
                Some(inputs) if concat.axis == 1 => self.push(node, Op::Concat, inputs).map(Ok),
                _ => Ok(Err(Some(
                    "concatenates more than channels of integers".into(),
                ))),
            };
        }
        if let Some(repeat) = self.repetition(node, x)? {
            return self.push(node, Op::Upsample(repeat), vec![x]).map(Ok);
        }
        let is_border = op.is::<DequantizeLinearF32>();
        let reason = || format!("{} on integers is unknown to the int8 engine", op.name());
        Ok(Err((!is_border).then(reason)))
    }

    fn shape(&self, node: usize) -> Shape {
        self.found.graph.nodes[node].shape
    }

    /// Adds a node for the one output of `node`.
    fn push(&mut self, node: &TypedNode, op: Op, inputs: Vec<usize>) -> TractResult<()> {
        let outlet = OutletId::new(node.id, 0);
        let shape = shape(self.model.outlet_fact(outlet)?)?;
        self.taken.insert(outlet, self.found.graph.nodes.len());
        self.found.graph.nodes.push(Node {
            name: node.name.clone(),
            op,
            inputs,
            shape,
        });
        Ok(())
    }

    /// Adds an input for a tensor that tract computes.
    fn push_input(
        &mut self,
        outlet: OutletId,
        name: &str,
        crossing: Crossing,
    ) -> TractResult<usize> {
        let node = self.found.graph.nodes.len();
        self.found.graph.nodes.push(Node {
            name: name.to_owned(),
            op: Op::Input(self.found.inputs.len()),
            inputs: Vec::new(),
            shape: shape(self.model.outlet_fact(outlet)?)?,
        });
        self.found.inputs.push(Port {
            outlet,
            node,
            crossing,
        });
        Ok(node)
    }

    /// A `QuantizeLinear`: the end of a sum, or an input.
    fn take_quantize(&mut self, node: &TypedNode, op: &QuantizeLinearU8) -> TractResult<Taken> {
        let source = node.inputs[0];
        if let Some((inputs, schemes)) = self.sum(source) {
            let add = Add {
                inputs: schemes,
                output_zero: op.zero_point,
                output_per_unit: op.scale,
            };
            self.push(node, Op::Add(add), inputs.to_vec())?;
            let sum = &self.model.nodes[source.node];
            self.absorbed.insert(sum.id);
            return Ok(Ok(()));
        }
        if self.outside.contains(&source.node) {
            let reason = "reads what tract computes from integers";
            return Ok(Err(Some(reason.into())));
        }
        let scheme = Scheme {
            scale: op.scale,
            zero_point: op.zero_point,
        };
        let input = self.push_input(source, &node.name, Crossing::Numbers(scheme))?;
        self.taken.insert(OutletId::new(node.id, 0), input);
        Ok(Ok(()))
    }

    /// The two tensors that are turned into numbers and added to give `outlet`.
    fn sum(&self, outlet: OutletId) -> Option<([usize; 2], [Scheme; 2])> {
        let node = &self.model.nodes[outlet.node];
        let op = node.op.downcast_ref::<TypedBinOp>()?;
        let [a, b] = node.inputs[..] else { return None };
        let plain = op.0.is::<math::Add>() && op.1.is_none();
        let (a, b) = (self.numbers(a)?, self.numbers(b)?);
        (plain && self.shape(a.0) == self.shape(b.0)).then_some(([a.0, b.0], [a.1, b.1]))
    }

    /// The integers that a `DequantizeLinear` turns into the numbers of `outlet`.
    fn numbers(&self, outlet: OutletId) -> Option<(usize, Scheme)> {
        let node = &self.model.nodes[outlet.node];
        let op = node.op.downcast_ref::<DequantizeLinearF32>()?;
        let scheme = Scheme {
            scale: op.scale,
            zero_point: u8::try_from(op.zero_point).ok()?,
        };
        Some((*self.taken.get(node.inputs.first()?)?, scheme))
    }

    fn take_conv(&mut self, node: &TypedNode, op: &TractConv) -> TractResult<Taken> {
        let refuse = |reason: &str| Ok(Err(Some(reason.to_owned())));
        if op.q_params != Some(u8::datum_type()) || op.kernel_fmt != KernelFormat::OIHW {
            return refuse("its output is not u8, or its weights are not in rows");
        }
        // x, weights, bias, then zero point and scale of x, weights and y.
        if node.inputs.len() != 9 {
            return refuse("it lacks scales or zero points");
        }
        let x = match self.taken.get(&node.inputs[0]) {
            Some(x) => *x,
            None => {
                let fact = self.model.outlet_fact(node.inputs[0])?;
                if fact.datum_type != u8::datum_type() || shape(fact).is_err() {
                    return refuse("its input is not u8 of fixed size, one image");
                }
                if self.outside.contains(&node.inputs[0].node) {
                    return refuse("it reads what tract computes from integers");
                }
                let outlet = node.inputs[0];
                let name = self.model.nodes[outlet.node].name.clone();
                let input = self.push_input(outlet, &name, Crossing::Integers)?;
                self.taken.insert(outlet, input);
                input
            }
        };
        let window = match window(&op.pool_spec, &self.shape(x)) {
            Ok(window) => window,
            Err(reason) => return Ok(Err(Some(reason))),
        };
        let constants: Option<Vec<Arc<Tensor>>> = node.inputs[1..]
            .iter()
            .map(|outlet| self.constant(*outlet))
            .collect();
        let Some(constants) = constants else {
            return refuse("its weights, scales or zero points are not constants");
        };
        let conv = match self.conv(op, window, &constants)? {
            Ok(conv) => conv,
            Err(reason) => return refuse(reason),
        };
        self.push(node, Op::Conv(conv), vec![x]).map(Ok)
    }

    /// A convolution from its constants: weights, bias, then zero point and scale of x,
    /// weights and y.
    fn conv(
        &self,
        op: &TractConv,
        window: Window,
        constants: &[Arc<Tensor>],
    ) -> TractResult<Result<Conv, &'static str>> {
        let [
            weight,
            bias,
            x_zero,
            x_scale,
            w_zero,
            w_scale,
            y_zero,
            y_scale,
        ] = constants
        else {
            return Ok(Err("it lacks constants"));
        };
        if weight.datum_type() != i8::datum_type() {
            return Ok(Err("its weights are not i8"));
        }
        if numbers::<i32>(w_zero)?.iter().any(|zero| *zero != 0) {
            return Ok(Err("its weights have a zero point"));
        }
        let (x_zero, y_zero) = (numbers::<i32>(x_zero)?, numbers::<i32>(y_zero)?);
        let (x_scale, y_scale) = (numbers::<f32>(x_scale)?, numbers::<f32>(y_scale)?);
        let single = ([x_zero.len(), y_zero.len()], [x_scale.len(), y_scale.len()]);
        if single != ([1, 1], [1, 1]) {
            return Ok(Err("its activations have a scale for each channel"));
        }
        let bytes = (u8::try_from(x_zero[0]), u8::try_from(y_zero[0]));
        let (Ok(input_zero), Ok(output_zero)) = bytes else {
            return Ok(Err("its zero points are no bytes"));
        };
        let outputs = op.pool_spec.output_channels;
        let each = |mut values: Vec<f32>| {
            if values.len() == 1 {
                values.resize(outputs, values[0]);
            }
            values
        };
        let scales = each(numbers::<f32>(w_scale)?);
        let mut bias = numbers::<i32>(bias)?;
        if bias.len() == 1 {
            bias.resize(outputs, bias[0]);
        }
        if scales.len() != outputs || bias.len() != outputs {
            return Ok(Err("its scales or biases do not match its outputs"));
        }
        Ok(Ok(Conv {
            window,
            groups: op.group,
            weight: numbers::<i8>(weight)?,
            bias,
            // In this order, as onnxruntime works it out.
            multiplier: scales.iter().map(|w| x_scale[0] * w / y_scale[0]).collect(),
            input_zero,
            output_zero,
        }))
    }

    /// The value of a tensor that does not depend on the input, with casts.
    fn constant(&self, outlet: OutletId) -> Option<Arc<Tensor>> {
        let fact = self.model.outlet_fact(outlet).ok()?;
        if let Some(value) = &fact.konst {
            return Some(value.clone());
        }
        let node = &self.model.nodes[outlet.node];
        let cast = node.op.downcast_ref::<Cast>()?;
        let inner = self.constant(*node.inputs.first()?)?;
        let value = inner.cast_to_dt(cast.to).ok()?;
        Some(Arc::new(value.into_owned()))
    }

    /// How often a node repeats rows and columns of its input, if that is all that it does.
    /// The operator itself is asked, with a pattern, rather than its many options read.
    fn repetition(&self, node: &TypedNode, x: usize) -> TractResult<Option<[usize; 2]>> {
        let fact = self.model.outlet_fact(OutletId::new(node.id, 0))?;
        let from = self.shape(x);
        let Ok(to) = shape(fact) else { return Ok(None) };
        let whole = to.channels == from.channels
            && to.rows.is_multiple_of(from.rows)
            && to.columns.is_multiple_of(from.columns)
            && to != from;
        if !whole || fact.datum_type != u8::datum_type() || &*node.op.name() != "Resize" {
            return Ok(None);
        }
        let pattern: Vec<u8> = (0..from.len()).map(|i| (i % 251) as u8).collect();
        let probe = Tensor::from_shape(&[1, from.channels, from.rows, from.columns], &pattern)?;
        let mut inputs: TVec<TValue> = tvec!(probe.into());
        for outlet in &node.inputs[1..] {
            let Some(value) = self.constant(*outlet) else {
                return Ok(None);
            };
            inputs.push(TValue::from_const(value));
        }
        let Some(outputs) = node.op.eval_out_of_plan(inputs)? else {
            return Ok(None);
        };
        let found = numbers::<u8>(&outputs[0])?;
        let repeat = [to.rows / from.rows, to.columns / from.columns];
        let same = found.iter().enumerate().all(|(i, value)| {
            let (plane, place) = (i / (to.rows * to.columns), i % (to.rows * to.columns));
            let (row, column) = (
                place / to.columns / repeat[0],
                place % to.columns / repeat[1],
            );
            let at = (plane * from.rows + row) * from.columns + column;
            *value == pattern[at]
        });
        Ok((same && found.len() == to.len()).then_some(repeat))
    }

    /// Finds out what leaves the integers.
    fn close(&mut self) -> TractResult<()> {
        let wanted: HashSet<OutletId> = self.model.output_outlets()?.iter().copied().collect();
        for id in self.model.eval_order()? {
            let node = &self.model.nodes[id];
            let outlet = OutletId::new(id, 0);
            let crossing = if let Some(node) = self.taken.get(&outlet) {
                Some((*node, Crossing::Integers))
            } else if let Some((node, scheme)) = self.numbers(outlet) {
                Some((node, Crossing::Numbers(scheme)))
            } else {
                None
            };
            let Some((graph_node, crossing)) = crossing else {
                continue;
            };
            let is_input = matches!(self.found.graph.nodes[graph_node].op, Op::Input(_));
            let is_read = node.outputs[0]
                .successors
                .iter()
                .any(|reader| self.reads_from_outside(reader.node));
            if !is_input && (is_read || wanted.contains(&outlet)) {
                self.found.graph.outputs.push(graph_node);
                self.found.outputs.push(Port {
                    outlet,
                    node: graph_node,
                    crossing,
                });
            }
        }
        Ok(())
    }

    /// Whether a node reads its inputs as tract's tensors.
    fn reads_from_outside(&self, id: usize) -> bool {
        let node = &self.model.nodes[id];
        let taken = self.taken.contains_key(&OutletId::new(id, 0));
        // What turns taken integers into numbers is replaced as a whole.
        let border = self.numbers(OutletId::new(id, 0)).is_some();
        let only_absorbed = self.absorbed.contains(&id)
            && node.outputs[0]
                .successors
                .iter()
                .all(|reader| self.taken.contains_key(&OutletId::new(reader.node, 0)));
        !(taken || border || only_absorbed)
    }
}

/// The extent of one image `[1, channels, rows, columns]`.
fn shape(fact: &TypedFact) -> TractResult<Shape> {
    match fact.shape.as_concrete() {
        Some([1, channels, rows, columns]) => Ok(Shape {
            channels: *channels,
            rows: *rows,
            columns: *columns,
        }),
        _ => Err(TractError::msg(format!(
            "{:?} is not one image of fixed size",
            fact.shape
        ))),
    }
}

/// The window of a convolution or a pooling over a tensor of this shape.
fn window(spec: &PoolSpec, x: &Shape) -> Result<Window, String> {
    if spec.data_format != DataFormat::NCHW || spec.kernel_shape.len() != 2 {
        return Err("it is not over the rows and columns of planes".into());
    }
    if spec.dilations.iter().flatten().any(|d| *d != 1) {
        return Err("it is dilated".into());
    }
    if matches!(spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true)) {
        return Err("its size is rounded up".into());
    }
    let padding = spec.computed_padding(&[x.rows, x.columns]);
    let side = |i: usize| spec.strides.as_ref().map_or(1, |strides| strides[i]);
    Ok(Window {
        kernel: [spec.kernel_shape[0], spec.kernel_shape[1]],
        stride: [side(0), side(1)],
        before: [padding[0].pad_before, padding[1].pad_before],
    })
}

/// The elements of a constant.
fn numbers<T: Datum + Copy>(tensor: &Tensor) -> TractResult<Vec<T>> {
    let cast = tensor.cast_to::<T>()?;
    Ok(cast.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}
