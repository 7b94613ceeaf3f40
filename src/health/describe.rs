//! Puts what the monitor knows into the health file, into the log and into one line.

use super::judge::Verdict;
use super::report::{HealthReport, SheddingReport};
use super::shedding::SheddingCause;
use super::state::HealthState;
use crate::detection::SheddingLevel;
use crate::pipeline::Vitals;
use crate::thermal::Heat;

/// Fills in what the run counts and how hot the board is.
pub(super) fn fill(
    report: &mut HealthReport,
    vitals: &Vitals,
    heat: &Heat,
    cause: Option<&SheddingCause>,
) {
    let now_ns = report.written_monotonic_ns;
    let age_ms = |ns: Option<u64>| Some(now_ns.saturating_sub(ns?) / 1_000_000);
    let (times, capture, age) = (&vitals.times, &vitals.capture, &vitals.recent.age);
    let has_ages = vitals.frames > 0;
    report.frames = capture.frames;
    report.inferences = vitals.frames;
    report.frame_age_ms = age_ms(times.newest_frame_ns);
    report.inference_age_ms = age_ms(times.newest_publication_ns);
    report.frames_per_s = vitals.recent.frames_per_second;
    report.age_us_p50 = has_ages.then_some(age.p50_us);
    report.age_us_p99 = has_ages.then_some(age.p99_us);
    report.drops = vitals.drops.total();
    report.capture_state = capture.state;
    report.camera_absent = capture.is_absent;
    report.opens = capture.opens;
    report.stalls = capture.stalls;
    report.losses = capture.losses;
    let is_shedding = vitals.load.level != SheddingLevel::None;
    report.shedding = SheddingReport {
        level: vitals.load.level,
        every_nth: vitals.load.every_nth,
        reason: cause.filter(|_| is_shedding).map(ToString::to_string),
    };
    report.temperatures.clone_from(&heat.zones);
    report.throttled = heat.is_throttled;
    report.ready_monotonic_ns = Some(times.ready_ns);
    report.first_frame_monotonic_ns = times.first_frame_ns;
    report.first_detection_monotonic_ns = times.first_publication_ns;
}

/// One line for `systemctl status`.
pub(super) fn status_line(vitals: &Vitals, verdict: &Verdict) -> String {
    let mut line = format!(
        "{}, {:.1} frames/s, {} frames looked at",
        verdict.state, vitals.recent.frames_per_second, vitals.frames
    );
    for reason in &verdict.reasons {
        line += &format!("; {reason}");
    }
    // A line break would begin another message to systemd.
    line.replace(['\n', '\r'], " ")
}

/// Says in the log what has changed.
pub(super) fn tell(now: &Verdict) {
    if now.state == HealthState::Starting {
        return;
    }
    let reasons: Vec<String> = now.reasons.iter().map(ToString::to_string).collect();
    let colon = if reasons.is_empty() { "" } else { ": " };
    log::info!("health is {}{colon}{}", now.state, reasons.join("; "));
}
