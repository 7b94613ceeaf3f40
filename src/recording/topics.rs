//! What a recording is made of: four rows of messages and what they look like.

use crate::mcap;

/// Pictures as JPEG, `foxglove.CompressedImage`.
pub const CAMERA_TOPIC: &str = "/camera";

/// Boxes and labels to draw on them, `foxglove.ImageAnnotations`.
pub const ANNOTATIONS_TOPIC: &str = "/annotations";

/// What rules noticed and how the program was, `foxglove.Log`.
pub const LOG_TOPIC: &str = "/log";

/// What was published about each picture, `lookout.DetectionFrame`: the lines that sinks write.
pub const DETECTIONS_TOPIC: &str = "/detections";

/// Schema of the pictures.
pub const IMAGE_SCHEMA: &str = "foxglove.CompressedImage";

pub(super) const CAMERA: u16 = 1;
pub(super) const ANNOTATIONS: u16 = 2;
pub(super) const LOG: u16 = 3;
pub(super) const DETECTIONS: u16 = 4;

struct Topic {
    id: u16,
    topic: &'static str,
    schema: &'static str,
    schema_encoding: &'static str,
    schema_data: &'static [u8],
    encoding: &'static str,
}

const TOPICS: [Topic; 4] = [
    foxglove(
        CAMERA,
        CAMERA_TOPIC,
        IMAGE_SCHEMA,
        include_bytes!("schemas/CompressedImage.bin"),
    ),
    foxglove(
        ANNOTATIONS,
        ANNOTATIONS_TOPIC,
        "foxglove.ImageAnnotations",
        include_bytes!("schemas/ImageAnnotations.bin"),
    ),
    foxglove(
        LOG,
        LOG_TOPIC,
        "foxglove.Log",
        include_bytes!("schemas/Log.bin"),
    ),
    Topic {
        id: DETECTIONS,
        topic: DETECTIONS_TOPIC,
        schema: "lookout.DetectionFrame",
        schema_encoding: "jsonschema",
        schema_data: include_bytes!("schemas/DetectionFrame.json"),
        encoding: "json",
    },
];

const fn foxglove(
    id: u16,
    topic: &'static str,
    schema: &'static str,
    schema_data: &'static [u8],
) -> Topic {
    Topic {
        id,
        topic,
        schema,
        schema_encoding: "protobuf",
        schema_data,
        encoding: "protobuf",
    }
}

/// What every file begins with. `facts` are about the run.
pub(super) fn preamble(facts: &[(&str, &str)]) -> Vec<u8> {
    let mut out = mcap::MAGIC.to_vec();
    mcap::header(&mut out, concat!("lookout ", env!("CARGO_PKG_VERSION")));
    for topic in &TOPICS {
        let (name, encoding) = (topic.schema, topic.schema_encoding);
        mcap::schema(&mut out, topic.id, name, encoding, topic.schema_data);
    }
    for topic in &TOPICS {
        mcap::channel(&mut out, topic.id, topic.id, topic.topic, topic.encoding);
    }
    mcap::metadata(&mut out, "lookout", facts);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::detection::{Contact, Track};
    use crate::event::{Event, Phase};
    use crate::sink::{tests::example_frame, write_line};
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    /// Checks a value against the part of JSON Schema that is used here.
    fn check(schema: &Value, value: &Value, place: &str) {
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_u64() && schema["type"] == "integer" => "integer",
            Value::Number(_) => "number",
            Value::Null => "null",
        };
        assert_eq!(schema["type"], kind, "{place}");
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(allowed.contains(value), "{place}: {value}");
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(
                value.get(required.as_str().unwrap()).is_some(),
                "{place}: {required}"
            );
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            let known = schema["properties"].get(key);
            check(
                known.unwrap_or(&Value::Null),
                inner,
                &format!("{place}.{key}"),
            );
        }
        for inner in value.as_array().into_iter().flatten() {
            check(&schema["items"], inner, &format!("{place}[]"));
        }
    }

    #[test]
    fn lines_are_what_their_schema_says() {
        let mut frame = example_frame(7, 8);
        frame.detections[0].track = Some(Track {
            id: 3,
            age_ms: 40,
            velocity_x_px_per_s: 1.0,
            velocity_y_px_per_s: -2.5,
            contact: Some(Contact {
                seconds: 3.0,
                seconds_std: 0.5,
            }),
        });
        let event = Event {
            rule: "a".try_into().unwrap(),
            id: 1,
            phase: Phase::Update,
            objects: 1,
            age_ms: 20,
            preserve: true,
        };
        frame.events.push(event).unwrap();
        let mut line = Vec::new();
        write_line(&frame, &mut line).unwrap();
        let schema = serde_json::from_slice(TOPICS[3].schema_data).unwrap();
        check(&schema, &serde_json::from_slice(&line).unwrap(), "");
        assert_eq!(schema["properties"]["schema"]["const"], crate::sink::SCHEMA);
    }

    /// They are copies of what Foxglove wrote, and stay so.
    #[test]
    fn descriptors_are_unchanged() {
        let hashes = TOPICS[..3].iter().map(|topic| {
            let hash = Sha256::digest(topic.schema_data);
            hash[..4]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        });
        let expected = ["2c5aabcb", "4b3571a2", "5dfc92a0"];
        assert!(
            hashes.clone().eq(expected),
            "{:?}",
            hashes.collect::<Vec<_>>()
        );
    }
}
