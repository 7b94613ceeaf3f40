//! Writes annotated frames to a folder, in a thread of its own.

use super::draw;
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::pixels::Picture;
use crossbeam_channel::{Receiver, Sender};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Quality of JPEG files, of 100.
pub const JPEG_QUALITY: u8 = 90;

/// Pictures that may wait or be in work at a time.
const BUFFERS: usize = 2;

/// How pictures are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFile {
    /// JPEG of [`JPEG_QUALITY`], `.jpg`.
    #[default]
    Jpeg,
    /// PNG, `.png`: exact, but several times as large and slow.
    Png,
}

impl PictureFile {
    /// File name extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// What an [`AnnotateWriter`] writes, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnotateOptions {
    /// Kind of file.
    pub file: PictureFile,
    /// Only frames whose sequence number is a multiple of this.
    pub every_nth: NonZeroU64,
    /// No more files than this in one run.
    pub files_max: u64,
}

impl Default for AnnotateOptions {
    /// Every frame as JPEG, at most 10 000 files.
    fn default() -> Self {
        Self {
            file: PictureFile::Jpeg,
            every_nth: NonZeroU64::MIN,
            files_max: 10_000,
        }
    }
}

/// Why annotated frames cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AnnotateError {
    /// The folder cannot be made or written to.
    #[error("--annotate {}: {source}; choose a folder that this user may write", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gave no thread.
    #[error("cannot start the writer of annotated frames: {0}; end other programs")]
    Thread(io::Error),
}

/// What an [`AnnotateWriter`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnotateReport {
    /// Where the files are.
    pub folder: PathBuf,
    /// Files written.
    pub written: u64,
    /// Frames passed over because the writer was busy.
    pub busy: u64,
    /// Frames that could not be written, because of a full disk for instance.
    pub faults: u64,
}

#[derive(Default)]
struct Counters {
    /// Taken and not failed; the measure of `files_max`.
    accepted: AtomicU64,
    written: AtomicU64,
    busy: AtomicU64,
    faults: AtomicU64,
}

/// A frame on its way to a file; its buffers are used again.
#[derive(Default)]
struct Job {
    rgb: Vec<u8>,
    width: u32,
    height: u32,
    sequence: u64,
    detections: heapless::Vec<Detection, DETECTIONS_MAX>,
}

/// Draws detections on frames and writes them to a folder as `frame-000123.jpg`, the number
/// being the sequence number of the detections. A file is complete once it has its name.
pub struct AnnotateWriter {
    options: AnnotateOptions,
    folder: PathBuf,
    counters: Arc<Counters>,
    free: Receiver<Box<Job>>,
    work: Sender<Box<Job>>,
    handle: JoinHandle<()>,
}

