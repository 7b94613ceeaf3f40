//! Small video files made in memory for the tests: an MP4 writer, and two kinds of H.264.

#![allow(clippy::unwrap_used)]
use openh264::OpenH264API;
use openh264::encoder::{Encoder, EncoderConfig};
use openh264::formats::YUVSlices;

pub(super) const WIDTH: usize = 64;
pub(super) const HEIGHT: usize = 48;
pub(super) const FRAMES: usize = 12;

/// Frame `index` is an even grey, lighter from frame to frame, so that order can be checked.
pub(super) fn luma(index: usize) -> u8 {
    30 + 15 * index as u8
}

/// The units of one coded picture, without start codes.
type Units = Vec<Vec<u8>>;

/// Video as cameras send it: each picture refers to the one before.
fn encode() -> Vec<Units> {
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

pub(super) fn words(words: &[u32]) -> Vec<u8> {
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
fn index(description: &[u8], sizes: &[u32], delays: &[u32], chunk: u32) -> Vec<u8> {
    let count = sizes.len() as u32;
    let delays: Vec<u32> = delays.iter().flat_map(|&delay| [1, delay]).collect();
    let stbl = mp4_box(
        b"stbl",
        &[
            description,
            &mp4_box(b"stts", &[&words(&[0, 1, count, 1])]),
            &mp4_box(b"ctts", &[&words(&[0, count]), &words(&delays)]),
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

/// A file of pictures in order of presentation, with the index before or behind them.
pub(super) fn clip(index_first: bool) -> Vec<u8> {
    file(&encode(), &[1; FRAMES], index_first)
}

/// A file in which every other picture refers to the one after it, and so comes later in the
/// file than it is shown.
pub(super) fn reordered_clip() -> Vec<u8> {
    let shown: Vec<usize> = reordered().collect();
    let pictures: Vec<Units> = shown
        .iter()
        .enumerate()
        .map(|(place, &index)| raw_picture(place, index))
        .collect();
    // Delays from decoding to showing; one tick is added since none may be negative.
    let delays: Vec<u32> = shown
        .iter()
        .enumerate()
        .map(|(place, &index)| (index + 1 - place) as u32)
        .collect();
    file(&pictures, &delays, true)
}

/// Which frames the file holds, in order: 0, 2, 1, 4, 3 and so on.
fn reordered() -> impl Iterator<Item = usize> {
    let pairs = (1..FRAMES - 1)
        .step_by(2)
        .flat_map(|index| [index + 1, index]);
    [0].into_iter().chain(pairs)
}

fn file(pictures: &[Units], delays: &[u32], index_first: bool) -> Vec<u8> {
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
    let index_bytes = index(&description, &sizes, delays, 0).len();
    let before = ftyp.len() + if index_first { index_bytes } else { 0 };
    let moov = index(&description, &sizes, delays, before as u32 + 8);
    match index_first {
        true => [ftyp, moov, mdat].concat(),
        false => [ftyp, mdat, moov].concat(),
    }
}

/// Writes the bits of H.264 headers.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, bits: usize) -> &mut Self {
        for bit in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            self.used += 1;
        }
        self
    }

    /// Exponential Golomb codes.
    fn codes(&mut self, values: &[u32]) -> &mut Self {
        for value in values {
            let bits = (value + 1).ilog2() as usize;
            self.put(0, bits).put(value + 1, bits + 1);
        }
        self
    }

    /// A unit with its header, end mark and guards against false start codes.
    fn unit(&mut self, header: u8) -> Vec<u8> {
        self.put(1, 1);
        let mut unit = vec![header];
        for &byte in &self.bytes {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

/// Frame `index` as picture number `place` of the stream, its macroblocks stored as plain
/// samples. Odd frames are B pictures that nothing refers to.
fn raw_picture(place: usize, index: usize) -> Units {
    let (is_first, is_b) = (place == 0, index % 2 == 1);
    let mut bits = Bits::default();
    bits.codes(&[
        0,
        if is_b {
            6
        } else if is_first {
            7
        } else {
            5
        },
        0,
    ]);
    // Pictures that are referred to so far, as four bits.
    bits.put(place.div_ceil(2) as u32 & 15, 4);
    if is_first {
        bits.codes(&[0]);
    }
    bits.put(2 * index as u32, 8);
    match (is_first, is_b) {
        // No output of earlier pictures to drop, no long-term reference.
        (true, _) => bits.put(0, 2),
        // Spatial prediction, default counts, no changed order of references.
        (_, true) => bits.put(0b1000, 4),
        // Default count, no changed order, no marking of references.
        (_, false) => bits.put(0b000, 3),
    };
    bits.codes(&[0]);
    for _ in 0..WIDTH * HEIGHT / 256 {
        match (is_first, is_b) {
            (true, _) => bits.codes(&[25]),
            (_, true) => bits.codes(&[0, 48]),
            (_, false) => bits.codes(&[0, 30]),
        };
        bits.used = bits.used.next_multiple_of(8);
        bits.bytes.extend([luma(index); 256]);
        bits.bytes.extend([128; 128]);
        bits.used += 8 * 384;
    }
    let slice = bits.unit(if is_first {
        0x65
    } else if is_b {
        0x01
    } else {
        0x41
    });
    let mut sps = Bits::default();
    // Main profile; order by number of eight bits, two references, size in macroblocks.
    sps.put(77, 8)
        .put(0, 8)
        .put(30, 8)
        .codes(&[0, 0, 0, 4, 2])
        .put(0, 1);
    sps.codes(&[WIDTH as u32 / 16 - 1, HEIGHT as u32 / 16 - 1])
        .put(0b1100, 4);
    let mut pps = Bits::default();
    pps.codes(&[0, 0])
        .put(0, 2)
        .codes(&[0, 0, 0])
        .put(0, 3)
        .codes(&[0, 0, 0])
        .put(0, 3);
    match is_first {
        true => vec![sps.unit(0x67), pps.unit(0x68), slice],
        false => vec![slice],
    }
}
