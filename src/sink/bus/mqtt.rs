//! Messages to an MQTT broker (version 3.1.1).

use super::outbox::{Outbox, Topic};
use super::uri::MqttUri;
use super::{RETRY_MAX, RETRY_MIN};
use crate::sink::SinkError;
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, LastWill, MqttOptions, QoS,
};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Messages that may be under way without the broker's acknowledgement.
const WINDOW: usize = 32;

/// How often the broker hears of an idle client; it declares it dead after half as long again.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long the broker may take to hang up.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(200);

/// Largest packet, in bytes: a line of detections and its topic fit twice.
const PACKET_BYTES_MAX: usize = 128 * 1024;

/// The longest password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// What subscribers of the status topic read, retained by the broker.
const BIRTH: &str = r#"{"schema":"lookout.status/1","online":true}"#;
const WILL: &str = r#"{"schema":"lookout.status/1","online":false}"#;

/// What delivers an outbox to a broker, until it is closed and empty.
pub(super) fn courier(
    uri: &MqttUri,
    outbox: Arc<Outbox>,
) -> Result<impl FnOnce() + Send + 'static, SinkError> {
    let name = uri.to_string();
    let options = options(uri).map_err(|reason| SinkError::Open {
        sink: name.clone(),
        reason,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| SinkError::Thread {
        sink: name.clone(),
        source,
    })?;
    let courier = Courier {
        name,
        uri: uri.clone(),
        options,
        outbox,
    };
    Ok(move || runtime.block_on(courier.run()))
}

/// A client id that no other client of this broker has, as far as vehicles have names.
fn options(uri: &MqttUri) -> Result<MqttOptions, String> {
    let id = uri.vehicle.topic("client").replace('/', "-");
    let mut options = MqttOptions::new(id, uri.host.clone(), uri.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        // What is under way when a connection is lost is in the outbox, not in a session.
        .set_clean_session(true)
        .set_inflight(WINDOW as u16 + 1)
        .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
        .set_last_will(LastWill::new(
            uri.vehicle.topic("status"),
            WILL,
            QoS::AtLeastOnce,
            true,
        ));
    let password = uri.password_file.as_deref().map(password).transpose()?;
    if uri.user.is_some() || password.is_some() {
        options.set_credentials(
            uri.user.clone().unwrap_or_default(),
            password.unwrap_or_default(),
        );
    }
    Ok(options)
}

/// The first line of a file.
fn password(file: &Path) -> Result<String, String> {
    let failed = |reason: String| {
        let file = file.display();
        format!("the password in {file} cannot be used: {reason}; write it there as one line")
    };
    let size = fs::metadata(file).map_err(|error| failed(error.to_string()))?;
    if size.len() > PASSWORD_BYTES_MAX {
        return Err(failed("the file is too large".to_owned()));
    }
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// All that the thread owns.
struct Courier {
    name: String,
    uri: MqttUri,
    options: MqttOptions,
    outbox: Arc<Outbox>,
}

impl Courier {
    /// Connects, for ever, until all is delivered or the sink gives up.
    async fn run(self) {
        let mut wait = RETRY_MIN;
        let mut is_known_away = false;
        while !self.outbox.is_done() {
            let connection = Connection::new(&self);
            let ended = connection.serve().await;
            if self.outbox.is_done() {
                return;
            }
            self.outbox.rewind();
            if connection.is_up.get() {
                (wait, is_known_away) = (RETRY_MIN, false);
            }
            match ended {
                Ok(()) => return,
                Err(error) if !std::mem::replace(&mut is_known_away, true) => {
                    let name = &self.name;
                    log::warn!(
                        "{name}: {error}; see that the broker runs and lets us in, it is tried on and on"
                    );
                }
                Err(error) => log::debug!("{}: {error}", self.name),
            }
            if self.outbox.is_closed() {
                return;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }
}

/// One connection from its beginning to its end.
struct Connection<'a> {
    courier: &'a Courier,
    is_up: Cell<bool>,
    /// Acknowledgements to come that are not of messages of the outbox.
    foreign_acks: Cell<u32>,
    room: Notify,
}

impl<'a> Connection<'a> {
    fn new(courier: &'a Courier) -> Self {
        Self {
            courier,
            is_up: Cell::new(false),
            foreign_acks: Cell::new(0),
            room: Notify::new(),
        }
    }

    /// Goes on until the connection breaks, or all is delivered.
    async fn serve(&self) -> Result<(), ConnectionError> {
        let (client, events) = AsyncClient::new(self.courier.options.clone(), WINDOW + 1);
        tokio::select! {
            error = self.listen(events) => Err(error),
            () = self.send(&client) => Ok(()),
        }
    }

    /// Drives the connection and takes acknowledgements.
    async fn listen(&self, mut events: EventLoop) -> ConnectionError {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    self.is_up.set(true);
                    let waiting = self.courier.outbox.waiting();
                    log::info!("{}: connected, {waiting} messages wait", self.courier.name);
                    self.room.notify_one();
                }
                Ok(Event::Incoming(Incoming::PubAck(_))) => self.take_acknowledgement(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    fn take_acknowledgement(&self) {
        match self.foreign_acks.get() {
            0 => self.courier.outbox.acknowledge(),
            foreign => self.foreign_acks.set(foreign - 1),
        }
        self.room.notify_one();
    }

    /// Sends the outbox, in order, until nothing more comes and all has arrived.
    async fn send(&self, client: &AsyncClient) {
        let (uri, outbox) = (&self.courier.uri, &self.courier.outbox);
        while !self.is_up.get() {
            self.room.notified().await;
        }
        self.announce(client, BIRTH).await;
        while !outbox.is_done() {
            let Some(message) = outbox.next(WINDOW) else {
                tokio::select! {
                    () = outbox.changed() => {}
                    () = self.room.notified() => {}
                }
                continue;
            };
            let topic = uri.vehicle.topic(message.topic.name());
            let qos = match uri.is_acknowledged {
                true => QoS::AtLeastOnce,
                false => QoS::AtMostOnce,
            };
            let is_retained = message.topic == Topic::Health;
            let payload = message.payload;
            let sent = client.publish_bytes(topic, qos, is_retained, payload).await;
            if sent.is_ok() && !uri.is_acknowledged {
                // Nobody will say whether it arrives.
                outbox.acknowledge();
            }
        }
        self.announce(client, WILL).await;
        while self.foreign_acks.get() > 0 {
            self.room.notified().await;
        }
        // Without this the broker would publish the will, which says the same.
        let _ = client.disconnect().await;
        // The broker hangs up then, which ends the other half first.
        tokio::time::sleep(GOODBYE_TIME_MAX).await;
    }

    /// Says on the status topic whether the vehicle is there.
    async fn announce(&self, client: &AsyncClient, status: &str) {
        let topic = self.courier.uri.vehicle.topic("status");
        let sent = client.publish(topic, QoS::AtLeastOnce, true, status).await;
        if sent.is_ok() {
            self.foreign_acks.set(self.foreign_acks.get() + 1);
        }
    }
}
