//! What `/metrics` tells.

use super::counters::Refused;
use super::exposition::{Exposition, Kind};
use super::guests::CONNECTIONS_MAX;
use super::hub::{Hub, STREAMS_MAX};
use crate::class::ObjectClass;
use crate::health::{HealthReport, HealthState};
use crate::pipeline::{Drops, Snapshot};
use crate::statistics::Stage;

const S_PER_US: f64 = 1e-6;
const S_PER_NS: f64 = 1e-9;

/// All metrics of the run and of the page.
pub(super) fn text(hub: &Hub) -> String {
    let snapshot = hub.snapshot();
    let report = HealthReport::parse(hub.health_text().as_bytes()).ok();
    let mut out = Exposition::default();
    write_identity(&mut out, hub, &snapshot);
    write_run(&mut out, &snapshot);
    write_losses(&mut out, &snapshot.drops);
    write_capture(&mut out, &snapshot);
    write_seen(&mut out, &snapshot);
    write_stages(&mut out, &snapshot);
    write_state(&mut out, hub.health().0);
    if let Some(report) = &report {
        write_board(&mut out, report);
    }
    write_page(&mut out, hub);
    out.finish()
}

fn write_identity(out: &mut Exposition, hub: &Hub, snapshot: &Snapshot) {
    let model = hub.observer.model_id(snapshot.load);
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("model", model)];
    out.family(
        "lookout_info",
        Kind::Gauge,
        "Which program looks with which model; always 1.",
    )
    .labelled(&labels, 1.0);
    let help = "Time since the run began.";
    out.family("lookout_run_seconds", Kind::Gauge, help)
        .value(snapshot.elapsed.as_secs_f64());
}

fn write_run(out: &mut Exposition, snapshot: &Snapshot) {
    let (recent, whole) = (&snapshot.recent, &snapshot.whole_run);
    let help = "Frames that were looked at and published.";
    out.family("lookout_frames_published_total", Kind::Counter, help)
        .value(snapshot.frames as f64);
    let help = "Frames published per second, lately.";
    out.family("lookout_frames_per_second", Kind::Gauge, help)
        .value(recent.frames_per_second);
    if snapshot.frames == 0 {
        return;
    }
    let help = "From capture to publication, of the newest frames and of the whole run.";
    out.family("lookout_frame_age_seconds", Kind::Gauge, help);
    for (span, age) in [("recent", &recent.age), ("run", &whole.age)] {
        for (quantile, us) in [("0.5", age.p50_us), ("0.99", age.p99_us), ("1", age.max_us)] {
            out.labelled(
                &[("span", span), ("quantile", quantile)],
                us as f64 * S_PER_US,
            );
        }
    }
}

fn write_losses(out: &mut Exposition, drops: &Drops) {
    let help = "Frames and messages that were lost, by cause.";
    out.family("lookout_drops_total", Kind::Counter, help);
    let causes = [
        ("source", drops.source),
        ("damaged", drops.damaged),
        ("skipped", drops.skipped),
        ("overwritten", drops.overwritten),
        ("failed", drops.failed),
        ("subscriber", drops.subscriber),
        ("sinks", drops.sinks),
    ];
    for (cause, count) in causes {
        out.labelled(&[("cause", cause)], count as f64);
    }
}

fn write_capture(out: &mut Exposition, snapshot: &Snapshot) {
    let capture = &snapshot.capture;
    for (name, help, count) in [
        (
            "lookout_frames_captured_total",
            "Good frames captured.",
            capture.frames,
        ),
        (
            "lookout_capture_opens_total",
            "Openings of the source that succeeded.",
            capture.opens,
        ),
        (
            "lookout_capture_stalls_total",
            "Times that the open source gave no frame in time.",
            capture.stalls,
        ),
        (
            "lookout_capture_losses_total",
            "Times that the open source failed or vanished.",
            capture.losses,
        ),
    ] {
        out.family(name, Kind::Counter, help).value(count as f64);
    }
    let help = "Every how many captured frames one is offered to the detector.";
    out.family("lookout_load_every_nth_frames", Kind::Gauge, help)
        .value(snapshot.load.every_nth.into());
}

