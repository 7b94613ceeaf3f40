//! Frames of the built-in drive.

use super::pacing::{Pacer, frame_time_ns};
use super::uri::DriveSettings;
use super::{FrameSource, Next, Pace, SourceError};
use crate::drive::{Drive, DriveBox, DriveConfig};
use crate::frame::{Frame, PixelFormat};

/// The built-in drive as a source, with the boxes that it knows of. Frames are
/// [`PixelFormat::Rgb8`].
pub struct DriveSource {
    drive: Drive,
    settings: DriveSettings,
    truth: Vec<DriveBox>,
    next: u32,
    sequence: u64,
    pacer: Pacer,
}

impl DriveSource {
    /// Builds the street of the seed.
    ///
    /// # Errors
    /// [`SourceError::Uri`] when size or rate are out of range.
    pub fn open(settings: &DriveSettings) -> Result<Self, SourceError> {
        let config = DriveConfig {
            seed: settings.seed,
            width: settings.width,
            height: settings.height,
            frames_per_second: settings.frames_per_second,
            light: settings.light,
        };
        let drive = Drive::new(config).map_err(|error| SourceError::Uri(error.to_string()))?;
        Ok(Self {
            drive,
            settings: settings.clone(),
            truth: Vec::new(),
            next: 0,
            sequence: 0,
            pacer: Pacer::new(settings.pace),
        })
    }

    /// What is to be seen in the frame that the last [`FrameSource::next_frame`] brought.
    pub fn truth(&self) -> &[DriveBox] {
        &self.truth
    }
}

impl FrameSource for DriveSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        if self.settings.frames > 0 && self.next >= self.settings.frames {
            return Ok(Next::End);
        }
        self.drive
            .render(self.next, &mut frame.data, &mut self.truth);
        // A drive without end begins anew after years.
        self.next = self.next.wrapping_add(1);
        frame.format = PixelFormat::Rgb8;
        (frame.width, frame.height) = (self.settings.width, self.settings.height);
        frame.stride = 3 * self.settings.width as usize;
        let sequence = self.sequence;
        self.sequence += 1;
        let media_ns = frame_time_ns(sequence, self.settings.frames_per_second);
        frame.stamp = self.pacer.stamp(sequence, media_ns);
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        let DriveSettings {
            seed,
            width,
            height,
            frames_per_second,
            frames,
            ..
        } = &self.settings;
        let length = match frames {
            0 => "without end".to_owned(),
            frames => format!("{frames} frames"),
        };
        format!(
            "built-in drive, seed {seed}, {width}x{height}, {frames_per_second} frames a second, {length}"
        )
    }

    fn pace(&self) -> Pace {
        self.pacer.pace()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> DriveSettings {
        DriveSettings {
            width: 160,
            height: 96,
            frames: 3,
            pace: Pace::EveryFrame,
            ..DriveSettings::default()
        }
    }

    #[test]
    fn a_drive_has_its_frames_and_ends() {
        let mut source = DriveSource::open(&settings()).unwrap();
        let mut frame = Frame::with_capacity(0);
        let mut pictures = Vec::new();
        for sequence in 0..3 {
            assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
            assert_eq!(frame.stamp.sequence, sequence);
            assert_eq!(frame.data.len(), 3 * 160 * 96);
            assert!(source.truth().iter().all(|truth| truth.bbox.x1 <= 160.0));
            pictures.push(frame.data.clone());
        }
        assert_ne!(pictures[0], pictures[2]);
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::End);
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::End);
    }

    #[test]
    fn no_frames_means_no_end() {
        let mut source = DriveSource::open(&DriveSettings {
            frames: 0,
            ..settings()
        })
        .unwrap();
        source.next = settings().frames;
        let mut frame = Frame::with_capacity(0);
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
        assert_eq!(source.next_frame(&mut frame).unwrap(), Next::Frame);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        let opened = DriveSource::open(&DriveSettings {
            width: 1,
            ..settings()
        });
        assert!(matches!(opened, Err(SourceError::Uri(_))));
    }
}
