//! Frames together with what was seen in them, on their way to whoever shows or records them.
//!
//! Nothing is copied: the inference thread is done with a frame when it passes it on, and takes
//! an old one in exchange, whose buffer serves again. All viewers share what they get. Whoever
//! is late for a live source misses frames, which is counted, and delays nobody.

use crate::detection::DetectionFrame;
use crate::frame::Frame;
use crate::source::Pace;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Footage that a viewer may hold besides what waits in its queue.
const IN_HAND_MAX: usize = 2;

/// How long a source that can wait waits for a viewer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A frame and what was seen in it.
#[derive(Clone, Debug)]
pub struct Footage {
    /// The picture, as the source gave it.
    pub frame: Frame,
    /// What was published about it.
    pub seen: DetectionFrame,
}

#[derive(Debug)]
struct Gauge {
    is_wanted: AtomicBool,
    lost: AtomicU64,
}

/// The pipeline's end of a viewer's queue.
#[derive(Debug)]
pub struct Tap {
    sender: Sender<Arc<Footage>>,
    gauge: Arc<Gauge>,
}

/// A viewer's end of its queue. Hold no more than two at a time, or frames are lost.
#[derive(Debug)]
pub struct FootageReceiver {
    receiver: Receiver<Arc<Footage>>,
    gauge: Arc<Gauge>,
}

/// A queue for a viewer, with room for so many frames, at least one. Nothing is wanted before
/// [`FootageReceiver::want`].
pub fn tap(queue_frames: usize) -> (Tap, FootageReceiver) {
    let (sender, receiver) = crossbeam_channel::bounded(queue_frames.max(1));
    let gauge = Arc::new(Gauge {
        is_wanted: AtomicBool::new(false),
        lost: AtomicU64::new(0),
    });
    let tap = Tap {
        sender,
        gauge: Arc::clone(&gauge),
    };
    (tap, FootageReceiver { receiver, gauge })
}

impl FootageReceiver {
    /// Whether frames are wanted from now on. Those that are not cost nothing.
    pub fn want(&self, is_wanted: bool) {
        self.gauge.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// The next one.
    ///
    /// # Errors
    /// When none came in time, or none will ever come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Arc<Footage>, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout)
    }

    /// The newest of those that wait; older ones are dropped, uncounted. `None`: none waits.
    pub fn newest(&self) -> Option<Arc<Footage>> {
        self.receiver.try_iter().last()
    }

    /// Frames that were wanted and missed because the queue was full.
    pub fn lost(&self) -> u64 {
        self.gauge.lost.load(Ordering::Relaxed)
    }
}

/// All viewers of a run, and the frames that go round between them.
#[derive(Debug)]
pub struct Taps {
    taps: Vec<Tap>,
    pool: Vec<Arc<Footage>>,
    pace: Pace,
}

impl Taps {
    /// Takes the memory for all that can be under way, but for the pictures' own, which comes
    /// with the first frames.
    pub fn new(taps: Vec<Tap>, pace: Pace, blank: &DetectionFrame) -> Self {
        let room = |tap: &Tap| tap.sender.capacity().unwrap_or(1) + IN_HAND_MAX;
        let slots = match taps.iter().map(room).sum::<usize>() {
            0 => 0,
            under_way => under_way + 1,
        };
        let slot = |_| {
            Arc::new(Footage {
                frame: Frame::with_capacity(0),
                seen: blank.clone(),
            })
        };
        let pool = (0..slots).map(slot).collect();
        Self { taps, pool, pace }
    }

    /// Passes a frame on; the caller gets another buffer in exchange, with stale contents.
    /// Where nobody wants it, `frame` stays.
    pub fn pass(&mut self, frame: &mut Frame, seen: &DetectionFrame) {
        let is_wanted = |tap: &&Tap| tap.gauge.is_wanted.load(Ordering::Relaxed);
        if !self.taps.iter().any(|tap| is_wanted(&tap)) {
            return;
        }
        let free = self.pool.iter_mut().find_map(|slot| {
            let footage = Arc::get_mut(slot)?;
            std::mem::swap(&mut footage.frame, frame);
            footage.seen.clone_from(seen);
            Some(Arc::clone(slot))
        });
        for tap in self.taps.iter().filter(is_wanted) {
            match &free {
                Some(footage) => tap.send(Arc::clone(footage), self.pace),
                None => tap.count_lost(),
            }
        }
    }
}

