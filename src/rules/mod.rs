//! Conditions on what is seen, such as "a person in the lower third for two seconds". What comes
//! true is an [`Event`] in the published frame, and so reaches every sink in order.
//!
//! Times are those of what is seen, so that the same recording gives the same events however
//! fast it is played. All memory is taken at the start.

mod rule;
mod zone;

#[cfg(test)]
mod tests;

pub use rule::Rule;
pub use zone::{CORNERS, Zone};

use crate::detection::DetectionFrame;
use crate::event::{EVENTS_MAX, Event};
use rule::{Look, Watch};

/// The most rules of a run. Each may have something to tell in every frame, and in one after a
/// change as many old ones may end.
pub const RULES_MAX: usize = EVENTS_MAX / 2;

/// All rules at work.
#[derive(Clone, Debug)]
pub struct Rules {
    watches: Vec<Watch>,
    /// Firings of rules that are gone, to be told in the next frame.
    ending: heapless::Vec<Event, RULES_MAX>,
    number: u32,
    last_ns: u64,
}

impl Rules {
    /// Puts rules to work; those beyond [`RULES_MAX`] are left out, which settings refuse.
    pub fn new(rules: &[Rule]) -> Self {
        let rules = rules.iter().take(RULES_MAX).cloned();
        Self {
            watches: rules.map(Watch::new).collect(),
            ending: heapless::Vec::new(),
            number: 0,
            last_ns: 0,
        }
    }

    /// Goes on with other rules. Those that are the same go on as if nothing had happened;
    /// firings of those that are gone end.
    pub fn replace(&mut self, new: Self) {
        let mut old = std::mem::replace(&mut self.watches, new.watches);
        for watch in &mut self.watches {
            if let Some(at) = old.iter().position(|known| known.rule() == watch.rule()) {
                *watch = old.swap_remove(at);
            }
        }
        for event in old.iter_mut().filter_map(|gone| gone.end(self.last_ns)) {
            // Where changes come faster than frames, the oldest ends are told first.
            let _ = self.ending.push(event);
        }
    }

    /// Looks at a frame and puts into it what there is to tell. `now_ns` is the time in what is
    /// seen; where it runs backwards, as in a recording that begins anew, all dwelling does too.
    /// `is_tracked` tells whether objects have numbers; without them a condition counts from when
    /// it comes true for any objects.
    pub fn look(&mut self, now_ns: u64, is_tracked: bool, frame: &mut DetectionFrame) {
        frame.events.clear();
        frame
            .events
            .extend(self.ending.iter().inspect(|event| tell(event)).cloned());
        self.ending.clear();
        if now_ns < std::mem::replace(&mut self.last_ns, now_ns) {
            self.watches.iter_mut().for_each(Watch::forget);
        }
        let look = Look {
            now_ns,
            size: [frame.frame_width as f32, frame.frame_height as f32],
            is_tracked,
            detections: &frame.detections,
        };
        for watch in &mut self.watches {
            if let Some(event) = watch.look(&look, &mut self.number) {
                tell(&event);
                // There is room for one event of each rule.
                let _ = frame.events.push(event);
            }
        }
    }
}

fn tell(event: &Event) {
    let (rule, id, phase) = (&event.rule, event.id, event.phase.name());
    log::info!(
        "rule {rule}: {phase} (firing {id}, {} objects)",
        event.objects
    );
}
