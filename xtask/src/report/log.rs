//! The training's log of events, as curves.

use super::ReportError;
use crate::train_job::EVENT_BYTES_MAX;
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// No longer log is read: some weeks of training.
const LOG_BYTES_MAX: u64 = 256 << 20;
/// A curve is drawn through no more points than this.
const POINTS_MAX: usize = 500;

/// How a training went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrainingLog {
    /// The course of the losses, by rising step.
    pub points: Vec<LearningPoint>,
}

/// The state at one step. What the log does not say is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LearningPoint {
    /// Steps done.
    pub step: u64,
    /// Smoothed total loss.
    pub loss: Option<f64>,
    /// Part of it that comes from the classes.
    pub loss_class: Option<f64>,
    /// Part of it that comes from the boxes.
    pub loss_box: Option<f64>,
    /// Learning rate.
    pub learning_rate: Option<f64>,
}

impl TrainingLog {
    /// Reads a log. Lines that are no events, and events and fields of other versions, are
    /// passed over: a curve with a gap is better than none.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let failed = |reason: String| ReportError::Log {
            path: path.to_owned(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let mut reader = BufReader::new(file.take(LOG_BYTES_MAX));
        let mut log = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(EVENT_BYTES_MAX as u64);
            let bytes = { read }.read_until(b'\n', &mut line);
            match bytes.map_err(|error| failed(error.to_string()))? {
                0 => break,
                _ => log.points.extend(point(&line)),
            }
        }
        if log.points.is_empty() {
            return Err(failed("holds no step of a training".into()));
        }
        log.tidy();
        Ok(log)
    }

    /// A run that went on from a checkpoint, or began anew, repeats steps: the later ones count.
    fn tidy(&mut self) {
        let mut kept: Vec<LearningPoint> = Vec::with_capacity(self.points.len());
        for point in self.points.drain(..) {
            while kept.last().is_some_and(|last| last.step >= point.step) {
                kept.pop();
            }
            kept.push(point);
        }
        let last = kept.len().saturating_sub(1);
        let count = kept.len().min(POINTS_MAX);
        let thinned = (0..count).map(|i| kept[i * last / (count - 1).max(1)]);
        self.points = thinned.collect();
    }
}

fn point(line: &[u8]) -> Option<LearningPoint> {
    let event: Value = serde_json::from_slice(line).ok()?;
    if event.get("event")?.as_str()? != "step" {
        return None;
    }
    let number = |key: &str| event.get(key).and_then(Value::as_f64);
    Some(LearningPoint {
        step: event.get("step")?.as_u64()?,
        loss: number("loss"),
        loss_class: number("loss_class"),
        loss_box: number("loss_box"),
        learning_rate: number("learning_rate"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::train_job::TrainEvent;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<TrainingLog, ReportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, text).unwrap();
        TrainingLog::read(&path)
    }

    fn step(step: u64, loss: f64) -> String {
        let event = TrainEvent::Step {
            step,
            steps: 100,
            loss,
            loss_class: loss / 2.0,
            loss_box: loss / 2.0,
            images_per_s: 1.0,
            elapsed_s: 1.0,
            remaining_s: 1.0,
            learning_rate: f64::NAN,
            waited: 0.0,
        };
        event.to_line() + "\n"
    }

    #[test]
    fn events_of_the_trainer_and_of_later_versions_are_read() {
        let mut text = step(1, 4.0) + &step(2, f64::NAN);
        text += "chatter of a library\n{\"event\":\"weather\",\"step\":3}\n";
        text += "{\"event\":\"step\",\"step\":4,\"loss\":1.5,\"learning_rate\":0.01,\"x\":[]}\n";
        let log = read(text.as_bytes()).unwrap();
        let points: Vec<_> = log.points.iter().map(|p| (p.step, p.loss)).collect();
        assert_eq!(points, [(1, Some(4.0)), (2, None), (4, Some(1.5))]);
        assert_eq!(log.points[2].learning_rate, Some(0.01));
        assert_eq!(log.points[0].loss_box, Some(2.0));
    }

    #[test]
    fn a_resumed_run_replaces_the_steps_that_it_repeats() {
        let text = step(1, 4.0) + &step(2, 3.0) + &step(3, 9.0) + &step(2, 2.5) + &step(3, 2.0);
        let log = read(text.as_bytes()).unwrap();
        let losses: Vec<_> = log.points.iter().filter_map(|p| p.loss).collect();
        assert_eq!(losses, [4.0, 2.5, 2.0]);
    }

    #[test]
    fn long_logs_are_thinned_and_keep_both_ends() {
        let text: String = (1..=1200).map(|n| step(n, 1.0)).collect();
        let points = read(text.as_bytes()).unwrap().points;
        assert_eq!(points.len(), POINTS_MAX);
        assert_eq!((points[0].step, points[POINTS_MAX - 1].step), (1, 1200));
        assert_eq!(read(step(7, 1.0).as_bytes()).unwrap().points.len(), 1);
    }

    #[test]
    fn what_is_no_log_is_refused_in_a_sentence() {
        let error = read(b"\xff\xfe\n[]").unwrap_err().to_string();
        assert!(error.contains("no step of a training"), "{error}");
        let error = TrainingLog::read(Path::new("/nowhere/x")).unwrap_err();
        assert!(error.to_string().contains("leave --log out"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = point(&bytes);
        }
    }
}
