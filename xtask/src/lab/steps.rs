//! The jobs of the guest, their steps, and what each step must have shown.

use super::clip::Clip;
use super::evidence::{Counters, Evidence, Report};
use super::replug::judge_replug;

/// The clips that the cameras played.
pub struct Played {
    /// Through the virtual camera's loop.
    pub yuyv: Clip,
    /// Through the virtual camera's loop.
    pub nv12: Clip,
    /// From the USB camera.
    pub usb_mjpeg: Clip,
    /// From the USB camera.
    pub usb_yuyv: Clip,
}

/// The model of a job, which knows it as /job/model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobModel {
    /// The one that was asked for, or a shipped one.
    Shipped,
    /// The lab's tiny one; see [`super::tiny_model`].
    Tiny,
}

/// One boot of the guest.
pub struct Job {
    /// Its script is `board/lab/jobs/NAME.sh`.
    pub name: &'static str,
    /// What it is for, for people.
    pub purpose: &'static str,
    /// The guest is killed after this time, on this computer's clock.
    pub seconds_max: u32,
    /// The guest's clock counts instructions, each of 2 to the power of this nanoseconds: for
    /// times that must not depend on how busy this computer is.
    pub icount: Option<u32>,
    /// The clips that it plays.
    pub clips: &'static [&'static str],
    /// Further scripts that it sources.
    pub scripts: &'static [&'static str],
    /// Whether it plugs in the simulated USB camera.
    pub needs_usb: bool,
    /// What it detects with.
    pub model: Option<JobModel>,
    /// What it tries.
    pub steps: &'static [Step],
}

/// One thing tried in a job.
pub struct Step {
    /// Its files are called so.
    pub name: &'static str,
    /// Says what was seen, or what was wrong with it.
    pub judge: fn(&Evidence, &Played) -> Result<String, String>,
}

/// All jobs, in the order in which they run.
pub const JOBS: &[Job] = &[
    Job {
        name: "loop",
        purpose: "frames through the kernel, compared with the clip byte for byte",
        seconds_max: 180,
        icount: None,
        clips: &["clip.yuyv", "clip.nv12"],
        scripts: &[],
        needs_usb: false,
        model: None,
        steps: &[
            Step {
                name: "loop-yuyv",
                judge: |e, played| exact(e, &played.yuyv, 12),
            },
            Step {
                name: "loop-nv12",
                judge: |e, played| exact(e, &played.nv12, 12),
            },
        ],
    },
    Job {
        name: "faults",
        purpose: "faults of the virtual camera",
        seconds_max: 420,
        icount: None,
        clips: &[],
        scripts: &[],
        needs_usb: false,
        model: None,
        steps: FAULTS,
    },
    Job {
        name: "usb",
        purpose: "a USB camera that is unplugged, plugged in again, frozen and thawed",
        seconds_max: 300,
        icount: None,
        clips: &["clip.mjpeg", "clip480.yuyv"],
        scripts: &[],
        needs_usb: true,
        model: None,
        steps: &[
            Step {
                name: "usb-mjpeg",
                judge: |e, played| exact(e, &played.usb_mjpeg, 30),
            },
            Step {
                name: "usb-yuyv",
                judge: |e, played| exact(e, &played.usb_yuyv, 10),
            },
            Step {
                name: "usb-replug",
                judge: |e, played| reopened(e, &played.usb_mjpeg, lost),
            },
            Step {
                name: "usb-freeze",
                judge: |e, played| reopened(e, &played.usb_mjpeg, stalled),
            },
        ],
    },
    Job {
        name: "detect",
        purpose: "detections from a USB camera through a torn frame and an unplugging",
        seconds_max: 1200,
        icount: None,
        clips: &["clip.mjpeg", "clip480.yuyv"],
        scripts: &[],
        needs_usb: true,
        model: Some(JobModel::Shipped),
        steps: &[
            Step {
                name: "doctor",
                judge: |e, _| diagnosed(e),
            },
            Step {
                name: "detect",
                judge: |e, _| detected(e),
            },
        ],
    },
    Job {
        name: "replug",
        purpose: "a camera that comes and goes, as another or frozen, 50 times",
        seconds_max: 3600,
        // A Cortex-A57 does more than one instruction in a nanosecond.
        icount: Some(0),
        clips: &["clip360.mjpeg", "clip480.yuyv"],
        scripts: &["watch.sh"],
        needs_usb: true,
        model: Some(JobModel::Tiny),
        steps: &[Step {
            name: "replug",
            judge: |e, _| judge_replug(e),
        }],
    },
];

