//! One published frame as one line of JSON; `SCHEMA.md` beside this file is its contract.

use crate::detection::{Detection, DetectionFrame, LoadShedding, Track};
use crate::event::Event;
use serde::{Serialize, Serializer};
use std::io;

/// Name and version of the schema, the first key of every line. The number grows when a key
/// changes its meaning or goes; new keys may come without that.
pub const SCHEMA: &str = "lookout.detections/1";

/// No line is longer, in bytes, its newline included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// The line's own view of a frame: key names carry units, which the plain data leave to
/// their documentation.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    schema: &'static str,
    sequence: u64,
    source_sequence: u64,
    captured_monotonic_ns: u64,
    captured_unix_ns: u64,
    wall_clock_synchronised: bool,
    age_us: u64,
    frame_width_px: u32,
    frame_height_px: u32,
    load: LoadShedding,
    degraded: bool,
    model_id: &'a str,
    #[serde(serialize_with = "objects")]
    detections: &'a [Detection],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    events: &'a [Event],
}

impl<'a> Line<'a> {
    pub(super) fn new(frame: &'a DetectionFrame) -> Self {
        Self {
            schema: SCHEMA,
            sequence: frame.sequence,
            source_sequence: frame.source_sequence,
            captured_monotonic_ns: frame.captured_monotonic_ns,
            captured_unix_ns: frame.captured_unix_ns,
            wall_clock_synchronised: frame.wall_clock_synchronised,
            age_us: frame.age_us,
            frame_width_px: frame.frame_width,
            frame_height_px: frame.frame_height,
            load: frame.load,
            degraded: frame.degraded,
            model_id: &frame.model_id,
            detections: &frame.detections,
            events: &frame.events,
        }
    }
}

#[derive(Serialize)]
struct Object {
    class: &'static str,
    score: f64,
    box_px: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Follow>,
}

#[derive(Serialize)]
struct Follow {
    id: u32,
    age_ms: u32,
    velocity_px_per_s: [f64; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_std_s: Option<f64>,
}

impl Follow {
    /// `None` where a number is not finite.
    fn new(track: &Track) -> Option<Self> {
        let velocity = [track.velocity_x_px_per_s, track.velocity_y_px_per_s];
        let contact = track.contact;
        let contact = contact.filter(|c| c.seconds.is_finite() && c.seconds_std.is_finite());
        let is_finite = velocity.iter().all(|v| v.is_finite());
        is_finite.then(|| Self {
            id: track.id,
            age_ms: track.age_ms,
            velocity_px_per_s: velocity.map(|v| rounded(v, 10.0)),
            contact_s: contact.map(|c| rounded(c.seconds, 1e2)),
            contact_std_s: contact.map(|c| rounded(c.seconds_std, 1e2)),
        })
    }
}

/// JSON has no NaN, and a reader that meets `null` for a number breaks at the worst moment:
/// such a detection is left out.
fn objects<S: Serializer>(detections: &&[Detection], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(detections.iter().filter(|d| is_finite(d)).map(|d| Object {
        class: d.class.name(),
        score: rounded(d.score, 1e4),
        box_px: [d.bbox.x0, d.bbox.y0, d.bbox.x1, d.bbox.y1].map(|edge| rounded(edge, 1e2)),
        track: d.track.as_ref().and_then(Follow::new),
    }))
}

fn is_finite(d: &Detection) -> bool {
    [d.score, d.bbox.x0, d.bbox.y0, d.bbox.x1, d.bbox.y1]
        .iter()
        .all(|v| v.is_finite())
}

/// `value` to the nearest `1 / steps`. The sum turns -0.0 into 0.0.
fn rounded(value: f32, steps: f64) -> f64 {
    (f64::from(value) * steps).round() / steps + 0.0
}

/// Appends `frame` to `out` as one line with its newline. Allocates nothing when `out` has
/// [`LINE_BYTES_MAX`] to spare.
///
/// # Errors
/// None that a [`DetectionFrame`] can cause today; the serializer's are passed on, and `out`
/// is then as it was.
pub fn write_line(frame: &DetectionFrame, out: &mut Vec<u8>) -> io::Result<()> {
    let line = Line::new(frame);
    let start = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, &line) {
        out.truncate(start);
        return Err(error.into());
    }
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::class::ObjectClass;
    use crate::detection::{Contact, DETECTIONS_MAX};
    use crate::geometry::BBox;
    use crate::sink::tests::example_frame;
    use proptest::prelude::*;

