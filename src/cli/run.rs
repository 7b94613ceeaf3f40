//! `lookout run`.

use super::viewers::{Viewers, Watching};
use super::{CliError, RunArgs, STATUS_LINE_LIVE};
use crate::annotate::AnnotateReport;
use crate::bulletin::Bulletin;
use crate::capture::{CaptureState, StopFlag};
use crate::clock;
use crate::config::{AnnotateSettings, ConfigError, RawSettings, Settings};
use crate::detection::DetectionFrame;
use crate::health::{self, Monitor, MonitorOptions, Service};
use crate::pipeline::{self, Drops, Handle, Lookout, Sight, Snapshot, StallWatch, Summary};
use crate::sink::{ClassTally, SinkUri, StatusInput, StatusLine, SummaryInput, summary_table};
use crate::source::{Pace, SourceUri};
use crate::statistics::Stage;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the run is looked at: for the status line and for stalls.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

/// What the demonstration writes: enough to see something, too little to fill a disk.
const DEMO_DIRECTORY: &str = "lookout-annotated";
const DEMO_EVERY_NTH: u32 = 2;
const DEMO_FILES_MAX: u32 = 75;

/// Runs until the source ends, enough frames were seen or a signal comes.
pub(super) fn run(args: &RunArgs) -> Result<(), CliError> {
    let started_ns = clock::monotonic_ns();
    let stop = StopFlag::new();
    stop_on_signals(&stop)?;
    let reload = Arc::new(AtomicBool::new(false));
    caught(signal_hook::flag::register(libc::SIGHUP, reload.clone()))?;
    let settings = settings(args)?;
    let in_force = settings.clone();
    let is_terminal_ours = settings.sinks.is_empty();
    let mut options = MonitorOptions {
        file: settings.health.clone(),
        started_ns,
        celsius_shed: settings.celsius_shed,
        age_max: settings.age_max,
        ..MonitorOptions::default()
    };
    let bulletin = Bulletin::default();
    let builder = Lookout::builder().bulletin(bulletin.clone());
    let health_file = options.file.clone();
    let tell_failure = |error: &dyn std::error::Error| {
        if let Some(file) = &health_file {
            health::write_failed_start(file, started_ns, error);
        }
    };
    let (viewers, builder) =
        Viewers::open(&settings, &bulletin, builder).inspect_err(|error| tell_failure(error))?;
    options.recorder = viewers.recorder();
    let is_health_wanted = viewers.want_health() || settings.sinks.iter().any(SinkUri::is_bus);
    options.bulletin = is_health_wanted.then_some(bulletin);
    let started = builder.config(settings).stop_flag(stop).start();
    let (receiver, handle) = started.inspect_err(|error| tell_failure(error))?;
    eprintln!("lookout: {} through {}", handle.source(), handle.model_id());
    options.service = Service::from_environment();
    let monitor = monitor(&handle, options)?;
    let watching = viewers.start(&handle.observer());
    let watching = watching.inspect_err(|error| tell_failure(error))?;

    let reread = || reread(args);
    let mut reloading = Reloading {
        is_asked: reload,
        in_force,
        read: &reread,
    };
    look_after(&handle, &receiver, is_terminal_ours, &mut reloading);
    drop(receiver);
    finish(handle, monitor, watching)
}

/// SIGHUP, and what it leads to.
struct Reloading<'a> {
    is_asked: Arc<AtomicBool>,
    in_force: Settings,
    read: &'a dyn Fn() -> Result<Settings, ConfigError>,
}

/// Keeps people informed until the run ends.
fn look_after(
    handle: &Handle,
    receiver: &Receiver<DetectionFrame>,
    is_terminal_ours: bool,
    reloading: &mut Reloading<'_>,
) {
    let mut status = is_terminal_ours.then(StatusLine::on_stderr).flatten();
    STATUS_LINE_LIVE.store(status.is_some(), Ordering::Relaxed);
    let mut sight = Vigil::new(reloading.in_force.stall_warning, handle.pace());
    let mut looked_at = Instant::now();
    while !matches!(
        receiver.recv_timeout(LOOK_PERIOD),
        Err(RecvTimeoutError::Disconnected)
    ) {
        if looked_at.elapsed() < LOOK_PERIOD {
            continue;
        }
        looked_at = Instant::now();
        if reloading.is_asked.swap(false, Ordering::Relaxed) {
            super::reload::reload(handle, &mut reloading.in_force, (reloading.read)());
        }
        let snapshot = handle.snapshot();
        sight.look(&snapshot, looked_at);
        if let Some(status) = &mut status {
            status.update(&status_input(&snapshot));
        }
    }
    STATUS_LINE_LIVE.store(false, Ordering::Relaxed);
}

