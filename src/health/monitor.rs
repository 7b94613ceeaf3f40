//! The thread that watches over a run: judges it, sheds load, writes the health file and talks
//! to systemd. It never waits for the run, and the run never waits for it.

use super::describe::{fill, status_line, tell};
use super::judge::{Judge, Observation, Verdict};
use super::reason::Reason;
use super::report::{HealthFile, Identity};
use super::service::Service;
use super::shedding::{Shedder, SheddingPolicy};
use super::state::HealthState;
use crate::bulletin::Bulletin;
use crate::clock::monotonic_ns;
use crate::pipeline::{Ended, Observer, Vitals};
use crate::recording::RecorderMeter;
use crate::source::Pace;
use crate::thermal::{Heat, HeatReader, SYSFS};
use crossbeam_channel::{RecvTimeoutError, Sender};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the run is looked at. Blindness is told so much later at most.
const TICK: Duration = Duration::from_millis(100);

/// How often the health file is written when nothing changes.
const WRITE_NS: u64 = 1_000_000_000;

/// How often temperatures are read: on some boards that takes a while.
const HEAT_NS: u64 = 2_000_000_000;

/// How often the figures that systemd shows are renewed.
const STATUS_NS: u64 = 10_000_000_000;

/// Ages of frames that were published longer ago say nothing of now.
const STALE_NS: u64 = 2_000_000_000;

/// How a run is watched over.
#[derive(Debug)]
pub struct MonitorOptions {
    /// The health file; `None`: none is written.
    pub file: Option<PathBuf>,
    /// Where the same is posted for sinks and pages, whenever the file is or would be written.
    pub bulletin: Option<Bulletin>,
    /// When the program started, on CLOCK_MONOTONIC.
    pub started_ns: u64,
    /// From this temperature of a processor on work is left out, in degrees Celsius.
    pub celsius_shed: f64,
    /// From this age of frames at publication on work is left out; `None`: never for that.
    pub age_max: Option<Duration>,
    /// Where the kernel tells of temperatures, usually [`SYSFS`].
    pub sysfs: PathBuf,
    /// The service manager; `None` where there is none.
    pub service: Option<Service>,
    /// The recording; `None` where there is none.
    pub recorder: Option<RecorderMeter>,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            file: None,
            bulletin: None,
            started_ns: monotonic_ns(),
            celsius_shed: 85.0,
            age_max: None,
            sysfs: SYSFS.into(),
            service: None,
            recorder: None,
        }
    }
}

/// Watches over a run, in a thread of its own.
pub struct Monitor {
    end: Sender<Verdict>,
    thread: JoinHandle<()>,
}

impl Monitor {
    /// Starts to watch over the run of `observer`, and tells systemd that it is ready.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(observer: Observer, options: MonitorOptions) -> std::io::Result<Self> {
        let (end, ended) = crossbeam_channel::bounded(1);
        let mut watch = Watch::new(observer, options);
        let thread = std::thread::Builder::new()
            .name("lookout-health".into())
            .spawn(move || {
                watch.begin();
                loop {
                    watch.tick();
                    match ended.recv_timeout(TICK) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(verdict) => return watch.finish(&verdict),
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Self { end, thread })
    }

    /// Says how the run ended: `failed` with its error, or `blind` when it was stopped or is
    /// over, since nobody looks at the road any more. Returns when that is written.
    pub fn finish(self, ended: &Ended) {
        let verdict = match ended {
            Ended::Failed(error) => failed(error),
            Ended::Stopped => Verdict::because(HealthState::Blind, Reason::Stopped),
            Ended::SourceEnd | Ended::FrameLimit | Ended::NobodyListens => {
                Verdict::because(HealthState::Blind, Reason::Ended)
            }
        };
        // The thread only goes by itself when it has died, which was in the log.
        let _ = self.end.send(verdict);
        let _ = self.thread.join();
    }
}

/// Writes the health file of a program that did not even start, because of `error`.
pub fn write_failed_start(file: &Path, started_ns: u64, error: &dyn std::error::Error) {
    let mut report = Identity::read(started_ns).report(&failed(error));
    HealthFile::new(file).write(&mut report);
}

fn failed(error: &dyn std::error::Error) -> Verdict {
    Verdict::because(HealthState::Failed, Reason::Failed(error.to_string()))
}

/// Something that is done from time to time.
#[derive(Debug)]
struct Timer {
    period_ns: u64,
    done_at_ns: Option<u64>,
}

impl Timer {
    fn new(period_ns: u64) -> Self {
        Self {
            period_ns,
            done_at_ns: None,
        }
    }

