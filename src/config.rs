//! Settings of a run, in two layers: raw ones as a file or the command line gives them, and
//! checked ones that the pipeline trusts.
//!
//! A configuration file is TOML. Every key may be left out; an unknown key is an error, so that
//! a misspelt one is never silently without effect. Paths are relative to the working folder.
//!
//! ```toml
//! source = "v4l2:///dev/dashcam?size=1280x720&fps=30"
//! model = "/usr/share/lookout/models/road-288x512"
//! score = 0.4                 # 0 to 1: detections below it are left out
//! frames = 1000               # stop after so many frames
//! threads = 2                 # for the detector
//! sinks = ["unix:/run/lookout.sock"]
//! queue_frames = 64           # how far a sink may fall behind
//! stall_warning_ms = 2000     # how long without a frame is worth a warning
//!
//! [annotate]
//! directory = "annotated"
//! format = "jpeg"             # or "png"
//! every_nth = 15
//! files_max = 100
//! ```

use crate::annotate::PictureFile;
use crate::sink::SinkUri;
use crate::source::SourceUri;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest configuration file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The most sinks that one run feeds.
pub const SINKS_MAX: usize = 16;

const FRAMES: RangeInclusive<i64> = 1..=1_000_000_000_000;
const THREADS: RangeInclusive<i64> = 1..=64;
const QUEUE_FRAMES: RangeInclusive<i64> = 1..=1024;
const STALL_WARNING_MS: RangeInclusive<i64> = 100..=3_600_000;
const ANNOTATE_EVERY_NTH: RangeInclusive<i64> = 1..=1_000_000;
const ANNOTATE_FILES_MAX: RangeInclusive<i64> = 1..=1_000_000;

/// Why settings were refused. The message names the key, the value and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: {source}; check the path given to --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is longer than [`FILE_BYTES_MAX`].
    #[error("configuration {path}: larger than {FILE_BYTES_MAX} bytes; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not TOML, has an unknown key or a value of the wrong kind.
    #[error("configuration {path}: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what, over several lines.
        reason: String,
    },
    /// A value is not allowed.
    #[error("{key}: {value} is not allowed; give {allowed}")]
    Value {
        /// The key in the file; on the command line the option of that name.
        key: &'static str,
        /// The value found.
        value: String,
        /// What would be right.
        allowed: String,
    },
}

/// Settings as written, nothing checked. All are optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSettings {
    /// URI of the source.
    pub source: Option<String>,
    /// Folder of the model.
    pub model: Option<PathBuf>,
    /// Detections with a lower score are left out.
    pub score: Option<f64>,
    /// Stop after so many frames.
    pub frames: Option<i64>,
    /// Threads of the detector.
    pub threads: Option<i64>,
    /// URIs of the sinks.
    pub sinks: Option<Vec<String>>,
    /// How many frames a sink may fall behind.
    pub queue_frames: Option<i64>,
    /// How many milliseconds without a frame are worth a warning.
    pub stall_warning_ms: Option<i64>,
    /// Annotated pictures.
    #[serde(default)]
    pub annotate: RawAnnotate,
}

/// The `[annotate]` table as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAnnotate {
    /// Folder to write to; without it no pictures are written.
    pub directory: Option<PathBuf>,
    /// Kind of file: "jpeg" or "png".
    pub format: Option<String>,
    /// Every how many frames a picture is written.
    pub every_nth: Option<i64>,
    /// The most pictures that one run writes.
    pub files_max: Option<i64>,
}

/// Settings that have been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where frames come from; `None` leaves the choice to the program.
    pub source: Option<SourceUri>,
    /// Folder of the model; `None` leaves the choice to the program.
    pub model: Option<PathBuf>,
    /// Detections with a lower score are left out, `0..=1`; `None` takes the model's own.
    pub score: Option<f32>,
    /// Stop after so many published frames.
    pub frames_max: Option<u64>,
    /// Threads of the detector.
    pub threads: usize,
    /// Where detections go, besides the subscriber.
    pub sinks: Vec<SinkUri>,
    /// How many frames a sink may fall behind before it loses the oldest.
    pub queue_frames: usize,
    /// How long without a frame is worth a warning.
    pub stall_warning: Duration,
    /// Annotated pictures, if wanted.
    pub annotate: Option<AnnotateSettings>,
}

