//! What the doctor finds of the computer itself.

use super::finding::Finding;
use crate::health::{HealthFileError, HealthReport, HealthState};
use crate::thermal::Heat;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Below this a board has little left for bursts.
const MEMORY_BYTES_MIN: u64 = 256 << 20;

/// Below this annotated pictures and JSON lines soon have no room.
const DISK_BYTES_MIN: u64 = 1 << 30;

/// Boards slow down at 85 to 97 degrees.
const CELSIUS_MAX: f64 = 80.0;

/// A health file is written once a second by a lookout that runs.
const HEALTH_AGE_NS_MAX: u64 = 10_000_000_000;

pub(super) fn wall_clock(is_synchronised: bool) -> Finding {
    if is_synchronised {
        return Finding::ok("clock", "the wall clock is synchronised");
    }
    let advice = "times of detections may be wrong: run chrony or systemd-timesyncd; \
                  `timedatectl` shows their state";
    Finding::warn("clock", "the wall clock is not synchronised", advice)
}

pub(super) fn disk(folder: &Path, free_bytes: std::io::Result<u64>) -> Finding {
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

pub(super) fn memory(available_bytes: Option<u64>) -> Finding {
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

/// Processors count where there are any: other sensors may well show a hundred degrees for ever.
pub(super) fn temperature(heat: &Heat) -> Finding {
    const SUBJECT: &str = "temperature";
    let any = heat.zones.iter();
    let any = any.max_by(|a, b| a.celsius.total_cmp(&b.celsius));
    let Some(hottest) = heat.hottest_processor().or(any) else {
        return Finding::ok(SUBJECT, "this computer shows none");
    };
    let others = heat.zones.len() - 1;
    let text = format!(
        "{} {:.1} C, and {others} other zones",
        hottest.name, hottest.celsius
    );
    if heat.is_throttled {
        let advice = "see to its cooling and its power supply";
        let text = format!("{text}; the processors are being slowed down");
        return Finding::warn(SUBJECT, text, advice);
    }
    if hottest.celsius < CELSIUS_MAX {
        return Finding::ok(SUBJECT, text);
    }
    let advice = "the board slows down when it gets hotter: give it a fan, a heat sink or shade";
    Finding::warn(SUBJECT, text, advice)
}

/// Whether a hardware watchdog restarts the computer when it hangs; `sysfs` is usually `/sys`.
pub(super) fn watchdog(sysfs: &Path) -> Finding {
    const SUBJECT: &str = "watchdog";
    let read = |folder: &Path, name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        text.trim().to_owned()
    };
    let entries = fs::read_dir(sysfs.join("class/watchdog"));
    let folders: Vec<_> = entries
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    let Some(first) = folders.first() else {
        return Finding::ok(SUBJECT, "this computer has no hardware watchdog");
    };
    let is_active = |folder: &&std::path::PathBuf| read(folder, "state") == "active";
    if let Some(active) = folders.iter().find(is_active) {
        let (name, seconds) = (read(active, "identity"), read(active, "timeout"));
        return Finding::ok(SUBJECT, format!("{name} is active, {seconds} s"));
    }
    let text = format!("{} is not active", read(first, "identity"));
    let advice = "a computer that hangs stays so until somebody comes: set \
                  RuntimeWatchdogSec=30 in /etc/systemd/system.conf";
    Finding::warn(SUBJECT, text, advice)
}

/// What a lookout that runs as a service says of itself, `now_ns` being the time on
/// CLOCK_MONOTONIC.
pub(super) fn service(
    health: Result<HealthReport, HealthFileError>,
    boot_id: &str,
    now_ns: u64,
) -> Finding {
    const SUBJECT: &str = "service";
    let advice = "see `systemctl status lookout` and `journalctl -u lookout`";
    let report = match health {
        Ok(report) => report,
        Err(HealthFileError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Finding::ok(SUBJECT, "lookout does not run as a service here");
        }
        Err(error) => return Finding::warn(SUBJECT, error.to_string(), advice),
    };
    let age_ns = now_ns.saturating_sub(report.written_monotonic_ns);
    let mut text = format!("lookout says that it is {}", report.state);
    for reason in &report.reasons {
        text += &format!("; {reason}");
    }
    if report.boot_id != boot_id || age_ns > HEALTH_AGE_NS_MAX {
        return Finding::warn(
            SUBJECT,
            format!("does not run; the last was: {text}"),
            advice,
        );
    }
    match report.state {
        HealthState::Ok | HealthState::Starting => Finding::ok(SUBJECT, text),
        _ => Finding::warn(SUBJECT, text, advice),
    }
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
#[path = "machine_tests.rs"]
mod tests;
