//! The bounded channel between inference and one reader of its results.

use crate::capture::StopFlag;
use crate::detection::DetectionFrame;
use crate::source::Pace;
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a reader may keep an every-frame source waiting before it loses messages.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a waiting outlet notices a stop.
const WAIT_SLICE: Duration = Duration::from_millis(50);

/// Inference's end of a channel.
///
/// A reader of a live source never delays detection: when its channel is full, the oldest
/// message in it is lost and counted. A source that can wait ([`Pace::EveryFrame`]) waits for
/// its readers instead, so that nothing is lost. A reader that then takes nothing for ten
/// seconds counts as stuck: from there on it loses new messages, counted, until it moves again.
pub(super) struct Outlet {
    sender: Sender<DetectionFrame>,
    /// The far end, to lose the oldest message from; `None` for a source that waits. Without
    /// it a reader that hung up is noticed by the channel itself.
    far_end: Option<Receiver<DetectionFrame>>,
    is_stuck: bool,
    patience: Duration,
    gauge: Arc<OutletGauge>,
}

/// What others may know of, and tell, an [`Outlet`].
#[derive(Debug, Default)]
pub(super) struct OutletGauge {
    lost: AtomicU64,
    closed: AtomicBool,
}

impl OutletGauge {
    /// Messages lost because the reader was too slow.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Says that the reader is gone: nothing is sent or counted any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Outlet {
    /// An outlet for `capacity_frames` waiting messages, and the reader's end. All memory is
    /// taken here.
    pub(super) fn new(capacity_frames: usize, pace: Pace) -> (Self, Receiver<DetectionFrame>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity_frames.max(1));
        let far_end = (pace == Pace::Live).then(|| receiver.clone());
        let gauge = Arc::new(OutletGauge::default());
        let outlet = Self {
            sender,
            far_end,
            is_stuck: false,
            patience: PATIENCE,
            gauge,
        };
        (outlet, receiver)
    }

    /// A handle on the counters.
    pub(super) fn gauge(&self) -> Arc<OutletGauge> {
        Arc::clone(&self.gauge)
    }

    /// Sends a copy of `message`, at the expense of the oldest one or of time, as the source's
    /// pace demands. `stop` ends a wait.
    pub(super) fn send(&mut self, message: &DetectionFrame, stop: &StopFlag) {
        if self.gauge.closed.load(Ordering::Relaxed) {
            return;
        }
        match self.sender.try_send(message.clone()) {
            Ok(()) => self.is_stuck = false,
            Err(TrySendError::Full(message)) if self.far_end.is_some() => self.displace(message),
            Err(TrySendError::Full(message)) => self.wait(message, stop),
            Err(TrySendError::Disconnected(_)) => self.gauge.close(),
        }
    }

    /// Makes room by losing the oldest message. This end is the only one that sends, so after
    /// one message has gone, by this or by its reader, there is room.
    fn displace(&mut self, message: DetectionFrame) {
        if self
            .far_end
            .as_ref()
            .is_some_and(|far_end| far_end.try_recv().is_ok())
        {
            self.count_lost();
        }
        if self.sender.try_send(message).is_err() {
            self.count_lost();
        }
    }

    fn wait(&mut self, mut message: DetectionFrame, stop: &StopFlag) {
        let began = Instant::now();
        while !self.is_stuck && !stop.is_stopped() {
            match self
                .sender
                .send_timeout(message, WAIT_SLICE.min(self.patience))
            {
                Ok(()) => return,
                Err(SendTimeoutError::Disconnected(_)) => return self.gauge.close(),
                Err(SendTimeoutError::Timeout(returned)) => message = returned,
            }
            if began.elapsed() >= self.patience {
                self.is_stuck = true;
                let seconds = began.elapsed().as_secs();
                log::warn!("a reader of detections took none for {seconds} s and now loses some");
            }
        }
        self.count_lost();
    }

    fn count_lost(&self) {
        self.gauge.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::numbered_message;

    fn sequences(receiver: &Receiver<DetectionFrame>) -> Vec<u64> {
        receiver
            .try_iter()
            .map(|message| message.sequence)
            .collect()
    }

    #[test]
    fn a_slow_reader_of_a_live_source_loses_the_oldest_and_delays_nobody() {
        let (mut outlet, receiver) = Outlet::new(4, Pace::Live);
        let stop = StopFlag::new();
        for sequence in 0..10 {
            outlet.send(&numbered_message(sequence), &stop);
        }
        assert_eq!(sequences(&receiver), [6, 7, 8, 9]);
        assert_eq!(outlet.gauge().lost(), 6);
        outlet.send(&numbered_message(10), &stop);
        assert_eq!(sequences(&receiver), [10]);
        assert_eq!(outlet.gauge().lost(), 6);
    }

    #[test]
    fn a_reader_of_a_patient_source_loses_nothing() {
        let (mut outlet, receiver) = Outlet::new(2, Pace::EveryFrame);
        let reader = std::thread::spawn(move || receiver.iter().map(|m| m.sequence).collect());
        for sequence in 0..2000 {
            outlet.send(&numbered_message(sequence), &StopFlag::new());
        }
        let gauge = outlet.gauge();
        drop(outlet);
        let seen: Vec<u64> = reader.join().unwrap_or_default();
        assert!(seen.into_iter().eq(0..2000));
        assert_eq!(gauge.lost(), 0);
    }

    #[test]
    fn a_stuck_reader_is_waited_for_once_and_heard_again_when_it_moves() {
        let (mut outlet, receiver) = Outlet::new(1, Pace::EveryFrame);
        outlet.patience = Duration::from_millis(1);
        let stop = StopFlag::new();
        for sequence in 0..4 {
            outlet.send(&numbered_message(sequence), &stop);
        }
        assert!(outlet.is_stuck);
        assert_eq!(sequences(&receiver), [0]);
        assert_eq!(outlet.gauge().lost(), 3);
        outlet.send(&numbered_message(4), &stop);
        assert!(!outlet.is_stuck);
        assert_eq!(sequences(&receiver), [4]);
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let (mut outlet, receiver) = Outlet::new(1, Pace::EveryFrame);
        outlet.patience = Duration::from_secs(3600);
        let stop = StopFlag::new();
        stop.stop();
        outlet.send(&numbered_message(0), &stop);
        outlet.send(&numbered_message(1), &stop);
        assert_eq!(sequences(&receiver), [0]);
        assert_eq!(outlet.gauge().lost(), 1);
    }

    #[test]
    fn nothing_is_counted_for_a_reader_that_hung_up() {
        let (mut outlet, receiver) = Outlet::new(1, Pace::EveryFrame);
        drop(receiver);
        let (mut told, _receiver) = Outlet::new(1, Pace::Live);
        told.gauge().close();
        for sequence in 0..3 {
            outlet.send(&numbered_message(sequence), &StopFlag::new());
            told.send(&numbered_message(sequence), &StopFlag::new());
        }
        assert_eq!((outlet.gauge().lost(), told.gauge().lost()), (0, 0));
    }
}
