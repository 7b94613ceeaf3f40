//! The recorder's thread: from frames to files.

mod disk;
mod keep;
mod take;

use crate::bulletin::Bulletin;
use crate::clock::{monotonic_ns, unix_ns};
use crate::config::RecordSettings;
use crate::footage::FootageReceiver;
use crate::mcap::Chunk;
use crate::recording::health_log::HealthLog;
use crate::recording::keeper::Keeper;
use crate::recording::meter::Counters;
use crate::recording::picture::Pictures;
use crate::recording::ring::{Busy, Ring};
use crate::recording::segment::Segment;
use crate::recording::topics::preamble;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the thread looks around while no frame comes.
const TICK: Duration = Duration::from_millis(50);

/// A chunk is written and flushed after this time, so that a power cut costs no more than that
/// and the time of writing.
const CHUNK_TIME: Duration = Duration::from_millis(500);

/// Or when it has so many bytes, or an eighth of what the ring may have.
const CHUNK_BYTES: u64 = 4 << 20;

/// No file is larger, whatever the settings: some file systems take no more than 4 GB.
const SEGMENT_BYTES_MAX: u64 = 2_000_000_000;

/// The ring has room for so many segments at least, or it would be empty after each change.
const SEGMENTS_MIN: u64 = 4;

/// Pauses between attempts to record again.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long frames that were missed are a trouble.
const SLOW_TIME: Duration = Duration::from_secs(10);

/// How often a store of kept segments that was full is looked at again.
const FULL_PERIOD: Duration = Duration::from_secs(5);

/// What a worker is put together from.
pub(in crate::recording) struct WorkerParts {
    pub(in crate::recording) settings: RecordSettings,
    pub(in crate::recording) footage: FootageReceiver,
    pub(in crate::recording) bulletin: Bulletin,
    pub(in crate::recording) asked: Receiver<String>,
    pub(in crate::recording) on_signal: Arc<AtomicBool>,
    pub(in crate::recording) end: Arc<AtomicBool>,
    pub(in crate::recording) counters: Arc<Counters>,
}

/// All that the thread owns.
pub(in crate::recording) struct Worker {
    settings: RecordSettings,
    footage: FootageReceiver,
    asked: Receiver<String>,
    on_signal: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    counters: Arc<Counters>,
    preamble: Vec<u8>,
    pictures: Pictures,
    health: HealthLog,
    keeper: Keeper,
    chunk: Chunk,
    /// When the first message came into the chunk, and the times of its frames.
    chunk_began: Option<Instant>,
    chunk_span_ns: Option<(u64, u64)>,
    ring: Option<Ring>,
    segment: Option<Segment>,
    busy: Busy,
    /// The lock of the folder, which a recovery may hold longer than the ring.
    held: Weak<File>,
    /// When the disk is tried again, and how long the pause before that is.
    retry_at: Instant,
    pause: Duration,
    /// Frames lost when the present row of faults began.
    failing_since: Option<u64>,
    slow_until: Option<Instant>,
    full_looked_at: Option<Instant>,
    is_picture_bad: bool,
}

impl Worker {
    pub(in crate::recording) fn new(parts: WorkerParts) -> Self {
        let begun = unix_ns().to_string();
        let facts = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("boot_id", &crate::process::boot_id()),
            ("recorder_started_unix_ns", &begun),
        ];
        Self {
            preamble: preamble(&facts),
            pictures: Pictures::default(),
            health: HealthLog::new(parts.bulletin),
            keeper: Keeper::new(parts.settings.before, parts.settings.after),
            settings: parts.settings,
            footage: parts.footage,
            asked: parts.asked,
            on_signal: parts.on_signal,
            end: parts.end,
            counters: parts.counters,
            chunk: Chunk::new(),
            chunk_began: None,
            chunk_span_ns: None,
            ring: None,
            segment: None,
            busy: Busy::default(),
            held: Weak::new(),
            retry_at: Instant::now(),
            pause: PAUSE_MIN,
            failing_since: None,
            slow_until: None,
            full_looked_at: None,
            is_picture_bad: false,
        }
    }

    /// Records until the pipeline's end of the tap is gone, or the owner has enough.
    pub(in crate::recording) fn run(mut self) {
        self.tend();
        loop {
            match self.footage.recv_timeout(TICK) {
                Ok(footage) => self.take(&footage),
                Err(RecvTimeoutError::Timeout) if self.end.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tend();
        }
        self.write_chunk();
        self.finish_segment();
        self.count_missed();
    }

    /// All that is to be done from time to time.
    fn tend(&mut self) {
        if self.ring.is_none() && Instant::now() >= self.retry_at {
            self.connect();
        }
        if self.health.has_news() {
            self.note_health();
        }
        while let Ok(reason) = self.asked.try_recv() {
            self.keep(monotonic_ns(), &reason);
        }
        if self.on_signal.swap(false, Ordering::Relaxed) {
            log::info!("keeping what is recorded around now, as SIGUSR1 asks");
            self.keep(monotonic_ns(), "SIGUSR1");
        }
        self.mark_segment();
        let is_due = |began: Instant| began.elapsed() >= CHUNK_TIME;
        let chunk_bytes = CHUNK_BYTES.min(self.settings.bytes_max / 8);
        if self.chunk.len() as u64 >= chunk_bytes || self.chunk_began.is_some_and(is_due) {
            self.write_chunk();
        }
        let bytes_max = (self.settings.bytes_max / SEGMENTS_MIN).min(SEGMENT_BYTES_MAX);
        let is_long = |segment: &Segment| {
            segment.length() >= self.settings.segment || segment.bytes() >= bytes_max
        };
        if self.segment.as_ref().is_some_and(is_long) {
            self.write_chunk();
            self.finish_segment();
        }
        self.look_for_room_to_keep();
        self.count_missed();
    }

    /// Tells when frames come faster than they can be recorded, once for each row of them.
    fn count_missed(&mut self) {
        let missed = self.footage.lost();
        if missed > self.counters.missed.get() {
            self.counters.missed.set(missed);
            let text = "frames are lost to the recording, because the disk or the encoding of \
                        pictures is too slow; a faster disk helps, and a camera that sends JPEG \
                        (format=mjpg)";
            if self.slow_until.is_none() {
                log::warn!("{text}");
                self.counters.slowness.set(Some(text.into()));
            }
            self.slow_until = Some(Instant::now() + SLOW_TIME);
        } else if self.slow_until.is_some_and(|until| Instant::now() >= until) {
            self.slow_until = None;
            self.counters.slowness.set(None);
            log::info!("every frame is recorded again, {missed} were lost so far");
        }
    }
}
