//! The engine as an operation of tract's model.

use super::engine::Engine;
use super::extract::{Crossing, Extraction, Port};
use super::graph::Shape;
use super::kernel::Kernels;
use super::plan::Plan;
use super::pool::Workers;
use std::sync::{Arc, Mutex, PoisonError};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;

/// The int8 part of a model.
#[derive(Clone, Debug)]
pub struct Int8Op {
    engine: Arc<Mutex<Engine>>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    shapes: Vec<Shape>,
}

impl PartialEq for Int8Op {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }
}

impl Eq for Int8Op {}

/// Replaces what was extracted from `model` by one operation. Where nothing was, the model
/// stays as it is.
///
/// # Errors
/// When the graph cannot be planned; `model` is then spoilt.
pub fn replace(
    model: &mut TypedModel,
    found: Extraction,
    kernels: &'static dyn Kernels,
    workers: Workers,
) -> TractResult<()> {
    if found.outputs.is_empty() {
        return Ok(());
    }
    let shape = |port: &Port| found.graph.nodes[port.node].shape;
    let shapes = found.outputs.iter().map(shape).collect();
    let (inputs, outputs) = (found.inputs, found.outputs);
    let plan = Plan::new(found.graph, kernels)?;
    let sources: Vec<OutletId> = inputs.iter().map(|port| port.outlet).collect();
    let op = Int8Op {
        engine: Arc::new(Mutex::new(Engine::new(plan, workers)?)),
        inputs,
        outputs: outputs.clone(),
        shapes,
    };
    let new = model.wire_node("lookout.int8", op, &sources)?;
    let int8 = new[0].node;
    for (port, outlet) in outputs.iter().zip(&new) {
        let readers = model.node(port.outlet.node).outputs[port.outlet.slot]
            .successors
            .clone();
        for reader in readers.into_iter().filter(|reader| reader.node != int8) {
            model.add_edge(*outlet, reader)?;
        }
        if let Some(label) = model.outlet_label(port.outlet).map(str::to_owned) {
            model.set_outlet_label(*outlet, label)?;
        }
        for output in model.outputs.iter_mut().filter(|o| **o == port.outlet) {
            *output = *outlet;
        }
    }
    Ok(())
}

impl Op for Int8Op {
    fn name(&self) -> StaticName {
        "LookoutInt8".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Int8Op {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        // The engine holds nothing between runs that a panic could leave half done.
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        for (port, input) in self.inputs.iter().zip(&inputs) {
            write_input(&mut engine, port, input)?;
        }
        ensure!(engine.run(), "a thread of the int8 engine has failed");
        self.outputs
            .iter()
            .map(|port| read_output(&engine, port))
            .collect()
    }
}

impl TypedOp for Int8Op {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let facts = self.outputs.iter().zip(&self.shapes).map(|(port, shape)| {
            let dims = [1, shape.channels, shape.rows, shape.columns];
            match port.crossing {
                Crossing::Numbers(_) => f32::fact(dims),
                Crossing::Integers => u8::fact(dims),
            }
        });
        Ok(facts.collect())
    }

    as_op!();
}

/// Writes `[1, channels, rows, columns]` into the arena.
fn write_input(engine: &mut Engine, port: &Port, tensor: &Tensor) -> TractResult<()> {
    let view = engine.input(port.node);
    let (pixel, row_bytes, flip) = (view.pixel_bytes, view.row_bytes, view.flip);
    let plain = tensor.try_as_plain_ram()?;
    let mut put = |i: usize, byte: u8| {
        let (plane, place) = (
            i / (view.shape.rows * view.shape.columns),
            i % (view.shape.rows * view.shape.columns),
        );
        let (row, column) = (place / view.shape.columns, place % view.shape.columns);
        view.data[row * row_bytes + column * pixel + plane] = byte ^ flip;
    };
    match port.crossing {
        Crossing::Integers => {
            let bytes = plain.as_slice::<u8>()?;
            bytes.iter().enumerate().for_each(|(i, b)| put(i, *b));
        }
        Crossing::Numbers(scheme) => {
            let zero = i32::from(scheme.zero_point);
            for (i, number) in plain.as_slice::<f32>()?.iter().enumerate() {
                let steps = (number * scheme.scale).round_ties_even() as i32;
                put(i, steps.saturating_add(zero).clamp(0, 255) as u8);
            }
        }
    }
    Ok(())
}

/// Reads `[1, channels, rows, columns]` out of the arena.
fn read_output(engine: &Engine, port: &Port) -> TractResult<TValue> {
    let view = engine.output(port.node);
    let Shape {
        channels,
        rows,
        columns,
    } = view.shape;
    let byte = |channel: usize, row: usize, column: usize| {
        view.data[row * view.row_bytes + column * view.pixel_bytes + channel] ^ view.flip
    };
    let places = (0..channels).flat_map(|channel| {
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (channel, row, column)))
    });
    let bytes = places.map(|(channel, row, column)| byte(channel, row, column));
    let dims = [1, channels, rows, columns];
    let tensor = match port.crossing {
        Crossing::Integers => Tensor::from_shape(&dims, &bytes.collect::<Vec<u8>>())?,
        Crossing::Numbers(scheme) => {
            let zero = i32::from(scheme.zero_point);
            let number = |byte: u8| (i32::from(byte) - zero) as f32 * scheme.scale;
            Tensor::from_shape(&dims, &bytes.map(number).collect::<Vec<f32>>())?
        }
    };
    Ok(tensor.into())
}
