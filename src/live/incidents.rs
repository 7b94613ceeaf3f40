//! The newest events of rules, one entry a firing.

use crate::detection::DetectionFrame;
use crate::event::{Event, Phase, RuleName};
use serde::Serialize;
use std::collections::VecDeque;

/// Firings that are remembered.
const INCIDENTS_MAX: usize = 32;

/// One firing of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Incident {
    id: u32,
    rule: RuleName,
    /// What was told last.
    phase: Phase,
    /// The most objects at a time.
    objects_max: u32,
    began_monotonic_ms: u64,
    began_unix_ms: u64,
    age_ms: u32,
    preserve: bool,
}

/// The newest firings, newest last.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Incidents(VecDeque<Incident>);

impl Incidents {
    /// Takes over what this frame tells.
    pub(super) fn note(&mut self, frame: &DetectionFrame) {
        for event in &frame.events {
            match self.0.iter_mut().find(|known| known.id == event.id) {
                Some(known) => known.follow(event),
                None => {
                    if self.0.len() >= INCIDENTS_MAX {
                        self.0.pop_front();
                    }
                    self.0.push_back(Incident::new(event, frame));
                }
            }
        }
    }
}

impl Incident {
    fn new(event: &Event, frame: &DetectionFrame) -> Self {
        let began_ms = |ns: u64| (ns / 1_000_000).saturating_sub(event.age_ms.into());
        Self {
            id: event.id,
            rule: event.rule.clone(),
            phase: event.phase,
            objects_max: event.objects,
            began_monotonic_ms: began_ms(frame.captured_monotonic_ns),
            began_unix_ms: began_ms(frame.captured_unix_ns),
            age_ms: event.age_ms,
            preserve: event.preserve,
        }
    }

    fn follow(&mut self, event: &Event) {
        self.phase = event.phase;
        self.objects_max = self.objects_max.max(event.objects);
        self.age_ms = event.age_ms;
        self.preserve |= event.preserve;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sink::tests::example_frame;

    fn event(id: u32, phase: Phase, objects: u32, age_ms: u32) -> Event {
        Event {
            rule: "ahead".parse().unwrap(),
            id,
            phase,
            objects,
            age_ms,
            preserve: false,
        }
    }

    fn note(incidents: &mut Incidents, event: Event) {
        let mut frame = example_frame(1, 0);
        frame.events.push(event).unwrap();
        incidents.note(&frame);
    }

    #[test]
    fn a_firing_is_one_entry_and_the_oldest_go() {
        let mut incidents = Incidents::default();
        note(&mut incidents, event(1, Phase::New, 2, 500));
        note(&mut incidents, event(1, Phase::Update, 3, 1500));
        note(&mut incidents, event(1, Phase::End, 0, 2500));
        let only = &incidents.0[0];
        assert_eq!((incidents.0.len(), only.phase), (1, Phase::End));
        assert_eq!((only.objects_max, only.age_ms), (3, 2500));
        assert_eq!(only.began_monotonic_ms, 4500);
        for id in 2..100 {
            note(&mut incidents, event(id, Phase::New, 1, 0));
        }
        assert_eq!(incidents.0.len(), INCIDENTS_MAX);
        assert_eq!(incidents.0.back().unwrap().id, 99);
    }
}
