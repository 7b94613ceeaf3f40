#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

#[test]
fn a_line_is_a_box_or_an_outline() {
    assert_eq!(line_box("3 0.5 0.25 0.2 1"), Ok((3, [0.5, 0.25, 0.2, 1.0])));
    assert_eq!(
        line_box(" 0.0\t0.5 0.5 1e-1 .5 "),
        Ok((0, [0.5, 0.5, 0.1, 0.5]))
    );
    let outline = "1 0.25 0.5 0.75 0.5 0.5 1.0";
    assert_eq!(line_box(outline), Ok((1, [0.5, 0.75, 0.5, 0.5])));
    for (line, expected) in [
        ("car 0 0 1 1", "the class must be a number"),
        ("-1 0 0 1 1", "whole number"),
        ("1.5 0 0 1 1", "whole number"),
        ("NaN 0 0 1 1", "whole number"),
        ("1e99 0 0 1 1", "whole number"),
        ("0 0 0 1", "class x y width height"),
        ("0 0 0 1 1 0.9", "class x y width height"),
        ("0 0 0 1 one", "must be numbers"),
        ("0 0 0 NaN 0 1 1", "outline must be numbers"),
        ("0 0 0 inf 0 1 1", "outline must be numbers"),
    ] {
        let error = line_box(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn labels_are_beside_images() {
    for (picture, label) in [
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.b.png", "train/labels/a.b.txt"),
        ("images/images/a.jpg", "images/labels/a.txt"),
        ("images.jpg", "images.txt"),
        ("pictures/a.jpg", "pictures/a.txt"),
    ] {
        assert_eq!(label_of(Path::new(picture)), Path::new(label), "{picture}");
    }
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused(line in "[0-9a-zN.eE+ -]{0,60}") {
        if let Ok((class, corners)) = line_box(&line) {
            prop_assert!(class >= 0);
            prop_assert_eq!(corners.len(), 4);
        }
    }
}
