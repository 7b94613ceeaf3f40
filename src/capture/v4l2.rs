//! A camera behind Video4Linux, read through memory-mapped buffers.

use super::device::{advice, check_capture, device_error, identify, open_node};
use super::guard::guarded;
use super::mode::set_best_mode;
use super::negotiate::Wish;
use super::packet::{SequenceCounter, Settled, capture_time_ns, fourcc_text, picture};
use crate::clock::monotonic_ns;
use crate::frame::{Frame, PixelFormat};
use crate::source::{FrameSource, Next, Pace, SourceError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use v4l::buffer::{Flags as BufferFlags, Metadata, Type};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as StreamControl};

/// Buffers shared with the driver: one being filled, one being read, two for a hiccup.
const BUFFERS: u32 = 4;
/// The first frame takes longer: a sensor starts, exposure settles.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(2);
/// Bounds of the timeout of later frames.
const TIMEOUT_MIN: Duration = Duration::from_millis(50);
const TIMEOUT_MAX: Duration = Duration::from_secs(2);

/// Which camera to open and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V4l2Config {
    /// Device node, or a link to one.
    pub device: PathBuf,
    /// Wanted width in pixels; the nearest that is not smaller is taken.
    pub width: u32,
    /// Wanted height in pixels; the nearest that is not smaller is taken.
    pub height: u32,
    /// Wanted frames in a second.
    pub frames_per_second: u32,
    /// Only this format; `None`: the cheapest that reaches the rate.
    pub format: Option<PixelFormat>,
    /// How long to wait for a frame before the camera counts as stalled; taken as 50 ms
    /// to 2 s. The first frame has 2 s.
    pub timeout: Duration,
}

impl V4l2Config {
    /// 1280x720 at 30 frames a second in any format, 1 s timeout.
    pub fn new(device: impl Into<PathBuf>) -> Self {
        Self {
            device: device.into(),
            width: 1280,
            height: 720,
            frames_per_second: 30,
            format: None,
            timeout: Duration::from_secs(1),
        }
    }

    fn wish(&self) -> Result<Wish, SourceError> {
        let sides = 1..=Frame::SIDE_PIXELS_MAX;
        let refuse = |reason: String| Err(device_error(&self.device, reason));
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return refuse(format!(
                "{}x{} is not a possible size; each side is 1 to {} pixels",
                self.width,
                self.height,
                Frame::SIDE_PIXELS_MAX
            ));
        }
        if !(1..=1000).contains(&self.frames_per_second) {
            return refuse(format!(
                "{} frames a second is not a possible rate; give 1 to 1000",
                self.frames_per_second
            ));
        }
        Ok(Wish {
            width: self.width,
            height: self.height,
            frames_per_second: self.frames_per_second,
            format: self.format,
        })
    }
}

/// An open, streaming camera. After any error but a damaged frame it holds no device any
/// more and must be opened anew: the crate's stream never recovers from a timeout.
pub struct V4l2Source {
    path: PathBuf,
    name: String,
    settled: Settled,
    /// `None` after a failure. The stream keeps the device open.
    stream: Option<Stream<'static>>,
    timeout: Duration,
    is_first: bool,
    sequence: SequenceCounter,
}

/// One buffer, looked at: the driver's number, and the time of capture or the damage.
struct Taken {
    sequence: u32,
    captured: Result<u64, String>,
}

impl V4l2Source {
    /// Opens the camera and agrees on a format, size and rate. Errors, all of them
    /// [`SourceError::Device`] or, without a device, [`SourceError::Absent`], say what to do.
    pub fn open(config: &V4l2Config) -> Result<Self, SourceError> {
        let wish = config.wish()?;
        guarded(|| Self::open_camera(config, &wish))
            .unwrap_or_else(|panic| Err(device_error(&config.device, panic)))
    }

