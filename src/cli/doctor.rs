//! `lookout doctor`: looks for what would keep live detection from working.

use super::host::{self, ThermalZone};
use super::{CliError, DoctorArgs};
use crate::capture::{self, CameraInfo};
use crate::clock;
use crate::detector::{Detector, DetectorOptions};
use crate::frame::Frame;
use crate::pipeline::{self, Detect, StartError};
use crate::pixels::Decoder;
use crate::source::{self, Next, SourceError, SourceUri};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Below this a board has little left for bursts.
const MEMORY_BYTES_MIN: u64 = 256 << 20;

/// Below this annotated pictures and JSON lines soon have no room.
const DISK_BYTES_MIN: u64 = 1 << 30;

/// Boards slow down at 85 to 97 degrees.
const CELSIUS_MAX: f64 = 80.0;

/// Lines that one camera may take.
const MODES_SHOWN_MAX: usize = 6;

/// How long a source may take to give its first good frame.
const FIRST_FRAME_PATIENCE: Duration = Duration::from_secs(5);

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    level: Level,
    subject: &'static str,
    text: String,
    /// What to do; empty where nothing is to be done.
    advice: String,
}

impl Finding {
    fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            subject,
            text: text.into(),
            advice: String::new(),
        }
    }

    fn warn(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            subject,
            text: text.into(),
            advice: advice.into(),
        }
    }

    fn fail(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            subject,
            text: text.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {:<11}  {}", self.level, self.subject, self.text)?;
        if !self.advice.is_empty() {
            write!(f, "\n{:19}-> {}", "", self.advice)?;
        }
        Ok(())
    }
}

/// Looks at everything, prints each finding at once, and fails when one of them does.
pub(super) fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let mut is_fit = true;
    let mut tell = |findings: Vec<Finding>| {
        for finding in findings {
            is_fit &= finding.level != Level::Fail;
            println!("{finding}");
        }
    };
    tell(vec![Finding::ok("computer", host::cpu_name())]);
    tell(cameras(&capture::list_cameras(), args.source.is_some()));
    if let Some(uri) = &args.source {
        tell(vec![chosen_source(uri)]);
    }
    tell(vec![model(args.model.as_deref())]);
    tell(vec![wall_clock(clock::wall_clock_synchronised())]);
    tell(vec![disk(
        Path::new("."),
        host::disk_free_bytes(Path::new(".")),
    )]);
    tell(vec![memory(host::memory_available_bytes())]);
    tell(vec![temperature(&host::thermal_zones(Path::new(
        "/sys/class/thermal",
    )))]);
    if is_fit { Ok(()) } else { Err(CliError::Unfit) }
}

/// Every camera with its formats. No usable one is a failure, unless a source was named.
fn cameras(cameras: &[CameraInfo], has_source: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = cameras.iter().map(camera).collect();
    if cameras.iter().any(|camera| camera.usable.is_ok()) {
        return findings;
    }
    let advice = "plug a camera in, look at `dmesg`, and see that a /dev/video node appears";
    findings.push(if has_source {
        Finding::warn("camera", "no camera can be used", advice)
    } else {
        Finding::fail("camera", "no camera can be used", advice)
    });
    findings
}

fn camera(camera: &CameraInfo) -> Finding {
    let node = camera.by_id.as_ref().unwrap_or(&camera.device).display();
    let name = if camera.name.is_empty() {
        "unknown"
    } else {
        &camera.name
    };
    let mut text = format!("{node}: {name}");
    if let Err(reason) = &camera.usable {
        return Finding::warn("camera", text, reason.clone());
    }
    for mode in camera.formats.iter().take(MODES_SHOWN_MAX) {
        let rate = mode
            .frames_per_second_max
            .map(|fps| format!(" {fps:.0} fps"));
        let rate = rate.unwrap_or_default();
        text += &format!(
            "\n{:19}{} {}x{}{rate}",
            "", mode.fourcc, mode.width, mode.height
        );
    }
    let hidden = camera.formats.len().saturating_sub(MODES_SHOWN_MAX);
    if hidden > 0 {
        text += &format!("\n{:19}and {hidden} more modes", "");
    }
    Finding::ok("camera", text)
}