fn write_seen(out: &mut Exposition, snapshot: &Snapshot) {
    let help = "Detections in all frames; an object in view counts in every frame.";
    out.family("lookout_detections_total", Kind::Counter, help);
    for class in ObjectClass::ALL {
        let count = snapshot.classes[class.index()].detections;
        out.labelled(&[("class", class.name())], count as f64);
    }
    let help = "Objects in the newest frame.";
    out.family("lookout_objects", Kind::Gauge, help);
    for class in ObjectClass::ALL {
        let count = snapshot.last_frame[class.index()];
        out.labelled(&[("class", class.name())], count as f64);
    }
}

fn write_stages(out: &mut Exposition, snapshot: &Snapshot) {
    let help = "Time that a frame takes in each stage of inference, over the whole run.";
    out.family("lookout_stage_seconds", Kind::Gauge, help);
    for (stage, summary) in Stage::ALL.into_iter().zip(&snapshot.stages) {
        for (quantile, ns) in [("0.5", summary.median_ns), ("0.99", summary.p99_ns)] {
            let labels = [("stage", stage.name()), ("quantile", quantile)];
            out.labelled(&labels, ns as f64 * S_PER_NS);
        }
    }
}

fn write_state(out: &mut Exposition, now: HealthState) {
    let help = "How the program is: 1 for the state that it is in.";
    out.family("lookout_health_state", Kind::Gauge, help);
    for state in HealthState::ALL {
        out.labelled(&[("state", state.name())], f64::from(state == now));
    }
}

fn write_board(out: &mut Exposition, report: &HealthReport) {
    out.family(
        "lookout_temperature_celsius",
        Kind::Gauge,
        "Temperatures, by zone.",
    );
    let mut names: Vec<&str> = Vec::new();
    for zone in &report.temperatures {
        // Zones may share a name, samples may not.
        if !names.contains(&zone.name.as_str()) {
            out.labelled(&[("zone", &zone.name)], zone.celsius);
            names.push(&zone.name);
        }
    }
    let help = "Whether the processors are being slowed down.";
    out.family("lookout_throttled", Kind::Gauge, help)
        .value(report.throttled.into());
    for (name, help, value) in [
        (
            "lookout_memory_resident_bytes",
            "Memory in use.",
            report.memory_resident_bytes,
        ),
        (
            "lookout_file_descriptors",
            "Open file descriptors.",
            report.file_descriptors,
        ),
        ("lookout_threads", "Threads.", report.threads),
    ] {
        if let Some(value) = value {
            out.family(name, Kind::Gauge, help).value(value as f64);
        }
    }
}

fn write_page(out: &mut Exposition, hub: &Hub) {
    for (name, help, value) in [
        ("lookout_live_clients", "Clients of streams.", hub.streams()),
        (
            "lookout_live_clients_max",
            "Clients of streams at most.",
            STREAMS_MAX,
        ),
        (
            "lookout_live_connections",
            "Connections.",
            hub.connections(),
        ),
        (
            "lookout_live_connections_max",
            "Connections at most.",
            CONNECTIONS_MAX,
        ),
    ] {
        out.family(name, Kind::Gauge, help).value(value as f64);
    }
    let counters = &hub.counters;
    for (name, help, counter) in [
        (
            "lookout_live_requests_total",
            "Requests that were let in.",
            &counters.requests,
        ),
        (
            "lookout_live_pictures_total",
            "Pictures made.",
            &counters.pictures,
        ),
        (
            "lookout_live_picture_faults_total",
            "Frames of which no picture could be made.",
            &counters.picture_faults,
        ),
        (
            "lookout_live_pictures_missed_total",
            "Frames that came while a picture was made.",
            &counters.pictures_missed,
        ),
        (
            "lookout_live_lines_missed_total",
            "Lines that readers of the stream of detections missed.",
            &counters.lines_missed,
        ),
        (
            "lookout_live_stuck_total",
            "Clients that were dropped because they did not read.",
            &counters.stuck,
        ),
        (
            "lookout_live_accept_faults_total",
            "Faults of the system when a connection came.",
            &counters.accept_faults,
        ),
        (
            "lookout_live_restarts_total",
            "Times that a thread of the page was started again.",
            &counters.restarts,
        ),
    ] {
        out.family(name, Kind::Counter, help)
            .value(counter.get() as f64);
    }
    let help = "Connections, requests and messages that were turned away.";
    out.family("lookout_live_refused_total", Kind::Counter, help);
    for why in Refused::ALL {
        let count = counters.refused(why).get();
        out.labelled(&[("reason", why.name())], count as f64);
    }
}