    fn open_camera(config: &V4l2Config, wish: &Wish) -> Result<Self, SourceError> {
        let path = config.device.as_path();
        let failed = |what: &str, error: io::Error| device_error(path, advice(what, &error));
        let device = open_node(path)?;
        let identity =
            identify(&device).map_err(|error| failed("cannot ask the device what it is", error))?;
        check_capture(identity.capabilities)
            .map_err(|reason| device_error(path, reason.to_owned()))?;
        let settled = set_best_mode(&device, wish).map_err(|reason| device_error(path, reason))?;
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)
            .map_err(|error| failed("cannot get buffers", error))?;
        stream.set_timeout(FIRST_FRAME_TIMEOUT);
        Ok(Self {
            path: path.to_owned(),
            name: identity.name,
            settled,
            stream: Some(stream),
            timeout: config.timeout.clamp(TIMEOUT_MIN, TIMEOUT_MAX),
            is_first: true,
            sequence: SequenceCounter::default(),
        })
    }

    fn fail(&mut self, error: io::Error) -> SourceError {
        self.close();
        if error.kind() == io::ErrorKind::TimedOut {
            let timeout = if self.is_first {
                FIRST_FRAME_TIMEOUT
            } else {
                self.timeout
            };
            return SourceError::Timeout(timeout);
        }
        device_error(&self.path, advice("streaming failed", &error))
    }

    /// Stops and drops the stream, and with it the device.
    ///
    /// The crate's stream panics when it cannot stop while it is dropped, and a second
    /// time, which aborts the process, when its buffers then turn out to be busy. So it
    /// is stopped first, and dropped only when that went well or the device is gone.
    fn close(&mut self) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        let stopped = guarded(|| StreamControl::stop(&mut stream));
        let may_drop = match &stopped {
            Ok(Ok(())) => true,
            Ok(Err(error)) => error.raw_os_error() == Some(libc::ENODEV),
            Err(_panic) => false,
        };
        if !may_drop {
            log::error!(
                "{}: the driver refuses to stop the camera ({stopped:?}); if it stays busy, \
                 start lookout again",
                self.path.display()
            );
            // Leaks four buffers, which is better than an abort.
            std::mem::forget(stream);
        } else if let Err(panic) = guarded(|| drop(stream)) {
            log::warn!("{}: closing the camera: {panic}", self.path.display());
        }
    }
}

impl FrameSource for V4l2Source {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        let Some(stream) = self.stream.as_mut() else {
            return Err(device_error(
                &self.path,
                "failed before; open it again".to_owned(),
            ));
        };
        let settled = self.settled;
        let taken = guarded(|| {
            let (buffer, metadata) = CaptureStream::next(stream)?;
            Ok(take(&settled, buffer, metadata, frame))
        })
        .unwrap_or_else(|panic| Err(io::Error::other(panic)));
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => return Err(self.fail(error)),
        };
        if self.is_first {
            self.is_first = false;
            stream.set_timeout(self.timeout);
        }
        // Damaged frames are numbered too, or they would look like frames lost before.
        let sequence = self.sequence.next(taken.sequence);
        let monotonic_ns = taken.captured.map_err(SourceError::Damaged)?;
        frame.stamp.sequence = sequence;
        frame.stamp.monotonic_ns = monotonic_ns;
        frame.stamp.scene_ns = monotonic_ns;
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        let Settled {
            fourcc,
            width,
            height,
            frames_per_second,
            ..
        } = self.settled;
        let rate = match frames_per_second {
            Some(rate) => format!("{rate:.1} frames/s"),
            None => "unknown rate".to_owned(),
        };
        format!(
            "camera {} on {}, {width}x{height} {} at {rate}",
            self.name,
            self.path.display(),
            fourcc_text(fourcc)
        )
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }
}

impl Drop for V4l2Source {
    fn drop(&mut self) {
        self.close();
    }
}

/// Checks a filled buffer and copies its picture into `frame`.
fn take(settled: &Settled, buffer: &[u8], metadata: &Metadata, frame: &mut Frame) -> Taken {
    let now_ns = monotonic_ns();
    let is_broken = metadata.flags.contains(BufferFlags::ERROR);
    let captured = picture(settled, buffer, metadata.bytesused, is_broken).map(|bytes| {
        fill(frame, settled, bytes);
        // The clock is a number in a bit field, so that a mere contains() would also
        // accept values of it that are not defined yet.
        let clock = metadata.flags & BufferFlags::TIMESTAMP_MASK;
        let is_monotonic = clock == BufferFlags::TIMESTAMP_MONOTONIC;
        let stamp = metadata.timestamp;
        capture_time_ns(is_monotonic, stamp.sec, stamp.usec, now_ns)
    });
    Taken {
        sequence: metadata.sequence,
        captured,
    }
}

/// Overwrites everything in `frame` but its stamp. Room for the largest frame of this
/// camera is made at once, because MJPEG pictures differ in size and a later, larger one
/// must not allocate.
fn fill(frame: &mut Frame, settled: &Settled, bytes: &[u8]) {
    frame.format = settled.format;
    frame.width = settled.width;
    frame.height = settled.height;
    frame.stride = settled.stride;
    frame.data.clear();
    frame.data.reserve(settled.frame_bytes.max(bytes.len()));
    frame.data.extend_from_slice(bytes);
}

#[cfg(test)]
#[path = "v4l2_tests.rs"]
mod tests;
