//! What the pipeline asks of a detector.

use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::detector::{Detector, StageTimes};
use crate::pixels::Picture;
use std::error::Error;

/// Finds objects in pictures. [`Detector`] does; tests and other engines may too.
pub trait Detect: Send {
    /// Name and short hash of the model, at most
    /// [`crate::detection::MODEL_ID_BYTES_MAX`] bytes; what is longer is cut off.
    fn model_id(&self) -> &str;

    /// Scores from which on a detection counts without belonging to an object that is followed,
    /// by class index.
    fn thresholds(&self) -> [f32; ObjectClass::COUNT] {
        [0.0; ObjectClass::COUNT]
    }

    /// Changes what is reported: detections of any class from `score_min` on, or from the
    /// model's own thresholds, and `faint` ones, too, where objects are followed.
    fn report(&mut self, score_min: Option<f32>, faint: bool) {
        let _ = (score_min, faint);
    }

    /// Writes what is in `picture` to `out`, best score first, replacing what was there. Boxes
    /// are in pixels of the picture.
    ///
    /// # Errors
    /// When this picture could not be looked at; the next one may well succeed.
    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn Error + Send + Sync>>;
}

impl Detect for Detector {
    fn model_id(&self) -> &str {
        Detector::model_id(self)
    }

    fn thresholds(&self) -> [f32; ObjectClass::COUNT] {
        Detector::thresholds(self)
    }

    fn report(&mut self, score_min: Option<f32>, faint: bool) {
        Detector::report(self, score_min, faint);
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn Error + Send + Sync>> {
        Ok(Detector::detect(self, picture, out)?)
    }
}
