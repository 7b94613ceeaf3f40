//! The inference thread: from the mailbox to the outlets.

use super::error::RunError;
use super::models::Models;
use super::outlet::Outlet;
use super::shared::{Ended, Shared, Tuning};
use crate::annotate::AnnotateWriter;
use crate::clock::{self, WallClock};
use crate::detection::{DetectionFrame, SheddingLevel};
use crate::footage::Taps;
use crate::frame::Frame;
use crate::mailbox::Taken;
use crate::pixels::{Decoder, Picture};
use crate::rules::Rules;
use crate::source::Pace;
use crate::tracking::Tracker;
use std::time::{Duration, Instant};

/// How soon a thread that waits for a frame notices a stop.
const WAIT_SLICE: Duration = Duration::from_millis(100);

/// Frames in a row that the detector may fail on before the run ends with an error.
const FAILURES_IN_A_ROW_MAX: u64 = 10;

/// All that the inference thread owns. Its buffers are reused from frame to frame.
pub(super) struct Inference {
    parts: InferenceParts,
    decoder: Decoder,
    clock: WallClock,
    message: DetectionFrame,
    is_last_damaged: bool,
    failures_in_a_row: u64,
}

/// What an [`Inference`] is put together from.
pub(super) struct InferenceParts {
    pub(super) models: Models,
    pub(super) tracker: Option<Tracker>,
    pub(super) rules: Rules,
    pub(super) outlets: Vec<Outlet>,
    pub(super) taps: Taps,
    pub(super) annotator: Option<AnnotateWriter>,
    pub(super) frames_max: Option<u64>,
}

impl Inference {
    pub(super) fn new(parts: InferenceParts) -> Self {
        Self {
            parts,
            decoder: Decoder::new(),
            clock: WallClock::new(),
            message: DetectionFrame::empty(),
            is_last_damaged: false,
            failures_in_a_row: 0,
        }
    }

    /// Looks at frames until there are no more, enough have been published or the run is stopped.
    pub(super) fn run(&mut self, shared: &Shared) -> Result<Option<Ended>, RunError> {
        let mut frame = Frame::with_capacity(0);
        while !shared.stop.is_stopped() {
            match shared.mailbox.take(&mut frame, WAIT_SLICE) {
                Taken::Timeout => {}
                Taken::Closed if shared.stop.is_stopped() => break,
                Taken::Closed => return Ok(Some(Ended::SourceEnd)),
                Taken::Frame => {
                    let began_ns = shared.times.begin_inference();
                    let processed = self.process(&mut frame, shared);
                    shared.times.end_inference(began_ns);
                    processed?;
                }
            }
            if self
                .parts
                .frames_max
                .is_some_and(|frames_max| self.message.sequence >= frames_max)
            {
                return Ok(Some(Ended::FrameLimit));
            }
        }
        Ok(Some(Ended::Stopped))
    }

    /// Waits for the last annotated picture. The outlets close with `self`.
    pub(super) fn finish(mut self, shared: &Shared) {
        if let Some(annotator) = self.parts.annotator.take() {
            *shared.annotated() = Some(annotator.finish());
        }
    }

