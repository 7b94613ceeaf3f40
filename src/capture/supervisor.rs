//! Keeps frames coming from a source that may fail.

use super::counters::{CaptureCounters, CaptureState, add};
use super::guard::guarded;
use super::stop::StopFlag;
use super::trouble::{Backoff, TroubleLog};
use crate::frame::Frame;
use crate::source::{FrameSource, Next, SourceError};
use log::Level;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Opens the source; called again after every failure of a live one.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send>;

/// Where the lines of the log go. Tests put a list here.
type Reporter = Box<dyn FnMut(Level, &str) + Send>;

/// What the end or the failure of a source means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceMode {
    /// A camera: it is opened again for ever, until the run is stopped.
    Live,
    /// A file or the built-in drive: its end is the end, its failure an error.
    Finite,
}

/// Damaged frames in a row after which a camera is taken for lost: some three seconds.
const DAMAGED_IN_A_ROW_MAX_LIVE: u32 = 100;
/// Damaged frames in a row after which a file is given up.
const DAMAGED_IN_A_ROW_MAX_FINITE: u32 = 1000;
/// Good frames in one opening after which earlier trouble counts as over.
const GOOD_FRAMES_TO_RECOVER: u64 = 10;

/// Gives the frames of a source and, for a live one, opens it again after any failure,
/// waiting between the attempts: it neither gives up nor spins.
///
/// Every change of state is counted and logged once. The exception is trouble that
/// repeats itself word for word before the source has recovered, such as a camera that
/// stays unplugged: that is logged the first time and counted every time.
pub struct Supervisor {
    opener: Opener,
    mode: SourceMode,
    stop: StopFlag,
    counters: Arc<CaptureCounters>,
    report: Reporter,
    state: Option<CaptureState>,
    source: Option<Box<dyn FrameSource>>,
    backoff: Backoff,
    troubles: TroubleLog,
    numbering: Numbering,
    good_frames: u64,
    damaged_in_a_row: u32,
}

impl Supervisor {
    /// A supervisor that opens its source at the first call of [`Self::next_frame`].
    pub fn new(
        opener: Opener,
        mode: SourceMode,
        stop: StopFlag,
        counters: Arc<CaptureCounters>,
    ) -> Self {
        Self {
            opener,
            mode,
            stop,
            counters,
            report: Box::new(|level, line| log::log!(level, "{line}")),
            state: None,
            source: None,
            backoff: Backoff::default(),
            troubles: TroubleLog::default(),
            numbering: Numbering::default(),
            good_frames: 0,
            damaged_in_a_row: 0,
        }
    }

    /// What the open source is, for people; `None` while none is open.
    pub fn describe(&self) -> Option<String> {
        self.source.as_ref().map(|source| source.describe())
    }

