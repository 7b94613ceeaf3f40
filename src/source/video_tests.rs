#![allow(clippy::unwrap_used)]
use super::*;
use crate::pixels::Decoder as PixelDecoder;
use openh264::encoder::{Encoder, EncoderConfig};
use openh264::formats::YUVSlices;
use proptest::prelude::*;
use std::io::Write;

const WIDTH: usize = 64;
const HEIGHT: usize = 48;
const FRAMES: usize = 12;

/// Frame `index` is an even grey, lighter from frame to frame, so that order can be checked.
fn luma(index: usize) -> u8 {
    30 + 15 * index as u8
}

/// The units of one coded picture, without start codes.
fn encode() -> Vec<Vec<Vec<u8>>> {
    let mut encoder =
        Encoder::with_api_config(OpenH264API::from_source(), EncoderConfig::new()).unwrap();
    let chroma = vec![128; WIDTH * HEIGHT / 4];
    (0..FRAMES)
        .map(|index| {
            let y = vec![luma(index); WIDTH * HEIGHT];
            let strides = (WIDTH, WIDTH / 2, WIDTH / 2);
            let picture = YUVSlices::new((&y, &chroma, &chroma), (WIDTH, HEIGHT), strides);
            let coded = encoder.encode(&picture).unwrap();
            let mut units = Vec::new();
            for layer in (0..coded.num_layers()).filter_map(|layer| coded.layer(layer)) {
                for unit in (0..layer.nal_count()).filter_map(|unit| layer.nal_unit(unit)) {
                    let start = unit.iter().position(|&byte| byte == 1).unwrap() + 1;
                    units.push(unit[start..].to_vec());
                }
            }
            units
        })
        .collect()
}

/// A box: its length, its kind and what is in it.
fn mp4_box(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The box that describes the coding: size, SPS and PPS.
fn sample_description(sps: &[u8], pps: &[u8]) -> Vec<u8> {
    let set = |set: &[u8]| [&(set.len() as u16).to_be_bytes(), set].concat();
    let config = [
        &[1, sps[1], sps[2], sps[3], 0xFF, 0xE1][..],
        &set(sps),
        &[1],
        &set(pps),
    ];
    let size = [(WIDTH as u16).to_be_bytes(), (HEIGHT as u16).to_be_bytes()].concat();
    let avc1 = [
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0; 16][..],
        &size,
        &[0; 46],
        &[0, 24, 0xFF, 0xFF],
    ];
    let avcc = mp4_box(b"avcC", &config);
    let entry = mp4_box(b"avc1", &[&avc1.concat(), &avcc]);
    mp4_box(b"stsd", &[&words(&[0, 1]), &entry])
}

/// The index of a file whose one chunk of samples lies at `chunk`.
fn index(description: &[u8], sizes: &[u32], chunk: u32) -> Vec<u8> {
    let count = sizes.len() as u32;
    let stbl = mp4_box(
        b"stbl",
        &[
            description,
            &mp4_box(b"stts", &[&words(&[0, 1, count, 1])]),
            &mp4_box(b"stsc", &[&words(&[0, 1, 1, count, 1])]),
            &mp4_box(b"stsz", &[&words(&[0, 0, count]), &words(sizes)]),
            &mp4_box(b"stco", &[&words(&[0, 1, chunk])]),
            &mp4_box(b"stss", &[&words(&[0, 1, 1])]),
        ],
    );
    let minf = mp4_box(b"minf", &[&stbl]);
    // Ten ticks a second.
    let mdhd = mp4_box(b"mdhd", &[&words(&[0, 0, 0, 10, count, 0])]);
    let hdlr = mp4_box(b"hdlr", &[&words(&[0, 0]), b"vide", &[0; 13]]);
    let mdia = mp4_box(b"mdia", &[&mdhd, &hdlr, &minf]);
    let tkhd = mp4_box(b"tkhd", &[&words(&[0, 0, 0, 1]), &[0; 68]]);
    let mvhd = mp4_box(b"mvhd", &[&words(&[0, 0, 0, 10, count]), &[0; 80]]);
    mp4_box(b"moov", &[&mvhd, &mp4_box(b"trak", &[&tkhd, &mdia])])
}

/// A whole file, with the index before or behind the pictures.
fn clip(index_first: bool) -> Vec<u8> {
    let pictures = encode();
    let kind = |unit: &Vec<u8>| unit[0] & 31;
    let set = |wanted| {
        pictures[0]
            .iter()
            .find(|unit| kind(unit) == wanted)
            .unwrap()
    };
    let description = sample_description(set(7), set(8));
    let samples: Vec<Vec<u8>> = pictures
        .iter()
        .map(|units| {
            let units = units.iter().filter(|unit| !matches!(kind(unit), 7 | 8));
            units
                .flat_map(|unit| [&words(&[unit.len() as u32]), &unit[..]].concat())
                .collect()
        })
        .collect();
    let sizes: Vec<u32> = samples.iter().map(|sample| sample.len() as u32).collect();
    let ftyp = mp4_box(b"ftyp", &[b"isom", &[0, 0, 2, 0], b"isomavc1"]);
    let mdat = mp4_box(b"mdat", &[&samples.concat()]);
    let index_bytes = index(&description, &sizes, 0).len();
    let before = ftyp.len() + if index_first { index_bytes } else { 0 };
    let moov = index(&description, &sizes, before as u32 + 8);
    match index_first {
        true => [ftyp, moov, mdat].concat(),
        false => [ftyp, mdat, moov].concat(),
    }
}

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
