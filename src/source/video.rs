//! H.264 video from an MP4 file.

use super::mp4::{H264Track, append_units, read_track};
use super::pacing::Pacer;
use super::{FrameSource, Next, Pace, SourceError};
use crate::frame::{Frame, PixelFormat};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Samples that may pass without a picture: more than any decoder holds back for reordering.
const SILENT_SAMPLES_MAX: usize = 64;

/// Samples decoded at most to find out whether a file can be decoded at all.
const PROBE_SAMPLES_MAX: usize = 30;

/// An MP4 file whose H.264 video is decoded in this process, in the order of presentation.
/// Frames are [`PixelFormat::I420`].
pub struct VideoSource {
    path: PathBuf,
    file: File,
    track: H264Track,
    decoder: Decoder,
    /// The next sample to decode.
    next: usize,
    sample: Vec<u8>,
    stream: Vec<u8>,
    /// Times of samples that are decoded but not yet shown, the earliest first.
    times_ns: BinaryHeap<Reverse<u64>>,
    /// Frames that the decoder held back until the end.
    last: Option<VecDeque<Frame>>,
    sequence: u64,
    pacer: Pacer,
}

impl VideoSource {
    /// Opens `path` and decodes its first picture as a trial.
    ///
    /// # Errors
    /// [`SourceError::File`] when it cannot be read, is no MP4, holds no H.264, or H.264 of a
    /// profile that the decoder does not know; the message says how to convert it.
    pub fn open(path: &Path, pace: Pace) -> Result<Self, SourceError> {
        let trouble = |reason| SourceError::File {
            path: path.display().to_string(),
            reason,
        };
        let mut file = super::open::open_file(path)?;
        let track = read_track(&mut file).map_err(trouble)?;
        if track.missing > 0 {
            log::warn!(
                "{}: cut short, the last {} of {} frames are missing",
                path.display(),
                track.missing,
                track.missing + track.samples.len()
            );
        }
        let mut source = Self {
            path: path.to_owned(),
            file,
            track,
            decoder: new_decoder().map_err(trouble)?,
            next: 0,
            sample: Vec::new(),
            stream: Vec::new(),
            times_ns: BinaryHeap::new(),
            last: None,
            sequence: 0,
            pacer: Pacer::new(pace),
        };
        source.probe().map_err(trouble)?;
        Ok(source)
    }

    /// Looks whether a picture comes out, then starts anew.
    fn probe(&mut self) -> Result<(), String> {
        let mut frame = Frame::with_capacity(0);
        let mut reason = "no picture came out".to_owned();
        let mut is_good = false;
        while self.next < self.track.samples.len().min(PROBE_SAMPLES_MAX) && !is_good {
            match self.decode_next(&mut frame) {
                Ok(is_picture) => is_good = is_picture,
                Err(error) => reason = error,
            }
        }
        if !is_good && self.next == self.track.samples.len() {
            is_good = !self.flush()?.is_empty();
        }
        if !is_good {
            return Err(format!(
                "its H.264 cannot be decoded ({reason}); baseline, main and high profile with \
                 8 bits, 4:2:0, not interlaced are supported; convert it with: ffmpeg -i IN -an \
                 -c:v libx264 -pix_fmt yuv420p OUT.mp4"
            ));
        }
        self.decoder = new_decoder()?;
        self.next = 0;
        self.times_ns.clear();
        Ok(())
    }

    /// Decodes one sample; true when a picture came out into `frame`. It need not be that of
    /// this sample: pictures that refer to later ones come out later.
    fn decode_next(&mut self, frame: &mut Frame) -> Result<bool, String> {
        let number = self.next;
        let sample = self.track.samples[number];
        self.next += 1;
        let trouble = |reason: String| format!("frame {number}: {reason}");
        self.sample.resize(sample.bytes, 0);
        self.file
            .seek(SeekFrom::Start(sample.offset))
            .and_then(|_| self.file.read_exact(&mut self.sample))
            .map_err(|error| trouble(format!("cannot be read: {error}")))?;
        self.stream.clear();
        if sample.is_sync || number == 0 {
            self.stream.extend_from_slice(&self.track.parameter_sets);
        }
        append_units(&self.sample, self.track.length_bytes, &mut self.stream)
            .ok_or_else(|| trouble("its units do not fit it".to_owned()))?;
        let decoded = self
            .decoder
            .decode(&self.stream)
            .map_err(|error| trouble(error.to_string()))?;
        self.times_ns.push(Reverse(sample.time_ns));
        match decoded {
            Some(picture) => copy_picture(&picture, frame)
                .map(|()| true)
                .map_err(trouble),
            None => Ok(false),
        }
    }

