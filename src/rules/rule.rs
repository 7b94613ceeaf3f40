//! One rule at work.

use super::zone::Zone;
use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::event::{Event, Phase, RuleName};
use std::time::Duration;

/// What a rule waits for, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, in every event.
    pub name: RuleName,
    /// Where an object's foot point must be, the middle of its box's lower edge; `None`: anywhere.
    pub zone: Option<Zone>,
    /// Which classes count; empty: all.
    pub classes: Vec<ObjectClass>,
    /// Objects that score less do not count, `0..=1`.
    pub score_min: f32,
    /// How many objects it takes, at least 1.
    pub count_min: u32,
    /// How long an object must have been there before it counts.
    pub dwell: Duration,
    /// How long an object may go unseen and still counts, so that one missed detection ends
    /// nothing.
    pub patience: Duration,
    /// How often it is told that the condition still holds.
    pub update_period: Duration,
    /// Whether the recording around the event is to be kept.
    pub preserve: bool,
}

/// An object in the zone.
#[derive(Clone, Copy, Debug)]
struct Presence {
    id: u32,
    since_ns: u64,
    seen_ns: u64,
}

/// A firing under way.
#[derive(Clone, Copy, Debug)]
struct Firing {
    id: u32,
    since_ns: u64,
    told_ns: u64,
}

/// A rule and what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    rule: Rule,
    present: heapless::Vec<Presence, DETECTIONS_MAX>,
    firing: Option<Firing>,
}

/// Stands for all objects where none is followed: then the condition itself must last.
const ANYBODY: u32 = 0;

impl Watch {
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            present: heapless::Vec::new(),
            firing: None,
        }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Ends a firing because the rule is gone.
    pub fn end(&mut self, now_ns: u64) -> Option<Event> {
        let firing = self.firing.take()?;
        Some(self.event(firing, Phase::End, 0, now_ns))
    }

    /// Forgets who is where; a firing ends by itself.
    pub fn forget(&mut self) {
        self.present.clear();
    }

    /// Looks at one frame; gives what there is to tell. `number` is that of the next firing.
    pub fn look(&mut self, frame: &Look<'_>, number: &mut u32) -> Option<Event> {
        let matching = self.take_note(frame);
        let now_ns = frame.now_ns;
        let dwell_ns = nanoseconds(self.rule.dwell);
        let is_settled = |p: &&Presence| now_ns.saturating_sub(p.since_ns) >= dwell_ns;
        let settled = self.present.iter().filter(is_settled).count() as u32;
        // One presence stands for all where nobody is followed.
        let objects = match frame.is_tracked {
            true => settled,
            false if settled == 0 => 0,
            false => matching.max(self.rule.count_min),
        };
        let holds = objects >= self.rule.count_min;
        let update_ns = nanoseconds(self.rule.update_period);
        let phase = match &mut self.firing {
            None if holds => {
                *number = number.wrapping_add(1).max(1);
                self.firing = Some(Firing {
                    id: *number,
                    since_ns: now_ns,
                    told_ns: now_ns,
                });
                Phase::New
            }
            Some(_) if !holds => Phase::End,
            Some(firing) if now_ns.saturating_sub(firing.told_ns) >= update_ns => {
                firing.told_ns = now_ns;
                Phase::Update
            }
            _ => return None,
        };
        let firing = self.firing?;
        if phase == Phase::End {
            self.firing = None;
        }
        Some(self.event(firing, phase, objects, now_ns))
    }

    fn event(&self, firing: Firing, phase: Phase, objects: u32, now_ns: u64) -> Event {
        let age_ms = now_ns.saturating_sub(firing.since_ns) / 1_000_000;
        Event {
            rule: self.rule.name.clone(),
            id: firing.id,
            phase,
            objects,
            age_ms: u32::try_from(age_ms).unwrap_or(u32::MAX),
            preserve: self.rule.preserve,
        }
    }

    /// Brings up to date who is there; gives how many objects match in this frame.
    fn take_note(&mut self, frame: &Look<'_>) -> u32 {
        let now_ns = frame.now_ns;
        let mut matching = 0;
        let mut met = heapless::Vec::<u32, DETECTIONS_MAX>::new();
        for detection in frame.detections {
            if !self.rule.matches(detection, frame.size) {
                continue;
            }
            matching += 1;
            if let Some(track) = detection.track.filter(|_| frame.is_tracked) {
                // There is room for all detections of a frame.
                let _ = met.push(track.id);
            }
        }
        if !frame.is_tracked && matching >= self.rule.count_min {
            let _ = met.push(ANYBODY);
        }
        for id in met {
            match self.present.iter_mut().find(|p| p.id == id) {
                Some(presence) => presence.seen_ns = now_ns,
                None => {
                    // Where it is full of objects out of sight, a new one waits for room.
                    let _ = self.present.push(Presence {
                        id,
                        since_ns: now_ns,
                        seen_ns: now_ns,
                    });
                }
            }
        }
        let patience_ns = nanoseconds(self.rule.patience);
        self.present
            .retain(|p| now_ns.saturating_sub(p.seen_ns) <= patience_ns);
        matching
    }
}

impl Rule {
    fn matches(&self, detection: &Detection, size: [f32; 2]) -> bool {
        let foot_x = (detection.bbox.x0 + detection.bbox.x1) / 2.0 / size[0];
        let foot_y = detection.bbox.y1 / size[1];
        // A box that ends at the picture's edge is still in the picture.
        let inside = f32::EPSILON.mul_add(-2.0, 1.0);
        let is_there = |zone: &Zone| zone.contains(foot_x.min(inside), foot_y.min(inside));
        detection.score >= self.score_min
            && (self.classes.is_empty() || self.classes.contains(&detection.class))
            && self.zone.as_ref().is_none_or(is_there)
    }
}

/// One frame as rules see it.
pub(super) struct Look<'a> {
    /// Time in what is seen, in nanoseconds.
    pub now_ns: u64,
    /// Width and height of the picture in pixels.
    pub size: [f32; 2],
    /// Whether objects are followed.
    pub is_tracked: bool,
    /// What was found.
    pub detections: &'a [Detection],
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
