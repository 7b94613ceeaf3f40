//! The detector: pixels in, detections out. The only module that knows the inference engine.

use crate::decode::{BoxDecoder, LevelOutput};
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::letterbox::{Letterbox, Resampler};
use crate::model::{ModelCard, ModelError, VerifiedModel};
use crate::pixels::Picture;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::*;

/// How a detector is to work.
#[derive(Clone, Debug, Default)]
pub struct DetectorOptions {
    /// Lowest score reported, `0..1`; the card's own threshold when `None`.
    pub score_min: Option<f32>,
    /// Threads of the network; 0 and 1 keep all work on the caller's.
    pub threads: usize,
}

/// More threads than this are refused: no board has them, and each costs memory.
pub const THREADS_MAX: usize = 64;

/// How long the parts of one detection took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Letterbox, scaling and normalisation.
    pub preprocess: Duration,
    /// The network.
    pub infer: Duration,
    /// Box decoding and suppression.
    pub postprocess: Duration,
}

/// The engine failed on a frame. The model is verified at load, so this points to exhausted
/// memory or a fault in the program.
#[derive(Debug, thiserror::Error)]
#[error("inference failed: {0}; restart, and report it with the model's name if it comes back")]
pub struct DetectError(String);

/// A loaded model with all that one thread needs to run it.
pub struct Detector {
    card: ModelCard,
    model_id: String,
    network: Arc<TypedRunnableModel>,
    executor: Executor,
    /// `[1, 3, height, width]`, written anew for each frame; shared with the network while it
    /// runs.
    input: Arc<Tensor>,
    resampler: Resampler,
    decoder: BoxDecoder,
    /// Normalised value of each pixel value.
    normalised: [f32; 256],
}

impl Detector {
    /// Reads, verifies and plans the model in folder `dir`, and runs it once, so that the
    /// first real frame does not pay for planning.
    pub fn load(dir: &Path, options: &DetectorOptions) -> Result<Self, ModelError> {
        Self::new(VerifiedModel::read(dir)?, options)
    }

    /// Plans a verified model.
    pub fn new(model: VerifiedModel, options: &DetectorOptions) -> Result<Self, ModelError> {
        let VerifiedModel { card, onnx } = model;
        let network = plan(&card, &onnx)?;
        let executor = executor(options.threads)?;
        let (height, width) = (card.input.height, card.input.width);
        let input = Tensor::zero::<f32>(&[1, 3, height as usize, width as usize])
            .map_err(|e| ModelError::Engine(e.to_string()))?;
        let post = &card.postprocess;
        let score_min = options.score_min.unwrap_or(post.score_threshold);
        let decoder = BoxDecoder::new(card.anchor_grid(), post.box_coding, score_min, post.nms_iou);
        let (mean, std) = (card.input.mean, card.input.std);
        let mut detector = Self {
            model_id: format!("{:.32}@{:.12}", card.name, card.onnx.sha256),
            network,
            executor,
            input: Arc::new(input),
            resampler: Resampler::new(width, height),
            decoder,
            normalised: std::array::from_fn(|pixel| (pixel as f32 - mean) / std),
            card,
        };
        let letterbox = Letterbox::new(width, height, width, height);
        detector
            .infer(
                &letterbox,
                &mut heapless::Vec::new(),
                &mut StageTimes::default(),
            )
            .map_err(|e| ModelError::Engine(e.to_string()))?;
        Ok(detector)
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The model's name and the start of its hash, at most
    /// [`crate::detection::MODEL_ID_BYTES_MAX`] bytes.
    pub fn model_id(&self) -> &str {
        &self.model_id
    }

    /// Finds the objects in `picture` and writes them to `out`, best first, in pixels of the
    /// picture.
    pub fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, DetectError> {
        let start = Instant::now();
        let (height, width) = (self.card.input.height, self.card.input.width);
        let letterbox = Letterbox::new(picture.width(), picture.height(), width, height);
        let input = Arc::make_mut(&mut self.input)
            .try_as_plain_ram_mut()
            .and_then(|mut plain| {
                let elements = plain.as_slice_mut::<f32>()?;
                let normalised = &self.normalised;
                self.resampler
                    .draw(picture, &letterbox.view(), elements, |v| {
                        normalised[v as usize]
                    });
                Ok(())
            });
        input.map_err(|e| DetectError(e.to_string()))?;
        let mut times = StageTimes {
            preprocess: start.elapsed(),
            ..StageTimes::default()
        };
        self.infer(&letterbox, out, &mut times)?;
        Ok(times)
    }

    fn infer(
        &mut self,
        letterbox: &Letterbox,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
        times: &mut StageTimes,
    ) -> Result<(), DetectError> {
        let start = Instant::now();
        let failed = |e: TractError| DetectError(format!("{e:#}"));
        let inputs = tvec!(TValue::from_const(self.input.clone()));
        let run = || self.network.run(inputs);
        let outputs = multithread_tract_scope(self.executor.clone(), run).map_err(failed)?;
        times.infer = start.elapsed();
        let start = Instant::now();
        let mut slices: heapless::Vec<&[f32], 16> = heapless::Vec::new();
        for output in &outputs {
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
        self.decoder.decode(&levels, letterbox, out);
        times.postprocess = start.elapsed();
        Ok(())
    }
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

/// Loads the ONNX bytes, checks every tensor against the card and plans the network. Its
/// outputs are scores and boxes of each level in turn.
fn plan(card: &ModelCard, onnx: &[u8]) -> Result<Arc<TypedRunnableModel>, ModelError> {
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
    model
        .into_optimized()
        .and_then(|m| m.into_runnable())
        .map_err(engine)
}

fn check_tensors(card: &ModelCard, model: &TypedModel) -> Result<(), ModelError> {
    let (height, width) = (card.input.height as usize, card.input.width as usize);
    let inputs = model
        .input_outlets()
        .map_err(|e| ModelError::Engine(e.to_string()))?;
    let [input] = inputs else {
        return Err(ModelError::Mismatch(format!(
            "has {} inputs instead of one",
            inputs.len()
        )));
    };
    let name = &model.node(input.node).name;
    if *name != card.input.tensor {
        return Err(ModelError::Mismatch(format!(
            "calls its input {name:?}, the card {:?}",
            card.input.tensor
        )));
    }
    check_shape(model, *input, name, &[1, 3, height, width])?;
    let outputs = model
        .output_outlets()
        .map_err(|e| ModelError::Engine(e.to_string()))?
        .to_vec();
    for (level, outlets) in card.levels.iter().zip(outputs.chunks_exact(2)) {
        let (rows, columns) = (
            height / level.stride as usize,
            width / level.stride as usize,
        );
        let shapes = level.anchors.len();
        let scores = [1, shapes * card.classes.len(), rows, columns];
        check_shape(model, outlets[0], &level.scores, &scores)?;
        check_shape(
            model,
            outlets[1],
            &level.boxes,
            &[1, shapes * 4, rows, columns],
        )?;
    }
    Ok(())
}

fn check_shape(
    model: &TypedModel,
    outlet: OutletId,
    name: &str,
    expected: &[usize],
) -> Result<(), ModelError> {
    let fact = model
        .outlet_fact(outlet)
        .map_err(|e| ModelError::Engine(e.to_string()))?;
    let fits = fact
        .shape
        .as_concrete()
        .is_some_and(|shape| shape == expected);
    if fits && fact.datum_type == f32::datum_type() {
        return Ok(());
    }
    Err(ModelError::Mismatch(format!(
        "has {name:?} as {:?} {:?}, the card means F32 {expected:?}",
        fact.datum_type, fact.shape
    )))
}
