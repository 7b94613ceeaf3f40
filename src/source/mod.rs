//! Where frames come from: cameras, files and the built-in drive, behind one trait.

mod drive;
mod images;
mod mcap;
mod mjpeg;
mod mp4;
mod open;
mod pacing;
mod uri;
mod video;

pub use drive::DriveSource;
pub use images::ImagesSource;
pub use mcap::{McapSource, recordings};
pub use mjpeg::MjpegSource;
pub use open::{is_live, open};
pub use uri::{DriveSettings, SourceUri};
pub use video::VideoSource;

use crate::frame::Frame;
use std::time::Duration;

/// What [`FrameSource::next_frame`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A new picture is in the frame.
    Frame,
    /// The source has no more pictures and never will; the frame is untouched.
    End,
}

/// How the frames of a source relate to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Frames come when they come: who is late misses some (cameras, paced files).
    Live,
    /// The source waits for its reader: every frame is processed (`?pace=max`).
    EveryFrame,
}

/// Why a source could not be opened or read. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URI is not one of ours.
    #[error("{0}")]
    Uri(String),
    /// The file or folder is missing, unreadable or empty.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// One frame is damaged; the source goes on with the next one.
    #[error("damaged frame skipped: {0}")]
    Damaged(String),
    /// No frame came in time; a camera must be reopened.
    #[error("no frame within {0:?}: the camera stalled")]
    Timeout(Duration),
    /// There is no such device: it is not plugged in, or its driver is not loaded.
    #[error("{device}: {reason}")]
    Absent {
        /// The device node.
        device: String,
        /// What is missing and what would help.
        reason: String,
    },
    /// The device failed or vanished; it must be reopened.
    #[error("{device}: {reason}")]
    Device {
        /// The device node.
        device: String,
        /// What failed and what would help.
        reason: String,
    },
}

impl From<crate::query::QueryError> for SourceError {
    fn from(error: crate::query::QueryError) -> Self {
        Self::Uri(error.to_string())
    }
}

impl SourceError {
    /// Whether the same source can go on with its next frame. Otherwise it must be
    /// dropped (and, for a live source, opened anew).
    pub fn is_recoverable_in_place(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

/// A sequence of pictures.
///
/// `next_frame` blocks until a picture is there, but never longer than the source's own
/// timeout (2 s at most); it overwrites `frame` in place and, once its buffer has grown to
/// size, does not allocate beyond what a decoder needs. After an error that is not
/// [`SourceError::is_recoverable_in_place`] the source must be dropped.
pub trait FrameSource: Send {
    /// The next picture.
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError>;

    /// What it is, for people: kind, name, size, rate.
    fn describe(&self) -> String;

    /// Whether frames may be missed.
    fn pace(&self) -> Pace;
}
