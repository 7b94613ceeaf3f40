//! Writes an event file.

use super::frame;
use super::proto::{
    self, Datum, Dim, Image, Metadata, PluginData, SessionLog, Shape, Summary, Tensor, Value, What,
};
use super::series::event_files;
use super::{
    FILE_BYTES_MAX, FILE_PREFIX, FILE_VERSION, Histogram, RECORD_BYTES_MAX, TEXT_PLUGIN,
    TensorboardError,
};
use image::ImageEncoder;
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that are gathered before they are written.
const PENDING_BYTES_MAX: usize = 64 << 10;

/// Time that an event waits at most, while others follow, in seconds.
const PENDING_S_MAX: f64 = 5.0;

/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 1024;

/// Longest text, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Largest picture: one of 16 MB as PNG still fits a record.
const PIXELS_MAX: u64 = 1 << 24;

/// Files with the same second, host and process.
const FILES_MAX: u32 = 1000;

/// Largest second that is written in ten digits; it lies in the year 2286.
const SECONDS_MAX: u64 = 9_999_999_999;

/// Writes the events of one run.
///
/// A disk that is full must not end a training: the first event that cannot be written gives
/// an error, and from then on calls succeed, events are counted in [`Self::lost_events`], and
/// writing is tried again and again. What is in the file is whole records at all times, except
/// for the last one if the process is killed while it writes.
pub struct EventWriter {
    path: PathBuf,
    output: Box<dyn Output>,
    clock: fn() -> f64,
    pending: Vec<u8>,
    pending_events: u64,
    pending_since_s: f64,
    written_bytes: u64,
    lost_events: u64,
    is_failed: bool,
    is_told: bool,
    is_broken: bool,
}

/// Where records go.
pub(super) trait Output: Write + Send {
    /// Cuts off what lies behind `length_bytes`, so that the next write continues there.
    fn cut(&mut self, length_bytes: u64) -> io::Result<()>;
}

impl Output for File {
    fn cut(&mut self, length_bytes: u64) -> io::Result<()> {
        // Files are opened for appending: there is no position to set back.
        self.set_len(length_bytes)
    }
}

impl EventWriter {
    /// Begins the log of a new run in this folder, which is made when it is not there. Of what
    /// other runs have left there TensorBoard shows nothing any more.
    ///
    /// # Errors
    /// [`TensorboardError::File`] and [`TensorboardError::Write`].
    pub fn create(dir: &Path) -> Result<Self, TensorboardError> {
        Self::open(dir, 0, now_s)
    }

    /// Goes on with the log of a run. `from_step` is the first step that will be written anew,
    /// the one behind the checkpoint's last: TensorBoard forgets it and all later ones.
    /// Its fast loader, which passes over session logs, does so for each tag when the tag is
    /// written again.
    ///
    /// # Errors
    /// [`TensorboardError::File`] and [`TensorboardError::Write`].
    pub fn resume(dir: &Path, from_step: u64) -> Result<Self, TensorboardError> {
        Self::open(dir, from_step, now_s)
    }

    /// Like [`Self::resume`], with a clock of the caller's: seconds since 1970.
    ///
    /// # Errors
    /// [`TensorboardError::File`] and [`TensorboardError::Write`].
    pub fn open(dir: &Path, from_step: u64, clock: fn() -> f64) -> Result<Self, TensorboardError> {
        std::fs::create_dir_all(dir).map_err(TensorboardError::file(dir))?;
        let (path, file) = new_file(dir, clock())?;
        let mut writer = Self::over(path, Box::new(file), clock);
        writer.begin(from_step)?;
        Ok(writer)
    }

    pub(super) fn over(path: PathBuf, output: Box<dyn Output>, clock: fn() -> f64) -> Self {
        Self {
            path,
            output,
            clock,
            pending: Vec::new(),
            pending_events: 0,
            pending_since_s: clock(),
            written_bytes: 0,
            lost_events: 0,
            is_failed: false,
            is_told: false,
            is_broken: false,
        }
    }

    /// Writes what every file begins with.
    pub(super) fn begin(&mut self, from_step: u64) -> Result<(), TensorboardError> {
        self.add(0, What::FileVersion(FILE_VERSION.into()))?;
        let start = SessionLog {
            status: proto::SESSION_START,
        };
        self.add(from_step, What::SessionLog(start))?;
        self.flush()
    }