    /// Whether it is time again, or `is_urgent`; who is told yes does it.
    fn is_due(&mut self, now_ns: u64, is_urgent: bool) -> bool {
        let is_time = |at: u64| now_ns.saturating_sub(at) >= self.period_ns;
        let is_due = is_urgent || self.done_at_ns.is_none_or(is_time);
        if is_due {
            self.done_at_ns = Some(now_ns);
        }
        is_due
    }
}

/// All that the thread owns.
struct Watch {
    observer: Observer,
    identity: Identity,
    file: Option<HealthFile>,
    bulletin: Option<Bulletin>,
    service: Option<Service>,
    recorder: Option<RecorderMeter>,
    judge: Judge,
    shedder: Shedder,
    heat_reader: HeatReader,
    heat: Heat,
    verdict: Option<Verdict>,
    write_timer: Timer,
    heat_timer: Timer,
    status_timer: Timer,
    is_stopping: bool,
}

impl Watch {
    fn new(observer: Observer, options: MonitorOptions) -> Self {
        let policy = SheddingPolicy {
            celsius_shed: options.celsius_shed,
            age_max: options.age_max,
            has_lite: observer.has_lite_model(),
        };
        Self {
            identity: Identity::read(options.started_ns),
            file: options.file.as_deref().map(HealthFile::new),
            bulletin: options.bulletin,
            service: options.service,
            recorder: options.recorder,
            judge: Judge::new(observer.pace(), options.celsius_shed),
            shedder: Shedder::new(policy),
            heat_reader: HeatReader::new(options.sysfs),
            heat: Heat::default(),
            verdict: None,
            write_timer: Timer::new(WRITE_NS),
            heat_timer: Timer::new(HEAT_NS),
            status_timer: Timer::new(STATUS_NS),
            is_stopping: false,
            observer,
        }
    }

    fn begin(&mut self) {
        if let Some(service) = &mut self.service {
            service.ready();
        }
    }

    /// One look at the run, and all that follows from it.
    fn tick(&mut self) {
        let now_ns = monotonic_ns();
        if self.heat_timer.is_due(now_ns, false) {
            self.heat = self.heat_reader.read();
        }
        let mut vitals = self.observer.vitals();
        self.shed(&mut vitals, now_ns);
        let mut verdict = self.judge.observe(&Observation {
            now_ns,
            vitals: &vitals,
            heat: &self.heat,
            shedding_cause: self.shedder.cause(),
        });
        if let Some(trouble) = self.recorder.as_ref().and_then(RecorderMeter::trouble) {
            verdict.degrade(Reason::Recording(trouble));
        }
        let is_ok = verdict.state == HealthState::Ok;
        self.observer.set_degraded(!is_ok);
        let before = self.verdict.replace(verdict.clone());
        let is_other = |before: &Verdict| !before.is_same_kind(&verdict);
        let is_news = before.as_ref().is_none_or(is_other);
        if is_news {
            tell(&verdict);
        }
        if self.write_timer.is_due(now_ns, is_news) {
            self.write(&vitals, &verdict);
        }
        self.tell_service(&vitals, &verdict, now_ns, is_news);
    }

    /// Decides how much work is left out; never any of a source that waits for the detector.
    fn shed(&mut self, vitals: &mut Vitals, now_ns: u64) {
        if self.observer.pace() != Pace::Live {
            return;
        }
        let published_ns = vitals.times.newest_publication_ns;
        let is_fresh = published_ns.is_some_and(|at| now_ns.saturating_sub(at) < STALE_NS);
        let age_p99 = is_fresh.then(|| Duration::from_micros(vitals.recent.age.p99_us));
        let load = self.shedder.observe(now_ns, &self.heat, age_p99);
        if load != vitals.load {
            match self.shedder.cause() {
                Some(cause) => log::warn!("leaving out more work: {cause}"),
                None => log::info!("leaving out less work: the board is at ease"),
            }
            self.observer.order(load);
            vitals.load = load;
        }
    }

    fn write(&mut self, vitals: &Vitals, verdict: &Verdict) {
        if self.file.is_none() && self.bulletin.is_none() {
            return;
        }
        let mut report = self.identity.report(verdict);
        let cause = self.shedder.cause();
        fill(&mut report, vitals, &self.heat, cause);
        report.recording = self.recorder.as_ref().map(RecorderMeter::report);
        report.model_id = self.observer.model_id(vitals.load).to_owned();
        if let Some(file) = &mut self.file {
            file.write(&mut report);
        }
        if let Some(bulletin) = &self.bulletin {
            match serde_json::to_string(&report) {
                Ok(text) => bulletin.post(&text),
                Err(error) => log::error!("the health is not posted: {error}"),
            }
        }
    }

    fn tell_service(&mut self, vitals: &Vitals, verdict: &Verdict, now_ns: u64, is_news: bool) {
        let Some(service) = &mut self.service else {
            return;
        };
        service.feed(vitals);
        if self.observer.is_stopped() && !std::mem::replace(&mut self.is_stopping, true) {
            service.stopping();
        }
        if self.status_timer.is_due(now_ns, is_news) {
            service.status(status_line(vitals, verdict));
        }
    }

    fn finish(&mut self, verdict: &Verdict) {
        let vitals = self.observer.vitals();
        self.write(&vitals, verdict);
        if let Some(service) = &mut self.service {
            service.stopping();
            service.status(status_line(&vitals, verdict));
        }
    }
}

#[cfg(test)]
#[path = "monitor_tests.rs"]
mod tests;
