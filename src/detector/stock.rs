//! The network as tract runs it: whatever the int8 engine cannot take, and its yardstick.

use super::{DetectError, THREADS_MAX};
use crate::decode::{BoxDecoder, LevelOutput};
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::letterbox::{Letterbox, Resampler, View};
use crate::model::{ModelCard, ModelError};
use crate::pixels::Picture;
use std::sync::Arc;
use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::*;

/// A network that tract runs.
pub(super) struct Stock {
    network: Arc<TypedRunnableModel>,
    executor: Executor,
    /// `[1, 3, height, width]`, written anew for each frame; shared with the network while it
    /// runs.
    input: Arc<Tensor>,
    outputs: TVec<TValue>,
    /// The number of each pixel value of each channel.
    numbers: [[f32; 256]; 3],
    width: usize,
}

impl Stock {
    /// Plans the model.
    pub(super) fn new(
        card: &ModelCard,
        model: TypedModel,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let engine = |e: TractError| ModelError::Engine(format!("{e:#}"));
        let network = model
            .into_optimized()
            .and_then(|m| m.into_runnable())
            .map_err(engine)?;
        let (height, width) = (card.input.height as usize, card.input.width as usize);
        let input = Tensor::zero::<f32>(&[1, 3, height, width]).map_err(engine)?;
        Ok(Self {
            network,
            executor: executor(threads)?,
            input: Arc::new(input),
            outputs: tvec!(),
            numbers: card.input.pixel_numbers(),
            width,
        })
    }

    /// Draws a picture on the input.
    pub(super) fn draw(
        &mut self,
        resampler: &mut Resampler,
        picture: &Picture<'_>,
        view: &View,
    ) -> Result<(), DetectError> {
        let (numbers, width) = (&self.numbers, self.width);
        let mut plain = Arc::make_mut(&mut self.input)
            .try_as_plain_ram_mut()
            .map_err(failed)?;
        let planes = plain.as_slice_mut::<f32>().map_err(failed)?;
        let plane = planes.len() / 3;
        resampler.draw(picture, view, |y, row| {
            for (x, pixel) in row.iter().enumerate() {
                for (channel, (value, numbers)) in pixel.iter().zip(numbers).enumerate() {
                    planes[channel * plane + y * width + x] = numbers[usize::from(*value)];
                }
            }
        });
        Ok(())
    }

    /// Computes the outputs.
    pub(super) fn run(&mut self) -> Result<(), DetectError> {
        let inputs = tvec!(TValue::from_const(self.input.clone()));
        let run = || self.network.run(inputs);
        self.outputs = multithread_tract_scope(self.executor.clone(), run).map_err(failed)?;
        Ok(())
    }

    /// Turns the outputs, scores and boxes of each level in turn, into detections.
    pub(super) fn decode(
        &self,
        decoder: &mut BoxDecoder,
        letterbox: &Letterbox,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<(), DetectError> {
        let mut slices: heapless::Vec<&[f32], 16> = heapless::Vec::new();
        for output in &self.outputs {
            let plain = output.try_as_plain_ram().map_err(failed)?;
            let slice = plain.as_slice::<f32>().map_err(failed)?;
            slices
                .push(slice)
                .map_err(|_| DetectError("too many outputs".into()))?;
        }
        let mut levels: heapless::Vec<LevelOutput<'_>, 8> = heapless::Vec::new();
        for pair in slices.chunks_exact(2) {
            let level = LevelOutput {
                scores: pair[0],
                boxes: pair[1],
            };
            levels
                .push(level)
                .map_err(|_| DetectError("too many levels".into()))?;
        }
        decoder.decode(&levels, letterbox, out);
        Ok(())
    }
}

fn failed(error: TractError) -> DetectError {
    DetectError(format!("{error:#}"))
}

fn executor(threads: usize) -> Result<Executor, ModelError> {
    if threads <= 1 {
        return Ok(Executor::SingleThread);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.min(THREADS_MAX))
        .thread_name(|i| format!("infer-{i}"))
        .build()
        .map_err(|e| ModelError::Engine(format!("cannot start {threads} threads: {e}")))?;
    Ok(Executor::MultiThread(Arc::new(pool)))
}
