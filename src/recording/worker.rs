//! The recorder's thread: from frames to files.

use super::error::Trouble;
use super::health_log::HealthLog;
use super::keeper::Keeper;
use super::messages::{Level, put_annotations, put_image, put_log};
use super::meter::Counters;
use super::note;
use super::picture::Pictures;
use super::recovery::Recovery;
use super::ring::{Busy, Ring};
use super::segment::Segment;
use super::topics::{ANNOTATIONS, CAMERA, DETECTIONS, LOG, preamble};
use crate::bulletin::Bulletin;
use crate::clock::{monotonic_ns, unix_ns};
use crate::config::RecordSettings;
use crate::detection::DetectionFrame;
use crate::event::Phase;
use crate::footage::{Footage, FootageReceiver};
use crate::mcap::Chunk;
use crate::sink;
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
pub(super) struct WorkerParts {
    pub(super) settings: RecordSettings,
    pub(super) footage: FootageReceiver,
    pub(super) bulletin: Bulletin,
    pub(super) asked: Receiver<String>,
    pub(super) on_signal: Arc<AtomicBool>,
    pub(super) end: Arc<AtomicBool>,
    pub(super) counters: Arc<Counters>,
}

/// All that the thread owns.
pub(super) struct Worker {
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
    pub(super) fn new(parts: WorkerParts) -> Self {
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
    pub(super) fn run(mut self) {
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

    /// Puts a frame and what was seen in it into the chunk.
    fn take(&mut self, footage: &Footage) {
        let seen = &footage.seen;
        self.take_events(seen);
        if self.ring.is_none() {
            self.counters.lost.add(1);
            return;
        }
        let (time_ns, sequence) = (seen.captured_unix_ns, seen.sequence as u32);
        // Before the picture, so that who replays it knows its exact time by then.
        self.chunk.message(DETECTIONS, sequence, time_ns, |out| {
            // The only error there can be leaves the line out.
            if sink::write_line(seen, out).is_ok() {
                out.pop();
            }
        });
        match self.pictures.jpeg(&footage.frame) {
            Ok(jpeg) => {
                let put = |out: &mut Vec<u8>| put_image(time_ns, jpeg, out);
                self.chunk.message(CAMERA, sequence, time_ns, put);
                self.is_picture_bad = false;
            }
            Err(error) => {
                self.counters.lost.add(1);
                if !std::mem::replace(&mut self.is_picture_bad, true) {
                    log::warn!("a frame was seen but not recorded: {error}");
                }
            }
        }
        self.chunk.message(ANNOTATIONS, sequence, time_ns, |out| {
            put_annotations(seen, out);
        });
        let at_ns = seen.captured_monotonic_ns;
        self.chunk_span_ns = Some(match self.chunk_span_ns {
            Some((first, last)) => (first.min(at_ns), last.max(at_ns)),
            None => (at_ns, at_ns),
        });
        self.chunk_began.get_or_insert_with(Instant::now);
    }

    /// Notes what rules have to tell, and keeps what they want to be kept.
    fn take_events(&mut self, seen: &DetectionFrame) {
        for event in &seen.events {
            let (rule, id, phase) = (&event.rule, event.id, event.phase.name());
            let objects = event.objects;
            let line = format!("rule {rule}: {phase} (firing {id}, {objects} objects)");
            self.note(seen.captured_unix_ns, Level::Info, &line);
            let at_ns = seen.captured_monotonic_ns;
            match event.phase {
                _ if !event.preserve => {}
                Phase::New => self.keep(at_ns, &format!("rule {rule}, firing {id}")),
                Phase::Update | Phase::End => self.keeper.extend(at_ns),
            }
        }
    }

    /// Puts a line into the log of the recording.
    fn note(&mut self, time_ns: u64, level: Level, line: &str) {
        if self.ring.is_some() {
            let put = |out: &mut Vec<u8>| put_log(time_ns, level, line, out);
            self.chunk.message(LOG, 0, time_ns, put);
            self.chunk_began.get_or_insert_with(Instant::now);
        }
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

    fn note_health(&mut self) {
        if let Some((level, line)) = self.health.current().cloned() {
            self.note(unix_ns(), level, &line);
        }
    }

    /// Takes possession of the folder, and has what was left open closed.
    fn connect(&mut self) {
        let counters = Arc::clone(&self.counters);
        match counters.at_disk(|| Ring::open(&self.settings, &self.busy, &self.held)) {
            Ok(ring) => {
                let names = ring.unfinished();
                let recovery = Recovery {
                    ring: ring.ring.clone(),
                    kept: ring.kept.clone(),
                    busy: self.busy.clone(),
                    counters,
                    lock: ring.lock(),
                    names,
                };
                let is_needed = !recovery.names.is_empty();
                if let Some(Err(error)) = is_needed.then(|| recovery.spawn()) {
                    log::warn!("segments that were left open stay so: no thread: {error}");
                }
                self.held = Arc::downgrade(&ring.lock());
                self.ring = Some(ring);
                self.count_files();
            }
            Err(trouble) => self.fail(&trouble),
        }
    }

    /// Writes the chunk to the segment, which is begun where there is none.
    fn write_chunk(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let counters = Arc::clone(&self.counters);
        match counters.at_disk(|| self.try_write_chunk()) {
            Ok(()) => {
                counters.frames.add(self.chunk.count(CAMERA));
                self.count_files();
                self.clear_chunk();
                self.succeed();
            }
            Err(trouble) => self.fail(&trouble),
        }
    }

    fn try_write_chunk(&mut self) -> Result<(), Trouble> {
        let Some(ring) = &mut self.ring else {
            return Ok(());
        };
        let more = self.chunk.len() as u64;
        let current = self.segment.as_ref().map_or(0, Segment::bytes);
        ring.make_room(current + more, more)?;
        let segment = match &mut self.segment {
            Some(segment) => segment,
            None => {
                ring.rescan(None)?;
                let name = ring.next_name(unix_ns());
                let created = Segment::create(&ring.ring, name, &self.preamble)?;
                // Each file tells how the program was.
                if let Some((level, line)) = self.health.current() {
                    let time_ns = unix_ns();
                    self.chunk.message(LOG, 0, time_ns, |out| {
                        put_log(time_ns, *level, line, out);
                    });
                }
                self.segment.insert(created)
            }
        };
        segment.append(&mut self.chunk, self.chunk_span_ns)
    }

    fn clear_chunk(&mut self) {
        self.chunk.clear();
        self.chunk_began = None;
        self.chunk_span_ns = None;
    }

    /// Closes the segment and puts it where it belongs.
    fn finish_segment(&mut self) {
        let Some(segment) = self.segment.take() else {
            return;
        };
        let counters = Arc::clone(&self.counters);
        match counters.at_disk(|| self.try_finish(segment)) {
            Ok(()) => counters.segments.add(1),
            Err(trouble) => self.fail(&trouble),
        }
        self.count_files();
    }

    fn try_finish(&mut self, segment: Segment) -> Result<(), Trouble> {
        let Some(ring) = &mut self.ring else {
            return Ok(());
        };
        let (name, span_ns) = (segment.name, segment.span_ns());
        let mut is_kept = !segment.reasons.is_empty();
        if is_kept && let Some(refusal) = ring.refusal(segment.bytes())? {
            is_kept = false;
            note::remove(&ring.kept, name);
            refuse(&self.counters, refusal);
        }
        let folder = if is_kept { &ring.kept } else { &ring.ring };
        segment.finish(folder)?;
        ring.finished(name, span_ns);
        ring.rescan(None)
    }

    /// Keeps what is around this moment.
    fn keep(&mut self, at_ns: u64, reason: &str) {
        self.keeper.keep(at_ns, reason);
        self.note(
            unix_ns(),
            Level::Warning,
            &format!("kept because of {reason}"),
        );
        let (Some(ring), Some(window)) = (&mut self.ring, self.keeper.window()) else {
            return;
        };
        let counters = Arc::clone(&self.counters);
        match counters.at_disk(|| ring.keep_past(window)) {
            Ok(None) => {}
            Ok(Some(refusal)) => refuse(&counters, refusal),
            Err(trouble) => self.fail(&trouble),
        }
        self.mark_segment();
        self.count_files();
    }

    /// Marks the segment to be kept where it has something of the time that is.
    fn mark_segment(&mut self) {
        let (Some(ring), Some(segment), Some(window)) =
            (&self.ring, &mut self.segment, self.keeper.window())
        else {
            return;
        };
        let now_ns = monotonic_ns();
        let begun_ns = segment.span_ns().map_or(now_ns, |span| span.0);
        if !window.overlaps((begun_ns, now_ns)) || segment.reasons == window.reasons {
            return;
        }
        segment.reasons.clone_from(&window.reasons);
        let written = self.counters.at_disk(|| {
            note::write(&ring.kept, segment.name, &segment.reasons)?;
            super::segment::sync_folder(&ring.kept)
        });
        if let Err(trouble) = written {
            self.fail(&trouble);
        }
    }

    /// A full store may have been emptied by hand.
    fn look_for_room_to_keep(&mut self) {
        let is_due = |at: Instant| at.elapsed() >= FULL_PERIOD;
        let is_full = self.counters.kept_trouble.get().is_some();
        if !is_full || !self.full_looked_at.is_none_or(is_due) {
            return;
        }
        self.full_looked_at = Some(Instant::now());
        let bytes = self.segment.as_ref().map_or(1, Segment::bytes);
        let refusal = self.ring.as_ref().map(|ring| ring.refusal(bytes));
        if let Some(Ok(None)) = refusal {
            self.counters.kept_trouble.set(None);
            log::info!("there is room again for what events keep");
        }
    }

    fn count_files(&self) {
        let counters = &self.counters;
        let current = self.segment.as_ref().map_or(0, Segment::bytes);
        if let Some(ring) = &self.ring {
            counters.bytes.set(ring.bytes() + current);
            if let Ok((bytes, segments)) = ring.kept() {
                counters.kept_bytes.set(bytes);
                counters.kept_segments.set(segments);
            }
        }
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

    /// Gives up the disk for now. What was being written is closed when it is back.
    fn fail(&mut self, trouble: &Trouble) {
        let counters = &self.counters;
        let lost = counters.lost.get();
        counters.faults.add(1);
        counters.lost.add(self.chunk.count(CAMERA));
        if self.failing_since.is_none() {
            log::warn!("recording pauses: {trouble}");
            self.failing_since = Some(lost);
        }
        counters.trouble.set(Some(trouble.to_string()));
        self.clear_chunk();
        self.segment = None;
        self.ring = None;
        self.retry_at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    fn succeed(&mut self) {
        self.pause = PAUSE_MIN;
        if let Some(before) = self.failing_since.take() {
            let lost = self.counters.lost.get() - before;
            self.counters.trouble.set(None);
            log::info!("recording again, {lost} frames were lost");
        }
    }
}

fn refuse(counters: &Counters, refusal: String) {
    if counters.kept_trouble.get().is_none() {
        log::warn!("a moment is not kept: {refusal}");
    }
    counters.kept_trouble.set(Some(refusal));
}
