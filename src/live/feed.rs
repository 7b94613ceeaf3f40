//! What was published, on its way to whoever asks over HTTP: without pictures, every frame.

use super::incidents::Incidents;
use crate::detection::DetectionFrame;
use crate::sink::{LINE_BYTES_MAX, Sink, SinkError, write_line};
use axum::body::Bytes;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Lines that a reader may be late; one that is later misses the oldest.
const LATE_LINES_MAX: usize = 64;

/// The newest of what was published.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest {
    /// Its line of JSON, without a newline; empty before the first frame.
    pub(super) line: Bytes,
    /// How many objects were in it.
    pub(super) objects: usize,
}

/// Where the pipeline leaves what it publishes, and readers find it.
#[derive(Debug)]
pub(super) struct Feed {
    lines: broadcast::Sender<Bytes>,
    newest: Mutex<Newest>,
    incidents: Mutex<Incidents>,
}

impl Feed {
    pub(super) fn new() -> Self {
        Self {
            lines: broadcast::Sender::new(LATE_LINES_MAX),
            newest: Mutex::default(),
            incidents: Mutex::default(),
        }
    }

    /// All lines from now on.
    pub(super) fn lines(&self) -> broadcast::Receiver<Bytes> {
        self.lines.subscribe()
    }

    pub(super) fn newest(&self) -> Newest {
        let newest = self.newest.lock();
        newest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn incidents(&self) -> MutexGuard<'_, Incidents> {
        self.incidents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, line: Bytes, frame: &DetectionFrame) {
        if !frame.events.is_empty() {
            self.incidents().note(frame);
        }
        let newest = Newest {
            line: line.clone(),
            objects: frame.detections.len(),
        };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        // An error says that nobody listens at present.
        let _ = self.lines.send(line);
    }
}

/// The pipeline's end. Never waits, never closes.
pub(super) struct FeedSink {
    address: SocketAddr,
    buffer: Vec<u8>,
    feed: Arc<Feed>,
}

impl FeedSink {
    pub(super) fn new(address: SocketAddr, feed: Arc<Feed>) -> Self {
        Self {
            address,
            buffer: Vec::with_capacity(LINE_BYTES_MAX),
            feed,
        }
    }
}

impl Sink for FeedSink {
    fn name(&self) -> String {
        format!("live:{}", self.address)
    }

    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
        self.buffer.clear();
        write_line(frame, &mut self.buffer).map_err(|source| SinkError::Write {
            sink: self.name(),
            source,
        })?;
        let line = Bytes::copy_from_slice(self.buffer.trim_ascii_end());
        self.feed.post(line, frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sink::tests::example_frame;
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn a_late_reader_misses_the_oldest_and_delays_nobody() {
        let feed = Arc::new(Feed::new());
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut sink = FeedSink::new(address, Arc::clone(&feed));
        assert!(feed.newest().line.is_empty());
        let mut reader = feed.lines();
        for number in 0..200 {
            sink.publish(&example_frame(number, 2)).unwrap();
        }
        let missed = 200 - LATE_LINES_MAX as u64;
        assert_eq!(reader.try_recv(), Err(TryRecvError::Lagged(missed)));
        let line = reader.try_recv().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["sequence"], missed);
        assert!(!line.ends_with(b"\n"));
        assert_eq!(feed.newest().objects, 2);
    }
}
