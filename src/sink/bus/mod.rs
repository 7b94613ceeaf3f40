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
pub use mqtt::MqttSink;
pub use uri::{MqttUri, VehicleName, ZenohUri};
#[cfg(feature = "zenoh")]
pub use zenoh::ZenohSink;

use crate::bulletin::Bulletin;
use crate::detection::DetectionFrame;
use encode::{write_event, write_frame, write_report};
use outbox::{Message, Outbox, Topic};

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
