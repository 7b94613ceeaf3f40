//! Where detections go: JSON lines on standard output, in a file or on a local socket, or messages
//! of a bus.
//!
//! A [`Sink`] takes one [`DetectionFrame`] after the other. [`spawn`] gives it a thread of its
//! own, so that a slow disk or reader delays nobody but itself; the bounded channel in between
//! and the choice of what to lose when it is full belong to the pipeline.

mod backlog;
mod bus;
mod json;
mod jsonl;
mod reader;
mod socket_file;
mod status;
mod summary;
mod thread;
mod unix;
mod uri;

pub use bus::{BusSink, EVENT_SCHEMA, Encoding, MqttUri, VehicleName, ZenohUri};
pub use json::{LINE_BYTES_MAX, SCHEMA, write_line};
pub use jsonl::JsonlSink;
pub use status::{LINE_CLEAR, StatusInput, StatusLine, status_text};
pub use summary::{ClassTally, SummaryInput, summary_table};
pub use thread::{SinkMeter, SinkReport, SinkThread, spawn};
pub use unix::{BACKLOG_BYTES_MAX, READERS_MAX, UnixSink};
pub use uri::{SinkUri, SinkUriError};

use crate::bulletin::Bulletin;
use crate::detection::DetectionFrame;
use std::io;

/// Takes published frames, one at a time, in order.
pub trait Sink: Send {
    /// Its URI, for messages and reports.
    fn name(&self) -> String;

    /// Passes one frame on.
    ///
    /// # Errors
    /// [`SinkError::Closed`]: nobody will ever read again, the sink is finished.
    /// Any other: this frame is lost, a later one may well get through.
    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError>;

    /// Work that must go on while no frame comes: greeting and serving readers. Called every
    /// few tens of milliseconds; returns at once.
    fn tend(&mut self) {}

    /// Messages lost so far because a reader was too slow, beyond those that
    /// [`Sink::publish`] reported as errors.
    fn lost(&self) -> u64 {
        0
    }

    /// Called once, after the last frame: gives readers a short, limited time to catch up.
    fn finish(&mut self) {}
}

/// Why a sink could not be opened or did not pass a frame on. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file or socket could not be opened.
    #[error("{sink}: {reason}")]
    Open {
        /// The sink's URI.
        sink: String,
        /// What is wrong and what would help.
        reason: String,
    },
    /// The reader of a pipe went away; the sink is finished.
    #[error("{sink}: the reader closed the pipe")]
    Closed {
        /// The sink's URI.
        sink: String,
    },
    /// One frame could not be written; later ones are tried again.
    #[error("{sink}: cannot write: {source}{}", advice(.source))]
    Write {
        /// The sink's URI.
        sink: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gave no thread to run the sink in.
    #[error("{sink}: cannot start its thread: {source}; end other programs or raise `ulimit -u`")]
    Thread {
        /// The sink's URI.
        sink: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The sink's thread died of a bug in lookout.
    #[error("{sink}: its thread panicked; this is a bug in lookout, please report it")]
    Panicked {
        /// The sink's URI.
        sink: String,
    },
}

/// What a person can do about a failed write.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, writing goes on by itself then"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; mount the file system writable",
        _ => "; lookout keeps trying",
    }
}

/// Opens the sink that `uri` names. Those that publish the program's health find it in
/// `bulletin`.
///
/// # Errors
/// [`SinkError::Open`] when the file or socket cannot be had.
pub fn open(uri: &SinkUri, bulletin: &Bulletin) -> Result<Box<dyn Sink>, SinkError> {
    Ok(match uri {
        SinkUri::Stdout => Box::new(JsonlSink::stdout()?),
        SinkUri::File(path) => Box::new(JsonlSink::file(path)?),
        SinkUri::Unix(path) => Box::new(UnixSink::bind(path)?),
        SinkUri::Mqtt(uri) => Box::new(BusSink::mqtt(uri, bulletin)?),
        #[cfg(feature = "zenoh")]
        SinkUri::Zenoh(uri) => Box::new(BusSink::zenoh(uri, bulletin)?),
        #[cfg(not(feature = "zenoh"))]
        SinkUri::Zenoh(_) => {
            return Err(SinkError::Open {
                sink: uri.to_string(),
                reason: "this lookout was built without Zenoh; build it with `--features zenoh`"
                    .to_owned(),
            });
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::class::ObjectClass;
    use crate::detection::{Detection, DetectionFrame};
    use crate::geometry::BBox;

    /// A frame with `objects` detections, distinct in every field.
    pub(crate) fn example_frame(sequence: u64, objects: usize) -> DetectionFrame {
        let mut detections = heapless::Vec::new();
        for index in 0..objects {
            let edge = 10.0 * index as f32;
            let detection = Detection::new(
                ObjectClass::ALL[index % ObjectClass::COUNT],
                0.987_66 - 0.007 * index as f32,
                BBox::new(edge + 0.123, edge + 0.5, edge + 50.256, edge + 40.0),
            );
            assert!(
                detections.push(detection).is_ok(),
                "the example has too many objects"
            );
        }
        let mut model_id = heapless::String::new();
        assert!(model_id.push_str("road-288x512@0f1e2d3c").is_ok());
        DetectionFrame {
            sequence,
            source_sequence: 2 * sequence + 1,
            captured_monotonic_ns: 5_000_000_123,
            captured_unix_ns: 1_795_435_200_123_456_789,
            wall_clock_synchronised: true,
            age_us: 41_250,
            frame_width: 960,
            frame_height: 540,
            model_id,
            detections,
            ..DetectionFrame::empty()
        }
    }
}
