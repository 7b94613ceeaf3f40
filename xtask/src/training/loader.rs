//! Feeds the trainer: decodes, augments and assigns on its own threads, in an order that
//! depends on the seed alone.

use super::assign::Targets;
use super::augment::Sample;
use super::cache::PictureCache;
use super::training_set::TrainingSet;
use super::worker::Worker;
use crate::recipe::{Assignment, AugmentationRecipe};
use crossbeam_channel::{Receiver, TryRecvError, bounded};
use lookout::anchors::AnchorGrid;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Samples that each thread prepares ahead.
const AHEAD: usize = 24;

/// Of so many pictures in a row not one could be read: something is wrong with the disk.
const FAILURES_IN_A_ROW_MAX: usize = 50;

/// Why a picture gave no sample.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Nothing comes any more.
    #[error(
        "{FAILURES_IN_A_ROW_MAX} pictures in a row could not be read, the last one was {0}; is the data still there?"
    )]
    Stopped(String),
}

/// What a loader makes, and how.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// `(height, width)` of the samples in pixels.
    pub input: (u32, u32),
    /// Makes the sequence.
    pub seed: u64,
    /// Number of the first sample in the sequence.
    pub first: u64,
    /// Threads that decode and augment, at least 1.
    pub threads: usize,
    /// What pictures go through.
    pub augmentation: AugmentationRecipe,
    /// Whether there are mosaics and pastes among the samples, in the shares that
    /// `augmentation` says.
    pub composing: bool,
    /// Which anchors learn an object.
    pub assignment: Assignment,
    /// Where decoded pictures are kept; may be shared with other loaders. `None` where every
    /// picture is seen once.
    pub cache: Option<Arc<PictureCache>>,
}

/// What a loader did so far, and whether anybody had to wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoaderStats {
    /// Samples handed out.
    pub samples: u64,
    /// How often the next sample was not ready when it was asked for. The first sample of
    /// all never is, and counts.
    pub waits: u64,
    /// Time spent waiting for samples that were not ready.
    pub wait_seconds: f64,
    /// Time from the start to now.
    pub seconds: f64,
    /// Pictures that were in the cache. The cache counts for all its loaders.
    pub cache_hits: u64,
    /// Pictures that had to be read and decoded.
    pub cache_misses: u64,
    /// Bytes of the cache in use.
    pub cache_bytes: u64,
    /// Pictures that could not be read and were skipped.
    pub failures: u64,
}

impl LoaderStats {
    /// Share of the time that was spent waiting, 0 to 1.
    pub fn wait_share(&self) -> f64 {
        if self.seconds > 0.0 {
            self.wait_seconds / self.seconds
        } else {
            0.0
        }
    }
}

impl std::fmt::Display for LoaderStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.cache_hits + self.cache_misses;
        write!(
            f,
            "{} samples; waited {} times, {:.1} % of the time; {} of {shown} pictures from a cache of {} MB",
            self.samples,
            self.waits,
            100.0 * self.wait_share(),
            self.cache_hits,
            self.cache_bytes / 1_000_000,
        )
    }
}

/// A running loader; samples come in the order of the sequence.
#[derive(Debug)]
pub struct Loader {
    lanes: Vec<Receiver<Result<(Sample, Targets), String>>>,
    next: usize,
    samples: u64,
    failures: u64,
    failures_in_a_row: usize,
    waits: u64,
    waited: Duration,
    begun: Instant,
    cache: Option<Arc<PictureCache>>,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// Starts threads that make samples of `set` for the anchors of `grid`.
    pub fn start(set: Arc<TrainingSet>, grid: &AnchorGrid, options: &LoaderOptions) -> Self {
        let threads = options.threads.max(1);
        let (mut lanes, mut handles) = (Vec::new(), Vec::new());
        for lane in 0..threads {
            let (sender, receiver) = bounded(AHEAD);
            let mut worker = Worker::new(set.clone(), grid.clone(), options.clone());
            let mut position = options.first + lane as u64;
            handles.push(std::thread::spawn(move || {
                while sender.send(worker.sample(position)).is_ok() {
                    position += threads as u64;
                }
            }));
            lanes.push(receiver);
        }
        Self {
            lanes,
            next: 0,
            samples: 0,
            failures: 0,
            failures_in_a_row: 0,
            waits: 0,
            waited: Duration::ZERO,
            begun: Instant::now(),
            cache: options.cache.clone(),
            threads: handles,
        }
    }

    /// The next sample. Pictures that cannot be read are skipped and counted.
    pub fn next_sample(&mut self) -> Result<(Sample, Targets), LoaderError> {
        loop {
            match self.receive() {
                Some(Ok(sample)) => {
                    self.samples += 1;
                    self.failures_in_a_row = 0;
                    return Ok(sample);
                }
                Some(Err(reason)) => {
                    log::warn!("picture skipped: {reason}");
                    self.failures += 1;
                    self.failures_in_a_row += 1;
                    if self.failures_in_a_row >= FAILURES_IN_A_ROW_MAX {
                        return Err(LoaderError::Stopped(reason));
                    }
                }
                None => return Err(LoaderError::Stopped("a loader thread ended".into())),
            }
        }
    }

    /// What the next lane gives, now or after waiting; `None` where its thread is gone.
    fn receive(&mut self) -> Option<Result<(Sample, Targets), String>> {
        let lane = &self.lanes[self.next];
        self.next = (self.next + 1) % self.lanes.len();
        match lane.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let begin = Instant::now();
                let result = lane.recv().ok();
                self.waits += 1;
                self.waited += begin.elapsed();
                result
            }
        }
    }

    /// What was done so far.
    pub fn stats(&self) -> LoaderStats {
        let cached = |of: fn(&PictureCache) -> u64| self.cache.as_deref().map_or(0, of);
        LoaderStats {
            samples: self.samples,
            waits: self.waits,
            wait_seconds: self.waited.as_secs_f64(),
            seconds: self.begun.elapsed().as_secs_f64(),
            cache_hits: cached(PictureCache::hits),
            cache_misses: cached(PictureCache::misses),
            cache_bytes: cached(PictureCache::bytes),
            failures: self.failures,
        }
    }

    /// Samples that are ready; 0 means that the trainer waits for its data.
    #[cfg(test)]
    fn ready(&self) -> usize {
        self.lanes.iter().map(Receiver::len).sum()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Without receivers the threads' next send fails, and they end.
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a loader thread panicked");
            }
        }
    }
}

#[cfg(test)]
#[path = "loader_tests.rs"]
mod tests;
