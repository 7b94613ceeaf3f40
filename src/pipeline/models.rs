//! The models of a run: the full one, and perhaps a lite one for when there is little power.

use super::detect::Detect;
use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, MODEL_ID_BYTES_MAX};
use crate::pixels::Picture;

/// A model and its name as messages carry it.
pub(super) struct Model {
    pub(super) detector: Box<dyn Detect>,
    pub(super) id: heapless::String<MODEL_ID_BYTES_MAX>,
    pub(super) thresholds: [f32; ObjectClass::COUNT],
}

impl Model {
    fn new(detector: Box<dyn Detect>) -> Self {
        let mut id = heapless::String::new();
        for letter in detector.model_id().chars() {
            if id.push(letter).is_err() {
                break;
            }
        }
        Self {
            thresholds: detector.thresholds(),
            detector,
            id,
        }
    }
}

/// Both models, loaded and ready.
pub(super) struct Models {
    full: Model,
    lite: Option<Model>,
    /// Size of the pictures that the lite model has its buffers for.
    lite_is_ready_for: (u32, u32),
}

impl Models {
    pub(super) fn new(full: Box<dyn Detect>, lite: Option<Box<dyn Detect>>) -> Self {
        Self {
            full: Model::new(full),
            lite: lite.map(Model::new),
            lite_is_ready_for: (0, 0),
        }
    }

    /// Changes what both report.
    pub(super) fn report(&mut self, score_min: Option<f32>, faint: bool) {
        for model in std::iter::once(&mut self.full).chain(&mut self.lite) {
            model.detector.report(score_min, faint);
            model.thresholds = model.detector.thresholds();
        }
    }

    pub(super) fn has_lite(&self) -> bool {
        self.lite.is_some()
    }

    /// The lite model where it is wanted and there is one, else the full one.
    pub(super) fn pick(&mut self, wants_lite: bool) -> &mut Model {
        match &mut self.lite {
            Some(lite) if wants_lite => lite,
            _ => &mut self.full,
        }
    }

    /// Shows the lite model the first picture of each size, so that its buffers have their size
    /// before it is needed: when it is, there is little power to spare. What it sees is not
    /// used, nor is its failure.
    pub(super) fn ready_lite(&mut self, picture: &Picture<'_>) {
        let size = (picture.width(), picture.height());
        if self.lite_is_ready_for == size {
            return;
        }
        self.lite_is_ready_for = size;
        if let Some(lite) = &mut self.lite
            && let Err(error) = lite
                .detector
                .detect(picture, &mut heapless::Vec::<_, DETECTIONS_MAX>::new())
        {
            log::warn!(
                "the lite model {} failed on its first picture: {error}",
                lite.id
            );
        }
    }
}
