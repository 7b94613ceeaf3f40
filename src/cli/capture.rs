//! `lookout capture`: records raw frames of a source, without a detector, for diagnosis.

use crate::capture::{CaptureCounters, CaptureSnapshot, SourceMode, StopFlag, Supervisor};
use crate::frame::{Frame, PixelFormat};
use crate::source::{Next, SourceError, SourceUri, is_live, open};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Name and version of the report's layout.
pub const REPORT_SCHEMA: &str = "lookout.capture/1";

/// The most frames of one recording; the report holds a record of each.
const FRAMES_MAX: u64 = 100_000;

/// The most bytes of one recording.
const DUMP_BYTES_MAX: u64 = 16 << 30;

/// The longest recording: a day.
const SECONDS_MAX: u64 = 86_400;

/// Options of `lookout capture`.
#[derive(clap::Args, Clone, Debug)]
pub struct CaptureArgs {
    /// Where the frames come from, such as `v4l2:///dev/video0`
    #[arg(long, value_name = "URI")]
    pub source: SourceUri,
    /// End after this many frames
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=FRAMES_MAX))]
    pub frames: u64,
    /// End after this many seconds even without enough frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: Option<u64>,
    /// Write the bytes of all frames, one after the other, to this file
    #[arg(long, value_name = "FILE")]
    pub dump: Option<PathBuf>,
    /// Write the report (JSON: every frame's number, time, layout and place in the dump, and
    /// what the capture went through) to this file and not to standard output
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The source cannot be opened or read. A camera is opened again instead.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The dump or the report cannot be written.
    #[error("{path}: {source}; is the disk full or the folder missing?")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The dump grew too large.
    #[error("the dump reached its limit of {DUMP_BYTES_MAX} bytes; ask for fewer --frames")]
    DumpFull,
    /// Signals cannot be caught.
    #[error("signals cannot be caught: {0}")]
    Signal(io::Error),
}

/// What was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct CaptureReport {
    /// [`REPORT_SCHEMA`].
    pub schema: &'static str,
    /// The source's URI.
    pub source: String,
    /// The frames in the order in which they came.
    pub frames: Vec<FrameRecord>,
    /// What the capture went through.
    pub counters: CaptureSnapshot,
}

/// One recorded frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FrameRecord {
    /// The frame's number; gaps are frames that the source lost.
    pub sequence: u64,
    /// Time of capture on CLOCK_MONOTONIC, nanoseconds.
    pub monotonic_ns: u64,
    /// Layout of the bytes: rgb8, yuyv, nv12, i420, grey or mjpeg.
    pub format: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row to the next, 0 for mjpeg.
    pub stride: usize,
    /// Where the frame's bytes begin in the dump.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: usize,
}

/// Runs `lookout capture`. Ends after the wanted frames or seconds, at the end of the
/// source, or on SIGINT or SIGTERM; the report is written in each of these cases.
pub fn run(args: &CaptureArgs) -> Result<(), CaptureError> {
    let stop = StopFlag::new();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        signal_hook::flag::register(signal, stop.as_atomic()).map_err(CaptureError::Signal)?;
    }
    if let Some(seconds) = args.seconds {
        let stop = stop.clone();
        // Detached: it ends with the process at the latest.
        thread::spawn(move || {
            if stop.sleep_unless_stopped(Duration::from_secs(seconds)) {
                stop.stop();
            }
        });
    }
    let report = record(args, stop)?;
    let counters = &report.counters;
    eprintln!(
        "{} frames ({} lost by the source, {} damaged), opened {} times ({} attempts failed), \
         stalled {} times, lost {} times",
        report.frames.len(),
        counters.source_gaps,
        counters.damaged,
        counters.opens,
        counters.open_failures,
        counters.stalls,
        counters.losses
    );
    write_report(&report, args.report.as_deref())
}

/// Records until enough frames came or the flag is raised.
fn record(args: &CaptureArgs, stop: StopFlag) -> Result<CaptureReport, CaptureError> {
    let uri = args.source.clone();
    let mode = if is_live(&uri) {
        SourceMode::Live
    } else {
        SourceMode::Finite
    };
    let counters = Arc::new(CaptureCounters::default());
    let opener = Box::new(move || open(&uri));
    let mut supervisor = Supervisor::new(opener, mode, stop, Arc::clone(&counters));
    let mut dump = args.dump.as_deref().map(Dump::create).transpose()?;
    let mut frame = Frame::with_capacity(0);
    let mut frames = Vec::new();
    let mut offset = 0;
    while (frames.len() as u64) < args.frames && supervisor.next_frame(&mut frame)? == Next::Frame {
        frames.push(FrameRecord::new(&frame, offset));
        if let Some(dump) = &mut dump {
            offset = dump.append(&frame.data)?;
        }
    }
    let source = args.source.to_string();
    Ok(CaptureReport {
        schema: REPORT_SCHEMA,
        source,
        frames,
        counters: counters.snapshot(),
    })
}

