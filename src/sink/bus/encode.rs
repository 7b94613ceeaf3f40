//! What messages are made of.

use crate::detection::DetectionFrame;
use crate::event::Event;
use crate::sink::json::Line;
use serde::Serialize;
use std::io;

/// Name and version of the schema of an event.
pub const EVENT_SCHEMA: &str = "lookout.event/1";

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8 text, RFC 8259.
    #[default]
    Json,
    /// The same keys and values in binary, RFC 8949.
    Cbor,
}

impl Encoding {
    /// All, by the name that a URI gives them.
    pub const ALL: [(&str, Self); 2] = [("json", Self::Json), ("cbor", Self::Cbor)];

    /// Name in a URI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
        }
    }

    fn write(self, value: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Json => Ok(serde_json::to_writer(out, value)?),
            Self::Cbor => ciborium::into_writer(value, out).map_err(io::Error::other),
        }
    }
}

#[derive(Serialize)]
struct EventMessage<'a> {
    schema: &'static str,
    /// Sequence number of the frame in which this came about.
    sequence: u64,
    captured_monotonic_ns: u64,
    captured_unix_ns: u64,
    wall_clock_synchronised: bool,
    #[serde(flatten)]
    event: &'a Event,
}

/// Appends what was seen in a frame.
pub(super) fn write_frame(
    frame: &DetectionFrame,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    encoding.write(&Line::new(frame), out)
}

/// Appends an event of a frame.
pub(super) fn write_event(
    frame: &DetectionFrame,
    event: &Event,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let message = EventMessage {
        schema: EVENT_SCHEMA,
        sequence: frame.sequence,
        captured_monotonic_ns: frame.captured_monotonic_ns,
        captured_unix_ns: frame.captured_unix_ns,
        wall_clock_synchronised: frame.wall_clock_synchronised,
        event,
    };
    encoding.write(&message, out)
}

/// Appends a report that exists as JSON.
pub(super) fn write_report(json: &str, encoding: Encoding, out: &mut Vec<u8>) -> io::Result<()> {
    match encoding {
        Encoding::Json => {
            out.extend_from_slice(json.trim_end().as_bytes());
            Ok(())
        }
        Encoding::Cbor => {
            let value: serde_json::Value = serde_json::from_str(json)?;
            encoding.write(&value, out)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Phase;
    use crate::sink::tests::example_frame;
    use crate::sink::write_line;

    fn from_cbor(bytes: &[u8]) -> serde_json::Value {
        ciborium::from_reader(bytes).unwrap()
    }

    #[test]
    fn a_frame_is_the_line_without_its_newline_in_both_encodings() {
        let frame = example_frame(7, 3);
        let (mut line, mut json, mut cbor) = (Vec::new(), Vec::new(), Vec::new());
        write_line(&frame, &mut line).unwrap();
        write_frame(&frame, Encoding::Json, &mut json).unwrap();
        write_frame(&frame, Encoding::Cbor, &mut cbor).unwrap();
        assert_eq!(line.strip_suffix(b"\n").unwrap(), json);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(from_cbor(&cbor), value);
        assert!(cbor.len() < json.len());
    }

    #[test]
    fn an_event_carries_its_frame_s_number_and_time() {
        let event = Event {
            rule: "near".try_into().unwrap(),
            id: 3,
            phase: Phase::Update,
            objects: 2,
            age_ms: 1500,
            preserve: false,
        };
        let mut json = Vec::new();
        write_event(&example_frame(7, 0), &event, Encoding::Json, &mut json).unwrap();
        let expected = concat!(
            r#"{"schema":"lookout.event/1","sequence":7,"captured_monotonic_ns":5000000123,"#,
            r#""captured_unix_ns":1795435200123456789,"wall_clock_synchronised":true,"#,
            r#""rule":"near","id":3,"phase":"update","objects":2,"age_ms":1500,"preserve":false}"#
        );
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn a_report_passes_through() {
        let report = "{\"state\":\"ok\",\"frames\":12}\n";
        let (mut json, mut cbor) = (Vec::new(), Vec::new());
        write_report(report, Encoding::Json, &mut json).unwrap();
        write_report(report, Encoding::Cbor, &mut cbor).unwrap();
        assert_eq!(json, report.trim_end().as_bytes());
        let expected = serde_json::json!({"state": "ok", "frames": 12});
        assert_eq!(from_cbor(&cbor), expected);
    }
}
