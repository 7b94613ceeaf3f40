//! One line of the table.

use super::statistics::ratio;
use super::{contestants::Contestant, contestants::LOOKOUT};
use serde::Serialize;

/// What was measured of one engine, one form and one number of threads. Of one that failed,
/// `failure` says why, and what was not reached is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) engine: String,
    pub(super) form: String,
    pub(super) threads: u8,
    /// Median of all inferences of all rounds.
    pub(super) median_ms: Option<f64>,
    /// Median over that of Lookout with the same number of threads.
    pub(super) ratio_to_lookout: Option<f64>,
    pub(super) load_ms: Option<f64>,
    pub(super) peak_rss_mib: Option<f64>,
    /// Before the network was loaded: the program, for Python with numpy and the engine.
    pub(super) base_rss_mib: Option<f64>,
    /// Inferences that the median is of.
    pub(super) samples: usize,
    /// `u8` or `f32`.
    pub(super) input: Option<String>,
    pub(super) version: Option<String>,
    /// Largest difference to the shipped network's outputs, in logits and box codes (of
    /// Lookout: in scores, since it gives detections only).
    pub(super) difference_max: Option<f64>,
    /// Least correlation of an output with the shipped network's (of Lookout: share of
    /// detections that it shares with the shipped network).
    pub(super) agreement_min: Option<f64>,
    pub(super) failure: Option<String>,
}

impl Row {
    pub(super) fn new(contestant: &Contestant, threads: u8) -> Self {
        Self {
            engine: contestant.engine.into(),
            form: contestant.form.into(),
            threads,
            ..Self::default()
        }
    }
}

/// "1 thread", "2 threads".
pub(super) fn thread_count(threads: u8) -> String {
    let plural = if threads == 1 { "" } else { "s" };
    format!("{threads} thread{plural}")
}

/// Fills in the ratios of rows with the same number of threads.
pub(super) fn set_ratios(rows: &mut [Row]) {
    let ours = rows.iter().find(|row| row.engine == LOOKOUT);
    let base = ours.and_then(|row| row.median_ms);
    for row in rows {
        row.ratio_to_lookout = ratio(row.median_ms, base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(engine: &str, median_ms: Option<f64>) -> Row {
        Row {
            engine: engine.into(),
            median_ms,
            ..Row::default()
        }
    }

    #[test]
    fn ratios_refer_to_lookout() {
        let mut rows = [row(LOOKOUT, Some(4.0)), row("a", Some(6.0)), row("b", None)];
        set_ratios(&mut rows);
        let ratios = rows.map(|row| row.ratio_to_lookout);
        assert_eq!(ratios, [Some(1.0), Some(1.5), None]);
    }

    #[test]
    fn without_lookout_there_are_no_ratios() {
        let mut rows = [row(LOOKOUT, None), row("a", Some(6.0))];
        set_ratios(&mut rows);
        assert!(rows.iter().all(|row| row.ratio_to_lookout.is_none()));
    }
}
