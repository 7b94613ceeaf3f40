//! What is recorded of a frame, as bytes: messages of Foxglove's schemas, in protobuf.
//!
//! The structures name the fields that are used; the whole schemas are in `schemas/`.

use crate::annotate::class_colour;
use crate::detection::{Detection, DetectionFrame};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

/// What the pictures are called in all messages.
const FRAME_ID: &str = "camera";

/// Width of a box's line in pixels, on a picture of 720 rows.
const LINE_PIXELS: f64 = 2.0;

/// Height of a label in pixels, on such a picture.
const FONT_PIXELS: f64 = 18.0;

const LINE_LOOP: i32 = 2;

/// How much a line in the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// For the record.
    Info = 2,
    /// Something is not as it should be.
    Warning = 3,
    /// Lookout does not see.
    Error = 4,
    /// The run is over.
    Fatal = 5,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct CompressedImage {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "3")]
    format: String,
    #[prost(string, tag = "4")]
    frame_id: String,
}

/// Field of the picture itself, which is appended without a copy in between.
const IMAGE_DATA: u32 = 2;

#[derive(Clone, PartialEq, Message)]
struct ImageAnnotations {
    #[prost(message, repeated, tag = "2")]
    points: Vec<PointsAnnotation>,
    #[prost(message, repeated, tag = "3")]
    texts: Vec<TextAnnotation>,
    #[prost(message, optional, tag = "5")]
    timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct PointsAnnotation {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(message, repeated, tag = "3")]
    points: Vec<Point2>,
    #[prost(message, optional, tag = "4")]
    outline_color: Option<Color>,
    #[prost(double, tag = "7")]
    thickness: f64,
}

#[derive(Clone, PartialEq, Message)]
struct TextAnnotation {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(message, optional, tag = "2")]
    position: Option<Point2>,
    #[prost(string, tag = "3")]
    text: String,
    #[prost(double, tag = "4")]
    font_size: f64,
    #[prost(message, optional, tag = "5")]
    text_color: Option<Color>,
    #[prost(message, optional, tag = "6")]
    background_color: Option<Color>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Point2 {
    #[prost(double, tag = "1")]
    x: f64,
    #[prost(double, tag = "2")]
    y: f64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Color {
    #[prost(double, tag = "1")]
    r: f64,
    #[prost(double, tag = "2")]
    g: f64,
    #[prost(double, tag = "3")]
    b: f64,
    #[prost(double, tag = "4")]
    a: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Log {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(int32, tag = "2")]
    level: i32,
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "4")]
    name: String,
}

fn timestamp(unix_ns: u64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: (unix_ns / 1_000_000_000) as i64,
        nanos: (unix_ns % 1_000_000_000) as i32,
    })
}

/// Appends what `message` says. There is always room in a `Vec`.
fn put(message: &impl Message, out: &mut Vec<u8>) {
    message.encode_raw(out);
}

/// Appends a picture as `foxglove.CompressedImage`.
pub(super) fn put_image(unix_ns: u64, jpeg: &[u8], out: &mut Vec<u8>) {
    let about = CompressedImage {
        timestamp: timestamp(unix_ns),
        format: "jpeg".into(),
        frame_id: FRAME_ID.into(),
    };
    put(&about, out);
    encode_key(IMAGE_DATA, WireType::LengthDelimited, out);
    encode_varint(jpeg.len() as u64, out);
    out.extend_from_slice(jpeg);
}

/// Appends boxes and labels as `foxglove.ImageAnnotations`.
pub(super) fn put_annotations(seen: &DetectionFrame, out: &mut Vec<u8>) {
    let time = timestamp(seen.captured_unix_ns);
    let scale = (f64::from(seen.frame_height) / 720.0).max(0.5);
    let drawn = || seen.detections.iter().filter(|d| d.bbox.is_valid());
    let annotations = ImageAnnotations {
        points: drawn().map(|d| outline(d, time, scale)).collect(),
        texts: drawn().map(|d| label(d, time, scale)).collect(),
        timestamp: time,
    };
    put(&annotations, out);
}

fn outline(detection: &Detection, timestamp: Option<Timestamp>, scale: f64) -> PointsAnnotation {
    let edges = &detection.bbox;
    let point = |x: f32, y: f32| Point2 {
        x: x.into(),
        y: y.into(),
    };
    PointsAnnotation {
        timestamp,
        kind: LINE_LOOP,
        points: vec![
            point(edges.x0, edges.y0),
            point(edges.x1, edges.y0),
            point(edges.x1, edges.y1),
            point(edges.x0, edges.y1),
        ],
        outline_color: Some(colour(class_colour(detection.class), 1.0)),
        thickness: LINE_PIXELS * scale,
    }
}

fn label(detection: &Detection, timestamp: Option<Timestamp>, scale: f64) -> TextAnnotation {
    let mut text = format!("{} {:.2}", detection.class, detection.score);
    if let Some(track) = &detection.track {
        text += &format!(" #{}", track.id);
    }
    let paint = class_colour(detection.class);
    let [r, g, b] = paint.map(u32::from);
    // Black on what is bright to the eye, white on what is dark.
    let is_bright = 299 * r + 587 * g + 114 * b > 128_000;
    let ink = if is_bright { [0; 3] } else { [255; 3] };
    TextAnnotation {
        timestamp,
        position: Some(Point2 {
            x: detection.bbox.x0.into(),
            y: detection.bbox.y0.into(),
        }),
        text,
        font_size: FONT_PIXELS * scale,
        text_color: Some(colour(ink, 1.0)),
        background_color: Some(colour(paint, 0.8)),
    }
}

fn colour(rgb: [u8; 3], a: f64) -> Color {
    let [r, g, b] = rgb.map(|part| f64::from(part) / 255.0);
    Color { r, g, b, a }
}

/// Appends a line of `foxglove.Log`.
pub(super) fn put_log(unix_ns: u64, level: Level, message: &str, out: &mut Vec<u8>) {
    let line = Log {
        timestamp: timestamp(unix_ns),
        level: level as i32,
        message: message.into(),
        name: "lookout".into(),
    };
    put(&line, out);
}

/// Where the picture is in a `foxglove.CompressedImage`, and its format; `None` where the
/// message makes no sense or holds no picture.
pub(crate) fn image_of(message: &[u8]) -> Option<(&[u8], String)> {
    // The picture is found by its place, so that it is not copied twice.
    let about = CompressedImage::decode(message).ok()?;
    let mut rest = message;
    let mut data = None;
    while !rest.is_empty() {
        let (tag, wire_type) = prost::encoding::decode_key(&mut rest).ok()?;
        if wire_type == WireType::LengthDelimited {
            let length = prost::encoding::decode_varint(&mut rest).ok()?;
            let (field, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            if tag == IMAGE_DATA {
                data = Some(field);
            }
            rest = behind;
        } else {
            let context = prost::encoding::DecodeContext::default();
            prost::encoding::skip_field(wire_type, tag, &mut rest, context).ok()?;
        }
    }
    Some((data?, about.format))
}
