//! Tests of the socket sink, with real sockets.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::detection::DETECTIONS_MAX;
use crate::sink::tests::example_frame;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;

/// Sockets live in the system's temporary folder; the paths of test folders may be too long.
fn sink() -> (tempfile::TempDir, PathBuf, UnixSink) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l.sock");
    let sink = UnixSink::bind(&path).unwrap();
    (folder, path, sink)
}

fn sequence_of(line: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["schema"], super::super::SCHEMA);
    value["sequence"].as_u64().unwrap()
}

/// All sequence numbers until the sink closes the connection; every line must be whole.
fn read_all(stream: UnixStream) -> Vec<u64> {
    BufReader::new(stream)
        .lines()
        .map(|line| sequence_of(&line.unwrap()))
        .collect()
}

#[test]
fn ten_readers_a_deaf_one_a_vanishing_one_and_a_late_one() {
    let (_folder, path, mut sink) = sink();
    let connect = || UnixStream::connect(&path).unwrap();
    let readers: Vec<_> = (0..10)
        .map(|_| connect())
        .map(|stream| std::thread::spawn(move || read_all(stream)))
        .collect();
    let deaf = connect();
    let vanishing = connect();
    sink.publish(&example_frame(0, 5)).unwrap();
    assert_eq!(sink.readers(), 12);

    drop(vanishing);
    sink.publish(&example_frame(1, 5)).unwrap();
    assert_eq!(sink.readers(), 11);

    let late = connect();
    let late = std::thread::spawn(move || read_all(late));
    for sequence in 2..200 {
        sink.publish(&example_frame(sequence, 5)).unwrap();
    }
    assert_eq!(sink.readers(), 12);
    assert_eq!(sink.lost(), 0);
    sink.finish();
    drop(sink);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), (0..200).collect::<Vec<_>>());
    }
    assert_eq!(late.join().unwrap(), (2..200).collect::<Vec<_>>());
    drop(deaf);
    assert!(!path.exists());
}

#[test]
fn a_deaf_reader_loses_its_oldest_whole_lines_and_nobody_else_loses_any() {
    let (_folder, path, mut sink) = sink();
    let deaf = UnixStream::connect(&path).unwrap();
    let keen = UnixStream::connect(&path).unwrap();
    let (progress, seen) = crossbeam_channel::unbounded();
    let keen = std::thread::spawn(move || {
        for line in BufReader::new(keen).lines() {
            progress.send(sequence_of(&line.unwrap())).unwrap();
        }
    });
    let count = 400;
    for sequence in 0..count {
        sink.publish(&example_frame(sequence, DETECTIONS_MAX))
            .unwrap();
        // The keen reader gets every line although the deaf one has long been full.
        while seen.try_recv() != Ok(sequence) {
            sink.tend();
            std::thread::yield_now();
        }
        assert!(
            sink.readers
                .iter()
                .all(|r| r.backlog.bytes.capacity() <= BACKLOG_BYTES_MAX)
        );
    }
    let lost = sink.lost();
    assert!(
        lost > 0,
        "the deaf reader cannot have kept {count} long lines"
    );

    // What the deaf one finds at last: the first lines, which the kernel had buffered, a
    // gap of exactly the lines counted as lost, and the newest lines.
    let listening = std::thread::spawn(move || read_all(deaf));
    while sink.readers.iter().any(|r| !r.backlog.bytes.is_empty()) {
        sink.tend();
        std::thread::yield_now();
    }
    drop(sink);
    keen.join().unwrap();
    let heard = listening.join().unwrap();
    assert_eq!(heard.len() as u64, count - lost);
    assert_eq!(heard.first(), Some(&0));
    assert_eq!(heard.last(), Some(&(count - 1)));
    let gaps = heard
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .count();
    assert_eq!(gaps, 1);
}

#[test]
fn at_the_end_a_slow_reader_may_catch_up() {
    let (_folder, path, mut sink) = sink();
    let slow = UnixStream::connect(&path).unwrap();
    let count = 60;
    for sequence in 0..count {
        sink.publish(&example_frame(sequence, DETECTIONS_MAX))
            .unwrap();
    }
    assert_eq!(sink.lost(), 0);
    assert!(
        !sink.readers[0].backlog.bytes.is_empty(),
        "the kernel buffered all of it"
    );
    let slow = std::thread::spawn(move || read_all(slow));
    sink.drain_until(Instant::now() + Duration::from_secs(60));
    drop(sink);
    assert_eq!(slow.join().unwrap(), (0..count).collect::<Vec<_>>());
}

#[test]
fn the_end_does_not_wait_for_a_deaf_reader() {
    let (_folder, path, mut sink) = sink();
    let _deaf = UnixStream::connect(&path).unwrap();
    for sequence in 0..60 {
        sink.publish(&example_frame(sequence, DETECTIONS_MAX))
            .unwrap();
    }
    sink.finish();
    assert!(!sink.readers[0].backlog.bytes.is_empty());
}

#[test]
fn readers_beyond_the_limit_are_turned_away() {
    let (_folder, path, mut sink) = sink();
    let streams: Vec<_> = (0..READERS_MAX + 3)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    sink.publish(&example_frame(0, 0)).unwrap();
    sink.tend();
    assert_eq!(sink.readers(), READERS_MAX);
    let mut rest = Vec::new();
    (&streams[READERS_MAX]).read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // A place that becomes free can be taken.
    drop(streams);
    sink.publish(&example_frame(1, 0)).unwrap();
    assert_eq!(sink.readers(), 0);
    let _late = UnixStream::connect(&path).unwrap();
    sink.tend();
    assert_eq!(sink.readers(), 1);
}

#[test]
fn a_reader_that_talks_is_not_listened_to() {
    let (_folder, path, mut sink) = sink();
    let mut talker = UnixStream::connect(&path).unwrap();
    sink.tend();
    let error = talker.write_all(&[b'x'; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    sink.publish(&example_frame(0, 1)).unwrap();
    assert_eq!(sink.readers(), 1);
}

#[test]
fn a_live_socket_is_respected_and_a_stale_one_replaced() {
    let (_folder, path, sink) = sink();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        SOCKET_MODE
    );
    let error = UnixSink::bind(&path).err().unwrap().to_string();
    assert!(error.contains("another process serves"), "{error}");
    assert!(
        path.exists(),
        "the refused one took the socket of the living one away"
    );
    drop(sink);
    assert!(!path.exists());

    // The standard library's listener leaves its file behind, as a killed process does.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let sink = UnixSink::bind(&path).unwrap();
    assert!(UnixStream::connect(&path).is_ok());

    // A successor's socket is not ours to remove.
    fs::remove_file(&path).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    drop(sink);
    assert!(path.exists());
    drop(successor);
}

#[test]
fn what_is_not_a_socket_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    fs::write(&path, "kept").unwrap();
    let error = UnixSink::bind(&path).err().unwrap().to_string();
    assert!(error.contains("not a socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    let error = UnixSink::bind(&folder.path().join("no/l.sock"))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("make its folder"), "{error}");
}
