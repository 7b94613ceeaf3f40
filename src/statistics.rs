//! What a run has counted: rates, ages, and detections by class, in bounded memory.

use crate::class::ObjectClass;
use crate::detection::DetectionFrame;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Frames over which the recent rate and the recent ages are taken.
const RECENT_FRAMES: usize = 64;

/// Ages above this are counted as this: one hour.
const AGE_US_MAX: u64 = 3_600_000_000;

/// How many decimal digits survive in a histogram.
const DIGITS: u8 = 3;

/// Stages that take longer are counted as this: ten minutes.
const STAGE_NS_MAX: u64 = 600_000_000_000;

/// Ages from capture to publication, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgeSummary {
    /// Half of the frames were younger.
    pub p50_us: u64,
    /// All but one frame in a hundred were younger.
    pub p99_us: u64,
    /// The oldest frame.
    pub max_us: u64,
}

/// What was seen of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Detections in all frames together: an object that stays in view counts in every frame.
    pub detections: u64,
    /// Frames with at least one.
    pub frames: u64,
    /// The most in one frame.
    pub most_in_a_frame: u64,
}

/// Rates and ages over a stretch of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pulse {
    /// Published frames per second, 0 before the second frame.
    pub frames_per_second: f64,
    /// How old frames were at publication.
    pub age: AgeSummary,
}

/// A step of a frame's way through inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(usize)]
pub enum Stage {
    /// From the frame's bytes to a picture.
    Decode = 0,
    /// Letterbox, scaling and normalisation.
    Preprocess = 1,
    /// The network.
    Infer = 2,
    /// Box decoding and suppression.
    Boxes = 3,
    /// Stamping the message and handing it to every reader.
    Publish = 4,
    /// All of it, from taking the frame to its publication.
    Whole = 5,
}

impl Stage {
    /// Number of stages.
    pub const COUNT: usize = 6;

    /// All stages, in the order of a frame's way.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Decode,
        Self::Preprocess,
        Self::Infer,
        Self::Boxes,
        Self::Publish,
        Self::Whole,
    ];

    /// Name in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Preprocess => "preprocess",
            Self::Infer => "infer",
            Self::Boxes => "boxes+nms",
            Self::Publish => "publish",
            Self::Whole => "whole",
        }
    }
}

/// How long one frame spent in each stage, by `Stage as usize`.
pub type StageDurations = [Duration; Stage::COUNT];

/// How long a stage took over all frames of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageSummary {
    /// The fastest frame, in nanoseconds.
    pub min_ns: u64,
    /// Half of the frames were faster, in nanoseconds.
    pub median_ns: u64,
    /// All but one frame in a hundred were faster, in nanoseconds.
    pub p99_ns: u64,
}

/// Counts published frames. One thread records, others ask through a lock.
#[derive(Debug)]
pub struct Statistics {
    frames: u64,
    first_at: Option<Instant>,
    last_at: Option<Instant>,
    ages: Histogram<u32>,
    stages: [Histogram<u32>; Stage::COUNT],
    recent: heapless::Deque<(Instant, u64), RECENT_FRAMES>,
    classes: [ClassCount; ObjectClass::COUNT],
    last_frame: [u64; ObjectClass::COUNT],
}

impl Default for Statistics {
    fn default() -> Self {
        Self::new()
    }
}

impl Statistics {
    /// Nothing counted yet. All memory is taken here.
    pub fn new() -> Self {
        Self {
            frames: 0,
            first_at: None,
            last_at: None,
            ages: histogram(AGE_US_MAX),
            stages: std::array::from_fn(|_| histogram(STAGE_NS_MAX)),
            recent: heapless::Deque::new(),
            classes: [ClassCount::default(); ObjectClass::COUNT],
            last_frame: [0; ObjectClass::COUNT],
        }
    }

