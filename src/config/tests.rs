//! Tests of the settings.

#![allow(clippy::unwrap_used)]
use super::values::FRAMES;
use super::*;
use crate::sink::SinkUri;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn parse(text: &str) -> Result<Settings, ConfigError> {
    RawSettings::parse(text.as_bytes(), Path::new("lookout.toml"))?.validate()
}

#[test]
fn the_documented_file_sets_every_key() {
    let raw = RawSettings::parse(EXAMPLE.as_bytes(), Path::new("lookout.toml")).unwrap();
    // A key that the file lacks is a field that shows so.
    let shown = format!("{raw:?}");
    assert!(!shown.contains("None"), "{shown}");
    let settings = raw.validate().unwrap();
    assert_eq!(settings.frames_max, Some(1000));
    assert_eq!((settings.threads, settings.pinned), (2, true));
    assert_eq!(settings.score, Some(0.4));
    assert_eq!(settings.stall_warning, Duration::from_secs(2));
    assert_eq!(settings.celsius_shed, 85.0);
    assert_eq!(settings.age_max, Some(Duration::from_millis(400)));
    assert_eq!(settings.annotate.unwrap().every_nth, 15);
    let rule = &settings.rules[0];
    assert_eq!((rule.name.as_str(), rule.preserve), ("person-ahead", true));
    assert_eq!(rule.zone.as_ref().unwrap().polygon.len(), 4);
    assert_eq!(settings.live.unwrap().address.port(), 8080);
    assert_eq!(settings.record.unwrap().bytes_max, 8_000_000_000);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(parse("").unwrap(), Settings::default());
}

#[test]
fn a_refused_value_names_its_key_and_what_is_allowed() {
    for (text, words) in [
        ("score = 1.5", ["score", "1.5", "0 to 1"]),
        ("score = nan", ["score", "NaN", "0 to 1"]),
        ("frames = 0", ["frames", "0", "1 to"]),
        ("frames = -3", ["frames", "-3", "1 to"]),
        ("threads = 65", ["threads", "65", "1 to 64"]),
        ("queue_frames = 0", ["queue_frames", "0", "1 to 1024"]),
        (
            "stall_warning_ms = 5",
            ["stall_warning_ms", "5", "100 to 3600000"],
        ),
        ("celsius_shed = 39", ["celsius_shed", "39", "40 to 120"]),
        ("celsius_shed = 121", ["celsius_shed", "121", "40 to 120"]),
        ("age_ms_max = 9", ["age_ms_max", "9", "10 to 60000"]),
        ("health = ''", ["health", "empty", "file"]),
        ("lite_model = ''", ["lite_model", "empty", "model"]),
        ("source = 'tape:'", ["source", "tape:", "drive:"]),
        ("sinks = ['jsonl']", ["sinks", "jsonl", "jsonl:-"]),
        ("sinks = ['jsonl:-', 'jsonl:-']", ["sinks", "twice", "once"]),
        (
            "annotate.every_nth = 0",
            ["annotate.every_nth", "0", "1 to"],
        ),
        (
            "annotate.directory = ''",
            ["annotate.directory", "empty", "folder"],
        ),
        ("scroe = 0.5", ["scroe", "unknown", "did you mean `score`?"]),
        (
            "[anotate]",
            ["anotate", "unknown", "did you mean `annotate`?"],
        ),
        (
            "annotate.every_n = 3",
            ["every_n", "unknown", "did you mean `every_nth`?"],
        ),
        (
            "live.address = 'localhost'",
            ["live.address", "localhost", "127.0.0.1:8080"],
        ),
        (
            "live.address = '0.0.0.0:80'",
            ["live.address", "without a token", "token_file"],
        ),
        (
            "record.segment_s = 1",
            ["record.segment_s", "1", "2 to 600"],
        ),
        (
            "record.directory = ''",
            ["record.directory", "empty", "folder"],
        ),
        (
            "[[rules]]\nname = 'a b'",
            ["rules.name", "a b", "letters, digits"],
        ),
        (
            "[[rules]]\nname = 'a'\n[[rules]]\nname = 'a'",
            ["rules.name", "twice", "once"],
        ),
        (
            "[[rules]]\nname = 'a'\nzone = 'b'",
            ["rules.zone", "'b'", "there are none"],
        ),
        (
            "[[rules]]\nname = 'a'\nclasses = ['cow']",
            ["rules.classes", "cow", "person"],
        ),
        (
            "[[rules]]\nname = 'a'\ncount_min = 0",
            ["rules.count_min", "0", "1 to 100"],
        ),
        (
            "[[zones]]\nname = 'z'\npolygon = [[0, 0], [1, 1]]",
            ["zones.polygon", "'z', 2 corners", "3 to 16"],
        ),
        (
            "[[zones]]\nname = 'z'\npolygon = [[0, 0], [1, 1], [0, 2]]",
            ["zones.polygon", "'z'", "from 0 to 1"],
        ),
        ("score = 'high'", ["score", "lookout.toml", "line 1"]),
        ("[annotate", ["lookout.toml", "line 1", "annotate"]),
    ] {
        let message = parse(text).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{text}: no '{word}' in: {message}");
        }
    }
}

