//! The thread that makes pictures, while somebody watches: the newest frame wins.

use super::encoder::{EncodeError, Encoder};
use super::hub::Hub;
use super::shot::ShotBuilder;
use crate::footage::{Footage, FootageReceiver};
use crate::sink::{LINE_BYTES_MAX, write_line};
use crossbeam_channel::RecvTimeoutError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures that have to be encoded come at most so often: 10 a second.
const ENCODED_PERIOD: Duration = Duration::from_millis(100);

/// Pictures that pass as the camera sent them come at most so often: 33 a second.
const PASSED_PERIOD: Duration = Duration::from_millis(30);

/// How soon it is noticed that somebody watches, or that the end has come.
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// Room for the picture, before it is known how large it is.
const PICTURE_BYTES_USUAL: usize = 192 * 1024;

/// All that the thread owns.
pub(super) struct Pictures {
    footage: FootageReceiver,
    hub: Arc<Hub>,
    encoder: Encoder,
    newest: Option<Arc<Footage>>,
    made_at: Option<Instant>,
    is_wanted: bool,
    is_failing: bool,
    lost: u64,
}

impl Pictures {
    pub(super) fn new(footage: FootageReceiver, hub: Arc<Hub>) -> Self {
        Self {
            footage,
            hub,
            encoder: Encoder::default(),
            newest: None,
            made_at: None,
            is_wanted: false,
            is_failing: false,
            lost: 0,
        }
    }

    /// Makes pictures until the run or the page ends.
    pub(super) fn run(&mut self) {
        while !self.hub.is_stopped() {
            self.look();
            match self.footage.recv_timeout(self.wait()) {
                // A frame that waits for its turn is replaced: for a source that can wait,
                // taking frames at once is what keeps it from waiting.
                Ok(footage) => self.newest = Some(footage),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.make_due();
        }
    }

    /// Asks for frames while somebody watches, and only then.
    fn look(&mut self) {
        let is_watched = self.hub.is_watched();
        if is_watched == self.is_wanted {
            return;
        }
        self.footage.want(is_watched);
        self.is_wanted = is_watched;
        if !is_watched {
            self.newest = None;
            // What waits is from before: not for who comes next.
            self.footage.newest();
            self.hub.shots.send_replace(None);
        }
    }

    /// Until when there is nothing to do, unless a frame comes.
    fn wait(&self) -> Duration {
        match &self.newest {
            Some(footage) => self.due_in(footage).min(LOOK_PERIOD),
            None => LOOK_PERIOD,
        }
    }

    fn due_in(&self, footage: &Footage) -> Duration {
        let period = if Encoder::passes(&footage.frame) {
            PASSED_PERIOD
        } else {
            ENCODED_PERIOD
        };
        let since = self.made_at.map_or(period, |at| at.elapsed());
        period.saturating_sub(since)
    }

    fn make_due(&mut self) {
        let is_due = |footage: &Arc<Footage>| self.is_wanted && self.due_in(footage).is_zero();
        let Some(footage) = self.newest.clone().filter(is_due) else {
            return;
        };
        self.newest = None;
        self.made_at = Some(Instant::now());
        let made = self.make(&footage);
        self.note(&footage, made);
    }

    fn make(&mut self, footage: &Footage) -> Result<(), EncodeError> {
        let expected = LINE_BYTES_MAX.min(8192) + footage.frame.data.len().min(PICTURE_BYTES_USUAL);
        let line = |out: &mut Vec<u8>| write_line(&footage.seen, out);
        let mut shot = ShotBuilder::new(expected, line).map_err(image::ImageError::IoError)?;
        self.encoder.append(&footage.frame, shot.jpeg())?;
        self.hub.shots.send_replace(Some(Arc::new(shot.finish())));
        Ok(())
    }

    /// Counts; says the first fault of a row, and the end of that row.
    fn note(&mut self, footage: &Footage, made: Result<(), EncodeError>) {
        let counters = &self.hub.counters;
        let lost = self.footage.lost();
        counters.pictures_missed.add(lost - self.lost);
        self.lost = lost;
        match made {
            Ok(()) => {
                counters.pictures.add(1);
                if std::mem::take(&mut self.is_failing) {
                    log::info!("live page: there are pictures again");
                }
            }
            Err(error) => {
                counters.picture_faults.add(1);
                if !std::mem::replace(&mut self.is_failing, true) {
                    let sequence = footage.frame.stamp.sequence;
                    log::warn!("live page: no picture of frame {sequence}: {error}");
                }
            }
        }
    }
}