    /// Counts a frame that was published at `now`. Does not allocate.
    pub fn record(&mut self, frame: &DetectionFrame, took: &StageDurations, now: Instant) {
        for (histogram, duration) in self.stages.iter_mut().zip(took) {
            histogram.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        }
        self.frames += 1;
        self.first_at.get_or_insert(now);
        self.last_at = Some(now);
        self.ages.saturating_record(frame.age_us);
        if self.recent.is_full() {
            self.recent.pop_front();
        }
        // There is room: the line above has made it.
        let _ = self.recent.push_back((now, frame.age_us));
        self.last_frame = [0; ObjectClass::COUNT];
        for detection in &frame.detections {
            self.last_frame[detection.class.index()] += 1;
        }
        for (count, &here) in self.classes.iter_mut().zip(&self.last_frame) {
            count.detections += here;
            count.frames += u64::from(here > 0);
            count.most_in_a_frame = count.most_in_a_frame.max(here);
        }
    }

    /// Frames published.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What was seen of each class, by class index.
    pub fn classes(&self) -> &[ClassCount; ObjectClass::COUNT] {
        &self.classes
    }

    /// Detections of each class in the newest frame, by class index.
    pub fn last_frame(&self) -> &[u64; ObjectClass::COUNT] {
        &self.last_frame
    }

    /// How long each stage took, by `Stage as usize`.
    pub fn stages(&self) -> [StageSummary; Stage::COUNT] {
        self.stages.each_ref().map(|histogram| StageSummary {
            min_ns: histogram.min(),
            median_ns: histogram.value_at_quantile(0.50).min(histogram.max()),
            p99_ns: histogram.value_at_quantile(0.99).min(histogram.max()),
        })
    }

    /// Rate and ages since the first frame.
    pub fn whole_run(&self) -> Pulse {
        let age = AgeSummary {
            p50_us: self.ages.value_at_quantile(0.50).min(self.ages.max()),
            p99_us: self.ages.value_at_quantile(0.99).min(self.ages.max()),
            max_us: self.ages.max(),
        };
        Pulse {
            frames_per_second: rate(self.frames, self.first_at, self.last_at),
            age,
        }
    }

    /// Rate and ages of the newest frames. The rate falls towards 0 while none arrive.
    pub fn recent(&self, now: Instant) -> Pulse {
        let mut ages: heapless::Vec<u64, RECENT_FRAMES> = heapless::Vec::new();
        ages.extend(self.recent.iter().map(|&(_, age_us)| age_us));
        ages.sort_unstable();
        let at = |share: f64| {
            let last = ages.len().saturating_sub(1);
            ages.get((last as f64 * share).round() as usize)
                .copied()
                .unwrap_or(0)
        };
        let oldest = self.recent.front().map(|&(at, _)| at);
        let newest = self.recent.back().map(|&(at, _)| at);
        let frames_per_second = match (oldest, newest) {
            (Some(oldest), Some(newest)) => {
                let silence = now.saturating_duration_since(newest);
                let usual = newest.duration_since(oldest) / self.recent.len() as u32;
                let until = if silence > 2 * usual { now } else { newest };
                rate(self.recent.len() as u64, Some(oldest), Some(until))
            }
            _ => 0.0,
        };
        let age = AgeSummary {
            p50_us: at(0.50),
            p99_us: at(0.99),
            max_us: at(1.0),
        };
        Pulse {
            frames_per_second,
            age,
        }
    }
}

#[allow(clippy::expect_used)] // The bounds are constants, so no input can make this fail.
fn histogram(max: u64) -> Histogram<u32> {
    Histogram::new_with_bounds(1, max, DIGITS).expect("bounds are constants")
}

