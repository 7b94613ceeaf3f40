//! What an MP4 file says about its H.264 video: where each coded picture lies, and when it is
//! due.

use mp4parse::unstable::{CheckedInteger, create_sample_table};
use mp4parse::{CodecType, SampleEntry, Track, TrackType, VideoCodecSpecific, VideoSampleEntry};
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};

/// The largest index (`moov` box) that is read: many hours of video.
const MOOV_BYTES_MAX: u64 = 64 << 20;
/// The most coded pictures of one file: over a day at 30 frames a second.
const SAMPLES_MAX: usize = 4 << 20;
/// The largest coded picture.
const SAMPLE_BYTES_MAX: u64 = 32 << 20;
/// The most boxes looked at in search of the index.
const BOXES_MAX: usize = 100_000;

const REMEDY: &str = "convert it with: ffmpeg -i IN -an -c:v libx264 -pix_fmt yuv420p OUT.mp4";

/// One coded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// How long it is in bytes.
    pub(super) bytes: usize,
    /// When it is shown, from the start of the video.
    pub(super) time_ns: u64,
    /// Whether it can be decoded without those before it.
    pub(super) is_sync: bool,
}

/// The H.264 video of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct H264Track {
    pub(super) width: u32,
    pub(super) height: u32,
    /// In decoding order; never empty.
    pub(super) samples: Vec<Sample>,
    /// Coded pictures that the index names, but that lie behind the end of the file.
    pub(super) missing: usize,
    /// Bytes of the length before each unit of a sample: 1, 2 or 4.
    pub(super) length_bytes: usize,
    /// SPS and PPS with start codes, to be decoded before every picture that begins anew.
    pub(super) parameter_sets: Vec<u8>,
}

/// Reads the index of an MP4 file. The pictures themselves stay in the file.
///
/// # Errors
/// What is wrong with the file, or unsupported, and what helps.
pub(super) fn read_track(file: &mut File) -> Result<H264Track, String> {
    let file_bytes = file.metadata().map_err(|error| error.to_string())?.len();
    let index = read_index(file, file_bytes)?;
    let context = mp4parse::read_mp4(&mut Cursor::new(&index))
        .map_err(|error| format!("its index (moov) is damaged: {error:?}"))?;
    let is_video = |track: &&Track| track.track_type == TrackType::Video;
    let track = context
        .tracks
        .iter()
        .find(is_video)
        .ok_or("it holds no video")?;
    let (width, height, config) = avc_config(track)
        .ok_or_else(|| format!("its video is {}, not H.264; {REMEDY}", codec_name(&index)))?;
    let (length_bytes, parameter_sets) = parameter_sets(config)
        .ok_or_else(|| format!("its H.264 configuration (avcC) is damaged; {REMEDY}"))?;
    let mut samples = samples(track)?;
    let named = samples.len();
    samples.retain(|sample| sample.offset + sample.bytes as u64 <= file_bytes);
    if samples.is_empty() {
        return Err("none of its pictures is there: the file was cut short; copy it again".into());
    }
    let missing = named - samples.len();
    Ok(H264Track {
        width,
        height,
        samples,
        missing,
        length_bytes,
        parameter_sets,
    })
}

/// Finds the `moov` box, which may be first or last, and reads it with its header.
fn read_index(file: &mut File, file_bytes: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut at = 0;
    let mut is_mp4 = false;
    for _ in 0..BOXES_MAX {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at)).map_err(cannot)?;
        if at + 8 > file_bytes || file.read_exact(&mut header[..8]).is_err() {
            break;
        }
        let [a, b, c, d, kind @ ..] = header.first_chunk::<8>().copied().unwrap_or_default();
        let length = match u32::from_be_bytes([a, b, c, d]) {
            0 => file_bytes - at,
            1 => {
                file.read_exact(&mut header[8..]).map_err(cannot)?;
                u64::from_be_bytes(header.last_chunk::<8>().copied().unwrap_or_default())
            }
            length => u64::from(length),
        };
        if length < 8 {
            break;
        }
        is_mp4 |= matches!(&kind, b"ftyp" | b"moov" | b"moof" | b"mdat");
        if &kind == b"moov" {
            if length > MOOV_BYTES_MAX || at.checked_add(length).is_none_or(|end| end > file_bytes)
            {
                return Err(format!(
                    "its index (moov) of {length} bytes does not fit the file or is over \
                     {MOOV_BYTES_MAX} bytes; the file was cut short or damaged"
                ));
            }
            file.seek(SeekFrom::Start(at)).map_err(cannot)?;
            let mut index = Vec::new();
            file.take(length).read_to_end(&mut index).map_err(cannot)?;
            return Ok(index);
        }
        let Some(next) = at.checked_add(length) else {
            break;
        };
        at = next;
    }
    Err(match is_mp4 {
        true => "it has no index (moov): the recording was not finished or the file was cut \
                 short; a tool such as untrunc may repair it"
            .to_owned(),
        false => format!("it is not an MP4 file; {REMEDY}"),
    })
}

/// Size and H.264 configuration of a video track; `None` when it is coded otherwise.
fn avc_config(track: &Track) -> Option<(u32, u32, &[u8])> {
    let mut entries = track.stsd.iter().flat_map(|stsd| stsd.descriptions.iter());
    entries.find_map(|entry| match entry {
        SampleEntry::Video(VideoSampleEntry {
            codec_type: CodecType::H264,
            codec_specific: VideoCodecSpecific::AVCConfig(config),
            width,
            height,
            ..
        }) => Some((u32::from(*width), u32::from(*height), config.as_slice())),
        _ => None,
    })
}