const FAULTS: &[Step] = &[
    Step {
        name: "stall",
        judge: |e, _| survived(e, 120, stalled),
    },
    Step {
        name: "dropped",
        judge: |e, _| {
            survived(e, 40, |c| {
                c.source_gaps > 0 && c.losses == 0 && c.opens == 1
            })
        },
    },
    Step {
        name: "flagged",
        judge: |e, _| survived(e, 120, |c| c.damaged > 0 && c.losses == 0 && c.opens == 1),
    },
    Step {
        name: "streamon",
        judge: |e, _| survived(e, 10, failed_once),
    },
    Step {
        name: "reqbufs",
        judge: |e, _| survived(e, 10, failed_once),
    },
    Step {
        name: "qbuf",
        judge: |e, _| survived(e, 120, lost),
    },
    Step {
        name: "fatal",
        judge: |e, _| survived(e, 120, |c| lost(c) || stalled(c)),
    },
    Step {
        name: "wrap",
        judge: |e, _| wrapped(e),
    },
    Step {
        name: "disconnect",
        judge: |e, _| survived(e, 120, lost),
    },
    Step {
        name: "first-reader",
        judge: |e, _| survived(e, 120, |c| c.losses == 0 && c.stalls == 0 && c.opens == 1),
    },
    Step {
        name: "second-reader",
        judge: |e, _| survived(e, 10, failed_once),
    },
    Step {
        name: "multi-planar",
        judge: |e, _| refused(e, "multi-planar"),
    },
];

/// Attempts to open in a row that a healthy back-off makes in the longest outage here.
const OPEN_FAILURES_MAX: u64 = 20;
/// Log lines above debug level that are enough for one fault; more would be a flood.
const LOG_LINES_MAX: usize = 24;

/// The source went and came back.
fn lost(counters: &Counters) -> bool {
    counters.losses >= 1 && counters.opens >= 2
}

/// The source fell silent and was opened again.
fn stalled(counters: &Counters) -> bool {
    counters.stalls >= 1 && counters.opens >= 2
}

/// The first attempt failed, when opening or when the first frame was wanted.
fn failed_once(counters: &Counters) -> bool {
    counters.open_failures + counters.losses >= 1
}

/// Every frame is one of the clip's and several different ones came.
fn exact(evidence: &Evidence, clip: &Clip, frames: usize) -> Result<String, String> {
    let report = evidence.report(frames)?;
    let indices = evidence.clip_indices(&report, clip)?;
    let mut different = indices.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() < 3 {
        return Err(format!("only the clip's frames {different:?} came"));
    }
    Ok(format!(
        "{} frames exact, {} different ones",
        indices.len(),
        different.len()
    ))
}

/// Enough frames came in spite of the fault, and the counters show the fault.
fn survived(
    evidence: &Evidence,
    frames: usize,
    expected: fn(&Counters) -> bool,
) -> Result<String, String> {
    let report = evidence.report(frames)?;
    let counters = report.counters;
    if !expected(&counters) {
        return Err(format!(
            "the fault does not show as it should: {counters:?}"
        ));
    }
    if counters.open_failures > OPEN_FAILURES_MAX {
        return Err(format!("{} attempts to open", counters.open_failures));
    }
    let log = evidence.text("log")?;
    let lines = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .count();
    if lines > LOG_LINES_MAX {
        return Err(format!("{lines} warnings in the log"));
    }
    if log.contains("panicked") {
        return Err("something panicked, see the log".to_owned());
    }
    Ok(summary(&report))
}

