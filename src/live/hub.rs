//! What all parts of the live page share.

use super::access::Access;
use super::attempts::Attempts;
use super::counters::{Counters, Refused};
use super::feed::Feed;
use super::guests::{Guest, Guests};
use super::shot::Shot;
use super::status::History;
use crate::bulletin::Bulletin;
use crate::clock::monotonic_ns;
use crate::health::{HealthReport, HealthState};
use crate::pipeline::{Observer, Snapshot};
use axum::extract::ws::Utf8Bytes;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Streams at a time: WebSocket, motion JPEG and server-sent events together.
pub(super) const STREAMS_MAX: usize = 16;

/// How often the run is asked for all its figures at most, since that holds up inference for a
/// moment.
const SNAPSHOT_PERIOD: Duration = Duration::from_millis(500);

/// A health report is renewed each second; one this old says nothing of now.
const REPORT_AGE_NS_MAX: u64 = 5_000_000_000;

/// What keeps the recording around this moment. Called from a thread of its own; an error is a
/// sentence for people.
pub type Preserve = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What all parts of the live page share.
pub(super) struct Hub {
    pub(super) access: Access,
    pub(super) feed: Arc<Feed>,
    pub(super) preserve: Option<Preserve>,
    pub(super) counters: Counters,
    /// The newest picture; `None` while nobody watches.
    pub(super) shots: watch::Sender<Option<Arc<Shot>>>,
    /// The newest status message; empty before the first.
    pub(super) status: watch::Sender<Utf8Bytes>,
    pub(super) history: History,
    pub(super) observer: Observer,
    bulletin: Bulletin,
    stop: watch::Sender<bool>,
    guests: Guests,
    streams: Arc<Semaphore>,
    preserving: Arc<Semaphore>,
    watchers: AtomicUsize,
    attempts: Mutex<Attempts>,
    snapshot: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Hub {
    pub(super) fn new(
        access: Access,
        feed: Arc<Feed>,
        preserve: Option<Preserve>,
        observer: Observer,
        bulletin: Bulletin,
    ) -> Self {
        Self {
            access,
            feed,
            preserve,
            counters: Counters::default(),
            shots: watch::Sender::new(None),
            status: watch::Sender::new(Utf8Bytes::default()),
            history: History::default(),
            observer,
            bulletin,
            stop: watch::Sender::new(false),
            guests: Guests::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            preserving: Arc::new(Semaphore::new(1)),
            watchers: AtomicUsize::new(0),
            attempts: Mutex::default(),
            snapshot: Mutex::default(),
        }
    }

    /// Ends everything.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns once everything is to end.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as `self`.
        let _ = self
            .stop
            .subscribe()
            .wait_for(|is_stopped| *is_stopped)
            .await;
    }

    /// A place among the connections, if there is one for somebody at this address.
    pub(super) fn connect(&self, from: IpAddr) -> Option<Guest> {
        self.or_refused(self.guests.join(from), Refused::Connections)
    }

    /// A place among the streams, if there is one.
    pub(super) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.streams).try_acquire_owned();
        self.or_refused(place.ok(), Refused::Streams)
    }

    /// The only place of those who ask the recording, if it is free.
    pub(super) fn preserving(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.preserving).try_acquire_owned().ok()
    }

    fn or_refused<T>(&self, place: Option<T>, why: Refused) -> Option<T> {
        if place.is_none() {
            self.counters.refused(why).add(1);
        }
        place
    }

    pub(super) fn connections(&self) -> usize {
        self.guests.count()
    }

    pub(super) fn streams(&self) -> usize {
        STREAMS_MAX - self.streams.available_permits()
    }

    /// Whether anybody wants pictures.
    pub(super) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        lock(&self.attempts)
    }

    /// The newest health report as it was posted; empty before the first.
    pub(super) fn health_text(&self) -> String {
        let mut text = String::new();
        self.bulletin.newer(0, &mut text);
        text
    }

    /// How the program is, and why.
    pub(super) fn health(&self) -> (HealthState, Vec<String>) {
        match HealthReport::parse(self.health_text().as_bytes()) {
            Err(_) => (HealthState::Starting, vec!["nothing is known yet".into()]),
            Ok(report) => {
                let age_ns = monotonic_ns().saturating_sub(report.written_monotonic_ns);
                if age_ns > REPORT_AGE_NS_MAX && report.state.sees() {
                    let silence = "the health is not watched any more; restart lookout";
                    return (HealthState::Blind, vec![silence.into()]);
                }
                (report.state, report.reasons)
            }
        }
    }

    /// All figures of the run, not older than half a second.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let mut cached = lock(&self.snapshot);
        if let Some((at, snapshot)) = &*cached
            && at.elapsed() < SNAPSHOT_PERIOD
        {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(self.observer.snapshot());
        *cached = Some((Instant::now(), Arc::clone(&snapshot)));
        snapshot
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it lives, pictures are wanted.
pub(super) struct Watcher(Arc<Hub>);

impl Watcher {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        hub.watchers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(hub))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}