    /// One frame, from bytes to every reader. A frame that cannot be read or looked at is
    /// counted and skipped; the log says so once for each row of them. One that was looked at is
    /// passed on, and another buffer comes in its place.
    fn process(&mut self, frame: &mut Frame, shared: &Shared) -> Result<(), RunError> {
        let mut lap = Lap::start();
        if let Some(tuning) = shared.take_retuning() {
            self.retune(tuning);
        }
        let picture = match self.decoder.picture(frame) {
            Ok(picture) => picture,
            Err(error) => {
                shared.tallies.damaged.add(1);
                if !std::mem::replace(&mut self.is_last_damaged, true) {
                    log::warn!("damaged frame {} skipped: {error}", frame.stamp.sequence);
                }
                return Ok(());
            }
        };
        self.is_last_damaged = false;
        let decode = lap.next();
        let load = shared.load.load(self.parts.models.has_lite());
        let model = self.parts.models.pick(load.level == SheddingLevel::Lite);
        let message = &mut self.message;
        let times = match model.detector.detect(&picture, &mut message.detections) {
            Ok(times) => times,
            Err(error) => {
                shared.tallies.failed.add(1);
                return count_failure(&mut self.failures_in_a_row, &error.to_string());
            }
        };
        self.failures_in_a_row = 0;
        if let Some(tracker) = &mut self.parts.tracker {
            let scene_ns = frame.stamp.scene_ns;
            tracker.follow(scene_ns, &model.thresholds, &mut message.detections);
        }
        lap.next();
        message.frame_width = picture.width();
        message.frame_height = picture.height();
        message.load = load;
        message.degraded = shared.load.is_degraded();
        message.model_id.clone_from(&model.id);
        let is_tracked = self.parts.tracker.is_some();
        self.parts
            .rules
            .look(frame.stamp.scene_ns, is_tracked, message);
        stamp(message, frame, &mut self.clock);
        for outlet in &mut self.parts.outlets {
            outlet.send(message, &shared.stop);
        }
        shared.times.note_publication(message.captured_monotonic_ns);
        let publish = lap.next();
        let took = [
            decode,
            times.preprocess,
            times.infer,
            times.postprocess,
            publish,
            lap.whole(),
        ];
        shared.statistics().record(message, &took, Instant::now());
        if let Some(annotator) = &self.parts.annotator {
            annotate(annotator, &picture, message, shared.pace);
        }
        self.parts.models.ready_lite(&picture);
        self.parts.taps.pass(frame, &self.message);
        self.message.sequence += 1;
        Ok(())
    }

    fn retune(&mut self, tuning: Tuning) {
        self.parts.models.report(tuning.score, tuning.tracking);
        // Objects keep their numbers where only the scores change.
        if self.parts.tracker.is_some() != tuning.tracking {
            self.parts.tracker = tuning.tracking.then(Tracker::new);
        }
        if let Some(rules) = tuning.rules {
            self.parts.rules.replace(rules);
        }
    }
}

/// A stopwatch for one stage after the other.
struct Lap {
    began: Instant,
    last: Instant,
}

impl Lap {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
        }
    }

    /// The time since the last stage ended; the next one begins.
    fn next(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.last, now))
    }

    /// The time from the start to the end of the last stage.
    fn whole(&self) -> Duration {
        self.last.duration_since(self.began)
    }
}

/// Offers the picture to be written. Whoever is late for a live source waits for nobody.
fn annotate(writer: &AnnotateWriter, picture: &Picture<'_>, seen: &DetectionFrame, pace: Pace) {
    match pace {
        Pace::Live => writer.offer(picture, seen.sequence, &seen.detections),
        Pace::EveryFrame => writer.offer_wait(picture, seen.sequence, &seen.detections),
    };
}

/// Notes when the frame was taken and how old it is now, at publication.
fn stamp(message: &mut DetectionFrame, frame: &Frame, clock: &mut WallClock) {
    let captured_ns = frame.stamp.monotonic_ns;
    let wall = clock.at(captured_ns);
    message.source_sequence = frame.stamp.sequence;
    message.captured_monotonic_ns = captured_ns;
    message.captured_unix_ns = wall.unix_ns;
    message.wall_clock_synchronised = wall.synchronised;
    message.age_us = clock::monotonic_ns().saturating_sub(captured_ns) / 1000;
}

fn count_failure(failures_in_a_row: &mut u64, reason: &str) -> Result<(), RunError> {
    *failures_in_a_row += 1;
    if *failures_in_a_row == 1 {
        log::warn!("a frame was not looked at: {reason}");
    }
    if *failures_in_a_row < FAILURES_IN_A_ROW_MAX {
        return Ok(());
    }
    Err(RunError::Detector {
        failures: *failures_in_a_row,
        reason: reason.to_owned(),
    })
}
