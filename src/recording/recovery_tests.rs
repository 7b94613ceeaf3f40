#![allow(clippy::unwrap_used)]
use super::*;
use crate::mcap::Chunk;
use crate::recording::topics::{CAMERA, LOG, preamble};

/// A file under way with so many chunks, and where its records end.
fn open_file(chunks: usize) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = preamble(&[("test", "yes")]);
    let mut chunk = Chunk::new();
    for number in 0..chunks as u32 {
        for (channel, body) in [(CAMERA, vec![7; 300]), (LOG, vec![9; 20])] {
            let time_ns = u64::from(number) * 500;
            chunk.message(channel, number, time_ns, |out| out.extend_from_slice(&body));
        }
        bytes.extend_from_slice(chunk.finish(bytes.len() as u64).unwrap().0);
        chunk.clear();
    }
    let mut ends = Vec::new();
    let mut walk = Walk::new(&bytes[..]).unwrap();
    while let Ok(Some(_)) = walk.step() {
        ends.push(walk.offset() as usize);
    }
    (bytes, ends)
}

fn close_bytes(bytes: &[u8]) -> (Outcome, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, bytes).unwrap();
    let outcome = close(&path).unwrap();
    // A second power cut, right behind: nothing is lost by doing it again.
    if matches!(outcome, Outcome::Closed { .. }) {
        let once = fs::read(&path).unwrap();
        assert!(matches!(
            close(&path).unwrap(),
            Outcome::Closed { cut_bytes: 0, .. }
        ));
        assert_eq!(fs::read(&path).unwrap(), once);
    }
    (outcome, fs::read(&path).unwrap())
}

/// Numbers of the messages that another reader sees, by the index and from the front.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let summary = ::mcap::Summary::read(bytes).unwrap().unwrap();
    let mut indexed = Vec::new();
    for chunk in &summary.chunk_indexes {
        let read = summary.stream_chunk(bytes, chunk).unwrap();
        indexed.extend(read.map(|message| message.unwrap().sequence));
        let entries = summary.read_message_indexes(bytes, chunk).unwrap();
        assert_eq!(entries.len(), 2);
    }
    let stream = ::mcap::MessageStream::new(bytes).unwrap();
    let streamed: Vec<u32> = stream.map(|message| message.unwrap().sequence).collect();
    assert_eq!(indexed, streamed);
    assert_eq!(summary.stats.unwrap().message_count, streamed.len() as u64);
    streamed
}

#[test]
fn a_file_torn_at_any_record_is_closed_with_all_whole_chunks() {
    let (bytes, ends) = open_file(4);
    let mut random = fastrand::Rng::with_seed(1);
    let anywhere: Vec<usize> = (0..300).map(|_| random.usize(..bytes.len())).collect();
    // A chunk and its two indexes.
    let first_chunk = ends.len() - 4 * 3;
    for end in ends.iter().copied().chain(anywhere) {
        let whole = ends[first_chunk..]
            .iter()
            .step_by(3)
            .filter(|&&at| at <= end);
        let whole = whole.count();
        let (outcome, closed) = close_bytes(&bytes[..end]);
        if whole == 0 {
            assert_eq!(outcome, Outcome::Empty, "torn at {end}");
            assert_eq!(closed, bytes[..end], "it was touched");
            continue;
        }
        let Outcome::Closed {
            chunks, damaged, ..
        } = outcome
        else {
            unreachable!("torn at {end}: {outcome:?}");
        };
        assert_eq!((chunks, damaged), (whole, 0));
        let expected = (0..whole as u32).flat_map(|number| [number; 2]);
        assert!(numbers(&closed).into_iter().eq(expected), "torn at {end}");
    }
}

#[test]
fn zeros_and_noise_behind_the_last_write_are_cut_off() {
    let (bytes, _) = open_file(2);
    for tail in [vec![0; 5000], vec![0xa5; 5000], vec![op::CHUNK; 9]] {
        let (outcome, closed) = close_bytes(&[&bytes[..], &tail].concat());
        let expected = Outcome::Closed {
            chunks: 2,
            damaged: 0,
            cut_bytes: tail.len() as u64,
        };
        assert_eq!(outcome, expected);
        assert_eq!(numbers(&closed), [0, 0, 1, 1]);
    }
}

#[test]
fn a_damaged_chunk_is_passed_over_and_its_bytes_stay() {
    let (mut bytes, ends) = open_file(3);
    let second = ends[ends.len() - 6] - 50;
    bytes[second] ^= 0x10;
    let (outcome, closed) = close_bytes(&bytes);
    assert!(matches!(
        outcome,
        Outcome::Closed {
            chunks: 2,
            damaged: 1,
            ..
        }
    ));
    assert_eq!(numbers(&closed), [0, 0, 2, 2]);
    assert_eq!(closed[second], bytes[second]);
}

#[test]
fn what_is_no_recording_is_not_touched() {
    let noise: Vec<u8> = (0..100_000_u32).map(|i| (i * 7) as u8).collect();
    let (outcome, left) = close_bytes(&noise);
    assert!(matches!(outcome, Outcome::Hopeless(_)));
    assert_eq!(left, noise);
    assert_eq!(close_bytes(&[]).0, Outcome::Empty);
    let (bytes, ends) = open_file(8);
    let mut broken = bytes[..ends[ends.len() - 1]].to_vec();
    broken.extend(vec![0; TORN_BYTES_MAX as usize + 1]);
    let (outcome, left) = close_bytes(&broken);
    assert!(matches!(outcome, Outcome::Hopeless(_)));
    assert_eq!(left.len(), broken.len());
}
