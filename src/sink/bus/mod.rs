//! Detections, events and health as messages of a bus, for programs in and outside the vehicle.
//! `SCHEMA.md` beside this file is the contract.
//!
//! Whatever the bus is, messages go through an [`outbox::Outbox`]: in order, bounded, with all
//! that is lost counted. The bus has a thread of its own, which connects, and connects again.

mod encode;
mod mqtt;
mod outbox;
mod uri;
#[cfg(feature = "zenoh")]
mod zenoh;

pub use encode::{EVENT_SCHEMA, Encoding};
pub use uri::{MqttUri, VehicleName, ZenohUri};

use super::{Sink, SinkError};
use crate::bulletin::Bulletin;
use crate::detection::DetectionFrame;
use encode::{write_event, write_frame, write_report};
use outbox::{Message, Outbox, Topic};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// First and longest wait before a bus that failed is tried again.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// How long the end waits until the bus has all.
const FINISH_TIME_MAX: Duration = Duration::from_secs(2);

/// Publishes to a bus, from a thread of its own. While the bus is away messages wait in a bounded
/// queue, and the oldest are lost and counted when it is full.
pub struct BusSink {
    name: String,
    writer: Writer,
    outbox: Arc<Outbox>,
    thread: Option<JoinHandle<()>>,
}

impl BusSink {
    /// Starts to publish to an MQTT broker; one that is away is waited for.
    ///
    /// # Errors
    /// [`SinkError::Open`] when the password cannot be read, [`SinkError::Thread`] when there is
    /// no thread.
    pub fn mqtt(uri: &MqttUri, bulletin: &Bulletin) -> Result<Self, SinkError> {
        let outbox = Arc::new(Outbox::new(uri.queue_messages as usize));
        let courier = mqtt::courier(uri, Arc::clone(&outbox))?;
        let writer = Writer::new(uri.encoding, bulletin.clone());
        Self::start(uri.to_string(), "lookout-mqtt", writer, outbox, courier)
    }

    /// Starts to publish to a Zenoh network; a router that is away is waited for.
    ///
    /// # Errors
    /// [`SinkError::Open`] when the endpoint is none, [`SinkError::Thread`] when there is no
    /// thread.
    #[cfg(feature = "zenoh")]
    pub fn zenoh(uri: &ZenohUri, bulletin: &Bulletin) -> Result<Self, SinkError> {
        let outbox = Arc::new(Outbox::new(uri.queue_messages as usize));
        let courier = zenoh::courier(uri, Arc::clone(&outbox))?;
        let writer = Writer::new(uri.encoding, bulletin.clone());
        Self::start(uri.to_string(), "lookout-zenoh", writer, outbox, courier)
    }

    /// Runs `courier`, which empties the outbox, in a thread.
    fn start(
        name: String,
        thread: &str,
        writer: Writer,
        outbox: Arc<Outbox>,
        courier: impl FnOnce() + Send + 'static,
    ) -> Result<Self, SinkError> {
        let started = std::thread::Builder::new()
            .name(thread.into())
            .spawn(courier);
        let thread = started.map_err(|source| SinkError::Thread {
            sink: name.clone(),
            source,
        })?;
        Ok(Self {
            name,
            writer,
            outbox,
            thread: Some(thread),
        })
    }
}

impl Sink for BusSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
        self.writer.frame(frame, &self.outbox);
        self.tend();
        Ok(())
    }

    fn tend(&mut self) {
        self.writer.health(&self.outbox);
    }

    fn lost(&self) -> u64 {
        self.outbox.lost()
    }

    fn finish(&mut self) {
        self.tend();
        self.outbox.close();
        let began = Instant::now();
        let Some(thread) = self.thread.take() else {
            return;
        };
        while !thread.is_finished() && began.elapsed() < FINISH_TIME_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.outbox.give_up();
    }
}

/// Turns what a sink gets into messages.
struct Writer {
    encoding: Encoding,
    bulletin: Bulletin,
    bulletin_seen: u64,
    report: String,
}

impl Writer {
    fn new(encoding: Encoding, bulletin: Bulletin) -> Self {
        Self {
            encoding,
            bulletin,
            bulletin_seen: 0,
            report: String::new(),
        }
    }

    /// A frame and its events.
    fn frame(&mut self, frame: &DetectionFrame, outbox: &Outbox) {
        let mut payload = Vec::new();
        if write_frame(frame, self.encoding, &mut payload).is_ok() {
            outbox.push(Message::new(Topic::Detections, payload));
        }
        for event in &frame.events {
            let mut payload = Vec::new();
            if write_event(frame, event, self.encoding, &mut payload).is_ok() {
                outbox.push(Message::new(Topic::Events, payload));
            }
        }
    }

    /// The health of the program, where there is news of it.
    fn health(&mut self, outbox: &Outbox) {
        let Some(number) = self.bulletin.newer(self.bulletin_seen, &mut self.report) else {
            return;
        };
        self.bulletin_seen = number;
        let mut payload = Vec::new();
        if write_report(&self.report, self.encoding, &mut payload).is_ok() {
            outbox.push(Message::new(Topic::Health, payload));
        }
    }
}
