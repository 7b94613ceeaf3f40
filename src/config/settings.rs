//! Settings that have been checked.

use super::error::ConfigError;
use super::values::{
    AGE_MS_MAX, ANNOTATE_EVERY_NTH, ANNOTATE_FILES_MAX, CELSIUS_SHED, FRAMES, QUEUE_FRAMES,
    THREADS, number, refuse, score,
};
use crate::annotate::PictureFile;
use crate::detector::EngineChoice;
use crate::rules::Rule;
use crate::sink::SinkUri;
use crate::source::SourceUri;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings that have been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where frames come from; `None` leaves the choice to the program.
    pub source: Option<SourceUri>,
    /// Folder of the model; `None` leaves the choice to the program.
    pub model: Option<PathBuf>,
    /// Detections with a lower score are left out, `0..=1`; `None` takes the model's
    /// own, which may differ by class.
    pub score: Option<f32>,
    /// Stop after so many published frames.
    pub frames_max: Option<u64>,
    /// Threads of the detector.
    pub threads: usize,
    /// Whether each of them keeps to a CPU of its own.
    pub pinned: bool,
    /// Whether objects are followed from frame to frame.
    pub tracking: bool,
    /// What computes the network; for benchmarks.
    pub engine: EngineChoice,
    /// Where detections go, besides the subscriber.
    pub sinks: Vec<SinkUri>,
    /// How many frames a sink may fall behind before it loses the oldest.
    pub queue_frames: usize,
    /// How long without a frame is worth a warning.
    pub stall_warning: Duration,
    /// File that always says how the program is, if wanted.
    pub health: Option<PathBuf>,
    /// Folder of a smaller model that stands by for heat and overload, if wanted.
    pub lite_model: Option<PathBuf>,
    /// From this temperature of a processor on, in degrees Celsius, work is left out.
    pub celsius_shed: f64,
    /// Work is left out when frames are older than this at publication; `None`: a slow board
    /// may be slow.
    pub age_max: Option<Duration>,
    /// Annotated pictures, if wanted.
    pub annotate: Option<AnnotateSettings>,
    /// What to tell events about.
    pub rules: Vec<Rule>,
    /// The live page, if wanted.
    pub live: Option<LiveSettings>,
    /// The recording, if wanted.
    pub record: Option<RecordSettings>,
}

/// Where the live page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSettings {
    /// Address and port.
    pub address: SocketAddr,
    /// File whose first line everybody must know who asks; required unless the address is one
    /// of this machine alone.
    pub token_file: Option<PathBuf>,
}

/// Where and how much is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSettings {
    /// Folder of the recording; it is created when missing.
    pub directory: PathBuf,
    /// Record only while the folder is on another file system than `/`: a disk that is not
    /// mounted leaves an empty folder, and the ring would fill the system's own disk.
    pub mounted_only: bool,
    /// Length of a segment.
    pub segment: Duration,
    /// The ring of segments takes no more than this, in bytes; the oldest go first.
    pub bytes_max: u64,
    /// Kept segments take no more than this, in bytes; none goes by itself.
    pub kept_bytes_max: u64,
    /// So much of the disk is always left free, in bytes.
    pub free_bytes_min: u64,
    /// What is kept before an event.
    pub before: Duration,
    /// What is kept after an event has ended.
    pub after: Duration,
}

impl RecordSettings {
    /// Segments of 20 s, a ring of 8 GB, 4 GB kept, 1 GB free; 20 s before and 10 s after events.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        const GB: u64 = 1_000_000_000;
        Self {
            directory: directory.into(),
            mounted_only: false,
            segment: Duration::from_secs(20),
            bytes_max: 8 * GB,
            kept_bytes_max: 4 * GB,
            free_bytes_min: GB,
            before: Duration::from_secs(20),
            after: Duration::from_secs(10),
        }
    }
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
            pinned: false,
            tracking: true,
            engine: EngineChoice::default(),
            sinks: Vec::new(),
            queue_frames: 64,
            stall_warning: Duration::from_secs(2),
            health: None,
            lite_model: None,
            // Boards slow down by themselves from 85 to 97 degrees on.
            celsius_shed: 85.0,
            age_max: None,
            annotate: None,
            rules: Vec::new(),
            live: None,
            record: None,
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
        if !(*CELSIUS_SHED.start() as f64..=*CELSIUS_SHED.end() as f64).contains(&self.celsius_shed)
        {
            let (least, most) = (CELSIUS_SHED.start(), CELSIUS_SHED.end());
            let allowed = format!("a number from {least} to {most}");
            return Err(refuse("celsius_shed", self.celsius_shed, allowed));
        }
        let age_ms = self.age_max.map(|age| age.as_millis() as u64);
        number("age_ms_max", age_ms.and_then(whole), AGE_MS_MAX)?;
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
