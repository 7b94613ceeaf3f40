//! From a frame to messages in the chunk.

use super::Worker;
use crate::clock::unix_ns;
use crate::detection::DetectionFrame;
use crate::event::Phase;
use crate::footage::Footage;
use crate::recording::messages::{Level, put_annotations, put_image, put_log};
use crate::recording::topics::{ANNOTATIONS, CAMERA, DETECTIONS, LOG};
use crate::sink;
use std::time::Instant;

impl Worker {
    /// Puts a frame and what was seen in it into the chunk.
    pub(super) fn take(&mut self, footage: &Footage) {
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
    pub(super) fn take_events(&mut self, seen: &DetectionFrame) {
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
    pub(super) fn note(&mut self, time_ns: u64, level: Level, line: &str) {
        if self.ring.is_some() {
            let put = |out: &mut Vec<u8>| put_log(time_ns, level, line, out);
            self.chunk.message(LOG, 0, time_ns, put);
            self.chunk_began.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn note_health(&mut self) {
        if let Some((level, line)) = self.health.current().cloned() {
            self.note(unix_ns(), level, &line);
        }
    }
}
