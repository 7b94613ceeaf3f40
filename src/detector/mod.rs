//! The detector: pixels in, detections out. The only module that knows the inference engines.

mod check;
mod network;
mod stock;

use crate::class::ObjectClass;
use crate::decode::BoxDecoder;
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::int8::Explanation;
use crate::letterbox::{Letterbox, Resampler};
use crate::model::{ModelCard, ModelError, VerifiedModel};
use crate::pixels::Picture;
use crate::tracking::FAINT_SCORE_MIN;
use network::Network;
use std::path::Path;
use std::time::{Duration, Instant};

/// Which code computes the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The int8 engine with the fastest kernels that this CPU has; tract for what it cannot
    /// take.
    #[default]
    Fastest,
    /// The int8 engine with the kernels of this name, as [`crate::int8::kernel::available`]
    /// lists them.
    Kernels(String),
    /// tract alone.
    Tract,
}

/// How a detector is to work.
#[derive(Clone, Debug, Default)]
pub struct DetectorOptions {
    /// Lowest score reported of every class, `0..1`; the card's own thresholds when `None`.
    pub score_min: Option<f32>,
    /// Whether scores down to [`FAINT_SCORE_MIN`] are reported, too, as a
    /// [`crate::tracking::Tracker`] wants them.
    pub faint: bool,
    /// Threads of the network; 0 and 1 keep all work on the caller's.
    pub threads: usize,
    /// Whether each of them, the caller's too, keeps to a CPU of its own. Not for tract's.
    pub pinned: bool,
    /// What computes the network.
    pub engine: EngineChoice,
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
    network: Network,
    resampler: Resampler,
    decoder: BoxDecoder,
    thresholds: [f32; ObjectClass::COUNT],
}

impl Detector {
    /// Reads, verifies and plans the model in folder `dir`. What plans only when it runs is run
    /// once, so that the first real frame does not pay for that.
    pub fn load(dir: &Path, options: &DetectorOptions) -> Result<Self, ModelError> {
        Self::new(VerifiedModel::read(dir)?, options)
    }

    /// Plans a verified model.
    pub fn new(model: VerifiedModel, options: &DetectorOptions) -> Result<Self, ModelError> {
        let VerifiedModel { card, onnx } = model;
        let network = Network::load(&card, &onnx, options)?;
        let (height, width) = (card.input.height, card.input.width);
        let post = &card.postprocess;
        let thresholds = post.thresholds();
        let decoder = BoxDecoder::new(
            card.anchor_grid(),
            post.box_coding,
            thresholds,
            post.nms_iou,
        );
        let mut detector = Self {
            model_id: format!("{:.32}@{:.12}", card.name, card.onnx.sha256),
            network,
            resampler: Resampler::new(width, height),
            decoder,
            thresholds,
            card,
        };
        detector.report(options.score_min, options.faint);
        if detector.network.plans_at_first_run() {
            let ran = detector.network.run();
            ran.map_err(|e| ModelError::Engine(e.to_string()))?;
        }
        Ok(detector)
    }

    /// Changes what is reported: as [`DetectorOptions::score_min`] and
    /// [`DetectorOptions::faint`].
    pub fn report(&mut self, score_min: Option<f32>, faint: bool) {
        let same_for_all = score_min.map(|score| [score; ObjectClass::COUNT]);
        self.thresholds = same_for_all.unwrap_or_else(|| self.card.postprocess.thresholds());
        self.decoder.keep_from(if faint {
            self.thresholds.map(|score| score.min(FAINT_SCORE_MIN))
        } else {
            self.thresholds
        });
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

    /// Scores from which on a detection is no faint one, by class index.
    pub fn thresholds(&self) -> [f32; ObjectClass::COUNT] {
        self.thresholds
    }

    /// What computes the network, for people.
    pub fn engine(&self) -> &'static str {
        self.network.name()
    }

    /// Runs the network `frames` times on one thread and tells where the time goes; `None`
    /// where tract runs it.
    pub fn explain(&mut self, frames: usize) -> Option<Explanation> {
        self.network.explain(frames)
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
        self.network
            .draw(&mut self.resampler, picture, &letterbox.view())?;
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
        self.network.run()?;
        times.infer = start.elapsed();
        let start = Instant::now();
        self.network.decode(&mut self.decoder, letterbox, out)?;
        times.postprocess = start.elapsed();
        Ok(())
    }
}
