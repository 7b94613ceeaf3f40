//! Messages on their way to a bus that may be away.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// All payloads that wait take no more than this, in bytes.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a message is about; the last part of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// What was seen in a frame.
    Detections,
    /// What a rule has to tell.
    Events,
    /// How the program is.
    Health,
}

impl Topic {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detections => "detections",
            Self::Events => "events",
            Self::Health => "health",
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub topic: Topic,
    pub payload: Bytes,
}

impl Message {
    pub fn new(topic: Topic, payload: Vec<u8>) -> Self {
        Self {
            topic,
            payload: payload.into(),
        }
    }
}

/// A bounded queue, in order. A message is lent out by [`Self::next`] and only gone when it is
/// acknowledged; after a lost connection those that were lent out are lent out again. When it is
/// full the oldest message that was never lent out is lost, and counted: of the others nobody
/// knows whether they have arrived, so they could be counted neither way.
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    messages_max: usize,
    lost: AtomicU64,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    /// How many at the front are under way.
    under_way: usize,
    /// How many at the front are, or were when a connection was lost.
    tried: usize,
    is_closed: bool,
}

impl Outbox {
    pub fn new(messages_max: usize) -> Self {
        Self {
            queue: Mutex::default(),
            messages_max: messages_max.max(1),
            lost: AtomicU64::new(0),
            changed: Notify::new(),
        }
    }

    pub fn push(&self, message: Message) {
        let mut queue = self.lock();
        queue.bytes += message.payload.len();
        queue.messages.push_back(message);
        while queue.messages.len() > self.messages_max || queue.bytes > BYTES_MAX {
            // At the latest this is the new one itself.
            let oldest = queue.tried;
            let Some(gone) = queue.messages.remove(oldest) else {
                break;
            };
            queue.bytes -= gone.payload.len();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// The next message that is not under way, if fewer than `window` are.
    pub fn next(&self, window: usize) -> Option<Message> {
        let mut queue = self.lock();
        if queue.under_way >= window {
            return None;
        }
        let message = queue.messages.get(queue.under_way)?.clone();
        queue.under_way += 1;
        queue.tried = queue.tried.max(queue.under_way);
        Some(message)
    }

    /// The oldest message under way has arrived.
    pub fn acknowledge(&self) {
        let mut queue = self.lock();
        if queue.under_way == 0 {
            return;
        }
        queue.under_way -= 1;
        queue.tried -= 1;
        if let Some(done) = queue.messages.pop_front() {
            queue.bytes -= done.payload.len();
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// The connection is gone: all that was under way is to be sent again.
    pub fn rewind(&self) {
        self.lock().under_way = 0;
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Whether nothing more will come and all has gone.
    pub fn is_done(&self) -> bool {
        let queue = self.lock();
        queue.is_closed && queue.messages.is_empty()
    }

    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits until something has changed since this last returned; for one waiter.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    pub fn waiting(&self) -> usize {
        self.lock().messages.len()
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// All that still waits is lost.
    pub fn give_up(&self) {
        let mut queue = self.lock();
        let count = queue.messages.len() as u64;
        queue.messages.clear();
        (queue.bytes, queue.under_way, queue.tried) = (0, 0, 0);
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u8) -> Message {
        Message::new(Topic::Detections, vec![number])
    }

    fn sent(outbox: &Outbox, window: usize) -> Vec<u8> {
        std::iter::from_fn(|| outbox.next(window))
            .map(|message| message.payload[0])
            .collect()
    }

    #[test]
    fn order_is_kept_and_what_was_under_way_goes_again() {
        let outbox = Outbox::new(10);
        (0..5).for_each(|number| outbox.push(numbered(number)));
        assert_eq!(sent(&outbox, 3), [0, 1, 2]);
        outbox.acknowledge();
        assert_eq!(sent(&outbox, 3), [3]);
        outbox.rewind();
        assert_eq!(sent(&outbox, 9), [1, 2, 3, 4]);
        (0..4).for_each(|_| outbox.acknowledge());
        outbox.acknowledge();
        assert_eq!((outbox.waiting(), outbox.lost()), (0, 0));
    }

    #[test]
    fn the_oldest_that_was_never_under_way_is_lost_and_counted() {
        let outbox = Outbox::new(3);
        (0..3).for_each(|number| outbox.push(numbered(number)));
        assert_eq!(sent(&outbox, 2), [0, 1]);
        outbox.push(numbered(3));
        outbox.push(numbered(4));
        assert_eq!(outbox.lost(), 2);
        outbox.rewind();
        outbox.push(numbered(5));
        assert_eq!((outbox.waiting(), outbox.lost()), (3, 3));
        assert_eq!(sent(&outbox, 9), [0, 1, 5]);
        outbox.push(numbered(6));
        assert_eq!((outbox.waiting(), outbox.lost()), (3, 4));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let outbox = Outbox::new(1000);
        let large = |_| Message::new(Topic::Health, vec![0; BYTES_MAX / 4]);
        (0..6).map(large).for_each(|message| outbox.push(message));
        assert_eq!((outbox.waiting(), outbox.lost()), (4, 2));
        outbox.push(Message::new(Topic::Health, vec![0; BYTES_MAX + 1]));
        assert_eq!(outbox.waiting(), 0);
        assert_eq!(outbox.lock().bytes, 0);
    }

    #[test]
    fn the_end_is_when_all_has_gone() {
        let outbox = Outbox::new(4);
        outbox.push(numbered(1));
        outbox.close();
        assert!(!outbox.is_done());
        assert_eq!(sent(&outbox, 1), [1]);
        outbox.acknowledge();
        assert!(outbox.is_done());
        outbox.push(numbered(2));
        outbox.give_up();
        assert!(outbox.is_done());
        assert_eq!(outbox.lost(), 1);
    }
}
