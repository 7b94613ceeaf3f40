#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::pixels::Decoder as PixelDecoder;
use proptest::prelude::*;
use std::io::Write;

#[path = "video_clips.rs"]
mod clips;
use clips::{FRAMES, HEIGHT, WIDTH, clip, luma, reordered_clip, words};

fn open(bytes: &[u8]) -> Result<VideoSource, SourceError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    VideoSource::open(file.path(), Pace::EveryFrame)
}

fn refusal(bytes: &[u8]) -> String {
    match open(bytes) {
        Err(error @ SourceError::File { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn every_frame_comes_in_order() {
    for index_first in [true, false] {
        let mut source = open(&clip(index_first)).unwrap();
        let mut frame = Frame::with_capacity(0);
        for index in 0..FRAMES {
            assert_eq!(
                source.next_frame(&mut frame).unwrap(),
                Next::Frame,
                "frame {index}"
            );
            assert_eq!((frame.width, frame.height), (WIDTH as u32, HEIGHT as u32));
            assert_eq!(
                (frame.format, frame.stamp.sequence),
                (PixelFormat::I420, index as u64)
            );
            let middle = frame.data[HEIGHT / 2 * frame.stride + WIDTH / 2];
            assert!(middle.abs_diff(luma(index)) <= 6, "frame {index}: {middle}");
            assert!(PixelDecoder::new().picture(&frame).is_ok());
        }
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::End);
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::End);
        assert!(
            source.describe().contains("64x48, 12 frames in 1.1 s"),
            "{}",
            source.describe()
        );
    }
}

#[test]
fn pictures_that_refer_to_later_ones_come_in_order() {
    let mut source = open(&reordered_clip()).unwrap();
    let places: Vec<u64> = source
        .track
        .samples
        .iter()
        .map(|sample| sample.time_ns)
        .collect();
    assert!(places[1] > places[2], "{places:?}");
    let mut frame = Frame::with_capacity(0);
    let mut shown = Vec::new();
    while source.next_frame(&mut frame).unwrap() == Next::Frame {
        shown.push(frame.data[0]);
    }
    let want: Vec<u8> = (0..FRAMES - 1).map(luma).collect();
    assert_eq!(shown, want);
}

#[test]
fn a_damaged_frame_does_not_end_the_video() {
    let mut bytes = clip(true);
    let clean = open(&bytes).unwrap().track;
    let damaged = clean.samples[4];
    let at = damaged.offset as usize;
    bytes[at..at + 4].copy_from_slice(&[0xFF; 4]);
    let mut source = open(&bytes).unwrap();
    let mut frame = Frame::with_capacity(0);
    let mut outcomes = Vec::new();
    loop {
        match source.next_frame(&mut frame) {
            Ok(Next::End) => break,
            outcome => outcomes.push(outcome),
        }
    }
    assert_eq!(outcomes.len(), FRAMES);
    assert!(outcomes[..4].iter().all(Result::is_ok));
    let error = outcomes[4].as_ref().unwrap_err();
    assert!(
        error.is_recoverable_in_place() && error.to_string().contains("frame 4"),
        "{error}"
    );
}

#[test]
fn a_file_that_was_cut_short_plays_as_far_as_it_goes() {
    let bytes = clip(true);
    let fifth = open(&bytes).unwrap().track.samples[5];
    let mut source = open(&bytes[..fifth.offset as usize + 1]).unwrap();
    let mut frame = Frame::with_capacity(0);
    let mut count = 0;
    while source.next_frame(&mut frame).unwrap() == Next::Frame {
        count += 1;
    }
    assert_eq!((count, source.track.missing), (5, FRAMES - 5));
    let unfinished = clip(false);
    assert!(refusal(&unfinished[..unfinished.len() / 2]).contains("no index (moov)"));
}

#[test]
fn refusals_say_what_helps() {
    assert!(refusal(b"").contains("not an MP4 file"));
    assert!(refusal(b"some text that is no video").contains("ffmpeg"));
    assert!(VideoSource::open(Path::new("/nowhere.mp4"), Pace::Live).is_err());
    assert!(VideoSource::open(Path::new("/"), Pace::Live).is_err());
    let change = |bytes: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
    };
    let replace = |from: &[u8], to: &[u8]| {
        let mut bytes = clip(true);
        change(&mut bytes, from, to);
        refusal(&bytes)
    };
    let mut other = clip(true);
    change(&mut other, b"avc1\0\0\0\0", b"hvc1");
    change(&mut other, b"avcC", b"hvcC");
    assert!(
        refusal(&other).contains("its video is H.265, not H.264"),
        "{}",
        refusal(&other)
    );
    assert!(replace(b"vide", b"soun").contains("no video"));
    // A table of a few bytes that claims four billion pictures.
    let claim = [&b"stsc"[..], &words(&[0, 1, 1])].concat();
    let huge = [&claim[..], &words(&[u32::MAX])].concat();
    assert!(replace(&claim, &huge).contains("4294967295 pictures"));
    assert!(replace(b"avcC\x01", b"avcC\x07").contains("avcC"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_files_are_refused_or_play_to_an_end(
        flips in proptest::collection::vec((any::<u32>(), any::<u8>()), 0..6),
        keep in proptest::option::of(any::<u32>()),
        in_index in any::<bool>(),
    ) {
        let mut bytes = clip(true);
        let index = bytes.windows(4).position(|window| window == b"mdat").unwrap();
        let reach = if in_index { index } else { bytes.len() };
        for (at, value) in flips {
            bytes[at as usize % reach] = value;
        }
        if let Some(keep) = keep {
            bytes.truncate(keep as usize % bytes.len());
        }
        let Ok(mut source) = open(&bytes) else { return Ok(()) };
        let mut frame = Frame::with_capacity(0);
        for _ in 0..4 * FRAMES {
            match source.next_frame(&mut frame) {
                Ok(Next::End) => return Ok(()),
                Ok(Next::Frame) => prop_assert!(PixelDecoder::new().picture(&frame).is_ok()),
                Err(error) => prop_assert!(error.is_recoverable_in_place()),
            }
        }
        prop_assert!(false, "no end");
    }
}
