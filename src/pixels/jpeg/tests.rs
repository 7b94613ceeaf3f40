//! Whole pictures, from real encodings to RGB.

#![allow(clippy::unwrap_used)]
use super::marker::{DQT, SOS};
use super::{OtherDecoder, PlainDecoder, outline};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

pub(super) const SAMPLINGS: [SamplingFactor; 4] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
];
const SIZES: [(u16, u16); 6] = [(1, 1), (7, 9), (16, 16), (33, 17), (75, 41), (160, 95)];

/// Edges, slopes and a texture.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    let place = |i: usize| (i % usize::from(width), i / usize::from(width));
    (0..usize::from(width) * usize::from(height))
        .map(place)
        .flat_map(|(x, y)| {
            let edge = if (x / 13 + y / 9) % 2 == 0 { 60 } else { 0 };
            let noise = rng.usize(0..12);
            [
                40 + x + edge,
                30 + y + edge + noise,
                200 - (x + y) / 2 - noise,
            ]
            .map(|value| value.min(255) as u8)
        })
        .collect()
}

/// An encoding of [`pixels`], with what `change` sets.
fn encode_with(
    (width, height): (u16, u16),
    quality: u8,
    change: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    change(&mut encoder);
    encoder
        .encode(&pixels(width, height), width, height, ColorType::Rgb)
        .unwrap();
    bytes
}

pub(super) fn encode(size: (u16, u16), sampling: SamplingFactor, restart_interval: u16) -> Vec<u8> {
    encode_with(size, 85, |encoder| {
        encoder.set_sampling_factor(sampling);
        if restart_interval > 0 {
            encoder.set_restart_interval(restart_interval);
        }
    })
}

/// The picture, `None` when it is not of the plain kind.
pub(super) fn ours(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let outline = outline(bytes).map_err(|fault| fault.to_string())?;
    let mut rgb = vec![0; 3 * outline.width as usize * outline.height as usize];
    let whole = &bytes[..outline.length];
    let plain = PlainDecoder::default().decode(whole, &outline, &mut rgb)?;
    Ok(plain.map(|()| rgb))
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    ours(bytes).unwrap().unwrap()
}

/// The picture as the crate decodes it.
fn theirs(bytes: &[u8]) -> Vec<u8> {
    let outline = outline(bytes).unwrap();
    let mut rgb = vec![0; 3 * outline.width as usize * outline.height as usize];
    let whole = &bytes[..outline.length];
    OtherDecoder::default()
        .decode(whole, &outline, &mut rgb)
        .unwrap();
    rgb
}

/// The mean and the greatest difference.
fn differences(a: &[u8], b: &[u8]) -> (f64, u8) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = each().map(u64::from).sum();
    (sum as f64 / a.len() as f64, each().max().unwrap_or(0))
}

/// Offset of the first marker of this kind.
pub(super) fn find(bytes: &[u8], marker: u8) -> usize {
    bytes
        .windows(2)
        .position(|pair| pair == [0xFF, marker])
        .unwrap()
}

/// Offset of the first entropy-coded byte.
pub(super) fn scan_start(bytes: &[u8]) -> usize {
    let header = find(bytes, SOS);
    header + 2 + usize::from(bytes[header + 3])
}

#[test]
fn pictures_with_all_their_chroma_agree_with_another_decoder() {
    for size in SIZES {
        for quality in [20, 75, 97] {
            let bytes = encode_with(size, quality, |encoder| {
                encoder.set_sampling_factor(SamplingFactor::F_1_1);
            });
            let (mean, most) = differences(&plain(&bytes), &theirs(&bytes));
            assert!(
                mean < 0.3 && most <= 3,
                "{size:?} at {quality}: {mean} {most}"
            );
        }
    }
}

#[test]
fn grey_pictures_agree_with_another_decoder() {
    for (width, height) in SIZES {
        let mut bytes = Vec::new();
        let luma: Vec<u8> = pixels(width, height)
            .chunks(3)
            .map(|pixel| pixel[1])
            .collect();
        Encoder::new(&mut bytes, 90)
            .encode(&luma, width, height, ColorType::Luma)
            .unwrap();
        let (_, most) = differences(&plain(&bytes), &theirs(&bytes));
        assert!(most <= 1, "{width}x{height}: {most}");
    }
}

#[test]
fn chroma_is_replicated_so_less_of_it_agrees_on_average() {
    for size in SIZES {
        for sampling in SAMPLINGS {
            let bytes = encode(size, sampling, 0);
            let (mean, _) = differences(&plain(&bytes), &theirs(&bytes));
            assert!(mean < 3.0, "{size:?} {sampling:?}: {mean}");
        }
    }
}

#[test]
fn restarts_and_wide_tables_change_nothing() {
    for size in SIZES {
        for sampling in SAMPLINGS {
            let bytes = encode(size, sampling, 0);
            let want = plain(&bytes);
            for interval in [1, 2, 5, 1000] {
                assert_eq!(plain(&encode(size, sampling, interval)), want);
            }
            assert_eq!(plain(&with_wide_quantization(&bytes)), want);
        }
    }
}

/// With its quantization tables in 16 bits.
fn with_wide_quantization(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (bytes[..2].to_vec(), 2);
    while bytes[at + 1] != SOS {
        let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if bytes[at + 1] == DQT {
            let tables = bytes[at + 4..end].chunks(65);
            out.extend([0xFF, DQT]);
            out.extend((2 + 129 * tables.len() as u16).to_be_bytes());
            for table in tables {
                out.push(table[0] | 0x10);
                out.extend(table[1..].iter().flat_map(|&factor| [0, factor]));
            }
        } else {
            out.extend(&bytes[at..end]);
        }
        at = end;
    }
    out.extend(&bytes[at..]);
    out
}

#[test]
fn buffers_serve_pictures_of_all_kinds() {
    let mut decoder = PlainDecoder::default();
    for _ in 0..2 {
        for (size, sampling) in SIZES
            .into_iter()
            .flat_map(|size| SAMPLINGS.map(|s| (size, s)))
        {
            let bytes = encode(size, sampling, 3);
            let outline = outline(&bytes).unwrap();
            let mut rgb = vec![0; 3 * usize::from(size.0) * usize::from(size.1)];
            let plain = decoder.decode(&bytes, &outline, &mut rgb);
            assert_eq!(plain, Ok(Some(())));
            assert_eq!(rgb, self::plain(&bytes));
        }
    }
}

#[test]
fn other_kinds_are_left_to_the_other_decoder() {
    let size = (40, 24);
    let progressive = encode_with(size, 85, |encoder| encoder.set_progressive(true));
    assert_eq!(ours(&progressive), Ok(None));
    // This encoder then writes a scan for each component.
    let optimized = encode_with(size, 85, |encoder| {
        encoder.set_optimized_huffman_tables(true);
    });
    assert_eq!(ours(&optimized), Ok(None));
    for sampling in [SamplingFactor::F_4_1, SamplingFactor::F_4_2] {
        assert_eq!(ours(&encode(size, sampling, 0)), Ok(None));
    }
    let mut cmyk = Vec::new();
    Encoder::new(&mut cmyk, 85)
        .encode(&[90; 4 * 64], 8, 8, ColorType::Cmyk)
        .unwrap();
    assert_eq!(ours(&cmyk), Ok(None));
    let mut adobe = encode(size, SamplingFactor::F_1_1, 0);
    let segment = b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x00";
    adobe.splice(2..2, *segment);
    assert_eq!(ours(&adobe), Ok(None));
    adobe[17] = 1;
    assert!(ours(&adobe).unwrap().is_some());
}
