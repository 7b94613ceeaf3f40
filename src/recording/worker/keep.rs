//! What is kept.

use super::{FULL_PERIOD, Worker};
use crate::clock::{monotonic_ns, unix_ns};
use crate::recording::messages::Level;
use crate::recording::meter::Counters;
use crate::recording::note;
use crate::recording::segment::{Segment, sync_folder};
use std::sync::Arc;
use std::time::Instant;

impl Worker {
    /// Keeps what is around this moment.
    pub(super) fn keep(&mut self, at_ns: u64, reason: &str) {
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
    pub(super) fn mark_segment(&mut self) {
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
            sync_folder(&ring.kept)
        });
        if let Err(trouble) = written {
            self.fail(&trouble);
        }
    }

    /// A full store may have been emptied by hand.
    pub(super) fn look_for_room_to_keep(&mut self) {
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
}

/// Tells that something is not kept, once until it is again.
pub(super) fn refuse(counters: &Counters, refusal: String) {
    if counters.kept_trouble.get().is_none() {
        log::warn!("a moment is not kept: {refusal}");
    }
    counters.kept_trouble.set(Some(refusal));
}
