//! The camera itself: it answers control requests and cuts frames into payloads.

use crate::clip::Format;
use crate::descriptors::{self, INTERVALS_100NS};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The largest payload, which is one URB of the driver.
const PAYLOAD_BYTES: usize = 16 * 1024;
const PROBE_BYTES: usize = 26;
const VIDEO_STREAMING_INTERFACE: u16 = 1;

const HEADER_FRAME_ID: u8 = 0x01;
const HEADER_END_OF_FRAME: u8 = 0x02;
const HEADER_END_OF_HEADER: u8 = 0x80;

/// Faults that the tests switch on while the camera runs.
#[derive(Default)]
pub struct Faults {
    /// The camera stays plugged in but sends nothing.
    pub frozen: AtomicBool,
    /// The next frame ends in the middle; cleared when it was sent.
    pub tear_next: AtomicBool,
}

/// The camera's state from plug to unplug.
pub struct Camera<'a> {
    /// The last digit of its serial number.
    number: u8,
    formats: &'a [Format],
    faults: &'a Faults,
    probe: [u8; PROBE_BYTES],
    frame: usize,
    offset: usize,
    frame_end: usize,
    frame_id: u8,
    due: Instant,
}

impl<'a> Camera<'a> {
    /// A camera with these formats, of which there must be one at least; its serial number
    /// ends with `number`, one digit.
    pub fn new(number: u8, formats: &'a [Format], faults: &'a Faults) -> Self {
        let mut camera = Self {
            number,
            formats,
            faults,
            probe: [0; PROBE_BYTES],
            frame: 0,
            offset: 0,
            frame_end: 0,
            frame_id: 0,
            due: Instant::now(),
        };
        camera.negotiate(&[]);
        camera
    }

    /// How long until the next payload may go out; `None` while frozen.
    pub fn wait(&self) -> Option<Duration> {
        if self.faults.frozen.load(Ordering::Relaxed) {
            return None;
        }
        if self.offset > 0 {
            return Some(Duration::ZERO);
        }
        Some(self.due.saturating_duration_since(Instant::now()))
    }

    /// Answers a control request: the data for an IN request, `None` to stall.
    pub fn control(&mut self, setup: [u8; 8], data: &[u8]) -> Option<Vec<u8>> {
        let [
            kind,
            request,
            value_low,
            value_high,
            index_low,
            index_high,
            ..,
        ] = setup;
        let is_streaming = u16::from_le_bytes([index_low, index_high]) == VIDEO_STREAMING_INTERFACE;
        match (kind, request) {
            // GET_DESCRIPTOR
            (0x80, 6) => match (value_high, value_low) {
                (1, _) => Some(descriptors::DEVICE.to_vec()),
                (2, _) => Some(descriptors::configuration(self.formats)),
                (3, number) => Some(descriptors::string(number, self.number)),
                _ => None,
            },
            // GET_STATUS
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // SET_ADDRESS, SET_CONFIGURATION, SET_INTERFACE
            (0x00, 5 | 9) | (0x01, 11) => Some(vec![]),
            // CLEAR_FEATURE(halt): the driver stopped the stream, perhaps in mid-frame.
            (0x02, 1) => {
                self.offset = 0;
                Some(vec![])
            }
            // SET_CUR of probe or commit
            (0x21, 1) if is_streaming => {
                self.negotiate(data);
                self.due = Instant::now();
                Some(vec![])
            }
            // GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_DEF
            (0xa1, 0x81..=0x84 | 0x87) if is_streaming => Some(self.probe.to_vec()),
            // GET_LEN
            (0xa1, 0x85) if is_streaming => Some(vec![PROBE_BYTES as u8, 0]),
            // GET_INFO: get and set are supported
            (0xa1, 0x86) => Some(vec![3]),
            _ => None,
        }
    }

