//! The message that goes to every page each second, and what a page gets to begin with.

use super::hub::{Hub, STREAMS_MAX};
use super::incidents::Incidents;
use crate::clock::monotonic_ns;
use crate::pipeline::{Drops, Vitals};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a status is made.
const PERIOD: Duration = Duration::from_secs(1);

/// Samples that are remembered: five minutes.
const SAMPLES_MAX: usize = 300;

/// An age that was published longer ago says nothing of now.
const STALE_NS: u64 = 2_000_000_000;

/// The run at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    monotonic_ms: u64,
    frames_per_s: f64,
    age_us_p99: Option<u64>,
    objects: usize,
}

/// The run in the last minutes, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Sample>>);

impl History {
    fn note(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    fn all(&self) -> Vec<Sample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().collect()
    }
}

/// Losses by cause.
#[derive(Debug, Serialize)]
struct Losses {
    source: u64,
    damaged: u64,
    skipped: u64,
    overwritten: u64,
    failed: u64,
    subscriber: u64,
    sinks: u64,
}

impl From<Drops> for Losses {
    fn from(drops: Drops) -> Self {
        Self {
            source: drops.source,
            damaged: drops.damaged,
            skipped: drops.skipped,
            overwritten: drops.overwritten,
            failed: drops.failed,
            subscriber: drops.subscriber,
            sinks: drops.sinks,
        }
    }
}

/// What a page gets each second.
#[derive(Serialize)]
struct Status<'a> {
    kind: &'static str,
    sample: Sample,
    drops: Losses,
    /// The health report; null before the first.
    health: Value,
    incidents: &'a Incidents,
    clients: usize,
}

/// What a page gets first.
#[derive(Serialize)]
struct Hello {
    kind: &'static str,
    version: &'static str,
    clients_max: usize,
    can_preserve: bool,
    samples: Vec<Sample>,
}

/// The first message to a page.
pub(super) fn hello(hub: &Hub) -> Utf8Bytes {
    text_of(&Hello {
        kind: "hello",
        version: env!("CARGO_PKG_VERSION"),
        clients_max: STREAMS_MAX,
        can_preserve: hub.preserve.is_some(),
        samples: hub.history.all(),
    })
}

/// Makes a status each second, for ever.
pub(super) async fn tick(hub: &Hub) {
    let mut clock = tokio::time::interval(PERIOD);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let vitals = hub.observer.vitals();
        let sample = sample(hub, &vitals);
        hub.history.note(sample);
        if hub.status.receiver_count() > 0 {
            hub.status.send_replace(status(hub, &vitals, sample));
        }
    }
}

/// A status of this moment.
pub(super) fn now(hub: &Hub) -> Utf8Bytes {
    let vitals = hub.observer.vitals();
    status(hub, &vitals, sample(hub, &vitals))
}

fn sample(hub: &Hub, vitals: &Vitals) -> Sample {
    let now_ns = monotonic_ns();
    let published_ns = vitals.times.newest_publication_ns;
    let is_recent = published_ns.is_some_and(|at| now_ns.saturating_sub(at) < STALE_NS);
    let mut sample = Sample {
        monotonic_ms: now_ns / 1_000_000,
        frames_per_s: 0.0,
        age_us_p99: None,
        objects: 0,
    };
    if is_recent {
        sample.frames_per_s = vitals.recent.frames_per_second;
        sample.age_us_p99 = Some(vitals.recent.age.p99_us);
        sample.objects = hub.feed.newest().objects;
    }
    sample
}

fn status(hub: &Hub, vitals: &Vitals, sample: Sample) -> Utf8Bytes {
    text_of(&Status {
        kind: "status",
        sample,
        drops: vitals.drops.into(),
        health: serde_json::from_str(&hub.health_text()).unwrap_or_default(),
        incidents: &hub.feed.incidents(),
        clients: hub.streams(),
    })
}

/// Plain data like this always can be written; a page ignores an empty message.
fn text_of(message: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_bounded() {
        let history = History::default();
        for monotonic_ms in 0..1000 {
            history.note(Sample {
                monotonic_ms,
                frames_per_s: 15.0,
                age_us_p99: None,
                objects: 3,
            });
        }
        let samples = history.all();
        assert_eq!(samples.len(), SAMPLES_MAX);
        assert_eq!(samples[0].monotonic_ms, 1000 - SAMPLES_MAX as u64);
    }
}
