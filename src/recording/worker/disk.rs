//! From the chunk to files, and what happens when the disk refuses.

use super::{PAUSE_MAX, PAUSE_MIN, Worker};
use crate::clock::unix_ns;
use crate::recording::error::Trouble;
use crate::recording::messages::put_log;
use crate::recording::mount;
use crate::recording::note;
use crate::recording::recovery::Recovery;
use crate::recording::ring::Ring;
use crate::recording::segment::Segment;
use crate::recording::topics::{CAMERA, LOG};
use std::sync::Arc;
use std::time::Instant;

impl Worker {
    /// Takes possession of the folder, and has what was left open closed.
    pub(super) fn connect(&mut self) {
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
    pub(super) fn write_chunk(&mut self) {
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

    pub(super) fn try_write_chunk(&mut self) -> Result<(), Trouble> {
        let Some(ring) = &mut self.ring else {
            return Ok(());
        };
        let more = self.chunk.len() as u64;
        let current = self.segment.as_ref().map_or(0, Segment::bytes);
        ring.make_room(current + more, more)?;
        let segment = match &mut self.segment {
            Some(segment) => segment,
            None => {
                mount::check(&self.settings)?;
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

    pub(super) fn clear_chunk(&mut self) {
        self.chunk.clear();
        self.chunk_began = None;
        self.chunk_span_ns = None;
    }

    /// Closes the segment and puts it where it belongs.
    pub(super) fn finish_segment(&mut self) {
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

    pub(super) fn try_finish(&mut self, segment: Segment) -> Result<(), Trouble> {
        let Some(ring) = &mut self.ring else {
            return Ok(());
        };
        let (name, span_ns) = (segment.name, segment.span_ns());
        let mut is_kept = !segment.reasons.is_empty();
        if is_kept && let Some(refusal) = ring.refusal(segment.bytes())? {
            is_kept = false;
            note::remove(&ring.kept, name);
            super::keep::refuse(&self.counters, refusal);
        }
        let folder = if is_kept { &ring.kept } else { &ring.ring };
        segment.finish(folder)?;
        ring.finished(name, span_ns);
        ring.rescan(None)
    }

    pub(super) fn count_files(&self) {
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

    /// Gives up the disk for now. What was being written is closed when it is back.
    pub(super) fn fail(&mut self, trouble: &Trouble) {
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

    pub(super) fn succeed(&mut self) {
        self.pause = PAUSE_MIN;
        if let Some(before) = self.failing_since.take() {
            let lost = self.counters.lost.get() - before;
            self.counters.trouble.set(None);
            log::info!("recording again, {lost} frames were lost");
        }
    }
}