    /// Makes a probe request valid: a known format, a known interval, real sizes.
    fn negotiate(&mut self, wanted: &[u8]) {
        let length = wanted.len().min(PROBE_BYTES);
        self.probe[..length].copy_from_slice(&wanted[..length]);
        let number = self.probe[2].clamp(1, self.formats.len() as u8);
        let [fast, slow] = INTERVALS_100NS;
        let interval = if self.interval_100ns() > fast {
            slow
        } else {
            fast
        };
        self.probe[2] = number;
        self.probe[3] = 1;
        self.probe[4..8].copy_from_slice(&interval.to_le_bytes());
        let frame_bytes = self.format().frame_bytes_max();
        self.probe[18..22].copy_from_slice(&frame_bytes.to_le_bytes());
        self.probe[22..26].copy_from_slice(&(PAYLOAD_BYTES as u32).to_le_bytes());
    }

    fn format(&self) -> &'a Format {
        &self.formats[usize::from(self.probe[2]) - 1]
    }

    fn interval_100ns(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.probe;
        u32::from_le_bytes([a, b, c, d])
    }

    /// The next payload of the stream: a two-byte header and a piece of a frame.
    pub fn payload(&mut self, room_bytes: usize) -> Vec<u8> {
        let format = self.format();
        let frame = &format.frames[self.frame % format.frames.len()];
        if self.offset == 0 {
            let torn = self.faults.tear_next.swap(false, Ordering::Relaxed);
            self.frame_end = if torn { frame.len() / 2 } else { frame.len() };
        }
        let room = room_bytes.clamp(3, PAYLOAD_BYTES) - 2;
        let end = (self.offset + room).min(self.frame_end);
        let is_last = end == self.frame_end;
        let flags = HEADER_END_OF_HEADER | if is_last { HEADER_END_OF_FRAME } else { 0 };
        let mut payload = vec![2, flags | self.frame_id];
        payload.extend(&frame[self.offset..end]);
        if is_last {
            self.offset = 0;
            self.frame += 1;
            self.frame_id ^= HEADER_FRAME_ID;
            let interval = Duration::from_nanos(u64::from(self.interval_100ns()) * 100);
            // Late frames are not made up for: a camera does not hurry.
            self.due = (self.due + interval).max(Instant::now());
        } else {
            self.offset = end;
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_join_to_the_frames() {
        let frames = vec![vec![1u8; 40_000], vec![2u8; 100]];
        let formats = [Format {
            width: 64,
            height: 64,
            is_mjpeg: true,
            frames: frames.clone(),
        }];
        let faults = Faults::default();
        let mut camera = Camera::new(1, &formats, &faults);
        let whole = |camera: &mut Camera| {
            let mut bytes: Vec<u8> = Vec::new();
            loop {
                let payload = camera.payload(PAYLOAD_BYTES);
                bytes.extend(&payload[2..]);
                if payload[1] & HEADER_END_OF_FRAME != 0 {
                    return bytes;
                }
            }
        };
        assert_eq!(whole(&mut camera), frames[0]);
        assert_eq!(whole(&mut camera), frames[1]);
        faults.tear_next.store(true, Ordering::Relaxed);
        assert_eq!(whole(&mut camera), frames[0][..20_000]);
        assert_eq!(whole(&mut camera), frames[1]);
    }

    #[test]
    fn a_probe_of_nonsense_becomes_valid() {
        let formats = [Format {
            width: 64,
            height: 48,
            is_mjpeg: false,
            frames: vec![vec![0]],
        }];
        let faults = Faults::default();
        let mut camera = Camera::new(1, &formats, &faults);
        assert!(
            camera
                .control([0x21, 1, 0, 1, 1, 0, 60, 0], &[0xff; 60])
                .is_some()
        );
        assert_eq!(camera.probe[2], 1);
        assert_eq!(camera.interval_100ns(), INTERVALS_100NS[1]);
        assert!(
            camera
                .control([0x21, 0x77, 0, 0, 0, 0, 0, 0], &[])
                .is_none()
        );
    }
}