impl Tap {
    fn send(&self, footage: Arc<Footage>, pace: Pace) {
        let footage = match self.sender.try_send(footage) {
            Err(TrySendError::Full(footage)) => footage,
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
        };
        let is_sent = match pace {
            Pace::Live => false,
            Pace::EveryFrame => self.sender.send_timeout(footage, PATIENCE).is_ok(),
        };
        if !is_sent {
            self.count_lost();
        }
    }

    fn count_lost(&self) {
        self.gauge.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sink::tests::example_frame;

    const LONG: Duration = Duration::from_secs(60);

    fn frame(byte: u8) -> Frame {
        Frame {
            data: vec![byte; 64],
            ..Frame::with_capacity(0)
        }
    }

    fn pass(taps: &mut Taps, frame: &mut Frame, number: u8) {
        frame.data.clear();
        frame.data.resize(64, number);
        taps.pass(frame, &example_frame(number.into(), 1));
    }

    #[test]
    fn viewers_share_frames_and_a_late_one_misses_some() {
        let (first, quick) = tap(4);
        let (second, late) = tap(1);
        let (third, absent) = tap(4);
        let mut taps = Taps::new(vec![first, second, third], Pace::Live, &example_frame(0, 0));
        quick.want(true);
        late.want(true);
        let mut buffer = frame(0);
        for number in 1..=3 {
            pass(&mut taps, &mut buffer, number);
        }
        let seen: Vec<u64> = (0..3)
            .map(|_| quick.recv_timeout(LONG).unwrap())
            .map(|footage| {
                assert_eq!(u64::from(footage.frame.data[0]), footage.seen.sequence);
                footage.seen.sequence
            })
            .collect();
        assert_eq!(seen, [1, 2, 3]);
        assert_eq!(late.newest().unwrap().seen.sequence, 1);
        assert_eq!((quick.lost(), late.lost(), absent.lost()), (0, 2, 0));
        assert!(absent.newest().is_none());
    }

    #[test]
    fn buffers_go_round_for_ever() {
        let (end, viewer) = tap(2);
        let mut taps = Taps::new(vec![end], Pace::Live, &example_frame(0, 0));
        viewer.want(true);
        let mut buffer = frame(0);
        let mut places = std::collections::BTreeSet::new();
        for number in 0..100 {
            pass(&mut taps, &mut buffer, number);
            let footage = viewer.recv_timeout(LONG).unwrap();
            places.insert(footage.frame.data.as_ptr() as usize);
        }
        assert!(places.len() <= taps.pool.len() + 1, "{}", places.len());
        assert_eq!(viewer.lost(), 0);
    }

    #[test]
    fn a_viewer_that_holds_on_to_frames_only_loses_its_own() {
        let (end, greedy) = tap(2);
        let mut taps = Taps::new(vec![end], Pace::Live, &example_frame(0, 0));
        greedy.want(true);
        let mut buffer = frame(0);
        let mut held = Vec::new();
        for number in 0..10 {
            pass(&mut taps, &mut buffer, number);
            held.extend(greedy.newest());
        }
        assert_eq!(held.len(), taps.pool.len());
        assert_eq!(greedy.lost() as usize, 10 - held.len());
        // The frame that went nowhere is still the caller's.
        assert_eq!(buffer.data[0], 9);
    }

    #[test]
    fn a_source_that_can_wait_loses_nothing() {
        let (end, viewer) = tap(1);
        let mut taps = Taps::new(vec![end], Pace::EveryFrame, &example_frame(0, 0));
        viewer.want(true);
        let reader = std::thread::spawn(move || {
            let mut numbers = Vec::new();
            while let Ok(footage) = viewer.recv_timeout(LONG) {
                numbers.push(footage.seen.sequence);
            }
            numbers
        });
        let mut buffer = frame(0);
        for number in 0..200 {
            pass(&mut taps, &mut buffer, number);
        }
        drop(taps);
        assert!(reader.join().unwrap().into_iter().eq(0..200));
    }
}
