//! The place where capture leaves a frame and inference picks it up: a mailbox for one frame.
//!
//! Frames change hands by swapping buffers. There are three in all (the producer's, the
//! mailbox's own and the consumer's), each grows to the size of a frame once, and nothing is
//! allocated or copied after that.

use crate::frame::Frame;
use crate::source::Pace;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The other side has closed the mailbox, or this side did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox is closed")]
pub struct Closed;

/// What [`Mailbox::take`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A frame, now in the caller's buffer.
    Frame,
    /// No frame came in time; the caller's buffer is untouched.
    Timeout,
    /// The mailbox is closed and empty; the caller's buffer is untouched.
    Closed,
}

/// A mailbox for one frame between one producer and one consumer, shared by reference.
///
/// A frame that arrives while the one before is still waiting overwrites it and is counted
/// ([`Pace::Live`]: the delay cannot grow), or waits until that one has been taken
/// ([`Pace::EveryFrame`]: nothing is lost).
#[derive(Debug)]
pub struct Mailbox {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    frame: Frame,
    full: bool,
    closed: bool,
    overwritten: u64,
}

impl Mailbox {
    /// An empty mailbox whose own buffer can hold `capacity_bytes` without allocating.
    pub fn new(pace: Pace, capacity_bytes: usize) -> Self {
        Self {
            pace,
            state: Mutex::new(State {
                frame: Frame::with_capacity(capacity_bytes),
                full: false,
                closed: false,
                overwritten: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Leaves `frame` for the consumer; the caller gets another buffer in exchange, with stale
    /// contents. Under [`Pace::EveryFrame`] this waits until the mailbox is empty.
    ///
    /// # Errors
    /// [`Closed`] when either side has closed the mailbox, also while this waited; the frame
    /// then stays with the caller.
    pub fn put(&self, frame: &mut Frame) -> Result<(), Closed> {
        let mut state = self.lock();
        while self.pace == Pace::EveryFrame && state.full && !state.closed {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(Closed);
        }
        if state.full {
            state.overwritten += 1;
        }
        std::mem::swap(&mut state.frame, frame);
        state.full = true;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes the waiting frame in exchange for the caller's buffer, or waits for one, at most
    /// `timeout`. A frame left before the mailbox was closed can still be taken.
    pub fn take(&self, frame: &mut Frame, timeout: Duration) -> Taken {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !state.full {
            if state.closed {
                return Taken::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Timeout;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.frame, frame);
        state.full = false;
        drop(state);
        self.changed.notify_all();
        Taken::Frame
    }

    /// Ends the traffic and wakes both sides. Either side may call it, any number of times.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How many frames were overwritten because inference had not taken them in time.
    pub fn overwritten(&self) -> u64 {
        self.lock().overwritten
    }

    /// The state, also after a panic elsewhere: no lock is held across code that can leave
    /// the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    fn numbered(sequence: u64) -> Frame {
        let mut frame = Frame::with_capacity(0);
        frame.stamp.sequence = sequence;
        frame.data = sequence.to_le_bytes().repeat(64);
        frame
    }

    /// The number of a frame, after checking that stamp and bytes belong together.
    fn number(frame: &Frame) -> u64 {
        let sequence = frame.stamp.sequence;
        assert_eq!(
            frame.data,
            sequence.to_le_bytes().repeat(64),
            "torn frame {sequence}"
        );
        sequence
    }

    /// What a mailbox must do, in the plainest words: the reference for the exhaustive test.
    #[derive(Default)]
    struct Model {
        waiting: Option<u64>,
        closed: bool,
        overwritten: u64,
    }

    fn apply(step: u32, next: u64, mailbox: &Mailbox, model: &mut Model) {
        match step {
            0 => {
                let would_block = mailbox.pace == Pace::EveryFrame && model.waiting.is_some();
                if would_block && !model.closed {
                    return;
                }
                let mut frame = numbered(next);
                let answer = mailbox.put(&mut frame);
                if model.closed {
                    assert_eq!(answer, Err(Closed));
                    assert_eq!(number(&frame), next, "a refused frame stays with its owner");
                } else {
                    assert_eq!(answer, Ok(()));
                    model.overwritten += u64::from(model.waiting.replace(next).is_some());
                }
            }
            1 => {
                let mut frame = numbered(u64::MAX);
                match (
                    mailbox.take(&mut frame, Duration::ZERO),
                    model.waiting.take(),
                ) {
                    (Taken::Frame, Some(sequence)) => assert_eq!(number(&frame), sequence),
                    (Taken::Closed, None) => assert!(model.closed),
                    (Taken::Timeout, None) => assert!(!model.closed),
                    (taken, expected) => panic!("{taken:?} where {expected:?} waited"),
                }
            }
            _ => {
                mailbox.close();
                model.closed = true;
            }
        }
        assert_eq!(mailbox.overwritten(), model.overwritten);
    }

    /// Every operation holds the lock from its first look to its last change, so any run of
    /// two threads equals some order of whole operations. These are all orders up to a length.
    #[test]
    fn all_orders_of_eight_operations_agree_with_the_model() {
        const LENGTH: u32 = 8;
        for pace in [Pace::Live, Pace::EveryFrame] {
            for order in 0..3u32.pow(LENGTH) {
                let (mailbox, mut model) = (Mailbox::new(pace, 0), Model::default());
                for position in 0..LENGTH {
                    let step = order / 3u32.pow(position) % 3;
                    apply(step, u64::from(position), &mailbox, &mut model);
                }
            }
        }
    }

    #[test]
    fn latest_wins_gives_rising_whole_frames_and_accounts_for_every_one() {
        const FRAMES: u64 = 20_000;
        let mailbox = Mailbox::new(Pace::Live, 512);
        let mut seen = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut frame = numbered(0);
                for sequence in 0..FRAMES {
                    frame.clone_from(&numbered(sequence));
                    mailbox.put(&mut frame).unwrap();
                }
                mailbox.close();
            });
            let mut frame = numbered(0);
            while mailbox.take(&mut frame, LONG) == Taken::Frame {
                seen.push(number(&frame));
            }
        });
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(
            seen.last(),
            Some(&(FRAMES - 1)),
            "the newest frame is never lost"
        );
        assert_eq!(seen.len() as u64 + mailbox.overwritten(), FRAMES);
    }

    #[test]
    fn every_frame_loses_nothing() {
        const FRAMES: u64 = 20_000;
        let mailbox = Mailbox::new(Pace::EveryFrame, 512);
        let mut seen = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                for sequence in 0..FRAMES {
                    mailbox.put(&mut numbered(sequence)).unwrap();
                }
                mailbox.close();
            });
            let mut frame = numbered(0);
            while mailbox.take(&mut frame, LONG) == Taken::Frame {
                seen.push(number(&frame));
            }
        });
        assert!(seen.into_iter().eq(0..FRAMES));
        assert_eq!(mailbox.overwritten(), 0);
    }

    #[test]
    fn three_buffers_go_round_and_none_is_allocated_after_start() {
        let mailbox = Mailbox::new(Pace::Live, 64);
        let (mut producer, mut consumer) = (Frame::with_capacity(64), Frame::with_capacity(64));
        let mut buffers = std::collections::BTreeSet::new();
        for round in 0..100 {
            producer.data.clear();
            producer.data.resize(64, 1);
            mailbox.put(&mut producer).unwrap();
            if round % 3 != 0 {
                mailbox.take(&mut consumer, Duration::ZERO);
            }
            buffers.insert(producer.data.as_ptr());
            buffers.insert(consumer.data.as_ptr());
        }
        assert!(buffers.len() <= 3, "{} buffers", buffers.len());
    }

    #[test]
    fn closing_wakes_a_waiting_consumer() {
        let mailbox = Mailbox::new(Pace::Live, 0);
        thread::scope(|scope| {
            let consumer = scope.spawn(|| mailbox.take(&mut numbered(0), LONG));
            mailbox.close();
            assert_eq!(consumer.join().unwrap(), Taken::Closed);
        });
    }

    #[test]
    fn closing_wakes_a_waiting_producer_that_keeps_its_frame() {
        let mailbox = Mailbox::new(Pace::EveryFrame, 0);
        mailbox.put(&mut numbered(1)).unwrap();
        let started = AtomicU64::new(0);
        thread::scope(|scope| {
            let producer = scope.spawn(|| {
                let mut frame = numbered(2);
                started.store(1, Ordering::SeqCst);
                (mailbox.put(&mut frame), number(&frame))
            });
            while started.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            mailbox.close();
            assert_eq!(producer.join().unwrap(), (Err(Closed), 2));
        });
        let mut last = numbered(0);
        assert_eq!(mailbox.take(&mut last, Duration::ZERO), Taken::Frame);
        assert_eq!(
            number(&last),
            1,
            "what was left before closing can still be taken"
        );
        assert_eq!(mailbox.take(&mut last, Duration::ZERO), Taken::Closed);
    }

    #[test]
    fn a_take_without_frames_ends_by_its_timeout() {
        let mailbox = Mailbox::new(Pace::Live, 0);
        assert_eq!(
            mailbox.take(&mut numbered(7), Duration::from_millis(5)),
            Taken::Timeout
        );
    }
}
