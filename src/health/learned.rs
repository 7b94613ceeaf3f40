//! What a run has taught about its own pace: how often frames come and how long a look takes.
//! Limits are made of that, so that neither a slow camera nor a slow board counts as blind.

use crate::pipeline::{FrameTimes, Vitals};

const MILLISECOND_NS: u64 = 1_000_000;

/// A frame that is so late after the newest is missed. With the time between two looks at the
/// run, and what a slow processor needs to say so, that is a second.
const FRAME_LATE_NS: u64 = 800 * MILLISECOND_NS;

/// How late the next expected frame may be, where frames are rare.
const GRACE_NS: u64 = 700 * MILLISECOND_NS;

/// A longer time between two frames is an outage and no pace.
const INTERVAL_NS_MAX: u64 = 2_000 * MILLISECOND_NS;

/// Share of a new interval in the learned one, as a divisor.
const INTERVAL_WEIGHT: u64 = 8;

/// Looks that are remembered.
const LOOKS: usize = 8;

/// A detector that has been at one frame for less is never stuck.
const STUCK_NS_MIN: u64 = 10_000 * MILLISECOND_NS;

/// A detector that has been at one frame for longer always is.
const STUCK_NS_MAX: u64 = 60_000 * MILLISECOND_NS;

/// What a run has taught about its own pace.
#[derive(Debug, Default)]
pub(super) struct Learned {
    frames: u64,
    newest_frame_ns: Option<u64>,
    opens: u64,
    interval_ns: Option<u64>,
    publications: u64,
    looks_ns: [u64; LOOKS],
}

impl Learned {
    /// Learns from the run as it stands.
    pub(super) fn observe(&mut self, vitals: &Vitals) {
        let times = &vitals.times;
        let new_frames = vitals.capture.frames.saturating_sub(self.frames);
        if new_frames > 0 && times.newest_frame_ns != self.newest_frame_ns {
            let was_open = self.opens == vitals.capture.opens;
            // The time that a camera was away is no pace of it: a few short outages would make
            // a quick camera look like a slow one, and the next one would be told late.
            if let (true, Some(before), Some(now)) =
                (was_open, self.newest_frame_ns, times.newest_frame_ns)
            {
                let interval_ns = now.saturating_sub(before) / new_frames;
                self.learn_interval(interval_ns.min(INTERVAL_NS_MAX));
            }
            self.frames = vitals.capture.frames;
            self.newest_frame_ns = times.newest_frame_ns;
            self.opens = vitals.capture.opens;
        }
        if let Some(took_ns) = times.inference_took_ns
            && vitals.frames != self.publications
        {
            self.looks_ns[(vitals.frames % LOOKS as u64) as usize] = took_ns;
            self.publications = vitals.frames;
        }
    }

    fn learn_interval(&mut self, new_ns: u64) {
        let weight = INTERVAL_WEIGHT;
        self.interval_ns = Some(match self.interval_ns {
            Some(old_ns) => (old_ns * (weight - 1) + new_ns) / weight,
            None => new_ns,
        });
    }

    /// The usual time between two frames. Before it is known any may be right.
    fn interval_ns(&self) -> u64 {
        self.interval_ns.unwrap_or(INTERVAL_NS_MAX)
    }

    /// The longest of the newest looks.
    pub(super) fn look_ns(&self) -> u64 {
        self.looks_ns.iter().copied().max().unwrap_or(0)
    }

    /// How old the newest frame may get before it counts as missed.
    pub(super) fn frame_age_ns_max(&self) -> u64 {
        FRAME_LATE_NS.max(self.interval_ns() + GRACE_NS)
    }

    /// How old the newest publication may get while no frame is being looked at.
    pub(super) fn publication_age_ns_max(&self, every_nth: u32) -> u64 {
        let offered_ns = self.interval_ns().saturating_mul(every_nth.into());
        let looks_ns = self.look_ns().saturating_mul(2);
        let expected_ns = offered_ns.saturating_add(looks_ns);
        FRAME_LATE_NS.max(expected_ns.saturating_add(GRACE_NS))
    }

    /// How long the detector may be at one frame before it counts as stuck.
    pub(super) fn look_ns_max(&self) -> u64 {
        self.look_ns()
            .saturating_mul(3)
            .clamp(STUCK_NS_MIN, STUCK_NS_MAX)
    }
}

/// How long the frame that is being looked at has been.
pub(super) fn at_it_ns(times: &FrameTimes, now_ns: u64) -> Option<u64> {
    let began_ns = times.inference_began_ns?;
    Some(now_ns.saturating_sub(began_ns))
}
