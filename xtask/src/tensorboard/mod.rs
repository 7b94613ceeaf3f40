//! TensorBoard's event files: a writer that a training can hold for days, and a strict reader.
//!
//! A run has a folder of its own, named [`FOLDER`] in the work folder; `tensorboard --logdir`
//! shows it while it is written. An event file is a chain of framed records, each of them an
//! `Event` in Protocol Buffers. A run that is resumed gets one more file, whose first events
//! tell TensorBoard to forget what lies behind the checkpoint.
//!
//! Sources: TensorFlow's `record_writer.cc`, `event.proto`, `summary.proto` and
//! `histogram.cc`; TensorBoard's `event_accumulator.py` for what it forgets when.

mod check;
mod crc;
mod error;
mod frame;
mod histogram;
mod proto;
mod reader;
mod series;
mod writer;

pub use check::{check_with_tensorboard, is_installed};
pub use error::TensorboardError;
pub use histogram::Histogram;
pub use reader::{BucketCounts, Event, EventFile, Kind, Picture};
pub use series::{Point, Series, event_files};
pub use writer::EventWriter;

/// Folder of the event files in a training's work folder.
pub const FOLDER: &str = "tensorboard";

/// How the names of event files begin; TensorBoard looks for it.
const FILE_PREFIX: &str = "events.out.tfevents.";

/// Version of the file format that every file begins with. From version 2 on TensorBoard
/// goes by the session log to see a restart.
const FILE_VERSION: &str = "brain.Event:2";

/// Most bytes of one event.
const RECORD_BYTES_MAX: u64 = 64 << 20;

/// Most bytes of one event file.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// Name of the plugin that shows texts.
const TEXT_PLUGIN: &str = "text";