    /// Adds a number. NaN and infinities are shown as such; TensorBoard keeps 32 bits.
    ///
    /// # Errors
    /// [`TensorboardError::Value`] for a tag that is empty or too long. The first time that
    /// writing fails, [`TensorboardError::Write`] or [`TensorboardError::Full`].
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), TensorboardError> {
        self.add_values(step, vec![summary(tag, Datum::Scalar(value as f32))?])
    }

    /// Adds a distribution. Where values in it are not finite, their count goes with it as the
    /// number `TAG/not_finite`.
    ///
    /// # Errors
    /// As [`Self::scalar`].
    pub fn histogram(
        &mut self,
        tag: &str,
        step: u64,
        histogram: &Histogram,
    ) -> Result<(), TensorboardError> {
        let mut values = vec![summary(tag, Datum::Histogram(histogram.to_proto()))?];
        if histogram.not_finite() > 0 {
            let count = Datum::Scalar(histogram.not_finite() as f32);
            values.push(summary(&format!("{tag}/not_finite"), count)?);
        }
        self.add_values(step, values)
    }

    /// Adds a picture of 8-bit RGB, rows from the top without gaps, as PNG.
    ///
    /// # Errors
    /// As [`Self::scalar`], and [`TensorboardError::Value`] where sides and bytes do not agree,
    /// or the picture has more than 16 million pixels.
    pub fn image(
        &mut self,
        tag: &str,
        step: u64,
        width: u32,
        height: u32,
        rgb: &[u8],
    ) -> Result<(), TensorboardError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > PIXELS_MAX || rgb.len() as u64 != 3 * pixels {
            return Err(TensorboardError::Value(format!(
                "picture {tag:?} has {width}x{height} pixels and {} bytes; it must have \
                 {PIXELS_MAX} pixels at most and three bytes for each",
                rgb.len()
            )));
        }
        let mut encoded = Vec::new();
        image::codecs::png::PngEncoder::new(&mut encoded)
            .write_image(rgb, width, height, image::ExtendedColorType::Rgb8)
            .map_err(|e| TensorboardError::Value(format!("picture {tag:?}: {e}")))?;
        let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
        let image = Image {
            height: side(height),
            width: side(width),
            colorspace: proto::COLORSPACE_RGB,
            encoded,
        };
        self.add_values(step, vec![summary(tag, Datum::Image(image))?])
    }

    /// Adds a text in Markdown.
    ///
    /// # Errors
    /// As [`Self::scalar`], and [`TensorboardError::Value`] for a text of more than 1 MiB.
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) -> Result<(), TensorboardError> {
        if markdown.len() > TEXT_BYTES_MAX {
            return Err(TensorboardError::Value(format!(
                "text {tag:?} has {} bytes; {TEXT_BYTES_MAX} are the most",
                markdown.len()
            )));
        }
        let tensor = Tensor {
            dtype: proto::TYPE_STRING,
            shape: Some(Shape {
                dim: vec![Dim { size: 1 }],
            }),
            string_val: vec![markdown.as_bytes().to_vec()],
        };
        let mut value = summary(tag, Datum::Tensor(tensor))?;
        value.metadata = Some(Metadata {
            plugin_data: Some(PluginData {
                plugin_name: TEXT_PLUGIN.into(),
            }),
        });
        self.add_values(step, vec![value])
    }

    /// Writes what waits. Events are written by themselves, too, when more of them come.
    ///
    /// # Errors
    /// The first time that it fails, [`TensorboardError::Write`] or [`TensorboardError::Full`].
    pub fn flush(&mut self) -> Result<(), TensorboardError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let result = self.write_pending();
        self.is_failed = result.is_err();
        if self.is_failed {
            self.lost_events += self.pending_events;
        } else {
            self.written_bytes += self.pending.len() as u64;
        }
        self.pending.clear();
        self.pending_events = 0;
        match result {
            Err(error) if !self.is_told => {
                self.is_told = true;
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// The event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the last attempt to write failed.
    pub fn is_failed(&self) -> bool {
        self.is_failed
    }

    /// Events that could not be written so far.
    pub fn lost_events(&self) -> u64 {
        self.lost_events
    }

    fn add_values(&mut self, step: u64, value: Vec<Value>) -> Result<(), TensorboardError> {
        self.add(step, What::Summary(Summary { value }))
    }

    fn add(&mut self, step: u64, what: What) -> Result<(), TensorboardError> {
        let wall_time = (self.clock)();
        let event = proto::Event {
            wall_time,
            step: i64::try_from(step).unwrap_or(i64::MAX),
            what: Some(what),
        };
        let record = event.encode_to_vec();
        if record.len() as u64 > RECORD_BYTES_MAX {
            return Err(TensorboardError::Value(format!(
                "an event has {} bytes; {RECORD_BYTES_MAX} are the most",
                record.len()
            )));
        }
        if self.pending.is_empty() {
            self.pending_since_s = wall_time;
        }
        frame::push(&record, &mut self.pending);
        self.pending_events += 1;
        // Written so that a clock that jumps, or is not a number, does not hold events back.
        let waits_s = wall_time - self.pending_since_s;
        let may_wait = (0.0..PENDING_S_MAX).contains(&waits_s);
        if self.pending.len() >= PENDING_BYTES_MAX || !may_wait {
            self.flush()?;
        }
        Ok(())
    }

    fn write_pending(&mut self) -> Result<(), TensorboardError> {
        if self.written_bytes + self.pending.len() as u64 > FILE_BYTES_MAX {
            return Err(TensorboardError::Full {
                path: self.path.clone(),
                limit_mb: FILE_BYTES_MAX / 1_000_000,
            });
        }
        let failed = |reason| TensorboardError::Write {
            path: self.path.clone(),
            reason,
        };
        if self.is_broken {
            let reason = "half a record could not be cut off again";
            return Err(failed(io::Error::other(reason)));
        }
        let written = self.output.write_all(&self.pending);
        let Err(error) = written.and_then(|()| self.output.flush()) else {
            return Ok(());
        };
        // A record behind half a record would never be found.
        self.is_broken = self.output.cut(self.written_bytes).is_err();
        Err(failed(error))
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = self.flush();
    }
}

fn summary(tag: &str, datum: Datum) -> Result<Value, TensorboardError> {
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX {
        return Err(TensorboardError::Value(format!(
            "a tag has {} bytes; it must have 1 to {TAG_BYTES_MAX}",
            tag.len()
        )));
    }
    Ok(Value {
        tag: tag.into(),
        metadata: None,
        datum: Some(datum),
    })
}

/// Makes a file whose name comes behind those of all others in the folder: TensorBoard reads
/// them in the order of their names, and never goes back.
fn new_file(dir: &Path, now_s: f64) -> Result<(PathBuf, File), TensorboardError> {
    let seconds = seconds_behind(dir, now_s)?;
    let (host, pid) = (host(), std::process::id());
    let mut number = 0;
    loop {
        let path = dir.join(format!("{FILE_PREFIX}{seconds:010}.{host}.{pid}.{number}"));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < FILES_MAX => {
                number += 1;
            }
            Err(error) => return Err(TensorboardError::file(&path)(error)),
        }
    }
}

/// The second of this moment, or the one behind the youngest file's if a clock was wrong.
fn seconds_behind(dir: &Path, now_s: f64) -> Result<u64, TensorboardError> {
    let seconds = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix(FILE_PREFIX)?;
        name.split('.').next()?.parse().ok()
    };
    let youngest: Option<u64> = event_files(dir)?.iter().filter_map(seconds).max();
    let behind = youngest.map_or(0, |seconds| seconds.saturating_add(1));
    Ok(behind.max(now_s as u64).min(SECONDS_MAX))
}

/// The computer's name, as far as it is fit for a file's name.
fn host() -> String {
    const NAME_BYTES_MAX: u64 = 64;
    let mut name = String::new();
    // Where it cannot be read, the name stays empty.
    let _ = File::open("/proc/sys/kernel/hostname")
        .and_then(|file| file.take(NAME_BYTES_MAX).read_to_string(&mut name));
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = name.chars().take_while(is_fit).collect();
    if name.is_empty() {
        "localhost".into()
    } else {
        name
    }
}

/// Seconds since 1970.
fn now_s() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