    /// The next good frame, however long it takes. Sequence numbers keep rising over
    /// reopenings.
    ///
    /// Live: [`Next::End`] only after a stop, which ends a wait within 50 ms and a read
    /// within the source's own timeout; never an error. Finite: [`Next::End`] at the end
    /// or after a stop; an error when the source cannot be opened or read, and
    /// [`Next::End`] ever after.
    pub fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        loop {
            if self.state == Some(CaptureState::Ended) {
                return Ok(Next::End);
            }
            if self.stop.is_stopped() {
                self.end("stopped");
                return Ok(Next::End);
            }
            if self.source.is_none() {
                self.open()?;
                continue;
            }
            if let Some(next) = self.read(frame)? {
                return Ok(next);
            }
        }
    }

    /// One attempt to open; the source is there when it succeeded, and the pause is over
    /// when it did not.
    fn open(&mut self) -> Result<(), SourceError> {
        self.enter(CaptureState::Opening, Level::Debug, "opening the source");
        let opened = guarded(&mut self.opener).unwrap_or_else(|panic| Err(internal(panic)));
        match opened {
            Ok(source) => {
                add(&self.counters.opens, 1);
                self.counters.is_absent.store(false, Ordering::Relaxed);
                self.source = Some(source);
                self.numbering.reopen();
                self.good_frames = 0;
                self.damaged_in_a_row = 0;
                Ok(())
            }
            Err(error) => {
                add(&self.counters.open_failures, 1);
                let is_absent = matches!(error, SourceError::Absent { .. });
                self.counters.is_absent.store(is_absent, Ordering::Relaxed);
                self.fail(CaptureState::Lost, error)
            }
        }
    }

    /// One read; `None` when there is nothing to hand out yet.
    fn read(&mut self, frame: &mut Frame) -> Result<Option<Next>, SourceError> {
        let Some(source) = self.source.as_mut() else {
            return Ok(None);
        };
        let read =
            guarded(|| source.next_frame(frame)).unwrap_or_else(|panic| Err(internal(panic)));
        match read {
            Ok(Next::Frame) => {
                self.accept(frame);
                Ok(Some(Next::Frame))
            }
            Ok(Next::End) if self.mode == SourceMode::Finite => {
                self.end("the source came to its end");
                Ok(Some(Next::End))
            }
            Ok(Next::End) => {
                add(&self.counters.losses, 1);
                self.fail(
                    CaptureState::Lost,
                    camera("the live source ended".to_owned()),
                )?;
                Ok(None)
            }
            Err(SourceError::Damaged(reason)) => {
                self.skip(reason)?;
                Ok(None)
            }
            Err(error @ SourceError::Timeout(_)) => {
                add(&self.counters.stalls, 1);
                self.fail(CaptureState::Stalled, error)?;
                Ok(None)
            }
            Err(error) => {
                add(&self.counters.losses, 1);
                self.fail(CaptureState::Lost, error)?;
                Ok(None)
            }
        }
    }

    /// Numbers and counts a good frame, and notes a recovery.
    fn accept(&mut self, frame: &mut Frame) {
        let (sequence, gap) = self
            .numbering
            .next(frame.stamp.sequence, self.damaged_in_a_row);
        frame.stamp.sequence = sequence;
        self.damaged_in_a_row = 0;
        add(&self.counters.frames, 1);
        add(&self.counters.source_gaps, gap);
        self.good_frames += 1;
        if self.state != Some(CaptureState::Streaming) {
            let line = format!("streaming from {}", self.describe().unwrap_or_default());
            self.enter(CaptureState::Streaming, Level::Info, &line);
        }
        if self.good_frames == GOOD_FRAMES_TO_RECOVER {
            self.backoff.reset();
            if let Some(repeats) = self.troubles.recover() {
                let line = format!("streaming steadily again after {repeats} repeated failures");
                (self.report)(Level::Info, &line);
            }
        }
    }

    /// Counts a damaged frame; too many in a row are a failure of the source.
    fn skip(&mut self, reason: String) -> Result<(), SourceError> {
        add(&self.counters.damaged, 1);
        self.damaged_in_a_row += 1;
        log::debug!("damaged frame skipped: {reason}");
        let max = match self.mode {
            SourceMode::Live => DAMAGED_IN_A_ROW_MAX_LIVE,
            SourceMode::Finite => DAMAGED_IN_A_ROW_MAX_FINITE,
        };
        if self.damaged_in_a_row < max {
            return Ok(());
        }
        add(&self.counters.losses, 1);
        let device = self.describe().unwrap_or_default();
        let reason = format!("{max} damaged frames in a row, the last one: {reason}");
        self.fail(CaptureState::Lost, SourceError::Device { device, reason })
    }

    /// Drops the source after `error`. Finite: that is the end. Live: pauses.
    fn fail(&mut self, state: CaptureState, error: SourceError) -> Result<(), SourceError> {
        self.drop_source();
        if self.mode == SourceMode::Finite {
            // The caller reports the error that it gets; a line here would be a second one.
            self.enter(CaptureState::Ended, Level::Debug, "the source failed");
            return Err(error);
        }
        let text = error.to_string();
        self.troubles.note(&text);
        self.enter(state, Level::Warn, &text);
        let pause = self.backoff.next();
        let line = format!("opening the source again in {} ms", pause.as_millis());
        self.enter(CaptureState::BackingOff, Level::Info, &line);
        // A stop during the pause is seen by the loop in next_frame.
        let _whole_pause = self.stop.sleep_unless_stopped(pause);
        Ok(())
    }

    fn end(&mut self, why: &str) {
        self.drop_source();
        self.troubles.recover();
        self.enter(CaptureState::Ended, Level::Debug, why);
    }

    fn drop_source(&mut self) {
        if let Some(source) = self.source.take()
            && let Err(panic) = guarded(|| drop(source))
        {
            log::debug!("closing the source: {panic}");
        }
    }

    /// Changes the state: counted always, logged unless known trouble repeats itself.
    fn enter(&mut self, state: CaptureState, level: Level, line: &str) {
        self.state = Some(state);
        self.counters.set_state(state);
        if !self.troubles.is_repeating() {
            (self.report)(level, line);
        }
    }
}

fn camera(reason: String) -> SourceError {
    SourceError::Device {
        device: "camera".to_owned(),
        reason,
    }
}

fn internal(panic: String) -> SourceError {
    SourceError::Device {
        device: "source".to_owned(),
        reason: panic,
    }
}

/// Numbers the frames over all openings of the source.
#[derive(Debug, Default)]
struct Numbering {
    /// Number of the next frame were there no gap.
    next: u64,
    /// Last number that the source itself gave in this opening.
    source_last: Option<u64>,
}

impl Numbering {
    fn reopen(&mut self) {
        self.source_last = None;
    }

    /// The number to hand out for the source's own `source`, and how many frames the
    /// source lost before it, not counting `damaged` ones that were seen and skipped.
    fn next(&mut self, source: u64, damaged: u32) -> (u64, u64) {
        // A number that does not rise breaks the source's contract; it counts as the next.
        let step = match self.source_last {
            Some(last) => source.saturating_sub(last).max(1),
            None => 1,
        };
        self.source_last = Some(source);
        let sequence = self.next.saturating_add(step - 1);
        self.next = sequence.saturating_add(1);
        (sequence, (step - 1).saturating_sub(u64::from(damaged)))
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
