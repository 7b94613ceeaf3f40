//! Settings as written.

use super::error::ConfigError;
use super::raw_rules::{RawRule, RawZone, rules};
use super::raw_viewers::{RawLive, RawRecord};
use super::settings::{AnnotateSettings, Settings};
use super::values::{
    AGE_MS_MAX, ANNOTATE_EVERY_NTH, ANNOTATE_FILES_MAX, CELSIUS_SHED, FRAMES, QUEUE_FRAMES,
    STALL_WARNING_MS, THREADS, number, path, picture_file, refuse, score, sinks, source,
};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest configuration file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024;

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
    /// Whether each of them keeps to a CPU of its own.
    pub pinned: Option<bool>,
    /// As [`Settings::tracking`].
    pub tracking: Option<bool>,
    /// URIs of the sinks.
    pub sinks: Option<Vec<String>>,
    /// How many frames a sink may fall behind.
    pub queue_frames: Option<i64>,
    /// How many milliseconds without a frame are worth a warning.
    pub stall_warning_ms: Option<i64>,
    /// File that says how the program is.
    pub health: Option<PathBuf>,
    /// Folder of the lite model.
    pub lite_model: Option<PathBuf>,
    /// From how many degrees Celsius on work is left out.
    pub celsius_shed: Option<i64>,
    /// From which age of frames on, in milliseconds, work is left out.
    pub age_ms_max: Option<i64>,
    /// Annotated pictures.
    #[serde(default)]
    pub annotate: RawAnnotate,
    /// Parts of the picture that rules name.
    pub zones: Option<Vec<RawZone>>,
    /// What to tell events about.
    pub rules: Option<Vec<RawRule>>,
    /// The live page.
    #[serde(default)]
    pub live: RawLive,
    /// The recording.
    #[serde(default)]
    pub record: RawRecord,
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

/// Words less alike than this are no misspellings of each other; 1 is the same word.
const LIKENESS_MIN: f64 = 0.6;

/// The known key that is most like the unknown one, from serde's message about it: "unknown field
/// `a`, expected one of `b`, `c`".
fn nearest(message: &str) -> Option<&str> {
    let mut words = message
        .strip_prefix("unknown field")?
        .split('`')
        .skip(1)
        .step_by(2);
    let unknown = words.next()?;
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(unknown, known);
    words
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
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
        toml::from_str(text).map_err(|error: toml::de::Error| {
            syntax(match nearest(error.message()) {
                Some(nearest) => format!("{error}did you mean `{nearest}`?"),
                None => error.to_string(),
            })
        })
    }

    /// These settings where they are given, those of `fallback` elsewhere.
    pub fn or(self, fallback: Self) -> Self {
        Self {
            source: self.source.or(fallback.source),
            model: self.model.or(fallback.model),
            score: self.score.or(fallback.score),
            frames: self.frames.or(fallback.frames),
            threads: self.threads.or(fallback.threads),
            pinned: self.pinned.or(fallback.pinned),
            tracking: self.tracking.or(fallback.tracking),
            sinks: self.sinks.or(fallback.sinks),
            queue_frames: self.queue_frames.or(fallback.queue_frames),
            stall_warning_ms: self.stall_warning_ms.or(fallback.stall_warning_ms),
            health: self.health.or(fallback.health),
            lite_model: self.lite_model.or(fallback.lite_model),
            celsius_shed: self.celsius_shed.or(fallback.celsius_shed),
            age_ms_max: self.age_ms_max.or(fallback.age_ms_max),
            annotate: RawAnnotate {
                directory: self.annotate.directory.or(fallback.annotate.directory),
                format: self.annotate.format.or(fallback.annotate.format),
                every_nth: self.annotate.every_nth.or(fallback.annotate.every_nth),
                files_max: self.annotate.files_max.or(fallback.annotate.files_max),
            },
            zones: self.zones.or(fallback.zones),
            rules: self.rules.or(fallback.rules),
            live: self.live.or(fallback.live),
            record: self.record.or(fallback.record),
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
            pinned: self.pinned.unwrap_or(defaults.pinned),
            tracking: self.tracking.unwrap_or(defaults.tracking),
            engine: defaults.engine,
            sinks: sinks(self.sinks.unwrap_or_default())?,
            queue_frames: number("queue_frames", self.queue_frames, QUEUE_FRAMES)?
                .map_or(defaults.queue_frames, |frames| frames as usize),
            stall_warning: stall_warning_ms.map_or(defaults.stall_warning, Duration::from_millis),
            health: path("health", self.health, "the name of a file")?,
            lite_model: path("lite_model", self.lite_model, "the folder of a model")?,
            celsius_shed: number("celsius_shed", self.celsius_shed, CELSIUS_SHED)?
                .map_or(defaults.celsius_shed, |celsius| celsius as f64),
            age_max: number("age_ms_max", self.age_ms_max, AGE_MS_MAX)?.map(Duration::from_millis),
            annotate: self.annotate.validate()?,
            rules: rules(
                self.zones.unwrap_or_default(),
                self.rules.unwrap_or_default(),
            )?,
            live: self.live.validate()?,
            record: self.record.validate()?,
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