/// As [`survived`], and every frame is one of the clip's, before and after.
fn reopened(
    evidence: &Evidence,
    clip: &Clip,
    expected: fn(&Counters) -> bool,
) -> Result<String, String> {
    let text = survived(evidence, 120, expected)?;
    let indices = evidence.clip_indices(&evidence.report(120)?, clip)?;
    Ok(format!("{text}; all {} exact", indices.len()))
}

/// The driver's 32-bit counter wrapped without a reopening or a jump of ours.
fn wrapped(evidence: &Evidence) -> Result<String, String> {
    let text = survived(evidence, 160, |c| c.opens == 1 && c.losses == 0)?;
    let report = evidence.report(160)?;
    let last = report.frames.last().map_or(0, |frame| frame.sequence);
    // Slow emulation loses frames, but never as many as a wrap taken for a gap.
    if last > 100_000 {
        return Err(format!("the numbers jumped to {last}"));
    }
    Ok(text)
}

/// No frame came, and the log says why.
fn refused(evidence: &Evidence, reason: &str) -> Result<String, String> {
    let report = evidence.report(0)?;
    let log = evidence.text("log")?;
    if !report.frames.is_empty() || !log.to_lowercase().contains(reason) {
        return Err(format!(
            "{} frames, and the log does not say {reason}",
            report.frames.len()
        ));
    }
    Ok(format!(
        "refused as {reason}, {} attempts",
        report.counters.open_failures
    ))
}

/// The doctor found the camera and a sound model.
fn diagnosed(evidence: &Evidence) -> Result<String, String> {
    let (exit, log) = (evidence.text("exit")?, evidence.text("log")?);
    if exit.trim() != "0" {
        return Err(format!("lookout doctor ended with {}", exit.trim()));
    }
    if !log.contains("Simulated dashcam") {
        return Err("the camera is not in its list".to_owned());
    }
    Ok("the camera is found, the model is sound".to_owned())
}

/// Lines of detections came before and after the unplugging, by one process that ended well.
fn detected(evidence: &Evidence) -> Result<String, String> {
    let number = |suffix: &str| -> Result<usize, String> {
        let text = evidence.text(suffix)?;
        text.trim()
            .parse()
            .map_err(|_| format!("detect.{suffix}: {text:?}"))
    };
    let (before, exit) = (number("before")?, number("exit")?);
    if exit != 0 {
        return Err(format!("lookout run ended with {exit}"));
    }
    let mut objects = 0;
    let mut sequences = Vec::new();
    for line in evidence.text("jsonl")?.lines() {
        let json: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{error} in the line {line}"))?;
        sequences.push(
            json["source_sequence"]
                .as_u64()
                .ok_or("no source_sequence")?,
        );
        objects += json["detections"].as_array().ok_or("no detections")?.len();
    }
    if !sequences.is_sorted_by(|a, b| a < b) {
        return Err(format!("source sequence numbers {sequences:?}"));
    }
    if sequences.len() < before + 2 || before == 0 {
        return Err(format!(
            "{} lines, {before} of them before",
            sequences.len()
        ));
    }
    if objects == 0 {
        return Err("nothing was detected in any frame".to_owned());
    }
    Ok(format!(
        "{} lines, {before} before the unplugging; {objects} objects",
        sequences.len()
    ))
}

fn summary(report: &Report) -> String {
    let c = &report.counters;
    let mut text = format!("{} frames, opened {} times", report.frames.len(), c.opens);
    let counts = [
        (c.open_failures, "failed attempts"),
        (c.stalls, "stalls"),
        (c.losses, "losses"),
        (c.damaged, "damaged"),
        (c.source_gaps, "lost by the source"),
    ];
    for (count, words) in counts.iter().filter(|(count, _)| *count > 0) {
        text += &format!(", {count} {words}");
    }
    text
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
