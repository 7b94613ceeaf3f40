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
use crate::lanes::for_each_cpu;
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
enum InputBytes {
    /// The value itself with these bits turned over: that of most networks of this project.
    Turned(u8),
    /// A table for each channel.
    Tables(Box<[[u8; 256]; 3]>),
}

impl InputBytes {
    /// From the tables of the three channels.
    fn new(tables: [[u8; 256]; 3]) -> Self {
        let turned = tables[0][0];
        let is_turned = |table: &[u8; 256]| (0..=255).zip(table).all(|(v, t)| v ^ turned == *t);
        if tables.iter().all(is_turned) {
            return Self::Turned(turned);
        }
        Self::Tables(Box::new(tables))
    }

    /// Writes a row of R, G, B as pixels of four bytes, the fourth of which stays.
    fn write(&self, row: &[[u8; 4]], pixels: &mut [u8]) {
        let pixels = pixels.as_chunks_mut::<4>().0;
        match self {
            Self::Turned(bits) => turned(row, *bits, pixels),
            Self::Tables(tables) => {
                for (to, from) in pixels.iter_mut().zip(row) {
                    for ((to, from), bytes) in to.iter_mut().zip(from).zip(tables.iter()) {
                        *to = bytes[usize::from(*from)];
                    }
                }
            }
        }
    }
}

for_each_cpu! {
/// The first three bytes of each pixel, `bits` turned over.
fn turned(row: &[[u8; 4]], bits: u8, pixels: &mut [[u8; 4]]) {
    /// The fourth byte.
    const STAYS: u32 = 0xff00_0000;
    let bits = u32::from_le_bytes([bits; 4]);
    for (to, from) in pixels.iter_mut().zip(row) {
        let turned = u32::from_le_bytes(*from) ^ bits;
        *to = (turned & !STAYS | u32::from_le_bytes(*to) & STAYS).to_le_bytes();
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
    fn tables_are_looked_up_only_where_bits_do_not_say_it() {
        let same: [u8; 256] = std::array::from_fn(|pixel| pixel as u8);
        let (flipped, doubled) = (same.map(|b| b ^ 0x80), same.map(|b| b.saturating_mul(2)));
        let is_turned = |tables| matches!(InputBytes::new(tables), InputBytes::Turned(_));
        assert!(is_turned([same; 3]) && is_turned([flipped; 3]));
        assert!(!is_turned([doubled; 3]));
        // The fourth byte of a row says nothing.
        let row = [[1, 2, 3, 9], [200, 100, 0, 9]];
        let written = |tables| {
            let mut pixels = [77; 8];
            InputBytes::new(tables).write(&row, &mut pixels);
            pixels
        };
        assert_eq!(written([same; 3]), [1, 2, 3, 77, 200, 100, 0, 77]);
        assert_eq!(written([flipped; 3]), [129, 130, 131, 77, 72, 228, 128, 77]);
        assert_eq!(written([doubled; 3]), [2, 4, 6, 77, 255, 200, 0, 77]);
        for other in 0..3 {
            let mut tables = [same; 3];
            tables[other] = flipped;
            assert!(!is_turned(tables));
            let mut expected = [1, 2, 3, 77, 200, 100, 0, 77];
            expected[other] ^= 0x80;
            expected[4 + other] ^= 0x80;
            assert_eq!(written(tables), expected);
        }
    }
}
