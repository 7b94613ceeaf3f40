#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn read_text(text: &str) -> Result<Lists, serde_json::Error> {
    let mut lists = Lists::new(PathBuf::from("labels.json"), "label");
    read(text.as_bytes(), &mut lists).map(|()| lists)
}

const VALID: &str = r#"[{"name": "a.jpg", "attributes": {"weather": "rainy"}, "labels": [
    {"category": "car", "attributes": {"crowd": true},
     "box2d": {"x1": 10, "y1": 20.5, "x2": 30, "y2": 40}},
    {"category": "lane", "poly2d": [[1, 2]]}, {"category": "bus", "box2d": null}, 7]},
    {"name": "b.jpg", "labels": null, "size": {"width": 64, "height": 32}}, {"name": 3}]"#;

#[test]
fn frames_become_images_and_boxes() {
    let lists = read_text(VALID).unwrap();
    assert_eq!(lists.images.len(), 2);
    assert_eq!(lists.images[1].width.integer(), Some(64));
    assert_eq!(lists.annotations.len(), 3);
    assert_eq!(lists.annotations[0].bbox.0, Some([10.0, 20.5, 20.0, 19.5]));
    assert_eq!(lists.annotations[0].iscrowd, Scalar::Bool(true));
    // The lane is passed over; a bus without a box and a label that is a number are not.
    assert_eq!(lists.annotations[1].place, Some(3));
    assert_eq!(lists.annotations[1].bbox.0, None);
    assert_eq!(lists.annotations[2].category_id, Scalar::Absent);
    assert_eq!(
        lists.faults.listed[0].reason,
        "frame 3: `name` is missing or is no text"
    );
    let whole = format!("{{\"config\": {{}}, \"frames\": {VALID}}}");
    assert_eq!(read_text(&whole).unwrap().annotations, lists.annotations);
}

#[test]
fn what_is_no_list_of_frames_is_refused() {
    for text in [
        "",
        "7",
        "\"x\"",
        "{}",
        "{\"frames\": 5}",
        "[",
        "[] x",
        "[{\"name\": NaN}]",
    ] {
        assert!(read_text(text).is_err(), "{text}");
    }
    assert!(read_text(&"[".repeat(100_000)).is_err());
    let deep = format!("[{{\"labels\": {}", "[".repeat(100_000));
    assert!(read_text(&deep).is_err());
    let frames = format!(
        "{}[]{}",
        "{\"frames\":".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(read_text(&frames).is_err());
}

#[test]
fn labels_of_a_frame_have_a_limit() {
    let label = r#"{"category": "car", "box2d": {"x1": 0, "y1": 0, "x2": 1, "y2": 1}}"#;
    let many = vec![label; 10_001].join(",");
    let lists = read_text(&format!("[{{\"name\": \"a\", \"labels\": [{many}]}}]")).unwrap();
    assert_eq!(lists.annotations.len(), 10_000);
}

proptest! {
    #[test]
    fn damaged_text_is_read_or_refused(
        changes in prop::collection::vec((0..VALID.len(), any::<u8>()), 1..4), end in 0..VALID.len(),
    ) {
        let mut bytes = VALID.as_bytes().to_vec();
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        let _ = read_text(&String::from_utf8_lossy(&bytes));
        let _ = read_text(&String::from_utf8_lossy(&bytes[..end]));
    }
}
