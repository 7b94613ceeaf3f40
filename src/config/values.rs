//! What each value may be.

use super::error::ConfigError;
use crate::annotate::PictureFile;
use crate::detector::THREADS_MAX;
use crate::sink::SinkUri;
use crate::source::SourceUri;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The most sinks that one run feeds.
pub const SINKS_MAX: usize = 16;

pub(super) const FRAMES: RangeInclusive<i64> = 1..=1_000_000_000_000;
pub(super) const THREADS: RangeInclusive<i64> = 1..=THREADS_MAX as i64;
pub(super) const QUEUE_FRAMES: RangeInclusive<i64> = 1..=1024;
pub(super) const STALL_WARNING_MS: RangeInclusive<i64> = 100..=3_600_000;
pub(super) const CELSIUS_SHED: RangeInclusive<i64> = 40..=120;
pub(super) const AGE_MS_MAX: RangeInclusive<i64> = 10..=60_000;
pub(super) const ANNOTATE_EVERY_NTH: RangeInclusive<i64> = 1..=1_000_000;
pub(super) const ANNOTATE_FILES_MAX: RangeInclusive<i64> = 1..=1_000_000;

pub(super) fn refuse(
    key: &'static str,
    value: impl ToString,
    allowed: impl ToString,
) -> ConfigError {
    ConfigError::Value {
        key,
        value: value.to_string(),
        allowed: allowed.to_string(),
    }
}

pub(super) fn number(
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

pub(super) fn path(
    key: &'static str,
    value: Option<PathBuf>,
    what: &'static str,
) -> Result<Option<PathBuf>, ConfigError> {
    match value {
        Some(path) if path.as_os_str().is_empty() => Err(refuse(key, "the empty path", what)),
        value => Ok(value),
    }
}

pub(super) fn score(value: f64) -> Result<f32, ConfigError> {
    if (0.0..=1.0).contains(&value) {
        Ok(value as f32)
    } else {
        Err(refuse("score", value, "a number from 0 to 1"))
    }
}

pub(super) fn picture_file(name: &str) -> Result<PictureFile, ConfigError> {
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

pub(super) fn source(uri: &str) -> Result<SourceUri, ConfigError> {
    uri.parse()
        .map_err(|error| refuse("source", format!("'{uri}'"), error))
}

pub(super) fn sinks(uris: Vec<String>) -> Result<Vec<SinkUri>, ConfigError> {
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