/// Which annotated pictures are written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotateSettings {
    /// Folder to write to; it is created when missing.
    pub directory: PathBuf,
    /// Kind of file.
    pub file: PictureFile,
    /// Every how many frames a picture is written, at least 1.
    pub every_nth: u32,
    /// The most pictures that one run writes, at least 1.
    pub files_max: u32,
}

impl AnnotateSettings {
    /// Every frame as JPEG, at most 3000 pictures (some hundred megabytes).
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let file = PictureFile::Jpeg;
        Self {
            directory: directory.into(),
            file,
            every_nth: 1,
            files_max: 3000,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: None,
            model: None,
            score: None,
            frames_max: None,
            threads: 1,
            sinks: Vec::new(),
            queue_frames: 64,
            stall_warning: Duration::from_secs(2),
            annotate: None,
        }
    }
}

impl Settings {
    /// Checks numbers that a program may have set without [`RawSettings::validate`].
    ///
    /// # Errors
    /// The first value that is not allowed, by key, with what is.
    pub fn check(&self) -> Result<(), ConfigError> {
        let whole = |value: u64| Some(i64::try_from(value).unwrap_or(i64::MAX));
        self.score.map(|value| score(value.into())).transpose()?;
        number("frames", self.frames_max.and_then(whole), FRAMES)?;
        number("threads", whole(self.threads as u64), THREADS)?;
        number(
            "queue_frames",
            whole(self.queue_frames as u64),
            QUEUE_FRAMES,
        )?;
        if let Some(annotate) = &self.annotate {
            number(
                "annotate.every_nth",
                whole(annotate.every_nth.into()),
                ANNOTATE_EVERY_NTH,
            )?;
            number(
                "annotate.files_max",
                whole(annotate.files_max.into()),
                ANNOTATE_FILES_MAX,
            )?;
        }
        Ok(())
    }
}

impl RawSettings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, is too large or is not as the module says.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(ConfigError::TooLarge {
                path: path.to_owned(),
            });
        }
        Self::parse(&bytes, path)
    }

    /// Takes the contents of a configuration file; `path` is for messages.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] when they are not as the module says.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, ConfigError> {
        let syntax = |reason| ConfigError::Syntax {
            path: path.to_owned(),
            reason,
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| syntax(format!("not UTF-8 text ({error}); write it as TOML")))?;
        toml::from_str(text).map_err(|error| syntax(error.to_string()))
    }

    /// These settings where they are given, those of `fallback` elsewhere.
    pub fn or(self, fallback: Self) -> Self {
        Self {
            source: self.source.or(fallback.source),
            model: self.model.or(fallback.model),
            score: self.score.or(fallback.score),
            frames: self.frames.or(fallback.frames),
            threads: self.threads.or(fallback.threads),
            sinks: self.sinks.or(fallback.sinks),
            queue_frames: self.queue_frames.or(fallback.queue_frames),
            stall_warning_ms: self.stall_warning_ms.or(fallback.stall_warning_ms),
            annotate: RawAnnotate {
                directory: self.annotate.directory.or(fallback.annotate.directory),
                format: self.annotate.format.or(fallback.annotate.format),
                every_nth: self.annotate.every_nth.or(fallback.annotate.every_nth),
                files_max: self.annotate.files_max.or(fallback.annotate.files_max),
            },
        }
    }

    /// Checks every value; what is not given gets its default.
    ///
    /// # Errors
    /// The first value that is not allowed, by key, with what is.
    pub fn validate(self) -> Result<Settings, ConfigError> {
        let defaults = Settings::default();
        let stall_warning_ms = number("stall_warning_ms", self.stall_warning_ms, STALL_WARNING_MS)?;
        Ok(Settings {
            source: self.source.as_deref().map(source).transpose()?,
            model: self.model,
            score: self.score.map(score).transpose()?,
            frames_max: number("frames", self.frames, FRAMES)?,
            threads: number("threads", self.threads, THREADS)?
                .map_or(defaults.threads, |threads| threads as usize),
            sinks: sinks(self.sinks.unwrap_or_default())?,
            queue_frames: number("queue_frames", self.queue_frames, QUEUE_FRAMES)?
                .map_or(defaults.queue_frames, |frames| frames as usize),
            stall_warning: stall_warning_ms.map_or(defaults.stall_warning, Duration::from_millis),
            annotate: self.annotate.validate()?,
        })
    }
}

