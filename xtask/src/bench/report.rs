//! The table, for people and for programs.

use super::agreement::{CORRELATION_MIN, SHARED_MIN};
use super::contestants::CONTESTANTS;
use super::row::{Row, thread_count};
use serde::Serialize;
use std::fmt::Write as _;

/// Name and version of the JSON report.
const SCHEMA: &str = "lookout.peers/1";

/// Load average from which the reader is warned.
const LOAD_AVERAGE_MAX: f64 = 0.5;

const TITLES: [&str; 9] = [
    "engine",
    "form",
    "input",
    "threads",
    "median ms",
    "ratio",
    "load ms",
    "peak RSS MiB",
    "difference",
];

/// What the figures mean, and who had which advantage.
const NOTES: &str = "\
- Every engine runs the same network on the same picture, in a process of its own. All \
processes of a thread count are alive together and take turns; the median is of all \
inferences of all rounds, after a warm-up.
- The clock: with 1 thread the process's CPU time, which other programs disturb less; with \
more, wall time. It runs from a picture that lies in the engine's input to outputs that lie in \
the engine's own memory. For Lookout it is the detector's own wall time of the network; with 1 \
thread that or the CPU time of the whole detection, whichever is less: neither is less than \
the CPU time of the network alone.
- The ratio is the engine's median to Lookout's with the same number of threads: above 1 is \
slower than Lookout.
- Input `u8`: the pixels themselves go in. Input `f32`: `(pixel - 127) / 128` goes in, worked \
out before the clock starts; an int8 network then quantizes it while the clock runs. \
onnxruntime is given both. Lookout's letterbox has drawn the pixels in the layout that its \
engine wants; every other engine is given its documented layout. Lookout's outputs and those \
of LiteRT's int8 stay int8, all others are f32, made from int8 while the clock runs.
- Load is wall time from the file to an engine that can run, without the start of the program \
or of Python. Lookout's includes reading the card and checking the hash.
- Peak RSS is that of the whole process; what it had before loading is in brackets. For the \
Python packages that includes Python, numpy and the engine's libraries.
- The forms: `int8` is the shipped file for onnxruntime and tract. LiteRT's int8 has the same \
integers, activations less 128. OpenVINO does not read per-channel QLinearConv, so it gets the \
same integers between QuantizeLinear and DequantizeLinear, which it turns into int8 itself. \
ncnn's int8 is symmetric: the same integer weights, coarser activations; its second form leaves \
the depthwise convolutions in f32. `f32` are the shipped integer weights as numbers.";

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) model: String,
    pub(super) cpu: String,
    pub(super) load_average: Option<f64>,
    pub(super) rounds: u16,
    pub(super) iterations: u16,
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// The rows as JSON, with what they were measured on.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct WithSchema<'a> {
            schema: &'static str,
            #[serde(flatten)]
            report: &'a Report,
        }
        let report = WithSchema {
            schema: SCHEMA,
            report: self,
        };
        // Numbers and strings always have a JSON form; numbers that are none become null.
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        format!("{text}\n")
    }

    /// A page with the table and its notes.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "# {} against other engines\n\nMeasured on {}",
            self.model, self.cpu
        );
        // Writing to a string cannot fail.
        let _ = match self.load_average {
            Some(load) if load > LOAD_AVERAGE_MAX => writeln!(
                text,
                ". **Other programs were running** (load average {load:.1}): figures with more \
                 than 1 thread mean little.\n"
            ),
            _ => writeln!(text, ".\n"),
        };
        let _ = writeln!(text, "    {}\n", self.command());
        text.push_str(&table(&self.rows));
        let failures = self
            .rows
            .iter()
            .filter_map(|row| Some((row, row.failure.as_ref()?)));
        for (i, (row, failure)) in failures.enumerate() {
            let start = if i == 0 { "\n" } else { "" };
            let _ = writeln!(
                text,
                "{start}- {} ({}), {}, failed: {failure}",
                row.engine,
                row.form,
                thread_count(row.threads)
            );
        }
        let _ = writeln!(text, "\nVersions: {}.\n\n{NOTES}", versions(&self.rows));
        let _ = writeln!(
            text,
            "- Before it is timed, each engine's outputs are compared with those of the shipped \
             file in stock tract: each output must correlate by {CORRELATION_MIN} or more, else \
             the row failed. \"Difference\" is the largest one, in logits and box codes. Of \
             Lookout, which gives detections only, {SHARED_MIN} of those must be the same, and \
             the difference is that of scores."
        );
        text
    }
}

