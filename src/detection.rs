//! What the detector found in one frame, as plain data.

use crate::class::ObjectClass;
use crate::geometry::BBox;
use serde::Serialize;

/// The most detections that one [`DetectionFrame`] carries; the best-scored are kept.
pub const DETECTIONS_MAX: usize = 128;

/// The longest model id, in bytes.
pub const MODEL_ID_BYTES_MAX: usize = 48;

/// One object in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// What it is.
    pub class: ObjectClass,
    /// Confidence, `0..=1`.
    pub score: f32,
    /// Where it is, in pixels of the source's frame (not of the model's input), clipped to it.
    pub bbox: BBox,
}

/// All that was seen in one frame. Published for every inference, also when
/// nothing was seen, so that "empty road" and "blind" never look alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionFrame {
    /// Counts the published frames of this process, from 0, without gaps.
    pub sequence: u64,
    /// The source's own frame number ([`crate::frame::FrameStamp::sequence`]); has gaps.
    pub source_sequence: u64,
    /// Time of capture on CLOCK_MONOTONIC, nanoseconds.
    pub captured_monotonic_ns: u64,
    /// Time of capture on the wall clock, nanoseconds since 1970 UTC.
    pub captured_unix_ns: u64,
    /// Whether the kernel says that the wall clock is synchronised.
    pub wall_clock_synchronised: bool,
    /// From capture to publication, microseconds.
    pub age_us: u64,
    /// Width of the source's frame in pixels.
    pub frame_width: u32,
    /// Height of the source's frame in pixels.
    pub frame_height: u32,
    /// Which model saw this: its name and the start of its hash.
    pub model_id: heapless::String<MODEL_ID_BYTES_MAX>,
    /// The objects, best score first.
    pub detections: heapless::Vec<Detection, DETECTIONS_MAX>,
}
