//! Recordings.
//!
//! The time of what is seen is that of the wall clock at first, and goes on by the monotonic clock
//! where the detections beside a picture tell it: so objects move exactly as they did for the
//! camera, whatever the wall clock does in between.

use super::pacing::Pacer;
use super::{FrameSource, Next, Pace, SourceError};
use crate::frame::{Frame, PixelFormat};
use crate::mcap::{MessageReader, ReadError};
use crate::pixels::jpeg;
use crate::recording::{DETECTIONS_TOPIC, IMAGE_SCHEMA, image_of};
use serde::Deserialize;
use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The most files of one source.
const FILES_MAX: usize = 100_000;

/// Read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The pictures of recordings, in the order in which they were taken, with their own times as
/// [`crate::frame::FrameStamp::scene_ns`]. Holds a chunk of half a second in memory.
pub struct McapSource {
    files: VecDeque<PathBuf>,
    count: usize,
    reader: Option<(PathBuf, MessageReader<BufReader<File>>)>,
    /// The row of pictures that is given out: the first one there is.
    topic: Option<String>,
    /// Time of the newest detections, and the same on the monotonic clock.
    told: Option<Moment>,
    /// That of the last picture.
    last: Option<Moment>,
    scene_ns: u64,
    sequence: u64,
    pacer: Pacer,
}

impl McapSource {
    /// Opens a recording, or a folder of them ([`recordings`]).
    ///
    /// # Errors
    /// [`SourceError::File`] when there is none.
    pub fn open(path: &Path, pace: Pace) -> Result<Self, SourceError> {
        Self::open_all(&[path], pace)
    }

    /// Opens several, to be given out one after the other.
    ///
    /// # Errors
    /// [`SourceError::File`] for the first that is not there.
    pub fn open_all<P: AsRef<Path>>(paths: &[P], pace: Pace) -> Result<Self, SourceError> {
        let files = recordings(paths)?;
        for file in &files {
            super::open::open_file(file)?;
        }
        Ok(Self {
            count: files.len(),
            files: files.into(),
            reader: None,
            topic: None,
            told: None,
            last: None,
            scene_ns: 0,
            sequence: 0,
            pacer: Pacer::new(pace),
        })
    }

    /// Puts the next picture into `frame` and gives its time; `None`: there are no more.
    fn read(&mut self, frame: &mut Frame) -> Result<Option<u64>, SourceError> {
        loop {
            let Some((path, reader)) = &mut self.reader else {
                let Some(path) = self.files.pop_front() else {
                    return Ok(None);
                };
                let file = super::open::open_file(&path)?;
                let reader = MessageReader::new(BufReader::with_capacity(BUFFER_BYTES, file));
                let reader = reader.map_err(|error| trouble(&path, &error))?;
                self.reader = Some((path, reader));
                continue;
            };
            let message = match reader.next() {
                Ok(Some(message)) => message,
                Ok(None) => {
                    self.reader = None;
                    continue;
                }
                Err(error @ ReadError::Damaged) => {
                    let reason = format!("{}: {error}", path.display());
                    return Err(SourceError::Damaged(reason));
                }
                Err(error) => return Err(trouble(path, &error)),
            };
            if message.channel.topic == DETECTIONS_TOPIC {
                self.told = Moment::of_line(message.time_ns, message.data);
                continue;
            }
            if message.channel.schema != IMAGE_SCHEMA || message.channel.encoding != "protobuf" {
                continue;
            }
            let topic = self
                .topic
                .get_or_insert_with(|| message.channel.topic.clone());
            if *topic != message.channel.topic {
                continue;
            }
            self.sequence += 1;
            let time_ns = message.time_ns;
            take(message.data, frame).map_err(|reason| {
                SourceError::Damaged(format!(
                    "{}: picture at {time_ns} ns: {reason}",
                    path.display()
                ))
            })?;
            return Ok(Some(time_ns));
        }
    }
}

/// A moment on the wall clock, and on the monotonic clock where that is known.
#[derive(Clone, Copy, Debug)]
struct Moment {
    unix_ns: u64,
    monotonic_ns: Option<u64>,
}