impl Report {
    /// What to type for such a table.
    fn command(&self) -> String {
        let is_peer = |row: &Row| {
            CONTESTANTS
                .iter()
                .any(|c| c.is_peer() && c.engine == row.engine)
        };
        let peers = if self.rows.iter().any(is_peer) {
            " --peers"
        } else {
            ""
        };
        let mut threads: Vec<String> = self
            .rows
            .iter()
            .map(|row| row.threads.to_string())
            .collect();
        threads.dedup();
        format!(
            "cargo xtask bench{peers} --model models/{} --rounds {} --iterations {} --threads {}",
            self.model,
            self.rounds,
            self.iterations,
            threads.join(",")
        )
    }
}

/// A Markdown table with aligned columns.
fn table(rows: &[Row]) -> String {
    let mut lines = vec![TITLES.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let mut widths = [0; TITLES.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (i, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let _ = match column {
                0..=2 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if i == 0 {
            for (column, width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width + 1);
                let _ = match column {
                    0..=2 => write!(text, "|{dashes}-"),
                    _ => write!(text, "|{dashes}:"),
                };
            }
            text.push_str("|\n");
        }
    }
    text
}

fn cells(row: &Row) -> [String; TITLES.len()] {
    let number = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "-".into(),
    };
    let peak = match (row.peak_rss_mib, row.base_rss_mib) {
        (Some(peak), Some(base)) => format!("{peak:.0} ({base:.0})"),
        (peak, _) => number(peak, 0),
    };
    let median = match (&row.failure, row.median_ms) {
        (Some(_), _) => "failed".into(),
        (None, median) => number(median, 2),
    };
    [
        row.engine.clone(),
        row.form.clone(),
        row.input.clone().unwrap_or_else(|| "-".into()),
        row.threads.to_string(),
        median,
        number(row.ratio_to_lookout, 2),
        number(row.load_ms, 0),
        peak,
        number(row.difference_max, 3),
    ]
}

/// Engines with their versions, each once.
fn versions(rows: &[Row]) -> String {
    let mut versions: Vec<String> = Vec::new();
    for row in rows {
        if let Some(version) = &row.version {
            let one = format!("{} {version}", row.engine);
            if !versions.contains(&one) {
                versions.push(one);
            }
        }
    }
    versions.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report() -> Report {
        let fast = Row {
            engine: "lookout".into(),
            form: "int8".into(),
            threads: 1,
            median_ms: Some(9.876),
            ratio_to_lookout: Some(1.0),
            load_ms: Some(3.0),
            peak_rss_mib: Some(20.4),
            base_rss_mib: Some(10.0),
            input: Some("u8".into()),
            version: Some("0.1.0".into()),
            ..Row::default()
        };
        let hung = Row {
            engine: "onnxruntime".into(),
            form: "f32".into(),
            threads: 1,
            failure: Some("no answer for 120 s".into()),
            ..Row::default()
        };
        Report {
            model: "some-model".into(),
            cpu: "some processor".into(),
            load_average: Some(0.1),
            rounds: 7,
            iterations: 10,
            rows: vec![fast, hung],
        }
    }

    #[test]
    fn the_table_holds_every_row_and_lines_up() {
        let text = table(&report().rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines.iter().all(|line| line.len() == lines[0].len()),
            "{text}"
        );
        let words: Vec<&str> = lines[2].split('|').map(str::trim).collect();
        let expected = [
            "", "lookout", "int8", "u8", "1", "9.88", "1.00", "3", "20 (10)", "-", "",
        ];
        assert_eq!(words, expected);
        assert!(lines[3].contains("failed"), "{text}");
    }

    #[test]
    fn the_page_tells_processor_command_versions_and_failures() {
        let text = report().markdown();
        for part in [
            "# some-model against",
            "Measured on some processor.",
            "cargo xtask bench --peers --model models/some-model --rounds 7 --iterations 10 --threads 1\n",
            "- onnxruntime (f32), 1 thread, failed: no answer for 120 s",
            "Versions: lookout 0.1.0.",
            "CPU time",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("Other programs were running"));
        let busy = Report {
            load_average: Some(1.9),
            ..report()
        };
        assert!(busy.markdown().contains("Other programs were running"));
    }

    #[test]
    fn the_json_holds_the_promised_fields() {
        let value: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(value["schema"], SCHEMA);
        let row = &value["rows"][0];
        assert_eq!(row["engine"], "lookout");
        assert_eq!(row["form"], "int8");
        assert_eq!(row["threads"], 1);
        assert_eq!(row["median_ms"], 9.876);
        assert_eq!(row["ratio_to_lookout"], 1.0);
        assert_eq!(row["load_ms"], 3.0);
        assert_eq!(row["peak_rss_mib"], 20.4);
        assert!(value["rows"][1]["median_ms"].is_null());
    }
}