impl RawAnnotate {
    fn validate(self) -> Result<Option<AnnotateSettings>, ConfigError> {
        let every_nth = number("annotate.every_nth", self.every_nth, ANNOTATE_EVERY_NTH)?;
        let files_max = number("annotate.files_max", self.files_max, ANNOTATE_FILES_MAX)?;
        let file = self.format.as_deref().map(picture_file).transpose()?;
        let Some(directory) = self.directory else {
            return Ok(None);
        };
        if directory.as_os_str().is_empty() {
            return Err(refuse(
                "annotate.directory",
                "the empty path",
                "the name of a folder",
            ));
        }
        let mut settings = AnnotateSettings::new(directory);
        settings.file = file.unwrap_or(settings.file);
        // Both ranges end far below u32::MAX.
        settings.every_nth = every_nth.map_or(settings.every_nth, |nth| nth as u32);
        settings.files_max = files_max.map_or(settings.files_max, |files| files as u32);
        Ok(Some(settings))
    }
}

fn refuse(key: &'static str, value: impl ToString, allowed: impl ToString) -> ConfigError {
    ConfigError::Value {
        key,
        value: value.to_string(),
        allowed: allowed.to_string(),
    }
}

fn number(
    key: &'static str,
    value: Option<i64>,
    allowed: RangeInclusive<i64>,
) -> Result<Option<u64>, ConfigError> {
    match value {
        // No range begins below 0, so the sign is never lost.
        Some(value) if allowed.contains(&value) => Ok(Some(value.unsigned_abs())),
        Some(value) => {
            let range = format!("a number from {} to {}", allowed.start(), allowed.end());
            Err(refuse(key, value, range))
        }
        None => Ok(None),
    }
}

fn score(value: f64) -> Result<f32, ConfigError> {
    if (0.0..=1.0).contains(&value) {
        Ok(value as f32)
    } else {
        Err(refuse("score", value, "a number from 0 to 1"))
    }
}

fn picture_file(name: &str) -> Result<PictureFile, ConfigError> {
    match name {
        "jpeg" => Ok(PictureFile::Jpeg),
        "png" => Ok(PictureFile::Png),
        _ => Err(refuse(
            "annotate.format",
            format!("{name:?}"),
            "\"jpeg\" or \"png\"",
        )),
    }
}

fn source(uri: &str) -> Result<SourceUri, ConfigError> {
    uri.parse()
        .map_err(|error| refuse("source", format!("'{uri}'"), error))
}

fn sinks(uris: Vec<String>) -> Result<Vec<SinkUri>, ConfigError> {
    if uris.len() > SINKS_MAX {
        let allowed = format!("at most {SINKS_MAX} sinks");
        return Err(refuse(
            "sinks",
            format!("a list of {}", uris.len()),
            allowed,
        ));
    }
    let mut sinks: Vec<SinkUri> = Vec::with_capacity(uris.len());
    for uri in uris {
        let sink = uri
            .parse()
            .map_err(|error| refuse("sinks", format!("'{uri}'"), error))?;
        if sinks.contains(&sink) {
            return Err(refuse(
                "sinks",
                format!("'{uri}' given twice"),
                "each sink once",
            ));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
