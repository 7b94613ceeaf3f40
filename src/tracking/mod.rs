//! Follows objects from frame to frame.
//!
//! After ByteTrack (Zhang et al. 2022): confident detections are matched with the objects that
//! are followed, then the faint ones with those that are still missing, so that an object which
//! is half hidden for a moment keeps its number. Matching is the assignment of least cost by
//! overlap with where a Kalman filter of nearly constant velocity expects the object. Time is
//! the frames' own: left out frames do not slow anybody down.
//!
//! The same detections at the same times give the same tracks; nothing is allocated after
//! [`Tracker::new`], and no more than [`OBJECTS_MAX`] objects are followed.

pub mod assignment;
mod kalman;
mod object;

use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, Detection};
use assignment::Assigner;
use object::Object;

/// The most objects that are followed at once, those included that are out of sight.
pub const OBJECTS_MAX: usize = 2 * DETECTIONS_MAX;

/// Scores of detections that only go on with an object reach down to this.
pub const FAINT_SCORE_MIN: f32 = 0.1;

/// How long an object is waited for that is out of sight, in nanoseconds.
const PATIENCE_NS: u64 = 1_000_000_000;

/// The same for one that was seen but once.
const PATIENCE_ONCE_NS: u64 = 250_000_000;

/// Longer gaps between frames than this are not bridged, in nanoseconds.
const GAP_NS_MAX: u64 = 2_000_000_000;

/// Least overlap of a confident detection with the place where its object is expected.
const IOU_MIN: f32 = 0.1;

/// The same for a faint one, which may be anything.
const IOU_FAINT_MIN: f32 = 0.4;

/// Extra cost of a pair whose classes differ but look alike.
const CLASS_COST: f32 = 0.15;

/// Overlap from which on a confident detection and a better one of its family are the same
/// object.
const TWIN_IOU_MIN: f32 = 0.5;

/// The same for a faint one: beside what is seen clearly it mostly is that object again, in a
/// box that fits badly.
const TWIN_IOU_FAINT_MIN: f32 = 0.3;

/// How much more than confident a detection must be to begin an object, as a share of what is
/// missing to certainty: what hardly is an object in one frame mostly is none in the next.
const NEW_MARGIN: f32 = 0.07;

/// Sightings from which on an object is told about.
const SIGHTINGS_MIN: u32 = 2;