impl FrameRecord {
    fn new(frame: &Frame, offset: u64) -> Self {
        Self {
            sequence: frame.stamp.sequence,
            monotonic_ns: frame.stamp.monotonic_ns,
            format: format_name(frame.format),
            width: frame.width,
            height: frame.height,
            stride: frame.stride,
            offset,
            bytes: frame.data.len(),
        }
    }
}

fn format_name(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Rgb8 => "rgb8",
        PixelFormat::Yuyv => "yuyv",
        PixelFormat::Nv12 => "nv12",
        PixelFormat::I420 => "i420",
        PixelFormat::Grey => "grey",
        PixelFormat::Mjpeg => "mjpeg",
    }
}

/// The file with the bytes of the frames.
struct Dump {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Dump {
    fn create(path: &Path) -> Result<Self, CaptureError> {
        let file = File::create(path).map_err(write_error(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes: 0,
        })
    }

    /// Appends one frame and returns where the next one will begin.
    fn append(&mut self, data: &[u8]) -> Result<u64, CaptureError> {
        let bytes = self.bytes.saturating_add(data.len() as u64);
        if bytes > DUMP_BYTES_MAX {
            return Err(CaptureError::DumpFull);
        }
        self.file.write_all(data).map_err(write_error(&self.path))?;
        self.bytes = bytes;
        Ok(bytes)
    }
}

fn write_report(report: &CaptureReport, path: Option<&Path>) -> Result<(), CaptureError> {
    let place = path.unwrap_or(Path::new("standard output"));
    let error = write_error(place);
    let text = match serde_json::to_string_pretty(report) {
        Ok(text) => text + "\n",
        Err(cause) => return Err(error(cause.into())),
    };
    match path {
        Some(path) => std::fs::write(path, text),
        None => io::stdout().lock().write_all(text.as_bytes()),
    }
    .map_err(error)
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> CaptureError {
    let path = path.to_owned();
    move |source| CaptureError::Write { path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn args(folder: &Path, source: &str) -> CaptureArgs {
        CaptureArgs {
            source: source.parse().unwrap(),
            frames: 5,
            seconds: None,
            dump: Some(folder.join("dump")),
            report: Some(folder.join("report")),
        }
    }

    #[test]
    fn the_dump_holds_every_frame_where_the_report_says() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(folder.path(), "drive:?size=96x64&pace=max&frames=9");
        let report = record(&args, StopFlag::new()).unwrap();
        let dump = std::fs::read(folder.path().join("dump")).unwrap();
        assert_eq!(report.frames.len(), 5);
        assert_eq!(dump.len(), 5 * 96 * 64 * 3);
        for (index, frame) in report.frames.iter().enumerate() {
            assert_eq!((frame.width, frame.height, frame.format), (96, 64, "rgb8"));
            assert_eq!(frame.sequence, index as u64);
            assert_eq!(frame.offset, (index * frame.bytes) as u64);
        }
        write_report(&report, args.report.as_deref()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("report")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["schema"], REPORT_SCHEMA);
        assert_eq!(json["frames"][4]["sequence"], 4);
        assert_eq!(json["counters"]["frames"], 5);
    }

    #[test]
    fn a_short_source_ends_the_recording() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(folder.path(), "drive:?size=96x64&pace=max&frames=3");
        assert_eq!(record(&args, StopFlag::new()).unwrap().frames.len(), 3);
    }

    #[test]
    fn a_raised_flag_ends_a_recording_of_a_camera_that_never_comes() {
        let folder = tempfile::tempdir().unwrap();
        let stop = StopFlag::new();
        stop.stop();
        let args = args(folder.path(), "v4l2:///dev/no-such-camera");
        assert!(record(&args, stop).unwrap().frames.is_empty());
    }

    #[test]
    fn what_cannot_be_opened_or_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path(), "images:/no-such-folder");
        assert!(matches!(
            record(&args, StopFlag::new()),
            Err(CaptureError::Source(_))
        ));
        args.dump = Some(folder.path().join("missing/dump"));
        let error = record(&args, StopFlag::new()).unwrap_err();
        assert!(matches!(error, CaptureError::Write { .. }), "{error}");
    }
}
