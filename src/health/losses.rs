//! What was lost lately: counters compared with those of some seconds ago.

use super::reason::Reason;
use crate::pipeline::Vitals;

/// How old the counters that are compared with are, at least; twice that at most.
const LATELY_NS: u64 = 5_000_000_000;

/// Fewer losses than this are none worth telling.
const LOSSES_MIN: u64 = 5;

/// Losses are many when they are more than one in so many.
const ONE_IN: u64 = 10;

/// The counters at one moment.
#[derive(Clone, Debug, Default)]
struct Counters {
    at_ns: u64,
    captured: u64,
    published: u64,
    lost: u64,
    sinks_lost: Vec<u64>,
}

impl Counters {
    fn of(vitals: &Vitals, now_ns: u64) -> Self {
        Self {
            at_ns: now_ns,
            captured: vitals.capture.frames,
            published: vitals.frames,
            // What readers lost is told for each.
            lost: vitals.drops.source + vitals.drops.damaged + vitals.drops.failed,
            sinks_lost: vitals.sinks.iter().map(|sink| sink.lost).collect(),
        }
    }
}

/// Compares the counters with those of some seconds ago.
#[derive(Debug, Default)]
pub(super) struct Losses {
    older: Option<Counters>,
    newer: Option<Counters>,
}

impl Losses {
    /// What is being lost, of frames and at each sink.
    pub(super) fn observe(&mut self, vitals: &Vitals, now_ns: u64) -> Vec<Reason> {
        let is_due = |newer: &Counters| now_ns >= newer.at_ns + LATELY_NS;
        if self.newer.as_ref().is_none_or(is_due) {
            self.older = self.newer.take();
            self.newer = Some(Counters::of(vitals, now_ns));
        }
        let Some(before) = self.older.as_ref().or(self.newer.as_ref()) else {
            return Vec::new();
        };
        let now = Counters::of(vitals, now_ns);
        let is_many = |lost: u64, of: u64| lost >= LOSSES_MIN && lost * ONE_IN > of;
        let mut reasons = Vec::new();
        let lost = now.lost.saturating_sub(before.lost);
        let of = lost + now.captured.saturating_sub(before.captured);
        if is_many(lost, of) {
            reasons.push(Reason::Losing { lost, of });
        }
        let published = now.published.saturating_sub(before.published);
        for (index, sink) in vitals.sinks.iter().enumerate() {
            let lost_before = before.sinks_lost.get(index).copied().unwrap_or(0);
            let lost = sink.lost.saturating_sub(lost_before);
            if is_many(lost, published) {
                let sink = sink.sink.clone();
                reasons.push(Reason::SinkStuck { sink, lost });
            }
        }
        reasons
    }
}
