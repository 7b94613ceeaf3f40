//! The parts of the way from power-on to the first detection, worked out from what systemd and
//! lookout noted. Nothing is asked here; what cannot be known says why.

use crate::health::HealthReport;
use std::collections::BTreeMap;

/// Properties of systemd itself that are needed.
pub(super) const MANAGER_PROPERTIES: [&str; 4] = [
    "FirmwareTimestampMonotonic",
    "LoaderTimestampMonotonic",
    "InitRDTimestampMonotonic",
    "UserspaceTimestampMonotonic",
];

/// Properties of the unit that are needed.
pub(super) const UNIT_PROPERTIES: [&str; 5] = [
    "InactiveExitTimestampMonotonic",
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "MainPID",
    "NRestarts",
];

/// A time in microseconds, or why there is none.
type Time = Result<u64, String>;

/// The answer of `systemctl show`.
#[derive(Debug, Default)]
pub(super) struct Properties(BTreeMap<String, u64>);

impl Properties {
    /// Takes lines like `NRestarts=0`. What is no number is left out.
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let numbers = pairs.filter_map(|(key, value)| {
            let number = value.trim().parse().ok()?;
            Some((key.trim().to_owned(), number))
        });
        Self(numbers.collect())
    }

    /// A number; systemd gives 0 for a time that did not come.
    fn get(&self, key: &str) -> Option<u64> {
        self.0.get(key).copied().filter(|&number| number > 0)
    }
}

/// All that is known. What could not be asked says why.
#[derive(Debug)]
pub(super) struct Sources {
    /// systemd's own times.
    pub(super) manager: Result<Properties, String>,
    /// The unit's times.
    pub(super) unit: Result<Properties, String>,
    /// lookout's own times.
    pub(super) health: Result<HealthReport, String>,
    /// Which boot this is.
    pub(super) boot_id: String,
}

/// A part of the way.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// What happens in it.
    pub(super) name: &'static str,
    /// How long it took.
    pub(super) took: Time,
}

/// The parts, from power-on to the first detection.
pub(super) fn parts(sources: &Sources) -> Vec<Part> {
    let mut parts = start_of_system(&sources.manager);
    parts.extend(start_of_unit(sources));
    parts.extend(start_of_detection(sources));
    parts
}

/// Up to systemd. Its clock begins with the kernel; the two parts before are told as lengths.
fn start_of_system(manager: &Result<Properties, String>) -> Vec<Part> {
    let no_firmware = "the firmware does not tell; only UEFI does";
    let firmware_us = time(manager, MANAGER_PROPERTIES[0], no_firmware);
    let loader_us = time(manager, MANAGER_PROPERTIES[1], no_firmware);
    let initrd_us = time(manager, MANAGER_PROPERTIES[2], "there is none");
    let userspace_us = userspace_us(manager);
    vec![
        part("firmware", between(&loader_us, &firmware_us)),
        part("boot loader", loader_us),
        part(
            "kernel",
            initrd_us.clone().or_else(|_| userspace_us.clone()),
        ),
        part("initrd", between(&initrd_us, &userspace_us)),
    ]
}

fn userspace_us(manager: &Result<Properties, String>) -> Time {
    let unknown = "systemd did not start this system, as in a container";
    time(manager, MANAGER_PROPERTIES[3], unknown)
}

/// From systemd to our process.
fn start_of_unit(sources: &Sources) -> Vec<Part> {
    let never = "the unit has not been started";
    let unit_us = time(&sources.unit, UNIT_PROPERTIES[0], never);
    let restarts = sources
        .unit
        .as_ref()
        .ok()
        .and_then(|it| it.get("NRestarts"));
    let process_us = match restarts {
        Some(restarts) => Err(format!(
            "it was started again {restarts} times since; reboot to measure"
        )),
        None => process_us(sources),
    };
    vec![
        part(
            "units before lookout",
            between(&userspace_us(&sources.manager), &unit_us),
        ),
        part("preparation of the unit", between(&unit_us, &process_us)),
    ]
}

fn process_us(sources: &Sources) -> Time {
    let never = "the process has not been started";
    time(&sources.unit, UNIT_PROPERTIES[1], never)
}

/// From our process to the first detection.
fn start_of_detection(sources: &Sources) -> Vec<Part> {
    let health = current_health(sources);
    let moment = |what: &str, pick: fn(&HealthReport) -> Option<u64>| {
        let ns = pick(health.as_ref().map_err(Clone::clone)?);
        ns.map(|ns| ns / 1000).ok_or_else(|| what.to_owned())
    };
    let started_us = process_us(sources)
        .or_else(|_| moment("unknown", |health| Some(health.started_monotonic_ns)));
    let ready_us = moment("the model is not loaded yet", |it| it.ready_monotonic_ns);
    let active = "the unit is not ready yet";
    let ready_us = ready_us.or_else(|why| {
        let active_us = time(&sources.unit, UNIT_PROPERTIES[2], active);
        active_us.map_err(|_| why)
    });
    let frame_us = moment("no frame has come yet", |it| it.first_frame_monotonic_ns);
    let detection_us = moment("no frame has been looked at yet", |it| {
        it.first_detection_monotonic_ns
    });
    vec![
        part(
            "lookout until its model is loaded",
            between(&started_us, &ready_us),
        ),
        part("camera's first frame", between(&ready_us, &frame_us)),
        part("first detection", between(&frame_us, &detection_us)),
    ]
}

/// The health file, if it is of this boot and of the process that the unit runs.
fn current_health(sources: &Sources) -> Result<&HealthReport, String> {
    let health = sources.health.as_ref().map_err(Clone::clone)?;
    if health.boot_id != sources.boot_id {
        return Err("the health file is of an earlier boot".into());
    }
    let main_pid = sources.unit.as_ref().ok().and_then(|it| it.get("MainPID"));
    match main_pid {
        Some(pid) if pid != u64::from(health.pid) => {
            Err("the health file is of another process".into())
        }
        _ => Ok(health),
    }
}

fn part(name: &'static str, took: Time) -> Part {
    Part { name, took }
}

fn time(properties: &Result<Properties, String>, key: &str, unknown: &str) -> Time {
    let properties = properties.as_ref().map_err(Clone::clone)?;
    properties.get(key).ok_or_else(|| unknown.to_owned())
}

/// The time between two moments that are both known.
fn between(from: &Time, to: &Time) -> Time {
    match (from, to) {
        (Ok(from), Ok(to)) => to
            .checked_sub(*from)
            .ok_or_else(|| "the times contradict each other; was it started by hand?".to_owned()),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    }
}

#[cfg(test)]
#[path = "boot_tests.rs"]
mod tests;
