//! Records what the camera saw and what was seen in it, in a ring of MCAP files, and keeps what
//! events ask for.
//!
//! ```text
//! DIR/ring/lookout-20261127T193000Z-000042.mcap         the oldest go
//! DIR/ring/lookout-20261127T193020Z-000043.mcap.part    being written, or cut off by a power cut
//! DIR/ring/lookout-20261127T191500Z-000007.mcap.damaged what nobody could bring into order
//! DIR/kept/lookout-20261127T193000Z-000042.mcap         never goes by itself
//! DIR/kept/lookout-20261127T193000Z-000042.json         why it is kept
//! ```
//!
//! Every half second a chunk is written and flushed to the disk, so that a power cut costs less
//! than the last second; what it leaves open is closed at the next start. One
//! thread does all that, and nobody waits for it: where the disk is full, gone or slow, frames
//! are lost to the recording, counted, and seen all the same.

mod error;
mod health_log;
mod keeper;
mod messages;
mod meter;
mod mount;
mod name;
mod note;
mod picture;
mod recorder;
mod recovery;
mod ring;
mod segment;
mod topics;
mod worker;

pub use error::{PreserveError, RecordError};
pub use meter::{RecorderMeter, RecorderReport};
pub use recorder::{Recorder, RecorderHandle};
pub use topics::{ANNOTATIONS_TOPIC, CAMERA_TOPIC, DETECTIONS_TOPIC, IMAGE_SCHEMA, LOG_TOPIC};

pub(crate) use messages::image_of;