/// Whether the named source gives a frame that is a picture.
fn chosen_source(uri: &SourceUri) -> Finding {
    match first_picture(uri) {
        Ok((width, height)) => Finding::ok(
            "source",
            format!("{uri} gives pictures of {width}x{height}"),
        ),
        Err(error) => {
            let advice = "correct the cause or name another --source";
            Finding::fail("source", format!("{uri}: {error}"), advice)
        }
    }
}

fn first_picture(uri: &SourceUri) -> Result<(u32, u32), SourceError> {
    let began = Instant::now();
    let mut source = source::open(uri)?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    let mut last_error = SourceError::Timeout(FIRST_FRAME_PATIENCE);
    // Cameras may well begin with a few damaged frames.
    while began.elapsed() < FIRST_FRAME_PATIENCE {
        match source.next_frame(&mut frame) {
            Ok(Next::End) => break,
            Ok(Next::Frame) => match decoder.picture(&frame) {
                Ok(picture) => return Ok((picture.width(), picture.height())),
                Err(error) => last_error = SourceError::Damaged(error.to_string()),
            },
            Err(error) if error.is_recoverable_in_place() => last_error = error,
            Err(error) => return Err(error),
        }
    }
    Err(last_error)
}

/// Loads the model and looks at one picture with it.
fn model(folder: Option<&Path>) -> Finding {
    let advice = "give the folder of a good model with --model, or make one with \
                  `cargo xtask train-and-export`";
    let found = match folder {
        Some(folder) => Ok(folder.to_owned()),
        None => pipeline::find_model().map_err(|searched| StartError::NoModel { searched }),
    };
    let folder = match found {
        Ok(folder) => folder,
        Err(error) => return Finding::fail("model", error.to_string(), advice),
    };
    match try_model(&folder) {
        Ok(text) => Finding::ok("model", text),
        Err(error) => Finding::fail("model", format!("{}: {error}", folder.display()), advice),
    }
}

fn try_model(folder: &Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut detector = Detector::load(folder, &DetectorOptions::default())?;
    let mut drive = source::open(&SourceUri::default())?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    drive.next_frame(&mut frame)?;
    let picture = decoder.picture(&frame)?;
    let began = Instant::now();
    Detect::detect(&mut detector, &picture, &mut heapless::Vec::new())?;
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let id = Detect::model_id(&detector);
    Ok(format!(
        "{}: {id} works; one picture takes {took_ms:.0} ms",
        folder.display()
    ))
}

fn wall_clock(is_synchronised: bool) -> Finding {
    if is_synchronised {
        return Finding::ok("clock", "the wall clock is synchronised");
    }
    let advice = "times of detections may be wrong: run chrony or systemd-timesyncd; \
                  `timedatectl` shows their state";
    Finding::warn("clock", "the wall clock is not synchronised", advice)
}

fn disk(folder: &Path, free_bytes: std::io::Result<u64>) -> Finding {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let folder = folder.display();
    match free_bytes {
        Ok(bytes) if bytes >= DISK_BYTES_MIN => {
            Finding::ok("disk", format!("{} free at {folder}", size(bytes)))
        }
        Ok(bytes) => {
            let advice = "delete old recordings; detection itself needs no disk";
            Finding::warn(
                "disk",
                format!("only {} free at {folder}", size(bytes)),
                advice,
            )
        }
        Err(error) => {
            let text = format!("free space at {folder} is unknown: {error}");
            Finding::warn("disk", text, "work in another folder")
        }
    }
}

fn memory(available_bytes: Option<u64>) -> Finding {
    match available_bytes {
        Some(bytes) if bytes >= MEMORY_BYTES_MIN => {
            Finding::ok("memory", format!("{} available", size(bytes)))
        }
        Some(bytes) => {
            let text = format!("only {} available", size(bytes));
            Finding::warn("memory", text, "end other programs, such as a desktop")
        }
        None => Finding::warn("memory", "unknown", "see that /proc is mounted"),
    }
}

