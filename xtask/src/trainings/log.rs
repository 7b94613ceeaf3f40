//! What a training came to, read from its log.

use crate::train_job::{ALL_SETS, EVENT_BYTES_MAX, TrainEvent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The largest log that is read, in bytes.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// How good a network is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Mean average precision over IoU 0.5 to 0.95, all validation sets together.
    pub map: f64,
    /// The same at IoU 0.5.
    pub map50: f64,
    /// Average precision at IoU 0.5 of each class that occurs.
    pub ap50: BTreeMap<String, f64>,
    /// mAP of small, medium and large objects.
    pub map_by_size: BTreeMap<String, f64>,
}

/// What the log in `work` says about the training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    /// Figures on all sets together.
    pub figures: Option<Figures>,
    /// Images to train on.
    pub images: u64,
    /// Steps made.
    pub steps: u64,
    /// Training speed at the end.
    pub images_per_s: f64,
}

/// Reads a log; lines that are no events are skipped.
pub fn read_log(path: &Path) -> std::io::Result<Logged> {
    let file = std::fs::File::open(path)?.take(LOG_BYTES_MAX);
    let mut logged = Logged::default();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if line.len() > EVENT_BYTES_MAX {
            continue;
        }
        match TrainEvent::from_line(&line) {
            Some(TrainEvent::Step {
                step, images_per_s, ..
            }) => {
                logged.steps = step;
                logged.images_per_s = images_per_s;
            }
            Some(TrainEvent::Images { count }) => logged.images = count,
            Some(TrainEvent::Evaluated {
                set,
                map,
                map50,
                step: None,
                ap50,
                map_by_size,
                ..
            }) if set == ALL_SETS => {
                logged.figures = Some(Figures {
                    map,
                    map50,
                    ap50,
                    map_by_size,
                });
            }
            _ => {}
        }
    }
    Ok(logged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_figures_of_all_sets_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let evaluated = |set: &str, map: f64, step: Option<u64>| {
            let event = TrainEvent::Evaluated {
                set: set.into(),
                precision: crate::train_job::Precision::Float,
                map,
                map50: 2.0 * map,
                step,
                ap50: BTreeMap::from([("car".into(), 0.5)]),
                map_by_size: BTreeMap::new(),
            };
            event.to_line() + "\n"
        };
        let text = evaluated(ALL_SETS, 0.1, Some(5))
            + "chatter\n"
            + &TrainEvent::Images { count: 40 }.to_line()
            + "\n"
            + &evaluated("a", 0.3, None)
            + &evaluated(ALL_SETS, 0.2, None);
        std::fs::write(&path, text).unwrap();
        let logged = read_log(&path).unwrap();
        assert_eq!(logged.images, 40);
        let figures = logged.figures.unwrap();
        assert_eq!((figures.map, figures.map50), (0.2, 0.4));
        assert_eq!(figures.ap50["car"], 0.5);
        std::fs::write(&path, "").unwrap();
        assert_eq!(read_log(&path).unwrap(), Logged::default());
    }
}
