//! What was recorded as seen, frame by frame.

use super::compare::ReplayError;
use crate::detection::DetectionFrame;
use crate::geometry::BBox;
use crate::mcap::{MessageReader, ReadError};
use crate::recording::{DETECTIONS_TOPIC, IMAGE_SCHEMA};
use crate::sink;
use serde::Deserialize;
use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// An object as a line of detections tells of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Object {
    pub(super) class: String,
    pub(super) score: f64,
    box_px: [f32; 4],
}

impl Object {
    pub(super) fn bbox(&self) -> BBox {
        let [x0, y0, x1, y1] = self.box_px;
        BBox::new(x0, y0, x1, y1)
    }
}

/// A line of detections, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    detections: Vec<Object>,
}

/// The objects of a frame as its line tells of them, with the same rounding.
pub(super) fn objects_of(seen: &DetectionFrame) -> Vec<Object> {
    let mut line = Vec::new();
    // What is written here is read here.
    let _ = sink::write_line(seen, &mut line);
    parse(&line).unwrap_or_default()
}

fn parse(line: &[u8]) -> Option<Vec<Object>> {
    let line: Line = serde_json::from_slice(line).ok()?;
    Some(line.detections)
}

/// What was recorded about one picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Which of all pictures it is, from 0.
    pub(super) index: u64,
    /// When it was taken, in nanoseconds since 1970 UTC.
    pub(super) time_ns: u64,
    /// What was seen in it; `None`: nothing was recorded about it.
    pub(super) objects: Option<Vec<Object>>,
}

/// Reads recordings beside the source that gives out their pictures.
pub(super) struct Recorded {
    files: VecDeque<PathBuf>,
    reader: Option<(PathBuf, MessageReader<BufReader<File>>)>,
    next: u64,
    /// Number, time and objects of the newest detections; their picture comes behind them.
    newest: Option<(u32, u64, Vec<Object>)>,
}

impl Recorded {
    pub(super) fn open(files: &[PathBuf]) -> Self {
        Self {
            files: files.to_vec().into(),
            reader: None,
            next: 0,
            newest: None,
        }
    }

    /// What was recorded about this picture; those before it are passed over.
    pub(super) fn about(&mut self, index: u64) -> Result<Option<Record>, ReplayError> {
        while let Some(record) = self.next_record()? {
            if record.index >= index {
                return Ok((record.index == index).then_some(record));
            }
        }
        Ok(None)
    }

    fn next_record(&mut self) -> Result<Option<Record>, ReplayError> {
        loop {
            let Some((path, reader)) = &mut self.reader else {
                let Some(path) = self.files.pop_front() else {
                    return Ok(None);
                };
                let failed = |reason: String| failed(&path, reason);
                let file = File::open(&path).map_err(|error| failed(error.to_string()))?;
                let reader = MessageReader::new(BufReader::new(file));
                let reader = reader.map_err(|error| failed(error.to_string()))?;
                self.reader = Some((path, reader));
                continue;
            };
            let message = match reader.next() {
                Ok(Some(message)) => message,
                Ok(None) => {
                    self.reader = None;
                    continue;
                }
                // The source leaves it out as well.
                Err(ReadError::Damaged) => continue,
                Err(error) => return Err(failed(path, error.to_string())),
            };
            let (sequence, time_ns) = (message.sequence, message.time_ns);
            if message.channel.topic == DETECTIONS_TOPIC {
                self.newest = parse(message.data).map(|objects| (sequence, time_ns, objects));
            } else if message.channel.schema == IMAGE_SCHEMA {
                let newest = self.newest.take();
                let its = newest.filter(|it| (it.0, it.1) == (sequence, time_ns));
                self.next += 1;
                return Ok(Some(Record {
                    index: self.next - 1,
                    time_ns,
                    objects: its.map(|it| it.2),
                }));
            }
        }
    }
}

fn failed(path: &Path, reason: String) -> ReplayError {
    ReplayError::Recording {
        path: path.to_owned(),
        reason,
    }
}