/// Watches over the run where that is of use: when its health is asked for, and when its load
/// may be shed.
fn monitor(handle: &Handle, options: MonitorOptions) -> Result<Option<Monitor>, CliError> {
    let is_wanted =
        options.file.is_some() || options.bulletin.is_some() || options.service.is_some();
    if !is_wanted && handle.pace() != Pace::Live {
        return Ok(None);
    }
    let started = Monitor::start(handle.observer(), options);
    started.map(Some).map_err(|source| CliError::System {
        what: "cannot start a thread; end other programs or raise `ulimit -u`",
        source,
    })
}

/// The first SIGINT or SIGTERM ends the run in good order, a second one at once.
pub(super) fn stop_on_signals(stop: &StopFlag) -> Result<(), CliError> {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // In this order: at the first signal the flag is not raised yet.
        let shutdown = 128 + signal;
        let flag = stop.as_atomic();
        caught(
            signal_hook::flag::register_conditional_shutdown(signal, shutdown, flag)
                .and_then(|_| signal_hook::flag::register(signal, stop.as_atomic())),
        )?;
    }
    Ok(())
}

pub(super) fn caught(registered: std::io::Result<signal_hook::SigId>) -> Result<(), CliError> {
    registered.map(drop).map_err(|source| CliError::System {
        what: "cannot catch signals",
        source,
    })
}

/// What the command line and the files say.
fn reread(args: &RunArgs) -> Result<Settings, ConfigError> {
    let read = |path: Option<&Path>| path.map(RawSettings::read).transpose();
    let owner = args.owner.as_deref().filter(|path| path.exists());
    let owner = read(owner)?.unwrap_or_default();
    let file = read(args.config.as_deref())?.unwrap_or_default();
    args.settings().or(owner).or(file).validate()
}

/// The same, and what was chosen where nothing was asked for, which it says.
fn settings(args: &RunArgs) -> Result<Settings, CliError> {
    let mut settings = reread(args)?;
    if settings.source.is_none() {
        let source = pipeline::default_source();
        let is_drive = matches!(source, SourceUri::Drive(_));
        let reason = if is_drive {
            "no camera can be used"
        } else {
            "the first camera"
        };
        eprintln!("lookout: no source was given; taking {source} ({reason})");
        if is_drive && args.is_empty() {
            settings.annotate = Some(AnnotateSettings {
                every_nth: DEMO_EVERY_NTH,
                files_max: DEMO_FILES_MAX,
                ..AnnotateSettings::new(DEMO_DIRECTORY)
            });
        }
        settings.source = Some(source);
    }
    Ok(settings)
}

/// Warns when no frame arrives, and when frames arrive but none is looked at: a detector that
/// is stuck, or pictures that are all torn.
struct Vigil {
    arrival: StallWatch,
    detection: StallWatch,
}

/// How much longer detection may take than arrival before it is worth a warning: a detector
/// may be slow, but then its age and the losses say so.
const DETECTION_PATIENCE: u32 = 5;

impl Vigil {
    fn new(limit: Duration, pace: Pace) -> Self {
        let now = Instant::now();
        let arrival = match pace {
            Pace::Live => limit,
            // Such a source waits for the detector, so its frames are as late as detections.
            Pace::EveryFrame => limit * DETECTION_PATIENCE,
        };
        Self {
            arrival: StallWatch::new(arrival, now),
            detection: StallWatch::new(limit * DETECTION_PATIENCE, now),
        }
    }

