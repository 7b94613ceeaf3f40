//! The network, by whichever engine.

use super::check::check_tensors;
use super::stock::Stock;
use super::{DetectError, DetectorOptions, EngineChoice};
use crate::decode::{BoxDecoder, QuantizedLevel, QuantizedOutput};
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::int8::extract::{Crossing, Extraction, extract};
use crate::int8::graph::Scheme;
use crate::int8::kernel::{Kernels, available};
use crate::int8::{Engine, Explanation, Plan, Workers, op};
use crate::letterbox::{Letterbox, Resampler, View};
use crate::model::{ModelCard, ModelError};
use crate::pixels::Picture;
use tract_onnx::prelude::*;

/// A planned network.
pub(super) enum Network {
    /// All of it in integers: pixels are written where the first layer reads them, boxes
    /// decoded where the last layers wrote.
    Int8(Box<Int8Network>),
    /// tract runs it, perhaps with an int8 operation inside.
    Tract(Box<Stock>),
}

/// A network that the int8 engine takes as a whole.
pub(super) struct Int8Network {
    engine: Engine,
    input: usize,
    bytes: InputBytes,
    /// Node and scheme of scores and boxes of each level in turn.
    outputs: Vec<(usize, Scheme)>,
}

/// The input's byte for each pixel value of each channel.
struct InputBytes {
    tables: [[u8; 256]; 3],
    /// Whether all three are the same, so that one of them will do.
    are_equal: bool,
}

impl InputBytes {
    /// From the tables of the three channels.
    fn new(tables: [[u8; 256]; 3]) -> Self {
        let [first, second, third] = &tables;
        let are_equal = first == second && second == third;
        Self { tables, are_equal }
    }

    /// Writes a row of R, G, B as pixels of four bytes, the fourth of which stays.
    fn write(&self, row: &[u8], pixels: &mut [u8]) {
        let pixels = pixels.chunks_exact_mut(4).zip(row.chunks_exact(3));
        if self.are_equal {
            let bytes = &self.tables[0];
            for (to, from) in pixels {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = bytes[usize::from(*from)];
                }
            }
            return;
        }
        for (to, from) in pixels {
            for ((to, from), bytes) in to.iter_mut().zip(from).zip(&self.tables) {
                *to = bytes[usize::from(*from)];
            }
        }
    }
}

impl Network {
    /// Loads the ONNX bytes, checks every tensor against the card and plans the network. Its
    /// outputs are scores and boxes of each level in turn.
    pub(super) fn load(
        card: &ModelCard,
        onnx: &[u8],
        options: &DetectorOptions,
    ) -> Result<Self, ModelError> {
        let engine = |e: TractError| ModelError::Engine(format!("{e:#}"));
        let mut model = read(card, onnx)?;
        let Some(kernels) = kernels(&options.engine)? else {
            return Ok(Self::Tract(Box::new(Stock::new(
                card,
                model,
                options.threads,
            )?)));
        };
        let workers = Workers {
            threads: options.threads,
            pinned: options.pinned,
        };
        let found = extract(&model).map_err(engine)?;
        for left in &found.left {
            log::warn!("tract runs {} of the model: {}", left.node, left.reason);
        }
        if let Some(whole) = Whole::of(card, &model, &found) {
            let engine = Plan::new(found.graph, kernels)
                .and_then(|plan| Engine::new(plan, workers))
                .map_err(|e| ModelError::Engine(e.to_string()))?;
            log::debug!("{:?} with {} threads", engine.plan(), engine.threads());
            let flip = kernels.flip();
            return Ok(Self::Int8(Box::new(Int8Network {
                engine,
                input: whole.input,
                bytes: InputBytes::new(whole.bytes.map(|table| table.map(|byte| byte ^ flip))),
                outputs: whole.outputs,
            })));
        }
        op::replace(&mut model, found, kernels, workers).map_err(engine)?;
        Ok(Self::Tract(Box::new(Stock::new(
            card,
            model,
            options.threads,
        )?)))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Int8(network) => network.engine.plan().kernels(),
            Self::Tract(_) => "tract",
        }
    }

    pub(super) fn explain(&mut self, frames: usize) -> Option<Explanation> {
        match self {
            Self::Int8(network) => Some(network.engine.explain(frames)),
            Self::Tract(_) => None,
        }
    }

    /// Whether the first run takes longer than those after it.
    pub(super) fn plans_at_first_run(&self) -> bool {
        matches!(self, Self::Tract(_))
    }

    /// Draws a picture on the input.
    pub(super) fn draw(
        &mut self,
        resampler: &mut Resampler,
        picture: &Picture<'_>,
        view: &View,
    ) -> Result<(), DetectError> {
        let network = match self {
            Self::Tract(stock) => return stock.draw(resampler, picture, view),
            Self::Int8(network) => network,
        };
        let bytes = &network.bytes;
        let input = network.engine.input(network.input);
        let (data, row_bytes) = (input.data, input.row_bytes);
        resampler.draw(picture, view, |y, row| {
            bytes.write(row, &mut data[y * row_bytes..]);
        });
        Ok(())
    }

    /// Computes the outputs.
    pub(super) fn run(&mut self) -> Result<(), DetectError> {
        match self {
            Self::Tract(stock) => stock.run(),
            Self::Int8(network) => {
                let ran = network.engine.run();
                ran.then_some(())
                    .ok_or_else(|| DetectError("a thread of the network has failed".into()))
            }
        }
    }

    /// Turns the outputs into detections.
    pub(super) fn decode(
        &self,
        decoder: &mut BoxDecoder,
        letterbox: &Letterbox,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<(), DetectError> {
        let network = match self {
            Self::Tract(stock) => return stock.decode(decoder, letterbox, out),
            Self::Int8(network) => network,
        };
        let output = |(node, scheme): (usize, Scheme)| {
            let view = network.engine.output(node);
            QuantizedOutput {
                data: view.data,
                pixel_bytes: view.pixel_bytes,
                row_bytes: view.row_bytes,
                flip: view.flip,
                scheme,
            }
        };
        let mut levels: heapless::Vec<QuantizedLevel<'_>, 8> = heapless::Vec::new();
        for pair in network.outputs.chunks_exact(2) {
            let level = QuantizedLevel {
                scores: output(pair[0]),
                boxes: output(pair[1]),
            };
            levels
                .push(level)
                .map_err(|_| DetectError("too many levels".into()))?;
        }
        decoder.decode_quantized(&levels, letterbox, out);
        Ok(())
    }
}

