//! What the detector found in one frame, as plain data.

use crate::class::ObjectClass;
use crate::event::{EVENTS_MAX, Event};
use crate::geometry::BBox;
use serde::{Deserialize, Serialize};

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
    /// The object of the frames before that it is; `None` where it was not followed, or is
    /// seen for the first time.
    pub track: Option<Track>,
}

impl Detection {
    /// A detection that belongs to no track yet.
    pub const fn new(class: ObjectClass, score: f32, bbox: BBox) -> Self {
        Self {
            class,
            score,
            bbox,
            track: None,
        }
    }
}

/// What is known of an object from following it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Track {
    /// Number of the object in this run, from 1.
    pub id: u32,
    /// From when the object was first seen to this frame, in milliseconds.
    pub age_ms: u32,
    /// Velocity to the right, in pixels of the source's frame a second.
    pub velocity_x_px_per_s: f32,
    /// Velocity downwards, likewise.
    pub velocity_y_px_per_s: f32,
    /// When it would be at the camera; `None` where it does not clearly grow.
    pub contact: Option<Contact>,
}

/// When an object would reach the camera if it went on coming nearer as it does: its size
/// divided by the rate at which that grows. An estimate from the picture alone, for whoever
/// wants to look into it; nothing to brake by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Contact {
    /// Time to contact in seconds.
    pub seconds: f32,
    /// Its standard deviation, as far as the scatter of the boxes tells.
    pub seconds_std: f32,
}

/// What is done with fewer frames or a smaller model, because the board is too hot or too slow.
/// In the order in which it is resorted to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SheddingLevel {
    /// Nothing is left out.
    #[default]
    None,
    /// Only every so many frames is looked at.
    Skip,
    /// That, and the lite model looks at them.
    Lite,
}

impl SheddingLevel {
    /// Name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Skip => "skip",
            Self::Lite => "lite",
        }
    }
}

/// How much is left out of the work on frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoadShedding {
    /// What is left out.
    pub level: SheddingLevel,
    /// Every how many captured frames one is offered to the detector, at least 1.
    pub every_nth: u32,
}

impl LoadShedding {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        level: SheddingLevel::None,
        every_nth: 1,
    };
}

impl Default for LoadShedding {
    fn default() -> Self {
        Self::NONE
    }
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
    /// How much work was being left out when this frame was looked at.
    pub load: LoadShedding,
    /// Whether the health of the program was anything but ok when this was published; always
    /// false where nobody watches over it.
    pub degraded: bool,
    /// Which model saw this: its name and the start of its hash.
    pub model_id: heapless::String<MODEL_ID_BYTES_MAX>,
    /// The objects, best score first.
    pub detections: heapless::Vec<Detection, DETECTIONS_MAX>,
    /// What rules have to tell.
    pub events: heapless::Vec<Event, EVENTS_MAX>,
}

impl DetectionFrame {
    /// Nothing seen in no frame: what is filled anew for each one.
    pub const fn empty() -> Self {
        Self {
            sequence: 0,
            source_sequence: 0,
            captured_monotonic_ns: 0,
            captured_unix_ns: 0,
            wall_clock_synchronised: false,
            age_us: 0,
            frame_width: 0,
            frame_height: 0,
            load: LoadShedding::NONE,
            degraded: false,
            model_id: heapless::String::new(),
            detections: heapless::Vec::new(),
            events: heapless::Vec::new(),
        }
    }
}
