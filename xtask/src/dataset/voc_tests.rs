#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

const VALID: &str = "<annotation><filename>a.jpg</filename>\
    <size><width>64</width><height>32</height></size>\
    <object><name>car</name><difficult>1</difficult>\
    <bndbox><xmin>1</xmin><ymin> 2.5 </ymin><xmax>10</xmax><ymax>20</ymax></bndbox>\
    <part><name>wheel</name><bndbox><xmin>1</xmin></bndbox></part></object></annotation>";

#[test]
fn an_object_is_read_and_its_parts_are_not() {
    let file = parse(VALID).unwrap();
    assert_eq!(file.picture.as_deref(), Some("a.jpg"));
    assert_eq!(file.width.integer(), Some(64));
    assert_eq!(file.objects.len(), 1);
    let object = &file.objects[0];
    assert_eq!(
        (object.name.as_str(), object.difficult.flag()),
        ("car", Some(true))
    );
    // From 1 and with its last pixel, to from 0 and up to its edge.
    assert_eq!(object.corners.0, Some([0.0, 1.5, 10.0, 18.5]));
}

#[test]
fn what_is_no_such_xml_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;\">\
        <!ENTITY z \"&y;&y;&y;&y;\">]><annotation><filename>&z;</filename></annotation>";
    assert!(parse(bomb).unwrap_err().contains("DTD"));
    let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
        <annotation><filename>&x;</filename></annotation>";
    assert!(parse(outside).unwrap_err().contains("DTD"));
    let deep = format!("<annotation>{}", "<a>".repeat(300_000));
    assert!(parse(&deep).unwrap_err().contains("not XML"));
    let closed = format!(
        "<annotation>{}{}</annotation>",
        "<a>".repeat(100_000),
        "</a>".repeat(100_000)
    );
    assert!(parse(&closed).unwrap().objects.is_empty());
    let wide = format!(
        "<annotation>{}</annotation>",
        "<a/>".repeat(NODES_MAX as usize)
    );
    assert!(parse(&wide).is_err());
    assert!(parse("<html/>").unwrap_err().contains("`annotation`"));
    assert!(parse("").is_err());
}

proptest! {
    #[test]
    fn damaged_xml_is_read_or_refused(
        changes in prop::collection::vec((0..VALID.len(), any::<u8>()), 1..6), end in 0..VALID.len(),
    ) {
        let mut bytes = VALID.as_bytes().to_vec();
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        let _ = parse(&String::from_utf8_lossy(&bytes));
        let _ = parse(&String::from_utf8_lossy(&bytes[..end]));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(<?[/!a-z&;\\[\\]\"]{0,6}>?){0,20}") {
        let _ = parse(&text);
    }
}
