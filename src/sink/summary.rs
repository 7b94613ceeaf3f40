//! The table that ends a run, for a person.

use super::SinkReport;
use super::status::push_ms;
use crate::class::ObjectClass;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// The detections of one class over a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassTally {
    /// Detections in all frames together; one car in ten frames counts ten.
    pub detections: u64,
    /// Frames with at least one.
    pub frames: u64,
    /// The most in one frame.
    pub most_in_one_frame: u32,
}

/// What the table at the end shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryInput {
    /// The source, for people.
    pub source: String,
    /// Id of the model.
    pub model_id: String,
    /// How long it ran.
    pub duration: Duration,
    /// Frames that the source delivered.
    pub frames_captured: u64,
    /// Frames that were looked at and published.
    pub frames: u64,
    /// Published frames per second, over the whole run.
    pub frames_per_s: f32,
    /// Median age of frames at publication in microseconds; `None` without any frame.
    pub age_us_p50: Option<u64>,
    /// 99th percentile of that age in microseconds.
    pub age_us_p99: Option<u64>,
    /// How long the detector's thread was busy with a frame, median in nanoseconds; 0 without
    /// any frame.
    pub busy_ns_median: u64,
    /// The network's part of it.
    pub network_ns_median: u64,
    /// What was lost, as cause and count; causes with 0 are left out of the table.
    pub drops: Vec<(String, u64)>,
    /// Detections, by class index.
    pub classes: [ClassTally; ObjectClass::COUNT],
    /// What each sink did.
    pub sinks: Vec<SinkReport>,
    /// Where annotated pictures were written, and how many.
    pub annotated: Option<(PathBuf, u64)>,
}

/// The table that ends a run: a few lines of plain text, the last with its newline.
pub fn summary_table(input: &SummaryInput) -> String {
    let mut table = String::new();
    let mut row = |name: &str, value: &str| {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:<10}  {value}");
    };
    row("source", &input.source);
    row("model", &input.model_id);
    row("frames", &frames_text(input));
    row("age", &age_text(input));
    if input.busy_ns_median > 0 {
        row("speed", &speed_text(input));
    }
    for (cause, count) in input.drops.iter().filter(|(_, count)| *count > 0) {
        row("lost", &format!("{count}  {cause}"));
    }
    for sink in &input.sinks {
        row("sink", &sink_text(sink));
    }
    if let Some((folder, count)) = &input.annotated {
        row(
            "pictures",
            &format!("{count} annotated frames in {}", folder.display()),
        );
    }
    table.push_str(&class_table(&input.classes));
    table
}

fn frames_text(input: &SummaryInput) -> String {
    let seconds = input.duration.as_secs_f64();
    format!(
        "{} looked at of {} captured in {seconds:.1} s, {:.1} fps",
        input.frames, input.frames_captured, input.frames_per_s
    )
}

/// A run that comes as near to what the detector can do is bound by it, not by the source.
const DETECTOR_BOUND_SHARE: f64 = 0.9;

fn speed_text(input: &SummaryInput) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let frames_per_s_max = 1e9 / input.busy_ns_median as f64;
    let is_detector = f64::from(input.frames_per_s) >= DETECTOR_BOUND_SHARE * frames_per_s_max;
    let bound = if is_detector { "detector" } else { "source" };
    format!(
        "{:.1} ms a frame, {:.1} of them the network: up to {frames_per_s_max:.0} fps; bound by \
         the {bound}",
        ms(input.busy_ns_median),
        ms(input.network_ns_median),
    )
}

fn age_text(input: &SummaryInput) -> String {
    let mut text = String::from("p50 ");
    push_ms(&mut text, input.age_us_p50);
    text.push_str(", p99 ");
    push_ms(&mut text, input.age_us_p99);
    text.push_str(" from capture to detections");
    text
}

fn sink_text(report: &SinkReport) -> String {
    let mut text = format!("{}: {} frames", report.sink, report.published);
    // Writing to a string cannot fail.
    if report.lost > 0 {
        let _ = write!(
            text,
            ", {} lost ({} of them by faults)",
            report.lost, report.faults
        );
    }
    if report.closed {
        text.push_str(", closed by its reader");
    }
    text
}

fn class_table(classes: &[ClassTally; ObjectClass::COUNT]) -> String {
    let seen: Vec<_> = ObjectClass::ALL
        .into_iter()
        .zip(classes)
        .filter(|(_, t)| t.detections > 0)
        .collect();
    if seen.is_empty() {
        return "no objects were seen\n".into();
    }
    let mut table = format!(
        "{:<10}  {:>10}  {:>11}  {:>17}\n",
        "class", "detections", "frames with", "most in one frame"
    );
    for (class, tally) in seen {
        let ClassTally {
            detections,
            frames,
            most_in_one_frame,
        } = tally;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{:<10}  {detections:>10}  {frames:>11}  {most_in_one_frame:>17}",
            class.name()
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_all_that_happened_and_none_for_what_did_not() {
        let mut summary = SummaryInput {
            source: "drive: seed 0".into(),
            model_id: "road".into(),
            duration: Duration::from_secs(10),
            frames_captured: 150,
            frames: 140,
            frames_per_s: 14.0,
            age_us_p50: Some(43_000),
            age_us_p99: Some(61_000),
            busy_ns_median: 8_000_000,
            network_ns_median: 7_250_000,
            drops: vec![("overwritten".into(), 10), ("damaged".into(), 0)],
            sinks: vec![SinkReport {
                sink: "jsonl:-".into(),
                published: 140,
                ..Default::default()
            }],
            annotated: Some(("shots".into(), 12)),
            ..SummaryInput::default()
        };
        assert!(summary_table(&summary).ends_with("no objects were seen\n"));
        summary.classes[ObjectClass::Bus.index()] = ClassTally {
            detections: 70,
            frames: 35,
            most_in_one_frame: 2,
        };
        let expected = "\
source      drive: seed 0
model       road
frames      140 looked at of 150 captured in 10.0 s, 14.0 fps
age         p50 43 ms, p99 61 ms from capture to detections
speed       8.0 ms a frame, 7.2 of them the network: up to 125 fps; bound by the source
lost        10  overwritten
sink        jsonl:-: 140 frames
pictures    12 annotated frames in shots
class       detections  frames with  most in one frame
bus                 70           35                  2
";
        assert_eq!(summary_table(&summary), expected);
        summary.frames_per_s = 121.0;
        assert!(summary_table(&summary).contains("fps; bound by the detector\n"));
    }
}
