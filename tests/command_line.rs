//! The program as its users call it, as far as it needs no model.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn lookout(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_lookout"))
        .args(words)
        .current_dir(folder.path())
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_is_complete() {
    let output = lookout(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for words in [
        "run",
        "bench",
        "doctor",
        "capture",
        "replay",
        "--source",
        "--model",
        "--config",
        "--frames",
        "--score",
        "--annotate",
        "--sink",
        "--health",
        "--lite-model",
        "--live",
        "v4l2:",
        "video:",
        "images:",
        "mjpeg:",
        "mcap:",
        "drive:",
        "jsonl:-",
        "unix:",
        "Exit codes",
        "Examples",
    ] {
        assert!(help.contains(words), "the help does not mention {words}");
    }
}

#[test]
fn every_command_has_help() {
    for verb in ["run", "bench", "doctor", "config", "capture", "replay"] {
        let output = lookout(&[verb, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{verb}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    for (words, hint) in [
        (&["--frobnicate"][..], "--help"),
        (&["run", "--score", "2"], "0 to 1"),
        (&["run", "--frames", "0"], "1 to"),
        (&["run", "--source", "tape:x"], "drive:"),
        (&["run", "--sink", "fax:"], "jsonl:-"),
        (&["run", "--health", ""], "a value"),
        (
            &["run", "--config", "/no/such/file.toml"],
            "/no/such/file.toml",
        ),
        (&["bench", "--threads", "0"], "1..=64"),
    ] {
        let output = lookout(words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(hint),
            "{words:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn files_of_settings_are_shown_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lookout.toml");
    let example = lookout(&["config", "example"]);
    assert_eq!(example.status.code(), Some(0));
    std::fs::write(&file, &example.stdout).unwrap();
    let path = file.display().to_string();
    let checked = lookout(&["config", "check", &path]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert_eq!(
        String::from_utf8(checked.stdout).unwrap(),
        format!("{path}: right\n")
    );
    std::fs::write(&file, "sink = ['jsonl:-']\n").unwrap();
    let checked = lookout(&["config", "check", &path]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(stderr(&checked).contains("did you mean `sinks`?"));
}

#[test]
fn the_owners_file_counts_more_and_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (release, owner) = (path("release.toml"), path("owner.toml"));
    std::fs::write(&release, "source = 'drive:'\nmodel = '/no/release/model'\n").unwrap();
    let words = ["run", "--config", &release, "--override", &owner];
    let said = stderr(&lookout(&words));
    assert!(said.contains("/no/release/model"), "{said}");
    std::fs::write(&owner, "model = '/no/owner/model'\n").unwrap();
    let said = stderr(&lookout(&words));
    assert!(said.contains("/no/owner/model"), "{said}");
    std::fs::write(&owner, "modle = 'x'\n").unwrap();
    let output = lookout(&words);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("owner.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_configuration_file_is_obeyed_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lookout.toml");
    std::fs::write(&file, "source = 'drive:'\nscroe = 0.5\n").unwrap();
    let output = lookout(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("scroe"), "{}", stderr(&output));
    std::fs::write(&file, "source = 'drive:'\nmodel = '/no/such/model'\n").unwrap();
    let output = lookout(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "a good file, but the model is missing"
    );
    assert!(
        stderr(&output).contains("/no/such/model"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_broken_model_fails_the_run_and_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.toml"), "format = 'nonsense'").unwrap();
    let model = folder.path().to_str().unwrap();
    let run = lookout(&["run", "--source", "drive:", "--model", model]);
    assert_eq!(run.status.code(), Some(1), "{}", stderr(&run));
    let doctor = lookout(&["doctor", "--source", "drive:", "--model", model]);
    assert_eq!(doctor.status.code(), Some(1));
    let report = String::from_utf8(doctor.stdout).unwrap();
    let failed: Vec<&str> = report
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert!(failed[0].contains("model"), "{report}");
    for subject in [
        "computer",
        "camera",
        "source",
        "clock",
        "disk",
        "memory",
        "temperature",
        "group video",
        "camera link",
        "watchdog",
        "service",
    ] {
        assert!(report.contains(subject), "no {subject} in {report}");
    }
}

#[test]
fn the_way_from_power_on_is_shown_part_by_part_wherever_it_runs() {
    let output = lookout(&["doctor", "--boot", "--health", "no-such-file.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    for part in [
        "firmware",
        "kernel",
        "initrd",
        "units before",
        "first detection",
        "whole",
    ] {
        assert!(table.contains(part), "no {part} in {table}");
    }
    assert!(table.contains("no-such-file.json"), "{table}");
}

#[test]
fn a_health_file_without_a_folder_does_not_keep_a_run_from_starting() {
    let output = lookout(&[
        "run",
        "--source",
        "drive:",
        "--model",
        "x",
        "--health",
        "no/h.json",
    ]);
    let log = stderr(&output);
    assert!(log.contains("cannot write the health file"), "{log}");
    assert!(log.contains("--model") || log.contains('x'), "{log}");
    assert_eq!(output.status.code(), Some(1), "{log}");
}
