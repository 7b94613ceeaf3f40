#![allow(clippy::unwrap_used)]
use super::*;
use std::collections::BTreeMap;

fn sizes(bytes: u64, crates: &[(&str, u64)]) -> Sizes {
    let crates: BTreeMap<String, u64> = crates
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), *bytes))
        .collect();
    Sizes {
        schema: measure::SCHEMA.to_owned(),
        board: "b".to_owned(),
        bytes,
        crates,
        ..Sizes::default()
    }
}

#[test]
fn growth_shows_and_what_is_equal_does_not() {
    let old = sizes(1000, &[("core", 100), ("gone", 50), ("same", 7)]);
    let new = sizes(1100, &[("core", 120), ("fresh", 80), ("same", 7)]);
    let text = table::difference(&old, &new);
    assert!(text.contains("+100  +10.00 %"), "{text}");
    assert!(
        !text.contains("same") && !text.contains("sections"),
        "{text}"
    );
    let order = ["fresh", "gone", "core"].map(|name| text.find(name).unwrap());
    assert!(order.is_sorted(), "the largest change first: {text}");
    assert!(text.contains("-50") && text.contains("new"), "{text}");
    let same = table::difference(&old, &old);
    assert_eq!(same.lines().count(), 2, "{same}");
}

#[test]
fn small_ones_are_summed_up() {
    let text = table::all(&sizes(5_000_000, &[("big", 40_000), ("a", 10), ("b", 20)]));
    assert!(text.contains("     40000  big"), "{text}");
    assert!(text.contains("        30  (2 smaller ones)"), "{text}");
}

#[test]
fn a_result_is_read_as_it_was_written_and_wrong_ones_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("in/result.json");
    let written = sizes(9, &[("a", 1)]);
    save(&path, &written).unwrap();
    assert_eq!(load(&path).unwrap(), written);

    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = [
        text.replace("sizes/1", "sizes/9"),
        text.replace("\"bytes\": 9", "\"bytes\": -9"),
        text[..text.len() / 2].to_owned(),
        " ".repeat(RESULT_BYTES_MAX as usize + 1),
    ];
    for text in wrong {
        std::fs::write(&path, text).unwrap();
        let message = load(&path).unwrap_err().to_string();
        assert!(message.contains("result.json"), "{message}");
    }
    assert!(load(root.path()).is_err());
    assert!(load(&root.path().join("absent")).is_err());
}

#[test]
fn the_baseline_is_the_boards_own() {
    let path = result_path(Path::new(BASELINE), "orin");
    assert!(path.ends_with("board/sizes/orin.json"));
    assert_eq!(
        result_path(Path::new("x.json"), "orin"),
        Path::new("x.json")
    );
}