/// The kernels to use; `None` for tract alone.
fn kernels(choice: &EngineChoice) -> Result<Option<&'static dyn Kernels>, ModelError> {
    let sets = available();
    match choice {
        EngineChoice::Tract => Ok(None),
        EngineChoice::Fastest => Ok(sets.first().copied()),
        EngineChoice::Kernels(name) => {
            let found = sets.iter().find(|set| set.name() == name);
            let names = || {
                sets.iter()
                    .map(|set| set.name())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let found = found.ok_or_else(|| {
                ModelError::Engine(format!("no kernels {name}; this CPU has {}", names()))
            })?;
            Ok(Some(*found))
        }
    }
}

/// A model that is integers from the picture to every output.
struct Whole {
    input: usize,
    bytes: [[u8; 256]; 3],
    outputs: Vec<(usize, Scheme)>,
}

impl Whole {
    fn of(card: &ModelCard, model: &TypedModel, found: &Extraction) -> Option<Self> {
        let [port] = found.inputs[..] else {
            return None;
        };
        let Crossing::Numbers(scheme) = port.crossing else {
            return None;
        };
        if model.input_outlets().ok()? != [port.outlet] {
            return None;
        }
        let outputs = model.output_outlets().ok()?.iter().map(|outlet| {
            let output = found.outputs.iter().find(|port| port.outlet == *outlet)?;
            match output.crossing {
                Crossing::Numbers(scheme) => Some((output.node, scheme)),
                Crossing::Integers => None,
            }
        });
        let byte = |number: f32| {
            let steps = (number * scheme.scale).round_ties_even() as i32;
            steps.saturating_add(scheme.zero_point.into()).clamp(0, 255) as u8
        };
        Some(Self {
            input: port.node,
            bytes: card.input.pixel_numbers().map(|table| table.map(byte)),
            outputs: outputs.collect::<Option<_>>()?,
        })
    }
}

/// Reads the file and checks its tensors.
fn read(card: &ModelCard, onnx: &[u8]) -> Result<TypedModel, ModelError> {
    let engine = |e: TractError| ModelError::Engine(format!("{e:#}"));
    let mut model = tract_onnx::onnx()
        .model_for_read(&mut std::io::Cursor::new(onnx))
        .map_err(engine)?;
    let names = card
        .levels
        .iter()
        .flat_map(|l| [l.scores.as_str(), l.boxes.as_str()]);
    model.select_outputs_by_name(names).map_err(|e| {
        ModelError::Mismatch(format!("lacks an output that the card names ({e:#})"))
    })?;
    let model = model.into_typed().map_err(engine)?;
    check_tensors(card, &model)?;
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_a_table_of_its_own_only_where_it_differs() {
        let same: [u8; 256] = std::array::from_fn(|pixel| pixel as u8);
        let other = same.map(|byte| 255 - byte);
        assert!(InputBytes::new([same; 3]).are_equal);
        let row = [1, 2, 3, 200, 100, 0];
        let written = |tables| {
            let mut pixels = [77; 8];
            InputBytes::new(tables).write(&row, &mut pixels);
            pixels
        };
        assert_eq!(written([same; 3]), [1, 2, 3, 77, 200, 100, 0, 77]);
        assert_eq!(written([other; 3]), [254, 253, 252, 77, 55, 155, 255, 77]);
        for tables in [
            [other, same, same],
            [same, other, same],
            [same, same, other],
        ] {
            assert!(!InputBytes::new(tables).are_equal);
        }
        assert_eq!(
            written([same, other, same]),
            [1, 253, 3, 77, 200, 155, 0, 77]
        );
    }
}
