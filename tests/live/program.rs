//! The program with `--live`.

use crate::http;
use crate::served::wait_until;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn lookout(words: &[&str]) -> Command {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/road-lite");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookout"));
    command.args(["run", "--model"]).arg(model).args(words);
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

#[test]
fn a_page_that_cannot_be_served_is_told_before_the_run_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short");
    std::fs::write(&short, "short\n").unwrap();
    let short = short.display().to_string();
    let health = folder.path().join("health.json").display().to_string();
    for (words, hint) in [
        (
            &["--live", &taken, "--health", &health][..],
            "another program",
        ),
        (
            &["--live", "192.0.2.1:80", "--live-token-file", "/no/such"],
            "/no/such",
        ),
        (
            &["--live", "192.0.2.1:80", "--live-token-file", &short],
            "openssl rand",
        ),
        (
            &["--live", "127.0.0.1:0", "--live-token-file", &short],
            "16 to 256",
        ),
    ] {
        let words = [&["--source", "drive:"], words].concat();
        let output = lookout(&words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {text}");
        assert!(text.contains(hint), "{words:?}: {text}");
        assert!(
            !text.contains("through road-lite"),
            "the run started: {text}"
        );
    }
    assert!(
        std::fs::read_to_string(&health)
            .unwrap()
            .contains("another program")
    );
}

/// The page is no reader that a run would go on for.
#[test]
fn the_run_ends_when_the_reader_of_standard_output_goes_also_with_a_page() {
    let words = [
        "--source",
        "drive:?frames=0&size=128x96",
        "--sink",
        "jsonl:-",
    ];
    let mut child = lookout(&[&words[..], &["--live", "127.0.0.1:0"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = said.find_map(|line| {
        let line = line.unwrap();
        let address = line.split("live page at http://").nth(1)?;
        Some(address.trim_end_matches('/').parse().unwrap())
    });
    let draining = std::thread::spawn(move || said.for_each(drop));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    // The page hears of a frame in its own time.
    let address = address.unwrap();
    wait_until("the page knows of a frame", || {
        http::get(address, "/api/detections", &[]).status == 200
    });
    drop(lines);
    assert!(child.wait().unwrap().success());
    draining.join().unwrap();
}
