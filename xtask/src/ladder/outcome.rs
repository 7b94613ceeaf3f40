//! What a rung came to, read from the log of its training.

use crate::train_job::{ALL_SETS, EVENT_BYTES_MAX, TrainEvent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The largest log that is read, in bytes.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// The figures of one rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Name of the rung.
    pub rung: String,
    /// What it changes.
    pub change: String,
    /// Name of the rung that it stands on; `None` for the bottom.
    pub stands_on: Option<String>,
    /// How good the network is.
    #[serde(flatten)]
    pub figures: Figures,
    /// Parameters of the network.
    pub parameters: u64,
    /// Multiply-accumulates of one inference, in millions.
    pub macs_millions: f64,
    /// Images seen in training.
    pub images: u64,
    /// Training speed.
    pub images_per_s: f64,
    /// mAP against that of the rung that it stands on.
    pub gain: f64,
    /// Whether the next rungs stand on it.
    pub kept: bool,
}

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
            + &evaluated("a", 0.3, None)
            + &evaluated(ALL_SETS, 0.2, None);
        std::fs::write(&path, text).unwrap();
        let figures = read_log(&path).unwrap().figures.unwrap();
        assert_eq!((figures.map, figures.map50), (0.2, 0.4));
        assert_eq!(figures.ap50["car"], 0.5);
        std::fs::write(&path, "").unwrap();
        assert_eq!(read_log(&path).unwrap(), Logged::default());
    }
}