impl AnnotateWriter {
    /// Makes `folder` where it is missing and starts the thread.
    ///
    /// # Errors
    /// [`AnnotateError`] when the folder is not writable or no thread is to be had.
    pub fn start(folder: &Path, options: AnnotateOptions) -> Result<Self, AnnotateError> {
        prepare(folder).map_err(|source| AnnotateError::Folder {
            folder: folder.into(),
            source,
        })?;
        let (free_sender, free) = crossbeam_channel::bounded(BUFFERS);
        let (work, jobs) = crossbeam_channel::bounded(BUFFERS);
        for _ in 0..BUFFERS {
            // The channel has room for all of them.
            let _ = free_sender.send(Box::default());
        }
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            folder: folder.into(),
            file: options.file,
            counters: Arc::clone(&counters),
            encoded: Vec::new(),
            is_failing: false,
        };
        let handle = std::thread::Builder::new()
            .name("lookout-annotate".into())
            .spawn(move || worker.run(&jobs, &free_sender))
            .map_err(AnnotateError::Thread)?;
        Ok(Self {
            options,
            folder: folder.into(),
            counters,
            free,
            work,
            handle,
        })
    }

    /// Whether a frame of this number would be taken. Cheap: ask before getting a picture.
    pub fn wants(&self, sequence: u64) -> bool {
        sequence.is_multiple_of(self.options.every_nth.get())
            && self.counters.accepted.load(Ordering::Relaxed) < self.options.files_max
    }

    /// Copies the picture and takes it to be written; `false`, at once, when it is not wanted
    /// ([`Self::wants`]) or when the writer is busy, which is counted.
    pub fn offer(&self, picture: &Picture<'_>, sequence: u64, detections: &[Detection]) -> bool {
        if !self.wants(sequence) {
            return false;
        }
        match self.free.try_recv() {
            Ok(job) => self.submit(job, picture, sequence, detections),
            Err(_) => {
                self.counters.busy.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// As [`Self::offer`], but waits while the writer is busy; `false` only when the frame is
    /// not wanted.
    pub fn offer_wait(
        &self,
        picture: &Picture<'_>,
        sequence: u64,
        detections: &[Detection],
    ) -> bool {
        self.wants(sequence)
            && self
                .free
                .recv()
                .is_ok_and(|job| self.submit(job, picture, sequence, detections))
    }

    fn submit(
        &self,
        mut job: Box<Job>,
        picture: &Picture<'_>,
        sequence: u64,
        detections: &[Detection],
    ) -> bool {
        picture.write_rgb(&mut job.rgb);
        (job.width, job.height, job.sequence) = (picture.width(), picture.height(), sequence);
        job.detections.clear();
        job.detections
            .extend(detections.iter().take(DETECTIONS_MAX).copied());
        let accepted = self.counters.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if accepted == self.options.files_max {
            log::info!(
                "{}: {accepted} annotated frames, enough",
                self.folder.display()
            );
        }
        self.work.send(job).is_ok()
    }

    /// What it did so far.
    pub fn report(&self) -> AnnotateReport {
        AnnotateReport {
            folder: self.folder.clone(),
            written: self.counters.written.load(Ordering::Relaxed),
            busy: self.counters.busy.load(Ordering::Relaxed),
            faults: self.counters.faults.load(Ordering::Relaxed),
        }
    }

    /// Waits until all that was taken is written, and ends the thread.
    pub fn finish(self) -> AnnotateReport {
        let mut report = self.report();
        let Self {
            counters,
            work,
            handle,
            ..
        } = self;
        drop(work);
        if handle.join().is_err() {
            log::error!("the writer of annotated frames panicked; this is a bug in lookout");
        }
        report.written = counters.written.load(Ordering::Relaxed);
        report.faults = counters.faults.load(Ordering::Relaxed);
        report
    }
}

/// Makes the folder and tries whether files can be made in it.
fn prepare(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".lookout-probe-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(probe)
}

struct Worker {
    folder: PathBuf,
    file: PictureFile,
    counters: Arc<Counters>,
    encoded: Vec<u8>,
    is_failing: bool,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Box<Job>>, free: &Sender<Box<Job>>) {
        for mut job in jobs {
            let result = self.write(&mut job);
            self.note(result);
            if free.send(job).is_err() {
                // Nobody offers any more; what is still in the channel is written all the same.
                continue;
            }
        }
    }

    fn write(&mut self, job: &mut Job) -> Result<(), ImageError> {
        draw(&mut job.rgb, job.width, job.height, &job.detections);
        self.encoded.clear();
        let (rgb, width, height) = (&job.rgb, job.width, job.height);
        let colour = ExtendedColorType::Rgb8;
        match self.file {
            PictureFile::Jpeg => JpegEncoder::new_with_quality(&mut self.encoded, JPEG_QUALITY)
                .write_image(rgb, width, height, colour)?,
            PictureFile::Png => {
                PngEncoder::new(&mut self.encoded).write_image(rgb, width, height, colour)?;
            }
        }
        let name = format!("frame-{:06}.{}", job.sequence, self.file.extension());
        let partial = self.folder.join(format!(".{name}.part"));
        let stored = fs::write(&partial, &self.encoded)
            .and_then(|()| fs::rename(&partial, self.folder.join(name)));
        if stored.is_err() {
            // Half a file would only take the space that is missing.
            let _ = fs::remove_file(&partial);
        }
        Ok(stored?)
    }

    /// Counts a result; says the first fault of a row, and the end of that row.
    fn note(&mut self, result: Result<(), ImageError>) {
        let folder = self.folder.display();
        match result {
            Ok(()) => {
                self.counters.written.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut self.is_failing) {
                    log::info!("{folder}: annotated frames can be written again");
                }
            }
            Err(error) => {
                self.counters.faults.fetch_add(1, Ordering::Relaxed);
                self.counters.accepted.fetch_sub(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::warn!(
                        "{folder}: cannot write an annotated frame: {error}; detection goes on, \
                         free some space or remove --annotate"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