/// Frames per second when `frames` moments lie between two instants, both included.
fn rate(frames: u64, first: Option<Instant>, last: Option<Instant>) -> f64 {
    let (Some(first), Some(last)) = (first, last) else {
        return 0.0;
    };
    let span = last.saturating_duration_since(first);
    if frames < 2 || span < Duration::from_micros(1) {
        return 0.0;
    }
    (frames - 1) as f64 / span.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Detection;
    use crate::geometry::BBox;

    const TOOK: StageDurations = [Duration::ZERO; Stage::COUNT];

    fn frame(age_us: u64, classes: &[ObjectClass]) -> DetectionFrame {
        let bbox = BBox::new(0.0, 0.0, 1.0, 1.0);
        DetectionFrame {
            age_us,
            frame_width: 1,
            frame_height: 1,
            detections: classes
                .iter()
                .map(|&class| Detection::new(class, 0.5, bbox))
                .collect(),
            ..DetectionFrame::empty()
        }
    }

    #[test]
    fn nothing_recorded_gives_zeros() {
        let statistics = Statistics::new();
        assert_eq!(statistics.whole_run(), Pulse::default());
        assert_eq!(statistics.recent(Instant::now()), Pulse::default());
        assert_eq!(statistics.frames(), 0);
    }

    #[test]
    fn rate_and_ages_of_an_even_stream() {
        let mut statistics = Statistics::new();
        let start = Instant::now();
        for index in 0..1000u64 {
            let now = start + Duration::from_millis(100 * index);
            statistics.record(&frame(1000 * (index + 1), &[]), &TOOK, now);
        }
        let end = start + Duration::from_millis(99_900);
        let whole = statistics.whole_run();
        assert!((whole.frames_per_second - 10.0).abs() < 1e-9, "{whole:?}");
        assert!(whole.age.p50_us.abs_diff(500_000) <= 1_000, "{whole:?}");
        assert!(whole.age.p99_us.abs_diff(990_000) <= 2_000, "{whole:?}");
        let recent = statistics.recent(end);
        assert!((recent.frames_per_second - 10.0).abs() < 1e-9, "{recent:?}");
        assert_eq!(recent.age.max_us, 1_000_000);
        assert!(
            recent.age.p50_us > 950_000,
            "only the newest frames count: {recent:?}"
        );
    }

    #[test]
    fn recent_rate_falls_while_nothing_arrives() {
        let mut statistics = Statistics::new();
        let start = Instant::now();
        for index in 0..11u32 {
            statistics.record(
                &frame(1, &[]),
                &TOOK,
                start + Duration::from_millis(100) * index,
            );
        }
        let later = start + Duration::from_secs(10);
        assert!((statistics.recent(later).frames_per_second - 1.0).abs() < 1e-9);
    }

    #[test]
    fn classes_are_counted_by_detection_by_frame_and_at_most() {
        use ObjectClass::{Car, Person};
        let mut statistics = Statistics::new();
        for classes in [&[Car, Car, Person][..], &[Car], &[]] {
            statistics.record(&frame(1, classes), &TOOK, Instant::now());
        }
        let car = ClassCount {
            detections: 3,
            frames: 2,
            most_in_a_frame: 2,
        };
        assert_eq!(statistics.classes()[Car.index()], car);
        let person = ClassCount {
            detections: 1,
            frames: 1,
            most_in_a_frame: 1,
        };
        assert_eq!(statistics.classes()[Person.index()], person);
        assert_eq!(statistics.last_frame(), &[0; ObjectClass::COUNT]);
        assert_eq!(statistics.frames(), 3);
    }

    #[test]
    fn absurd_ages_saturate() {
        let mut statistics = Statistics::new();
        statistics.record(&frame(u64::MAX, &[]), &TOOK, Instant::now());
        statistics.record(&frame(0, &[]), &TOOK, Instant::now());
        assert!(statistics.whole_run().age.max_us >= AGE_US_MAX);
    }

    #[test]
    fn stages_keep_their_minimum_median_and_tail() {
        let mut statistics = Statistics::new();
        for index in 1..=100 {
            let mut took = TOOK;
            took[Stage::Infer as usize] = Duration::from_millis(index);
            statistics.record(&frame(1, &[]), &took, Instant::now());
        }
        let infer = statistics.stages()[Stage::Infer as usize];
        for (found, expected_ms) in [(infer.min_ns, 1), (infer.median_ns, 50), (infer.p99_ns, 99)] {
            let expected = expected_ms * 1_000_000;
            assert!(found.abs_diff(expected) <= expected / 500, "{infer:?}");
        }
        assert_eq!(statistics.stages()[Stage::Decode as usize].p99_ns, 0);
    }

    #[test]
    fn stages_are_indexed_by_themselves() {
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, index);
        }
    }
}