fn temperature(zones: &[ThermalZone]) -> Finding {
    let hottest = zones.iter().max_by(|a, b| a.celsius.total_cmp(&b.celsius));
    let Some(hottest) = hottest else {
        return Finding::ok("temperature", "this computer shows none");
    };
    let others = zones.len() - 1;
    let text = format!(
        "{} {:.1} C, {others} other zones cooler",
        hottest.name, hottest.celsius
    );
    if hottest.celsius < CELSIUS_MAX {
        return Finding::ok("temperature", text);
    }
    let advice = "the board slows down when it gets hotter: give it a fan, a heat sink or shade";
    Finding::warn("temperature", text, advice)
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.0} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::CameraMode;

    fn camera_info(usable: Result<(), String>) -> CameraInfo {
        let mode = CameraMode {
            fourcc: "MJPG".into(),
            width: 1280,
            height: 720,
            frames_per_second_max: Some(30.0),
        };
        CameraInfo {
            device: "/dev/video7".into(),
            by_id: None,
            name: "Dashcam".into(),
            driver: "uvcvideo".into(),
            bus: "usb-1".into(),
            formats: vec![mode; 9],
            usable,
        }
    }

    fn levels(findings: &[Finding]) -> Vec<Level> {
        findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_usable_camera_is_shown_with_its_modes() {
        let findings = cameras(&[camera_info(Ok(()))], false);
        assert_eq!(levels(&findings), [Level::Ok]);
        let text = findings[0].to_string();
        for words in [
            "/dev/video7",
            "Dashcam",
            "MJPG 1280x720 30 fps",
            "and 3 more",
        ] {
            assert!(text.contains(words), "no '{words}' in {text}");
        }
    }

    #[test]
    fn no_usable_camera_fails_unless_another_source_was_named() {
        assert_eq!(levels(&cameras(&[], false)), [Level::Fail]);
        assert_eq!(levels(&cameras(&[], true)), [Level::Warn]);
        let locked = camera_info(Err("add your user to group video".into()));
        let findings = cameras(&[locked], false);
        assert_eq!(levels(&findings), [Level::Warn, Level::Fail]);
        assert!(findings[0].to_string().contains("group video"));
    }

    #[test]
    fn findings_that_are_not_ok_say_what_to_do() {
        let zone = |celsius| ThermalZone {
            name: "cpu".into(),
            celsius,
        };
        let io_error = || std::io::Error::from(std::io::ErrorKind::NotFound);
        for (finding, expected) in [
            (wall_clock(true), Level::Ok),
            (wall_clock(false), Level::Warn),
            (disk(Path::new("."), Ok(DISK_BYTES_MIN)), Level::Ok),
            (disk(Path::new("."), Ok(DISK_BYTES_MIN - 1)), Level::Warn),
            (disk(Path::new("."), Err(io_error())), Level::Warn),
            (memory(Some(MEMORY_BYTES_MIN)), Level::Ok),
            (memory(Some(0)), Level::Warn),
            (memory(None), Level::Warn),
            (temperature(&[]), Level::Ok),
            (temperature(&[zone(30.0), zone(79.9)]), Level::Ok),
            (
                temperature(&[zone(80.0), zone(f64::NAN.min(20.0))]),
                Level::Warn,
            ),
        ] {
            assert_eq!(finding.level, expected, "{finding}");
            assert_eq!(
                finding.advice.is_empty(),
                expected == Level::Ok,
                "{finding}"
            );
        }
    }

    #[test]
    fn a_model_that_is_not_there_fails_with_a_remedy() {
        let finding = model(Some(Path::new("/no/such/model")));
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.advice.contains("--model"));
    }

    #[test]
    fn a_source_is_tried() {
        let uri = SourceUri::default();
        assert_eq!(
            chosen_source(&uri).level,
            Level::Ok,
            "{}",
            chosen_source(&uri)
        );
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(size(5 << 20), "5 MiB");
        assert_eq!(size(3 << 29), "1.5 GiB");
    }
}