/// Follows objects from frame to frame.
#[derive(Debug)]
pub struct Tracker {
    objects: Vec<Object>,
    assigner: Assigner,
    next_id: u32,
    last_ns: u64,
    /// Detections of the frame that are being matched.
    left: Vec<usize>,
    /// Objects that have not been seen in the frame so far.
    missing: Vec<usize>,
    /// Object of each detection.
    owner: Vec<Option<usize>>,
    /// For each detection that shows an object which another one shows better, that one.
    better: Vec<Option<usize>>,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            objects: Vec::with_capacity(OBJECTS_MAX),
            assigner: Assigner::new(OBJECTS_MAX),
            next_id: 1,
            last_ns: 0,
            left: Vec::with_capacity(DETECTIONS_MAX),
            missing: Vec::with_capacity(OBJECTS_MAX),
            owner: Vec::with_capacity(DETECTIONS_MAX),
            better: Vec::with_capacity(DETECTIONS_MAX),
        }
    }

    /// Takes the detections of the frame at [`crate::frame::FrameStamp::scene_ns`], gives those of
    /// objects that are followed their track, and drops the faint ones that belong to nobody:
    /// those that score less than `confident` says for their class, by class index. Of those
    /// that show the same object, be it as different classes, only the best stays. The order of
    /// those that stay is kept.
    pub fn follow(
        &mut self,
        scene_ns: u64,
        confident: &[f32; ObjectClass::COUNT],
        detections: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) {
        let now_ns = self.pass_time(scene_ns);
        self.owner.clear();
        self.owner.resize(detections.len(), None);
        self.missing.clear();
        self.missing.extend(0..self.objects.len());
        let is_confident = |seen: &Detection| seen.score >= confident[seen.class.index()];
        self.find_twins(detections, &is_confident);
        self.match_those(now_ns, detections, IOU_MIN, &is_confident);
        self.match_those(now_ns, detections, IOU_FAINT_MIN, &|seen| {
            !is_confident(seen)
        });
        self.forget(now_ns);
        self.welcome(now_ns, confident, detections);
        self.hear_twins(detections);
        self.tell(detections, &is_confident);
    }

    /// Gives the time of the frame: a clock that goes back stands still here.
    fn pass_time(&mut self, scene_ns: u64) -> u64 {
        let passed_ns = scene_ns.saturating_sub(self.last_ns);
        if passed_ns > GAP_NS_MAX {
            self.objects.clear();
        }
        self.last_ns += passed_ns;
        let seconds = passed_ns as f32 * 1e-9;
        for object in &mut self.objects {
            object.motion.predict(seconds);
        }
        self.last_ns
    }

    /// Finds the detections that show an object which another one of its family shows better,
    /// the best first, so that none is hidden by one that is hidden itself.
    fn find_twins(&mut self, detections: &[Detection], is_confident: &impl Fn(&Detection) -> bool) {
        let rank = |a: &Detection, b: &Detection| {
            let confident = is_confident(b).cmp(&is_confident(a));
            confident.then(b.score.total_cmp(&a.score))
        };
        self.better.clear();
        self.better.resize(detections.len(), None);
        self.left.clear();
        self.left.extend(0..detections.len());
        self.left
            .sort_unstable_by(|&a, &b| rank(&detections[a], &detections[b]).then(a.cmp(&b)));
        for (place, &i) in self.left.iter().enumerate() {
            let seen = &detections[i];
            let iou_min = match is_confident(seen) {
                true => TWIN_IOU_MIN,
                false => TWIN_IOU_FAINT_MIN,
            };
            let hides = |&&other: &&usize| {
                let better = &detections[other];
                self.better[other].is_none()
                    && better.class.family() == seen.class.family()
                    && rank(better, seen).is_lt()
                    && better.bbox.iou(&seen.bbox) > iou_min
            };
            self.better[i] = self.left[..place].iter().find(hides).copied();
        }
    }

    /// Lets objects know what else they were taken for.
    fn hear_twins(&mut self, detections: &[Detection]) {
        for (twin, better) in detections.iter().zip(&self.better) {
            if let Some(owner) = better.and_then(|better| self.owner[better]) {
                self.objects[owner].hear(twin);
            }
        }
    }

    /// Matches the detections that are `wanted` with the objects that are missing.
    fn match_those(
        &mut self,
        now_ns: u64,
        detections: &[Detection],
        iou_min: f32,
        wanted: &impl Fn(&Detection) -> bool,
    ) {
        self.left.clear();
        let better = &self.better;
        let wanted = |&i: &usize| better[i].is_none() && wanted(&detections[i]);
        self.left.extend((0..detections.len()).filter(wanted));
        let (objects, missing) = (&self.objects, &self.missing);
        let (left, owner) = (&self.left, &mut self.owner);
        let cost = |row: usize, column: usize| {
            let (object, seen) = (&objects[missing[row]], &detections[left[column]]);
            1.0 - object.bbox().iou(&seen.bbox) + class_cost(object.class(), seen.class)
        };
        self.assigner.assign(
            (missing.len(), left.len()),
            1.0 - iou_min,
            cost,
            |row, column| owner[left[column]] = Some(missing[row]),
        );
        for &i in &self.left {
            if let Some(index) = self.owner[i] {
                self.objects[index].see(&detections[i], now_ns);
                self.missing.retain(|&missing| missing != index);
            }
        }
    }

    /// Gives up objects that have been out of sight for long, and those whose numbers ran away,
    /// which nothing can be matched with.
    fn forget(&mut self, now_ns: u64) {
        let mut index = 0;
        while index < self.objects.len() {
            let object = &self.objects[index];
            let patience = if object.sightings < SIGHTINGS_MIN {
                PATIENCE_ONCE_NS
            } else {
                PATIENCE_NS
            };
            if now_ns.saturating_sub(object.last_ns) <= patience && object.bbox().is_valid() {
                index += 1;
                continue;
            }
            // The last one takes the place; its detection must know.
            let last = self.objects.len() - 1;
            self.objects.swap_remove(index);
            for owner in &mut self.owner {
                if *owner == Some(index) {
                    *owner = None;
                } else if *owner == Some(last) {
                    *owner = Some(index);
                }
            }
        }
    }

    /// Begins to follow what is seen clearly and belongs to nobody.
    fn welcome(
        &mut self,
        now_ns: u64,
        confident: &[f32; ObjectClass::COUNT],
        detections: &[Detection],
    ) {
        for (i, seen) in detections.iter().enumerate() {
            let is_alone = self.owner[i].is_none() && self.better[i].is_none();
            let enough = confident[seen.class.index()];
            let is_clear = seen.score >= enough + NEW_MARGIN * (1.0 - enough);
            if is_alone && is_clear && self.objects.len() < OBJECTS_MAX {
                self.owner[i] = Some(self.objects.len());
                self.objects.push(Object::new(self.next_id, seen, now_ns));
                self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            }
        }
    }

    fn tell(
        &self,
        detections: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
        is_confident: &impl Fn(&Detection) -> bool,
    ) {
        let mut index = 0;
        detections.retain_mut(|detection| {
            let object = self.owner[index].map(|owner| &self.objects[owner]);
            let is_twin = self.better[index].is_some();
            index += 1;
            let told = object.filter(|object| object.sightings >= SIGHTINGS_MIN);
            detection.track = told.map(Object::track);
            told.is_some() || (is_confident(detection) && !is_twin)
        });
    }
}

/// What it costs to take an object of one class for one of another. What nobody confuses is
/// never the same object.
fn class_cost(a: ObjectClass, b: ObjectClass) -> f32 {
    if a == b {
        0.0
    } else if a.family() == b.family() {
        CLASS_COST
    } else {
        1.0
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
