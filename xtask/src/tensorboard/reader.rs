//! Reads an event file, and believes nothing whose checksum is wrong.

use super::frame::{self, Frame};
use super::proto::{self, Datum, HistogramProto, Value, What};
use super::{FILE_BYTES_MAX, TEXT_PLUGIN, TensorboardError};
use prost::Message;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Take};
use std::path::{Path, PathBuf};

/// One thing that a run has told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time_s: f64,
    /// Step of the training.
    pub step: i64,
    /// What it is.
    pub kind: Kind,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Version of the file format, the first event of a file.
    Version(String),
    /// The run begins, or goes on: from its step on, earlier events do not count.
    Start,
    /// A number.
    Scalar(String, f32),
    /// A distribution.
    Histogram(String, BucketCounts),
    /// A picture.
    Image(String, Picture),
    /// A text in Markdown.
    Text(String, String),
    /// Something that this program does not write.
    Other,
}

/// A distribution as it is in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketCounts {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Number of values.
    pub num: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_squares: f64,
    /// Right edge of each bucket, which does not belong to it.
    pub limits: Vec<f64>,
    /// Values in each bucket.
    pub counts: Vec<f64>,
}

/// A picture as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// The file in the file.
    pub png: Vec<u8>,
}

/// The events of a file, in order. The first error is the last item.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    reader: BufReader<Take<File>>,
    offset: u64,
    events: VecDeque<Event>,
    is_over: bool,
}

impl EventFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`TensorboardError::File`].
    pub fn open(path: &Path) -> Result<Self, TensorboardError> {
        let file = File::open(path).map_err(TensorboardError::file(path))?;
        Ok(Self {
            path: path.into(),
            reader: BufReader::new(file.take(FILE_BYTES_MAX)),
            offset: 0,
            events: VecDeque::new(),
            is_over: false,
        })
    }

    /// The events of the next record; none at the end.
    fn record(&mut self) -> Result<Option<Vec<Event>>, TensorboardError> {
        let (path, offset) = (self.path.clone(), self.offset);
        let damaged = |reason: String| TensorboardError::Damaged {
            path: path.clone(),
            offset,
            reason,
        };
        let frame = frame::next(&mut self.reader).map_err(TensorboardError::file(&path))?;
        match frame {
            Frame::End => Ok(None),
            Frame::Torn => Err(TensorboardError::Torn { path, offset }),
            Frame::Damaged(reason) => Err(damaged(reason)),
            Frame::Record(bytes, size_bytes) => {
                self.offset += size_bytes;
                let event = proto::Event::decode(bytes.as_slice())
                    .map_err(|error| damaged(error.to_string()))?;
                Ok(Some(events(event)))
            }
        }
    }
}

impl Iterator for EventFile {
    type Item = Result<Event, TensorboardError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.events.is_empty() && !self.is_over {
            match self.record() {
                Ok(Some(events)) => self.events.extend(events),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        self.events.pop_front().map(Ok)
    }
}

fn events(event: proto::Event) -> Vec<Event> {
    let (wall_time_s, step) = (event.wall_time, event.step);
    let kinds = match event.what {
        Some(What::FileVersion(version)) => vec![Kind::Version(version)],
        Some(What::SessionLog(log)) if log.status == proto::SESSION_START => vec![Kind::Start],
        Some(What::Summary(summary)) => summary.value.into_iter().map(kind).collect(),
        _ => vec![Kind::Other],
    };
    let event = |kind| Event {
        wall_time_s,
        step,
        kind,
    };
    kinds.into_iter().map(event).collect()
}

fn kind(value: Value) -> Kind {
    let plugin = value.metadata.and_then(|metadata| metadata.plugin_data);
    let is_text = plugin.is_some_and(|plugin| plugin.plugin_name == TEXT_PLUGIN);
    match value.datum {
        Some(Datum::Scalar(number)) => Kind::Scalar(value.tag, number),
        Some(Datum::Histogram(histogram)) => Kind::Histogram(value.tag, histogram.into()),
        Some(Datum::Image(image)) => Kind::Image(
            value.tag,
            Picture {
                width: image.width,
                height: image.height,
                png: image.encoded,
            },
        ),
        Some(Datum::Tensor(tensor)) if is_text => {
            let bytes = tensor.string_val.first().cloned().unwrap_or_default();
            Kind::Text(value.tag, String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => Kind::Other,
    }
}

impl From<HistogramProto> for BucketCounts {
    fn from(proto: HistogramProto) -> Self {
        Self {
            min: proto.min,
            max: proto.max,
            num: proto.num,
            sum: proto.sum,
            sum_squares: proto.sum_squares,
            limits: proto.bucket_limit,
            counts: proto.bucket,
        }
    }
}