#[test]
fn nothing_is_suggested_for_a_key_like_none() {
    let message = parse("zzz = 1").unwrap_err().to_string();
    assert!(
        message.contains("zzz") && !message.contains("did you mean"),
        "{message}"
    );
}

#[test]
fn settings_made_by_a_program_are_checked_too() {
    assert!(Settings::default().check().is_ok());
    for settings in [
        Settings {
            score: Some(f32::NAN),
            ..Settings::default()
        },
        Settings {
            frames_max: Some(0),
            ..Settings::default()
        },
        Settings {
            threads: 0,
            ..Settings::default()
        },
        Settings {
            queue_frames: usize::MAX,
            ..Settings::default()
        },
        Settings {
            celsius_shed: f64::NAN,
            ..Settings::default()
        },
        Settings {
            age_max: Some(Duration::ZERO),
            ..Settings::default()
        },
        Settings {
            annotate: Some(AnnotateSettings {
                every_nth: 0,
                ..AnnotateSettings::new("x")
            }),
            ..Settings::default()
        },
    ] {
        assert!(settings.check().is_err(), "{settings:?}");
    }
}

#[test]
fn a_whole_number_is_a_score_too() {
    assert_eq!(parse("score = 1").unwrap().score, Some(1.0));
}

#[test]
fn too_many_sinks_are_refused() {
    let sinks: Vec<String> = (0..=SINKS_MAX).map(|n| format!("'jsonl:f{n}'")).collect();
    let message = parse(&format!("sinks = [{}]", sinks.join(",")))
        .unwrap_err()
        .to_string();
    assert!(message.contains("at most 16"), "{message}");
}

#[test]
fn the_first_layer_wins_key_by_key() {
    let layer = |text: &str| RawSettings::parse(text.as_bytes(), Path::new("x")).unwrap();
    let above = layer("score = 0.25\nsinks = ['jsonl:-']\nannotate.directory = 'a'");
    let below = layer("score = 0.75\nthreads = 3\nannotate = {directory='b', every_nth=7}");
    let settings = above.or(below).validate().unwrap();
    assert_eq!((settings.score, settings.threads), (Some(0.25), 3));
    assert_eq!(settings.sinks, [SinkUri::Stdout]);
    let annotate = settings.annotate.unwrap();
    assert_eq!(
        (annotate.directory, annotate.every_nth),
        (PathBuf::from("a"), 7)
    );
}

#[test]
fn files_that_cannot_be_taken_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = RawSettings::read(&folder.path().join("none.toml")).unwrap_err();
    assert!(missing.to_string().contains("--config"), "{missing}");
    let path = folder.path().join("big.toml");
    std::fs::write(&path, "#".repeat(FILE_BYTES_MAX as usize + 1)).unwrap();
    assert!(matches!(
        RawSettings::read(&path),
        Err(ConfigError::TooLarge { .. })
    ));
    std::fs::write(&path, "#".repeat(FILE_BYTES_MAX as usize)).unwrap();
    assert_eq!(RawSettings::read(&path).unwrap(), RawSettings::default());
    assert!(
        RawSettings::read(folder.path()).is_err(),
        "a folder is no file"
    );
    assert!(RawSettings::parse(b"\xff\xfe", &path).is_err(), "not UTF-8");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(raw) = RawSettings::parse(&bytes, Path::new("x")) {
            let _ = raw.validate();
        }
    }

    #[test]
    fn arbitrary_toml_never_panics(
        key in "(source|model|score|frames|threads|pinned|tracking|sinks|queue_frames|celsius_shed|age_ms_max|health|annotate|[a-z]{1,6})",
        value in r#"(-?[0-9]{1,20}|-?[0-9]{1,9}\.[0-9]{1,9}|nan|inf|"[ -!#-~]{0,20}"|\[{1,200}|\{.{0,20}\})"#,
        rest in "\\PC{0,80}",
    ) {
        let text = format!("{key} = {value}\n{rest}");
        if let Ok(raw) = RawSettings::parse(text.as_bytes(), Path::new("x")) {
            let _ = raw.validate();
        }
    }

    #[test]
    fn every_accepted_number_is_kept(frames in FRAMES, score in 0.0f64..=1.0) {
        let settings = parse(&format!("frames = {frames}\nscore = {score:?}")).unwrap();
        prop_assert_eq!(settings.frames_max, Some(frames as u64));
        prop_assert_eq!(settings.score, Some(score as f32));
    }
}