/// Names the coding of a video that is not H.264, for the message only.
fn codec_name(index: &[u8]) -> &'static str {
    let names = [
        (b"hvc1", "H.265"),
        (b"hev1", "H.265"),
        (b"av01", "AV1"),
        (b"vp09", "VP9"),
        (b"mp4v", "MPEG-4 part 2"),
        (b"jpeg", "motion JPEG"),
    ];
    let is_there = |kind: &[u8; 4]| index.windows(4).any(|window| window == kind);
    names
        .iter()
        .find(|(kind, _)| is_there(kind))
        .map_or("of an unknown coding", |pair| pair.1)
}

/// Reads an `avcC` box: the length of lengths, and SPS and PPS with start codes.
fn parameter_sets(config: &[u8]) -> Option<(usize, Vec<u8>)> {
    let &[1, _, _, _, length_code, sps_count, ref rest @ ..] = config else {
        return None;
    };
    let length_bytes = usize::from(length_code & 3) + 1;
    if length_bytes == 3 {
        return None;
    }
    let mut sets = Vec::new();
    let rest = take_sets(rest, sps_count & 31, &mut sets)?;
    let (&pps_count, rest) = rest.split_first()?;
    take_sets(rest, pps_count, &mut sets)?;
    Some((length_bytes, sets))
}

/// Moves `count` parameter sets to `sets`; gives what follows them.
fn take_sets<'a>(mut bytes: &'a [u8], count: u8, sets: &mut Vec<u8>) -> Option<&'a [u8]> {
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (set, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        sets.extend_from_slice(&START_CODE);
        sets.extend_from_slice(set);
        bytes = rest;
    }
    Some(bytes)
}

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Turns the units of one sample, each after its length, into `stream`: the same units after
/// start codes, as the decoder wants them. `None` when the lengths do not fit the sample.
pub(super) fn append_units(sample: &[u8], length_bytes: usize, stream: &mut Vec<u8>) -> Option<()> {
    let mut rest = sample;
    while !rest.is_empty() {
        let (length, units) = rest.split_at_checked(length_bytes)?;
        let length = length
            .iter()
            .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        let (unit, next) = units.split_at_checked(length)?;
        stream.extend_from_slice(&START_CODE);
        stream.extend_from_slice(unit);
        rest = next;
    }
    Some(())
}

/// Lists the samples of a track in decoding order, times from 0.
fn samples(track: &Track) -> Result<Vec<Sample>, String> {
    let damaged = || "the tables in its index (moov) are damaged or missing".to_owned();
    check_count(track)?;
    let table = create_sample_table(track, CheckedInteger(0)).ok_or_else(damaged)?;
    let ticks_per_second = track
        .timescale
        .map(|scale| scale.0)
        .filter(|&ticks| ticks > 0);
    let ticks_per_second = i128::from(ticks_per_second.ok_or_else(damaged)?);
    let first = table
        .iter()
        .map(|sample| sample.start_composition.0)
        .min()
        .unwrap_or(0);
    table
        .iter()
        .map(|sample| {
            let (start, end) = (sample.start_offset.0, sample.end_offset.0);
            let bytes = end
                .checked_sub(start)
                .filter(|&bytes| bytes <= SAMPLE_BYTES_MAX)?;
            let ticks = i128::from(sample.start_composition.0) - i128::from(first);
            let time_ns = u64::try_from(ticks * 1_000_000_000 / ticks_per_second).ok()?;
            Some(Sample {
                offset: start,
                bytes: bytes as usize,
                time_ns,
                is_sync: sample.sync,
            })
        })
        .collect::<Option<Vec<_>>>()
        .filter(|samples| !samples.is_empty())
        .ok_or_else(damaged)
}

/// Counts the samples before they are listed: a few bytes can claim billions of them.
fn check_count(track: &Track) -> Result<(), String> {
    let (Some(runs), Some(chunks), Some(sizes)) = (&track.stsc, &track.stco, &track.stsz) else {
        return Err(format!(
            "its index (moov) lists no pictures: it is fragmented; {REMEDY}, or join the \
             fragments with -c:v copy in place of the encoder"
        ));
    };
    let chunk_count = chunks.offsets.len() as u64;
    let starts = runs.samples.iter().map(|run| u64::from(run.first_chunk));
    let ends = starts.skip(1).chain([chunk_count + 1]);
    let count = runs
        .samples
        .iter()
        .zip(ends)
        .fold(0_u64, |sum, (run, end)| {
            let chunks = end
                .min(chunk_count + 1)
                .saturating_sub(u64::from(run.first_chunk));
            sum.saturating_add(chunks.saturating_mul(u64::from(run.samples_per_chunk)))
        });
    let sizes = sizes.sample_sizes.len();
    if count == 0 && sizes == 0 {
        return Err(format!("its index (moov) lists no pictures; {REMEDY}"));
    }
    // Coded pictures differ in size, so each has its own entry in the table of sizes.
    if count > sizes as u64 || sizes > SAMPLES_MAX {
        return Err(format!(
            "its index (moov) lists {count} pictures and {sizes} sizes; at most {SAMPLES_MAX} \
             are read, and each needs a size"
        ));
    }
    Ok(())
}
