//! A fresh release on trial: it stays if it sees, and otherwise the one before it comes back.
//!
//! What counts is that frames arrive and are looked at, not that a process is there. The watcher
//! is a copy of the program that made the installation, so it does not depend on a release that
//! may not even start; systemd starts it at every boot as long as the trial's file is there.

use super::disk;
use super::layout::{Layout, LayoutError, Slot};
use super::outcome::{Outcome, Verdict};
use super::system::{System, SystemError};
use super::version::Version;
use super::vitals::Vitals;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How often the report is looked at.
const LOOK_PERIOD: Duration = Duration::from_millis(500);
/// A report that is older says nothing about now, in nanoseconds.
const REPORT_AGE_NS_MAX: u64 = 5_000_000_000;
/// Starts of the watcher without a result, one for each boot, after which the release goes.
const ATTEMPTS_MAX: u32 = 3;
/// A release that systemd had to start again so often crashes for good.
const RESTARTS_MAX: u64 = 3;

/// The file `trial.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The slot of the release on trial.
    pub to: Slot,
    /// The slot to go back to; none at the first installation.
    pub from: Option<Slot>,
    /// The release on trial.
    pub version: Version,
    /// How long it has to become healthy, in seconds.
    pub health_wait_s: u64,
    /// How long it must then stay so, in seconds.
    pub soak_s: u64,
    /// Whether a release that runs and says that it is blind is good enough: there is no camera.
    pub allow_blind: bool,
    /// How often the watcher was started for it.
    pub attempts: u32,
}

/// Why the watcher could not finish its work.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A file or link cannot be changed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// systemd does not obey.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl Trial {
    /// The trial that is on; `None` when there is none.
    pub fn read(layout: &Layout) -> Option<Self> {
        toml::from_str(&fs::read_to_string(layout.trial()).ok()?).ok()
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<(), LayoutError> {
        let path = layout.trial();
        let text = toml::to_string(self).map_err(std::io::Error::other);
        text.and_then(|text| disk::replace(&path, text.as_bytes()))
            .map_err(|source| LayoutError { path, source })
    }

    pub(super) fn remove(layout: &Layout) -> Result<(), LayoutError> {
        let path = layout.trial();
        disk::remove_file(&path)
            .and_then(|()| disk::sync_parent(&path))
            .map_err(|source| LayoutError { path, source })
    }
}

/// Watches the release on trial to the end of the trial. Without a trial there is nothing to do.
///
/// # Errors
/// When the result cannot be put into effect; the trial then goes on at the next start.
pub fn guard(layout: &Layout, system: &mut dyn System) -> Result<Option<Outcome>, TrialError> {
    let Some(mut trial) = Trial::read(layout) else {
        // One that cannot be read is the half of nothing: files are replaced whole.
        Trial::remove(layout)?;
        return Ok(None);
    };
    if layout.current_slot()? != Some(trial.to) {
        let reason = "cut off before the release was started";
        return finish(layout, &trial, Verdict::Abandoned, reason).map(Some);
    }
    trial.attempts += 1;
    trial.write(layout)?;
    let verdict = if trial.attempts > ATTEMPTS_MAX {
        Err(format!(
            "watched at {ATTEMPTS_MAX} boots and never to the end"
        ))
    } else {
        watch(layout, &trial, system)
    };
    match (verdict, trial.from) {
        (Ok(reason), _) => finish(layout, &trial, Verdict::Accepted, &reason),
        (Err(reason), None) => finish(layout, &trial, Verdict::KeptUnhealthy, &reason),
        (Err(reason), Some(from)) => {
            log::warn!("going back to slot {from}: {reason}");
            layout.switch(from)?;
            let outcome = finish(layout, &trial, Verdict::RolledBack, &reason)?;
            system.start_current()?;
            Ok(outcome)
        }
    }
    .map(Some)
}

/// The outcome first: a power cut in between repeats the trial and loses nothing.
fn finish(
    layout: &Layout,
    trial: &Trial,
    verdict: Verdict,
    reason: &str,
) -> Result<Outcome, TrialError> {
    let outcome = Outcome {
        version: trial.version.clone(),
        verdict,
        reason: reason.to_owned(),
    };
    outcome.write(layout)?;
    Trial::remove(layout)?;
    Ok(outcome)
}

