//! What one run says of itself, line by line.

use std::fmt;

/// Figures of one run, without its first seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) frames_per_s: f64,
    pub(super) age_us_p50: f64,
    pub(super) age_us_p99: f64,
    /// Frames that the detector never saw.
    pub(super) skipped: u64,
}

/// The beginning of a run is not counted: caches fill, clients come.
const SETTLE_NS: u64 = 2_000_000_000;

struct Seen {
    captured_ns: u64,
    source_sequence: u64,
    age_us: u64,
}

impl Figures {
    /// From lines of `lookout.detections/1`; `None` where they are too few.
    pub(super) fn of_lines(text: &str) -> Option<Self> {
        let seen: Vec<Seen> = text.lines().filter_map(seen).collect();
        let begin_ns = seen.first()?.captured_ns + SETTLE_NS;
        let settled = seen.partition_point(|frame| frame.captured_ns < begin_ns);
        let seen = &seen[settled..];
        let (first, last) = (seen.first()?, seen.last()?);
        let seconds = (last.captured_ns - first.captured_ns) as f64 / 1e9;
        let intervals = seen.len() as u64 - 1;
        let mut ages: Vec<u64> = seen.iter().map(|frame| frame.age_us).collect();
        ages.sort_unstable();
        let quantile = |q: f64| ages[((ages.len() - 1) as f64 * q).round() as usize] as f64;
        (intervals >= 10).then(|| Self {
            frames_per_s: intervals as f64 / seconds,
            age_us_p50: quantile(0.5),
            age_us_p99: quantile(0.99),
            skipped: last.source_sequence - first.source_sequence - intervals,
        })
    }

    /// Each figure's median; of nothing, zeros.
    pub(super) fn median(all: Vec<Self>) -> Self {
        let middle = |figure: fn(&Self) -> f64| {
            let mut values: Vec<f64> = all.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            frames_per_s: middle(|f| f.frames_per_s),
            age_us_p50: middle(|f| f.age_us_p50),
            age_us_p99: middle(|f| f.age_us_p99),
            skipped: middle(|f| f.skipped as f64) as u64,
        }
    }
}

fn seen(line: &str) -> Option<Seen> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(Seen {
        captured_ns: value["captured_monotonic_ns"].as_u64()?,
        source_sequence: value["source_sequence"].as_u64()?,
        age_us: value["age_us"].as_u64()?,
    })
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:6.2} frames/s, age p50 {:6.2} ms, p99 {:6.2} ms, {} not looked at",
            self.frames_per_s,
            self.age_us_p50 / 1e3,
            self.age_us_p99 / 1e3,
            self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn figures_are_those_of_the_settled_part() {
        let line = |number: u64| {
            let (captured, age) = (
                number * 50_000_000,
                if number < 40 { 90_000 } else { number },
            );
            format!(
                "{{\"captured_monotonic_ns\":{captured},\"source_sequence\":{},\"age_us\":{age}}}\n",
                number + number / 50
            )
        };
        let text: String = (0..101).map(line).collect();
        let figures = Figures::of_lines(&text).unwrap();
        assert_eq!((figures.frames_per_s, figures.skipped), (20.0, 2));
        assert_eq!((figures.age_us_p50, figures.age_us_p99), (70.0, 99.0));
        assert_eq!(Figures::of_lines("{}\nnothing\n"), None);
    }

    #[test]
    fn medians_are_of_each_figure() {
        let figures = |value| Figures {
            frames_per_s: value,
            age_us_p99: -value,
            ..Figures::default()
        };
        let median = Figures::median([3.0, 1.0, 2.0].map(figures).to_vec());
        assert_eq!((median.frames_per_s, median.age_us_p99), (2.0, -2.0));
    }
}
