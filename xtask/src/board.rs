//! The boards that the firmware is built for: one small file each in `board/`.

use crate::workspace;
use lookout::source::SourceUri;
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The largest board file that is read, in bytes.
const BOARD_BYTES_MAX: u64 = 64 * 1024;

/// What a file `board/NAME.toml` says. Only `description` has to be there.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The Rust target triple.
    #[serde(default = "default_target")]
    pub target: String,
    /// The compiler's `target-cpu`; `generic` runs on every processor of the target.
    #[serde(default = "default_cpu")]
    pub cpu: String,
    /// Compiler target features beyond those of `cpu`, such as `dotprod`.
    #[serde(default)]
    pub features: Vec<String>,
    /// Threads of the detector.
    #[serde(default = "default_threads")]
    pub threads: u32,
    /// The model: a folder of `models/`.
    #[serde(default = "default_model")]
    pub model: String,
    /// The cheaper model that the board falls back to when it is hot or late; none: it only
    /// skips frames.
    #[serde(default)]
    pub lite_model: Option<String>,
    /// What the board's device tree calls it: one of these must be among its `compatible`
    /// strings, so that nobody flashes a release onto another board. None: any board.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// The URI of the camera that the board usually has.
    #[serde(default = "default_camera")]
    pub camera: String,
    /// Power mode and clocks.
    #[serde(default)]
    pub power: Power,
    /// What the firmware may use, and when it has to do less.
    #[serde(default)]
    pub limits: Limits,
    /// How patient `flash` is.
    #[serde(default)]
    pub flash: FlashTimes,
}

/// Power mode and clocks of a Jetson; a board without these tools leaves them out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Power {
    /// Mode for `nvpmodel -m`; none: the mode is left alone.
    pub nvpmodel: Option<u32>,
    /// Whether `jetson_clocks` holds the clocks at their maximum; otherwise they are left alone.
    pub jetson_clocks: bool,
}

/// What the firmware may use, and when it has to do less.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The service's `MemoryMax` in MiB.
    pub memory_max_mib: u32,
    /// MiB that must stay free on the board's disk after a release was installed.
    pub disk_free_min_mib: u32,
    /// From this temperature of the hottest zone on, in degrees Celsius, load is shed. A little
    /// below the point where the board itself throttles.
    pub celsius_shed: u32,
    /// Seconds without a fresh frame and its inference after which systemd starts the firmware
    /// anew, unless the camera is known to be away.
    pub watchdog_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max_mib: 512,
            disk_free_min_mib: 200,
            celsius_shed: 85,
            watchdog_s: 30,
        }
    }
}

/// How long `flash` waits for what.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct FlashTimes {
    /// Seconds that a fresh release has to become healthy: a fresh frame and its inference.
    pub health_wait_s: u32,
    /// Seconds that a healthy release is then watched before it is kept.
    pub soak_s: u32,
}

impl Default for FlashTimes {
    fn default() -> Self {
        Self {
            health_wait_s: 60,
            soak_s: 60,
        }
    }
}

fn default_target() -> String {
    "aarch64-unknown-linux-musl".to_owned()
}

fn default_cpu() -> String {
    "generic".to_owned()
}

fn default_threads() -> u32 {
    2
}

fn default_model() -> String {
    "road-288x512".to_owned()
}

fn default_camera() -> String {
    "v4l2:///dev/dashcam?size=1280x720&fps=30".to_owned()
}

/// Why a board's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// No such board.
    #[error("no board `{name}`; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The board's file is wrong.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Board {
    /// Loads `board/NAME.toml`, or the file itself when `name` ends in `.toml`.
    pub fn load(name: &str) -> Result<Self, BoardError> {
        let folder = folder();
        let is_path = name.ends_with(".toml");
        let path = if is_path {
            PathBuf::from(name)
        } else {
            folder.join(format!("{name}.toml"))
        };
        // A name is no way out of the folder.
        if !path.is_file() || (!is_path && name.contains(['/', '\\'])) {
            let known = Self::names().join(", ");
            return Err(BoardError::Unknown {
                name: name.to_owned(),
                known,
            });
        }
        let wrong = |reason: String| BoardError::File {
            path: path.clone(),
            reason,
        };
        let bytes = std::fs::metadata(&path)
            .map_err(|e| wrong(e.to_string()))?
            .len();
        if bytes > BOARD_BYTES_MAX {
            return Err(wrong(format!(
                "{bytes} bytes; the limit is {BOARD_BYTES_MAX}"
            )));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        let mut board = Self::parse(&text).map_err(wrong)?;
        board.name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(board)
    }

    /// Reads the text of a board file; the name stays empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let board: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        board.check()?;
        Ok(board)
    }

    fn check(&self) -> Result<(), String> {
        if self.description.trim().is_empty() {
            return Err("description is empty: say what the board is".to_owned());
        }
        plain("target", &self.target)?;
        plain("cpu", &self.cpu)?;
        for feature in &self.features {
            plain("features", feature)?;
        }
        plain("model", &self.model)?;
        if let Some(lite_model) = &self.lite_model {
            plain("lite_model", lite_model)?;
        }
        let camera: Result<SourceUri, _> = self.camera.parse();
        camera.map_err(|error| format!("camera = {:?}: {error}", self.camera))?;
        within("threads", self.threads, 1..=64)?;
        if let Some(mode) = self.power.nvpmodel {
            within("power.nvpmodel", mode, 0..=99)?;
        }
        let Limits {
            memory_max_mib,
            disk_free_min_mib,
            celsius_shed,
            watchdog_s,
        } = self.limits;
        within("limits.memory_max_mib", memory_max_mib, 64..=65_536)?;
        within(
            "limits.disk_free_min_mib",
            disk_free_min_mib,
            16..=1_048_576,
        )?;
        within("limits.celsius_shed", celsius_shed, 40..=120)?;
        within("limits.watchdog_s", watchdog_s, 5..=600)?;
        for name in &self.compatible {
            plain("compatible", &name.replace(',', "-"))?;
        }
        within("flash.health_wait_s", self.flash.health_wait_s, 5..=3600)?;
        within("flash.soak_s", self.flash.soak_s, 0..=86_400)
    }

    /// The names of all boards of the folder, sorted.
    pub fn names() -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
            .collect();
        names.sort();
        names
    }
}

fn folder() -> PathBuf {
    workspace::root().join("board")
}

/// These values end up in command lines, paths and unit files.
fn plain(key: &str, value: &str) -> Result<(), String> {
    const LENGTH_MAX: usize = 64;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let is_named = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_named && value.len() <= LENGTH_MAX && value.chars().all(is_plain) {
        return Ok(());
    }
    Err(format!(
        "{key} = {value:?}: at most {LENGTH_MAX} letters, digits and -_.+, a letter or digit first"
    ))
}

fn within(key: &str, value: u32, range: RangeInclusive<u32>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(format!("{key} = {value}: {least} to {most} is allowed"))
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