/// Looks at the release until it has proved itself, or has not.
fn watch(layout: &Layout, trial: &Trial, system: &mut dyn System) -> Result<String, String> {
    let mut watch = Watch::new(layout, trial, system.monotonic_ns());
    loop {
        // In this order: asking systemd takes seconds on a busy board, in which a report ages.
        let restarts = system.restarts();
        let now_ns = system.monotonic_ns();
        let report = Vitals::read(&layout.health());
        match watch.observe(report, restarts, now_ns) {
            Step::Wait => system.sleep(LOOK_PERIOD),
            Step::Accept(reason) => return Ok(reason),
            Step::Reject(reason) => return Err(reason),
        }
    }
}

/// What a look at the release leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Wait,
    Accept(String),
    Reject(String),
}

/// Decides from reports and times alone.
struct Watch {
    program: PathBuf,
    boot_id: String,
    allow_blind: bool,
    wait_ns: u64,
    soak_ns: u64,
    began_ns: u64,
    /// The healthy stretch that is going on.
    stretch: Option<Stretch>,
    /// What was last seen, for people.
    last: String,
}

/// A stretch of time in which every report was good.
struct Stretch {
    since_ns: u64,
    pid: u32,
    inferences: u64,
}

impl Watch {
    fn new(layout: &Layout, trial: &Trial, now_ns: u64) -> Self {
        let seconds = |s: u64| s.saturating_mul(1_000_000_000);
        Self {
            program: layout.slot(trial.to).join(super::manifest::PROGRAM),
            boot_id: layout.boot_id(),
            allow_blind: trial.allow_blind,
            wait_ns: seconds(trial.health_wait_s),
            soak_ns: seconds(trial.soak_s),
            began_ns: now_ns,
            stretch: None,
            last: "it never said anything".to_owned(),
        }
    }

    fn observe(&mut self, report: Option<Vitals>, restarts: u64, now_ns: u64) -> Step {
        if restarts >= RESTARTS_MAX {
            return Step::Reject(format!("it ended {restarts} times; {}", self.last));
        }
        let report = report.filter(|report| self.is_from_it_and_now(report, now_ns));
        if let Some(report) = &report {
            self.last = format!("it says {}", report.summary());
        }
        match (report.filter(|report| self.is_good(report)), &self.stretch) {
            (Some(report), Some(stretch)) if report.pid != stretch.pid => {
                return Step::Reject("it ended and had to be started again".to_owned());
            }
            (Some(report), Some(stretch)) => {
                let has_lasted = now_ns.saturating_sub(stretch.since_ns) >= self.soak_ns;
                let has_looked = report.inferences > stretch.inferences || self.allow_blind;
                if has_lasted && has_looked {
                    let seconds = self.soak_ns / 1_000_000_000;
                    return Step::Accept(format!("healthy for {seconds} s; {}", self.last));
                }
            }
            (Some(report), None) => {
                self.stretch = Some(Stretch {
                    since_ns: now_ns,
                    pid: report.pid,
                    inferences: report.inferences,
                });
            }
            (None, _) => self.stretch = None,
        }
        let since_start = now_ns.saturating_sub(self.began_ns);
        // A stretch that began in time may end; one that breaks does not begin anew for ever.
        let allowed = match &self.stretch {
            Some(_) => self.wait_ns.saturating_add(self.soak_ns.saturating_mul(2)),
            None => self.wait_ns,
        };
        if since_start > allowed {
            let seconds = since_start / 1_000_000_000;
            return Step::Reject(format!("not healthy after {seconds} s; {}", self.last));
        }
        Step::Wait
    }

    fn is_from_it_and_now(&self, report: &Vitals, now_ns: u64) -> bool {
        report.executable == self.program
            && report.boot_id == self.boot_id
            && now_ns.saturating_sub(report.written_monotonic_ns) <= REPORT_AGE_NS_MAX
    }

    fn is_good(&self, report: &Vitals) -> bool {
        match report.state.as_str() {
            "ok" | "degraded" => report.inferences > 0,
            "blind" => self.allow_blind,
            _ => false,
        }
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