    /// Takes what the decoder held back.
    fn flush(&mut self) -> Result<VecDeque<Frame>, String> {
        let pictures = self
            .decoder
            .flush_remaining()
            .map_err(|error| error.to_string())?;
        pictures
            .iter()
            .map(|picture| {
                let mut frame = Frame::with_capacity(0);
                copy_picture(picture, &mut frame).map(|()| frame)
            })
            .collect()
    }

    /// Brings the next picture into `frame`; false when there is none any more.
    fn next_picture(&mut self, frame: &mut Frame) -> Result<bool, String> {
        for _ in 0..SILENT_SAMPLES_MAX {
            if self.next == self.track.samples.len() {
                if self.last.is_none() {
                    self.last = Some(VecDeque::new());
                    self.last = Some(self.flush()?);
                }
                let held = self.last.as_mut().and_then(VecDeque::pop_front);
                return Ok(held.map(|held| *frame = held).is_some());
            }
            if self.decode_next(frame)? {
                return Ok(true);
            }
        }
        Err(format!("{SILENT_SAMPLES_MAX} frames without a picture"))
    }
}

impl FrameSource for VideoSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        let sequence = self.sequence;
        let is_picture = self.next_picture(frame);
        self.sequence += 1;
        match is_picture {
            Ok(true) => {}
            Ok(false) => return Ok(Next::End),
            Err(reason) => {
                return Err(SourceError::Damaged(format!(
                    "{}, {reason}",
                    self.path.display()
                )));
            }
        }
        // Pictures come in order of presentation, so the earliest time still open is theirs.
        // The heap stays small also where damage left times without a picture.
        let time_ns = self.times_ns.pop().map_or(0, |Reverse(time_ns)| time_ns);
        while self.times_ns.len() > SILENT_SAMPLES_MAX {
            self.times_ns.pop();
        }
        frame.stamp = self.pacer.stamp(sequence, time_ns);
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        let H264Track {
            width,
            height,
            samples,
            ..
        } = &self.track;
        let seconds = samples
            .iter()
            .map(|sample| sample.time_ns)
            .max()
            .unwrap_or(0) as f64
            / 1e9;
        format!(
            "video {}, {width}x{height}, {} frames in {seconds:.1} s",
            self.path.display(),
            samples.len()
        )
    }

    fn pace(&self) -> Pace {
        self.pacer.pace()
    }
}

fn new_decoder() -> Result<Decoder, String> {
    // Flushing after every sample would give pictures out of order where they are reordered.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|error| format!("the H.264 decoder does not start: {error}"))
}

/// Copies the three planes of a decoded picture into `frame`, without padding.
fn copy_picture(picture: &DecodedYUV<'_>, frame: &mut Frame) -> Result<(), String> {
    let (width, height) = picture.dimensions();
    let (stride_y, stride_u, stride_v) = picture.strides();
    let side_max = Frame::SIDE_PIXELS_MAX as usize;
    if width == 0 || height == 0 || width > side_max || height > side_max {
        return Err(format!(
            "{width}x{height} pixels; sides must be 1 to {side_max}"
        ));
    }
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    frame.data.clear();
    for (plane, stride, width, height) in [
        (picture.y(), stride_y, width, height),
        (picture.u(), stride_u, half_width, half_height),
        (picture.v(), stride_v, half_width, half_height),
    ] {
        for y in 0..height {
            let row = plane.get(y * stride..).and_then(|rest| rest.get(..width));
            frame
                .data
                .extend_from_slice(row.ok_or("the decoder gave too few bytes")?);
        }
    }
    frame.format = PixelFormat::I420;
    (frame.width, frame.height, frame.stride) = (width as u32, height as u32, width);
    Ok(())
}

#[cfg(test)]
#[path = "video_tests.rs"]
mod tests;
