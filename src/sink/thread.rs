//! One thread for each sink.

use super::{Sink, SinkError};
use crate::detection::DetectionFrame;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a sink may tend its readers while no frame comes.
const TEND_PERIOD: Duration = Duration::from_millis(40);

/// What a sink did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkReport {
    /// The sink's URI.
    pub sink: String,
    /// Frames passed on.
    pub published: u64,
    /// Messages lost in the sink: frames that could not be written, and lines that slow
    /// readers missed. What was lost in the channel before it is not in here.
    pub lost: u64,
    /// Frames that could not be written because of a fault, such as a full disk; a part of
    /// [`Self::lost`].
    pub faults: u64,
    /// Whether the sink ended early because its reader went away.
    pub closed: bool,
}

#[derive(Default)]
struct Counters {
    published: AtomicU64,
    lost: AtomicU64,
    faults: AtomicU64,
    closed: AtomicBool,
}

impl Counters {
    fn report(&self, sink: String) -> SinkReport {
        SinkReport {
            sink,
            published: self.published.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            closed: self.closed.load(Ordering::Relaxed),
        }
    }
}

/// Reads what a sink did so far, from any thread.
#[derive(Clone)]
pub struct SinkMeter {
    sink: String,
    counters: Arc<Counters>,
}

impl SinkMeter {
    /// What the sink did so far.
    pub fn report(&self) -> SinkReport {
        self.counters.report(self.sink.clone())
    }
}

/// A sink at work in its own thread.
pub struct SinkThread {
    meter: SinkMeter,
    handle: JoinHandle<()>,
}

impl SinkThread {
    /// What it did so far.
    pub fn report(&self) -> SinkReport {
        self.meter.report()
    }

    /// A way to go on asking that, also after the end.
    pub fn meter(&self) -> SinkMeter {
        self.meter.clone()
    }

    /// Whether the thread has ended; [`Self::join`] then returns at once.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits until the sink has taken all that is left in its channel, whose senders must be
    /// gone, and says what it did. A blocked standard output can hold this up without limit;
    /// ask [`Self::is_finished`] first where that matters.
    ///
    /// # Errors
    /// [`SinkError::Panicked`] when the thread died.
    pub fn join(self) -> Result<SinkReport, SinkError> {
        match self.handle.join() {
            Ok(()) => Ok(self.meter.report()),
            Err(_) => Err(SinkError::Panicked {
                sink: self.meter.sink,
            }),
        }
    }
}

/// Runs `sink` in a new thread until all senders of `receiver` are gone, or until its reader
/// is ([`SinkError::Closed`]); in the latter case `on_closed` is called, from that thread.
/// A failed write is said once in the log, and once more when writing works again.
///
/// # Errors
/// [`SinkError::Thread`] when the operating system gives no thread.
pub fn spawn(
    sink: Box<dyn Sink>,
    receiver: Receiver<DetectionFrame>,
    on_closed: impl FnOnce() + Send + 'static,
) -> Result<SinkThread, SinkError> {
    let name = sink.name();
    let counters = Arc::new(Counters::default());
    let worker = Worker {
        sink,
        counters: Arc::clone(&counters),
        failing_since: None,
    };
    let handle = std::thread::Builder::new()
        .name("lookout-sink".into())
        .spawn(move || worker.run(&receiver, on_closed))
        .map_err(|source| SinkError::Thread {
            sink: name.clone(),
            source,
        })?;
    let meter = SinkMeter {
        sink: name,
        counters,
    };
    Ok(SinkThread { meter, handle })
}

struct Worker {
    sink: Box<dyn Sink>,
    counters: Arc<Counters>,
    /// Faults counted when the present row of failures began.
    failing_since: Option<u64>,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<DetectionFrame>, on_closed: impl FnOnce()) {
        loop {
            match receiver.recv_timeout(TEND_PERIOD) {
                Ok(frame) => {
                    if self.publish(&frame).is_break() {
                        self.counters.closed.store(true, Ordering::Relaxed);
                        on_closed();
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.sink.tend(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.count_lost();
        }
        self.sink.finish();
        self.count_lost();
    }

    fn publish(&mut self, frame: &DetectionFrame) -> std::ops::ControlFlow<()> {
        let faults = self.counters.faults.load(Ordering::Relaxed);
        match self.sink.publish(frame) {
            Ok(()) => {
                self.counters.published.fetch_add(1, Ordering::Relaxed);
                if let Some(before) = self.failing_since.take() {
                    let lost = faults - before;
                    log::info!(
                        "{}: writing again, {lost} frames were lost",
                        self.sink.name()
                    );
                }
            }
            Err(SinkError::Closed { .. }) => return std::ops::ControlFlow::Break(()),
            Err(error) => {
                self.counters.faults.fetch_add(1, Ordering::Relaxed);
                if self.failing_since.is_none() {
                    log::warn!("{error}");
                    self.failing_since = Some(faults);
                }
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn count_lost(&self) {
        let faults = self.counters.faults.load(Ordering::Relaxed);
        self.counters
            .lost
            .store(faults + self.sink.lost(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::sink::tests::example_frame;
    use std::io;

    /// Fails as the numbers of its frames say.
    struct Scripted;

    impl Sink for Scripted {
        fn name(&self) -> String {
            "test:scripted".into()
        }

        fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
            let sink = self.name();
            match frame.sequence {
                10..20 => Err(SinkError::Write {
                    sink,
                    source: io::ErrorKind::StorageFull.into(),
                }),
                66 => Err(SinkError::Closed { sink }),
                99 => panic!("scripted"),
                _ => Ok(()),
            }
        }

        fn lost(&self) -> u64 {
            4
        }
    }

    fn run(sequences: &[u64]) -> (Result<SinkReport, SinkError>, bool) {
        let (sender, receiver) = crossbeam_channel::bounded(100);
        let (closed_sender, closed) = crossbeam_channel::bounded(1);
        for sequence in sequences {
            sender.send(example_frame(*sequence, 1)).unwrap();
        }
        drop(sender);
        let on_closed = move || closed_sender.send(()).unwrap();
        let result = spawn(Box::new(Scripted), receiver, on_closed)
            .unwrap()
            .join();
        (result, closed.recv().is_ok())
    }

    #[test]
    fn faults_are_counted_and_do_not_end_it() {
        let (report, closed) = run(&[1, 2, 10, 11, 3, 12, 4]);
        let expected = SinkReport {
            sink: "test:scripted".into(),
            published: 4,
            lost: 7,
            faults: 3,
            closed: false,
        };
        assert_eq!(report.unwrap(), expected);
        assert!(!closed);
    }

    #[test]
    fn a_closed_reader_ends_it_and_says_so() {
        let (report, closed) = run(&[1, 66, 2]);
        let report = report.unwrap();
        assert_eq!((report.published, report.closed, closed), (1, true, true));
    }

    #[test]
    fn a_panic_is_an_error_of_join() {
        let (report, _) = run(&[1, 99]);
        assert!(matches!(report, Err(SinkError::Panicked { .. })));
    }
}
