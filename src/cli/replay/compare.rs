//! Tells how detections differ from those that were recorded.

use super::recorded::{Object, Record, Recorded, objects_of};
use crate::class::ObjectClass;
use crate::detection::DetectionFrame;
use crate::source::SourceError;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// Boxes that share less of what they cover are of different objects.
const IOU_MIN: f32 = 0.5;

/// Why a recording could not be replayed, or not compared. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A recording cannot be opened.
    #[error(transparent)]
    Source(SourceError),
    /// A recording cannot be read.
    #[error("{path}: {reason}")]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Detections are others than those that were recorded.
    #[error("detections differ from those that were recorded")]
    Differs,
}

/// What became of the objects of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    same: u64,
    missed: u64,
    new: u64,
    score_difference_sum: f64,
    score_difference_max: f64,
}

/// A frame that differs.
#[derive(Clone, Debug, PartialEq)]
struct Different {
    time_ns: u64,
    index: u64,
    missed: usize,
    new: usize,
    score_difference_max: f64,
}

impl Different {
    /// How much it differs: objects first.
    fn badness(&self) -> f64 {
        (self.missed + self.new) as f64 + self.score_difference_max.min(0.999)
    }
}

/// Compares frame by frame.
pub(super) struct Comparison {
    recorded: Recorded,
    worst_max: usize,
    frames: u64,
    identical: u64,
    unrecorded: u64,
    classes: BTreeMap<String, Tally>,
    worst: Vec<Different>,
}

impl Comparison {
    pub(super) fn new(recorded: Recorded, worst_max: usize) -> Self {
        Self {
            recorded,
            worst_max,
            frames: 0,
            identical: 0,
            unrecorded: 0,
            classes: BTreeMap::new(),
            worst: Vec::new(),
        }
    }

    /// Compares what was seen in a picture now with what was recorded about it.
    pub(super) fn take(&mut self, seen: &DetectionFrame) -> Result<(), ReplayError> {
        match self.recorded.about(seen.source_sequence)? {
            Some(
                ref record @ Record {
                    objects: Some(ref before),
                    ..
                },
            ) => {
                self.frame(record, before, &objects_of(seen));
            }
            _ => self.unrecorded += 1,
        }
        Ok(())
    }

    /// Whether every frame had exactly the detections that were recorded.
    pub(super) fn is_same(&self) -> bool {
        self.identical == self.frames && self.unrecorded == 0
    }

    fn frame(&mut self, record: &Record, before: &[Object], now: &[Object]) {
        self.frames += 1;
        if before == now {
            self.identical += 1;
        }
        let mut different = Different {
            time_ns: record.time_ns,
            index: record.index,
            missed: before.len(),
            new: now.len(),
            score_difference_max: 0.0,
        };
        let pairs = pairs(before, now);
        for (b, n) in &pairs {
            let difference = (before[*b].score - now[*n].score).abs();
            different.missed -= 1;
            different.new -= 1;
            different.score_difference_max = different.score_difference_max.max(difference);
            let tally = self.tally(&before[*b]);
            tally.same += 1;
            tally.score_difference_sum += difference;
            tally.score_difference_max = tally.score_difference_max.max(difference);
        }
        let is_left = |at: usize, taken: fn(&(usize, usize)) -> usize| {
            pairs.iter().all(|pair| taken(pair) != at)
        };
        for (at, object) in before.iter().enumerate() {
            self.tally(object).missed += u64::from(is_left(at, |pair| pair.0));
        }
        for (at, object) in now.iter().enumerate() {
            self.tally(object).new += u64::from(is_left(at, |pair| pair.1));
        }
        if before != now {
            self.worst.push(different);
            self.worst
                .sort_by(|a, b| b.badness().total_cmp(&a.badness()));
            self.worst.truncate(self.worst_max);
        }
    }

    fn tally(&mut self, object: &Object) -> &mut Tally {
        // A recording of others may name any classes.
        let class = match ObjectClass::from_name(&object.class) {
            Some(class) => class.name(),
            None => "other",
        };
        self.classes.entry(class.to_owned()).or_default()
    }

    /// The result for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} frames compared, {} with exactly the recorded detections; {} without a record\n",
            self.frames, self.identical, self.unrecorded
        );
        text += "class         same  missed     new  score difference mean    max\n";
        // Writing to a string cannot fail.
        for (class, tally) in &self.classes {
            let mean = tally.score_difference_sum / tally.same.max(1) as f64;
            let _ = writeln!(
                text,
                "{class:<10} {:>7} {:>7} {:>7} {:>22.4} {:>6.4}",
                tally.same, tally.missed, tally.new, mean, tally.score_difference_max
            );
        }
        if !self.worst.is_empty() {
            text += "frames that differ most:\n";
        }
        for frame in &self.worst {
            let _ = writeln!(
                text,
                "  picture {} at {}.{:09} s: {} missed, {} new, scores differ by up to {:.4}",
                frame.index,
                frame.time_ns / 1_000_000_000,
                frame.time_ns % 1_000_000_000,
                frame.missed,
                frame.new,
                frame.score_difference_max
            );
        }
        text
    }
}

/// Places of objects of the same class whose boxes cover each other, best first.
fn pairs(before: &[Object], now: &[Object]) -> Vec<(usize, usize)> {
    let mut candidates = Vec::new();
    for (b, old) in before.iter().enumerate() {
        for (n, new) in now.iter().enumerate() {
            let iou = old.bbox().iou(&new.bbox());
            if old.class == new.class && iou >= IOU_MIN {
                candidates.push((iou, b, n));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (_, b, n) in candidates {
        if pairs.iter().all(|pair| pair.0 != b && pair.1 != n) {
            pairs.push((b, n));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sink::tests::example_frame;

    #[test]
    fn every_object_is_same_missed_or_new() {
        let mut now = example_frame(0, 4);
        let before = objects_of(&now);
        let mut comparison = Comparison::new(Recorded::open(&[]), 1);
        let record = Record {
            index: 0,
            time_ns: 1_500_000_000,
            objects: None,
        };
        comparison.frame(&record, &before, &objects_of(&now));
        assert!(comparison.is_same());
        now.detections[0].score -= 0.1;
        now.detections[1].class = ObjectClass::Person;
        now.detections[2].bbox.x0 += 500.0;
        now.detections[2].bbox.x1 += 500.0;
        comparison.frame(&record, &before, &objects_of(&now));
        assert!(!comparison.is_same());
        let class = |name: &str| comparison.classes[name];
        assert_eq!((class("car").same, class("car").missed), (2, 0));
        assert!((class("car").score_difference_max - 0.1).abs() < 1e-9);
        assert_eq!((class("truck").missed, class("person").new), (1, 1));
        assert_eq!((class("bus").missed, class("bus").new), (1, 1));
        let text = comparison.text();
        assert!(text.contains("2 frames compared, 1 with exactly"), "{text}");
        assert!(
            text.contains("picture 0 at 1.500000000 s: 2 missed, 2 new"),
            "{text}"
        );
    }
}