    fn line_of(frame: &DetectionFrame) -> String {
        let mut out = Vec::new();
        write_line(frame, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The frozen line. If it must change in a way that breaks readers, so must the number
    /// in [`SCHEMA`].
    #[test]
    fn golden_line() {
        let expected = concat!(
            r#"{"schema":"lookout.detections/1","sequence":7,"source_sequence":15,"#,
            r#""captured_monotonic_ns":5000000123,"captured_unix_ns":1795435200123456789,"#,
            r#""wall_clock_synchronised":true,"age_us":41250,"#,
            r#""frame_width_px":960,"frame_height_px":540,"#,
            r#""load":{"level":"none","every_nth":1},"degraded":false,"#,
            r#""model_id":"road-288x512@0f1e2d3c","detections":["#,
            r#"{"class":"car","score":0.9877,"box_px":[0.12,0.5,50.26,40.0]},"#,
            r#"{"class":"truck","score":0.9807,"box_px":[10.12,10.5,60.26,50.0]}]}"#,
            "\n"
        );
        assert_eq!(line_of(&example_frame(7, 2)), expected);
    }

    #[test]
    fn a_track_has_its_keys_only_where_it_is_known() {
        let mut frame = example_frame(7, 3);
        let track = Track {
            id: 12,
            age_ms: 460,
            velocity_x_px_per_s: -81.26,
            velocity_y_px_per_s: 0.0,
            contact: None,
        };
        frame.detections[0].track = Some(track);
        frame.detections[1].track = Some(Track {
            contact: Some(Contact {
                seconds: 3.456,
                seconds_std: 0.5,
            }),
            ..track
        });
        frame.detections[2].track = Some(Track {
            velocity_x_px_per_s: f32::NAN,
            ..track
        });
        let value: serde_json::Value = serde_json::from_str(&line_of(&frame)).unwrap();
        let tracks: Vec<_> = (0..3)
            .map(|i| value["detections"][i]["track"].to_string())
            .collect();
        let known = r#""id":12,"velocity_px_per_s":[-81.3,0.0]}"#;
        assert_eq!(tracks[0], format!(r#"{{"age_ms":460,{known}"#));
        let contact = r#""contact_s":3.46,"contact_std_s":0.5,"#;
        assert_eq!(tracks[1], format!(r#"{{"age_ms":460,{contact}{known}"#));
        assert_eq!(tracks[2], "null");
    }

    #[test]
    fn an_empty_road_is_an_empty_list() {
        let value: serde_json::Value =
            serde_json::from_str(&line_of(&example_frame(0, 0))).unwrap();
        assert_eq!(value["detections"], serde_json::json!([]));
    }

    #[test]
    fn the_longest_line_fits_and_a_reused_buffer_stays() {
        let mut frame = example_frame(u64::MAX / 3, DETECTIONS_MAX);
        frame.captured_monotonic_ns = u64::MAX;
        frame.captured_unix_ns = u64::MAX;
        frame.age_us = u64::MAX;
        frame.load.every_nth = u32::MAX;
        // Control characters take six bytes each once escaped.
        frame.model_id.clear();
        while frame.model_id.push('\u{1}').is_ok() {}
        for detection in &mut frame.detections {
            detection.class = ObjectClass::Motorcycle;
            detection.bbox = BBox::new(-1.17e-2, -f32::MAX, f32::MAX, 8191.123);
            detection.track = Some(Track {
                id: u32::MAX,
                age_ms: u32::MAX,
                velocity_x_px_per_s: -f32::MAX,
                velocity_y_px_per_s: -f32::MAX,
                contact: Some(Contact {
                    seconds: f32::MAX,
                    seconds_std: f32::MAX,
                }),
            });
        }
        let mut out = Vec::with_capacity(LINE_BYTES_MAX);
        let place = out.as_ptr();
        for _ in 0..3 {
            out.clear();
            write_line(&frame, &mut out).unwrap();
            assert!(out.len() <= LINE_BYTES_MAX, "{} bytes", out.len());
            assert_eq!((out.as_ptr(), out.capacity()), (place, LINE_BYTES_MAX));
        }
    }

    proptest! {
        #[test]
        fn numbers_survive_the_round_trip_and_the_rest_is_left_out(
            score in 0.0f32..=1.0,
            edges in proptest::array::uniform4(proptest::num::f32::ANY),
        ) {
            let mut frame = example_frame(3, 1);
            let [x0, y0, x1, y1] = edges;
            frame.detections[0].score = score;
            frame.detections[0].bbox = BBox::new(x0, y0, x1, y1);
            let line = line_of(&frame);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["source_sequence"].as_u64(), Some(7));
            let found = value["detections"].as_array().unwrap();
            prop_assert_eq!(found.len(), usize::from(edges.iter().all(|e| e.is_finite())));
            for object in found {
                prop_assert!((object["score"].as_f64().unwrap() - f64::from(score)).abs() <= 6e-5);
                for (read, edge) in object["box_px"].as_array().unwrap().iter().zip(edges) {
                    let edge = f64::from(edge);
                    let error = (read.as_f64().unwrap() - edge).abs();
                    prop_assert!(error <= 6e-3 + 1e-12 * edge.abs());
                }
            }
        }
    }
}
