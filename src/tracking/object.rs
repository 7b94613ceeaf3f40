//! One object that is followed.

use super::kalman::Motion;
use crate::class::ObjectClass;
use crate::detection::{Contact, Detection, Track};
use crate::geometry::BBox;

/// How much the older sightings count for the class, each time the object is seen again.
const CLASS_MEMORY: f32 = 0.9;

/// An approach is told only where it exceeds its uncertainty so many times.
const APPROACH_CERTAINTY: f32 = 3.0;

/// Times to contact beyond this are not told, in seconds.
const CONTACT_S_MAX: f32 = 30.0;

/// An object that is followed.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub id: u32,
    pub motion: Motion,
    /// What it was taken for, by class index; newer sightings count more.
    votes: [f32; ObjectClass::COUNT],
    first_ns: u64,
    pub last_ns: u64,
    /// How often it was seen.
    pub sightings: u32,
}

impl Object {
    /// An object seen for the first time.
    pub fn new(id: u32, seen: &Detection, now_ns: u64) -> Self {
        let mut object = Self {
            id,
            motion: Motion::new(&seen.bbox),
            votes: [0.0; ObjectClass::COUNT],
            first_ns: now_ns,
            last_ns: now_ns,
            sightings: 0,
        };
        object.count(seen);
        object
    }

    fn count(&mut self, seen: &Detection) {
        self.votes.iter_mut().for_each(|vote| *vote *= CLASS_MEMORY);
        self.votes[seen.class.index()] += seen.score;
        self.sightings = self.sightings.saturating_add(1);
    }

    /// Takes note of where it was seen.
    pub fn see(&mut self, seen: &Detection, now_ns: u64) {
        self.motion.correct(&seen.bbox);
        self.count(seen);
        self.last_ns = now_ns;
    }

    /// Takes note of what else it was taken for when it was last seen.
    pub fn hear(&mut self, twin: &Detection) {
        self.votes[twin.class.index()] += twin.score;
    }

    /// What it most probably is.
    pub fn class(&self) -> ObjectClass {
        let best = |best: ObjectClass, class: ObjectClass| {
            if self.votes[class.index()] > self.votes[best.index()] {
                class
            } else {
                best
            }
        };
        ObjectClass::ALL.into_iter().fold(ObjectClass::ALL[0], best)
    }

    /// What is published about it.
    pub fn track(&self) -> Track {
        Track {
            id: self.id,
            age_ms: u32::try_from((self.last_ns - self.first_ns) / 1_000_000).unwrap_or(u32::MAX),
            velocity_x_px_per_s: self.motion.x.rate,
            velocity_y_px_per_s: self.motion.y.rate,
            contact: self.contact(),
        }
    }

    /// When it would reach the camera if it went on coming nearer as it does.
    fn contact(&self) -> Option<Contact> {
        // Not positive where it went out of sight while it came near.
        let inverse = Some(&self.motion.inverse_size).filter(|inverse| inverse.value > 0.0)?;
        let approach = -inverse.rate / inverse.value;
        let std = inverse.rate_variance.sqrt() / inverse.value;
        let seconds = 1.0 / approach;
        let is_told = approach > APPROACH_CERTAINTY * std && seconds <= CONTACT_S_MAX;
        is_told.then_some(Contact {
            seconds,
            // First order in the approach.
            seconds_std: seconds * seconds * std,
        })
    }

    /// The box now.
    pub fn bbox(&self) -> BBox {
        self.motion.bbox()
    }
}
