//! The live page and the recording as written.

use super::error::ConfigError;
use super::settings::{LiveSettings, RecordSettings};
use super::values::{number, path, refuse};
use serde::Deserialize;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const MEGABYTE: u64 = 1_000_000;

const SEGMENT_S: RangeInclusive<i64> = 2..=600;
const MEGABYTES_MAX: RangeInclusive<i64> = 10..=100_000_000;
const FREE_MEGABYTES_MIN: RangeInclusive<i64> = 0..=100_000_000;
const AROUND_S: RangeInclusive<i64> = 0..=3600;

/// The `[live]` table as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLive {
    /// Address and port to serve the page at; without it there is none.
    pub address: Option<String>,
    /// File with the token that others than this machine must know.
    pub token_file: Option<PathBuf>,
}

/// The `[record]` table as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRecord {
    /// Folder to record to; without it nothing is recorded.
    pub directory: Option<PathBuf>,
    /// Record only while a disk of its own is mounted there.
    pub mounted_only: Option<bool>,
    /// Seconds in a segment.
    pub segment_s: Option<i64>,
    /// The most that the ring takes.
    pub megabytes_max: Option<i64>,
    /// The most that kept segments take.
    pub kept_megabytes_max: Option<i64>,
    /// What is always left free.
    pub free_megabytes_min: Option<i64>,
    /// Seconds kept before an event.
    pub before_s: Option<i64>,
    /// Seconds kept after one.
    pub after_s: Option<i64>,
}

impl RawLive {
    pub(super) fn or(self, fallback: Self) -> Self {
        Self {
            address: self.address.or(fallback.address),
            token_file: self.token_file.or(fallback.token_file),
        }
    }

    pub(super) fn validate(self) -> Result<Option<LiveSettings>, ConfigError> {
        let token_file = path("live.token_file", self.token_file, "the name of a file")?;
        let Some(text) = self.address else {
            return Ok(None);
        };
        let address: SocketAddr = text.parse().map_err(|_| {
            let found = format!("'{}'", text.escape_debug());
            refuse(
                "live.address",
                found,
                "an address and a port, such as 127.0.0.1:8080",
            )
        })?;
        if !address.ip().is_loopback() && token_file.is_none() {
            let allowed = "live.token_file as well, so that not everybody on the network sees what \
                           the camera sees, or an address of this machine alone: 127.0.0.1:8080";
            return Err(refuse(
                "live.address",
                format!("{address} without a token"),
                allowed,
            ));
        }
        Ok(Some(LiveSettings {
            address,
            token_file,
        }))
    }
}

impl RawRecord {
    pub(super) fn or(self, fallback: Self) -> Self {
        Self {
            directory: self.directory.or(fallback.directory),
            mounted_only: self.mounted_only.or(fallback.mounted_only),
            segment_s: self.segment_s.or(fallback.segment_s),
            megabytes_max: self.megabytes_max.or(fallback.megabytes_max),
            kept_megabytes_max: self.kept_megabytes_max.or(fallback.kept_megabytes_max),
            free_megabytes_min: self.free_megabytes_min.or(fallback.free_megabytes_min),
            before_s: self.before_s.or(fallback.before_s),
            after_s: self.after_s.or(fallback.after_s),
        }
    }

    pub(super) fn validate(self) -> Result<Option<RecordSettings>, ConfigError> {
        let seconds = |key, value, allowed, default: Duration| -> Result<Duration, ConfigError> {
            Ok(number(key, value, allowed)?.map_or(default, Duration::from_secs))
        };
        let bytes = |key, value, allowed, default: u64| -> Result<u64, ConfigError> {
            Ok(number(key, value, allowed)?.map_or(default, |megabytes| megabytes * MEGABYTE))
        };
        let directory = path("record.directory", self.directory, "the name of a folder")?;
        let fallback = RecordSettings::new(directory.clone().unwrap_or_default());
        let settings = RecordSettings {
            mounted_only: self.mounted_only.unwrap_or(fallback.mounted_only),
            segment: seconds(
                "record.segment_s",
                self.segment_s,
                SEGMENT_S,
                fallback.segment,
            )?,
            bytes_max: bytes(
                "record.megabytes_max",
                self.megabytes_max,
                MEGABYTES_MAX,
                fallback.bytes_max,
            )?,
            kept_bytes_max: bytes(
                "record.kept_megabytes_max",
                self.kept_megabytes_max,
                MEGABYTES_MAX,
                fallback.kept_bytes_max,
            )?,
            free_bytes_min: bytes(
                "record.free_megabytes_min",
                self.free_megabytes_min,
                FREE_MEGABYTES_MIN,
                fallback.free_bytes_min,
            )?,
            before: seconds("record.before_s", self.before_s, AROUND_S, fallback.before)?,
            after: seconds("record.after_s", self.after_s, AROUND_S, fallback.after)?,
            directory: fallback.directory,
        };
        Ok(directory.is_some().then_some(settings))
    }
}