    fn look(&mut self, snapshot: &Snapshot, now: Instant) {
        let state = state_text(snapshot.capture.state);
        // A file that has ended may still be looked at for a while.
        let has_ended = snapshot.capture.state == CaptureState::Ended;
        match self.arrival.observe(snapshot.capture.frames, now) {
            Some(Sight::Lost(silence)) if !has_ended => {
                let seconds = silence.as_secs_f32();
                log::warn!("blind: no frame arrived for {seconds:.1} s (capture: {state})");
            }
            Some(Sight::Regained(silence)) => {
                log::warn!("frames arrive again, after {:.1} s", silence.as_secs_f32());
            }
            _ => {}
        }
        match self.detection.observe(snapshot.frames, now) {
            Some(Sight::Lost(silence)) => {
                let seconds = silence.as_secs_f32();
                log::warn!("blind: no frame was looked at for {seconds:.1} s (capture: {state})");
            }
            Some(Sight::Regained(silence)) => {
                log::warn!(
                    "frames are looked at again, after {:.1} s",
                    silence.as_secs_f32()
                );
            }
            None => {}
        }
    }
}

/// Waits for the end, shows the table and passes the run's error on.
fn finish(handle: Handle, monitor: Option<Monitor>, watching: Watching) -> Result<(), CliError> {
    let (source, model_id) = (handle.source().to_owned(), handle.model_id().to_owned());
    let summary = handle.join();
    if let Some(monitor) = monitor {
        monitor.finish(&summary.ended);
    }
    let recorded = watching.finish();
    eprint!(
        "{}",
        summary_table(&summary_input(source, model_id, &summary))
    );
    if let Some(recorded) = recorded {
        eprintln!("{recorded}");
    }
    if let Some(hint) = summary.annotated.as_ref().and_then(annotated_hint) {
        eprintln!("{hint}");
    }
    Ok(summary.into_result()?)
}

fn annotated_hint(report: &AnnotateReport) -> Option<String> {
    let folder = report
        .folder
        .canonicalize()
        .unwrap_or_else(|_| report.folder.clone());
    let what = "annotated frames to look at are in";
    (report.written > 0).then(|| format!("{} {what} {}", report.written, folder.display()))
}

fn state_text(state: CaptureState) -> &'static str {
    match state {
        CaptureState::Opening => "opening",
        CaptureState::Streaming => "streaming",
        CaptureState::Stalled => "stalled",
        CaptureState::Lost => "lost",
        CaptureState::BackingOff => "lost, trying again soon",
        CaptureState::Ended => "ended",
    }
}

fn status_input(snapshot: &Snapshot) -> StatusInput {
    let has_frames = snapshot.frames > 0;
    StatusInput {
        frames: snapshot.frames,
        frames_per_s: snapshot.recent.frames_per_second as f32,
        age_us_p50: has_frames.then_some(snapshot.recent.age.p50_us),
        age_us_p99: has_frames.then_some(snapshot.recent.age.p99_us),
        drops: snapshot.drops.total(),
        capture_state: state_text(snapshot.capture.state).into(),
        objects: snapshot.last_frame.map(|count| count as u32),
    }
}

fn summary_input(source: String, model_id: String, summary: &Summary) -> SummaryInput {
    let counters = &summary.counters;
    let has_frames = counters.frames > 0;
    SummaryInput {
        source,
        model_id,
        duration: counters.elapsed,
        frames_captured: counters.capture.frames,
        frames: counters.frames,
        frames_per_s: counters.whole_run.frames_per_second as f32,
        age_us_p50: has_frames.then_some(counters.whole_run.age.p50_us),
        age_us_p99: has_frames.then_some(counters.whole_run.age.p99_us),
        busy_ns_median: counters.stages[Stage::Whole as usize].median_ns,
        network_ns_median: counters.stages[Stage::Infer as usize].median_ns,
        drops: causes(&counters.drops),
        classes: counters.classes.map(|count| ClassTally {
            detections: count.detections,
            frames: count.frames,
            most_in_one_frame: count.most_in_a_frame as u32,
        }),
        sinks: counters.sinks.clone(),
        annotated: summary
            .annotated
            .as_ref()
            .map(|it| (it.folder.clone(), it.written)),
    }
}

/// Losses of frames by cause. What the sinks lost stands with each sink.
fn causes(drops: &Drops) -> Vec<(String, u64)> {
    [
        ("lost by the source", drops.source),
        ("damaged", drops.damaged),
        ("left out to shed load", drops.skipped),
        ("overwritten while the detector was busy", drops.overwritten),
        ("failed in the detector", drops.failed),
    ]
    .map(|(cause, count)| (cause.to_owned(), count))
    .to_vec()
}