/// From one picture to the next no more than this passes on the monotonic clock; where it does,
/// the recordings are of different boots.
const PASSED_NS_MAX: u64 = 60_000_000_000;

impl Moment {
    /// That of a line of detections.
    fn of_line(unix_ns: u64, line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line {
            captured_monotonic_ns: u64,
        }
        let line: Line = serde_json::from_slice(line).ok()?;
        Some(Self {
            unix_ns,
            monotonic_ns: Some(line.captured_monotonic_ns),
        })
    }

    /// From an earlier one to this.
    fn since(&self, earlier: &Self) -> u64 {
        let monotonic_ns = self
            .monotonic_ns
            .zip(earlier.monotonic_ns)
            .and_then(|(now, then)| now.checked_sub(then));
        monotonic_ns
            .filter(|ns| *ns <= PASSED_NS_MAX)
            .unwrap_or(self.unix_ns.saturating_sub(earlier.unix_ns))
    }
}

impl McapSource {
    /// Brings the time of what is seen forward to the picture of this time.
    fn pass_time(&mut self, unix_ns: u64) {
        let told = self.told.filter(|told| told.unix_ns == unix_ns);
        let now = told.unwrap_or(Moment {
            unix_ns,
            monotonic_ns: None,
        });
        self.scene_ns = match self.last.replace(now) {
            None => unix_ns,
            Some(last) => self.scene_ns.saturating_add(now.since(&last)),
        };
    }
}

impl FrameSource for McapSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        match self.read(frame)? {
            Some(time_ns) => {
                self.pass_time(time_ns);
                frame.stamp = self.pacer.stamp(self.sequence - 1, self.scene_ns);
                Ok(Next::Frame)
            }
            None if self.sequence == 0 => Err(SourceError::File {
                path: "mcap:".into(),
                reason: format!("no {IMAGE_SCHEMA} in it; name a recording of lookout"),
            }),
            None => Ok(Next::End),
        }
    }

    fn describe(&self) -> String {
        let rate = match self.pacer.pace() {
            Pace::Live => "at their own speed",
            Pace::EveryFrame => "as fast as they are processed",
        };
        format!("{} recordings, {rate}", self.count)
    }

    fn pace(&self) -> Pace {
        self.pacer.pace()
    }
}

/// The files that these names stand for: a file for itself, a folder for the `*.mcap` in it, the
/// folder of `--record` for those of its `ring` and `kept`; each folder's by name, which is by time.
///
/// # Errors
/// [`SourceError::File`] where there are none.
pub fn recordings<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, SourceError> {
    let mut all = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if !path.is_dir() {
            all.push(path.to_owned());
            continue;
        }
        let mut found = list(path)?;
        for inner in ["ring", "kept"].map(|name| path.join(name)) {
            if inner.is_dir() {
                found.extend(list(&inner)?);
            }
        }
        if found.is_empty() {
            return Err(file_error(path, "no *.mcap in it; name a recording".into()));
        }
        found.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        all.append(&mut found);
        if all.len() > FILES_MAX {
            let reason = format!("over {FILES_MAX} recordings; name fewer");
            return Err(file_error(path, reason));
        }
    }
    Ok(all)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let cannot = |error| file_error(folder, format!("cannot be listed: {error}"));
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|suffix| suffix == "mcap") && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Takes the picture out of a message.
fn take(message: &[u8], frame: &mut Frame) -> Result<(), String> {
    let (data, format) = image_of(message).ok_or("there is none in it")?;
    if format != "jpeg" && format != "jpg" {
        return Err(format!("is {format:?}, not jpeg"));
    }
    frame.data.clear();
    frame.data.extend_from_slice(data);
    let outline = jpeg::outline(&frame.data).map_err(|fault| format!("JPEG: {fault}"))?;
    frame.format = PixelFormat::Mjpeg;
    (frame.width, frame.height, frame.stride) = (outline.width, outline.height, 0);
    Ok(())
}

fn file_error(path: &Path, reason: String) -> SourceError {
    SourceError::File {
        path: path.display().to_string(),
        reason,
    }
}

fn trouble(path: &Path, error: &ReadError) -> SourceError {
    file_error(path, error.to_string())
}
