//! Messages to a Zenoh network: peers in the vehicle, or a router for a fleet.

use super::encode::Encoding;
use super::outbox::{Message, Outbox, Topic};
use super::uri::ZenohUri;
use super::{RETRY_MAX, RETRY_MIN};
use crate::sink::SinkError;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use zenoh::pubsub::Publisher;
use zenoh::qos::CongestionControl;
use zenoh::{Config, Session, Wait};

/// How long a message counts as under way: if the link breaks within this time it may be gone
/// with it, and is sent again.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// The most messages under way.
const WINDOW: usize = 4096;

/// How often the link is looked at.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// How long after a broken link those who listened before are waited for.
const LISTENERS_TIME_MAX: Duration = Duration::from_secs(5);

/// What delivers an outbox to a Zenoh network, until it is closed and empty. Where nobody listens,
/// nothing is kept and nothing lost.
pub(super) fn courier(
    uri: &ZenohUri,
    outbox: Arc<Outbox>,
) -> Result<impl FnOnce() + Send + 'static, SinkError> {
    let name = uri.to_string();
    let config = config(uri).map_err(|error| SinkError::Open {
        sink: name.clone(),
        reason: format!("{error}; write the endpoint as tcp/HOST:PORT"),
    })?;
    let clock = runtime().map_err(|source| SinkError::Thread {
        sink: name.clone(),
        source,
    })?;
    let courier = Courier {
        name,
        uri: uri.clone(),
        config,
        outbox,
        clock,
    };
    Ok(move || courier.run())
}

/// Only for waiting with a limit: Zenoh has a runtime of its own.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
}

fn config(uri: &ZenohUri) -> zenoh::Result<Config> {
    let mut config = Config::default();
    let mode = if uri.is_peer { "peer" } else { "client" };
    config.insert_json5("mode", &format!("{mode:?}"))?;
    if let Some(endpoint) = &uri.connect {
        let endpoints = serde_json::to_string(&[endpoint])?;
        config.insert_json5("connect/endpoints", &endpoints)?;
    }
    // A router that is away is tried in the background, for ever.
    config.insert_json5("connect/timeout_ms", "-1")?;
    config.insert_json5("connect/exit_on_failure", "false")?;
    config.insert_json5(
        "connect/retry",
        "{ period_init_ms: 500, period_max_ms: 5000, period_increase_factor: 2 }",
    )?;
    Ok(config)
}

/// All that the thread owns.
struct Courier {
    name: String,
    uri: ZenohUri,
    config: Config,
    outbox: Arc<Outbox>,
    clock: Runtime,
}

impl Courier {
    fn run(self) {
        let mut wait = RETRY_MIN;
        let mut is_known_failing = false;
        while !self.outbox.is_closed() {
            match self.serve() {
                Ok(()) => return,
                Err(error) if !std::mem::replace(&mut is_known_failing, true) => {
                    log::warn!("{}: {error}; it is tried on and on", self.name);
                }
                Err(error) => log::debug!("{}: {error}", self.name),
            }
            self.outbox.rewind();
            std::thread::sleep(wait);
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// Opens a session, which mends its links by itself, and sends until nothing more comes.
    fn serve(&self) -> zenoh::Result<()> {
        let session = zenoh::open(self.config.clone()).wait()?;
        let mut link = Link::new(self, &session)?;
        while !self.outbox.is_done() {
            link.look();
            let message = link.may_send().then(|| self.outbox.next(WINDOW)).flatten();
            match message {
                Some(message) => link.send(message)?,
                None if self.outbox.is_closed() && !link.may_send() => break,
                None => self.pause(),
            }
        }
        // Takes what is still in its queues along.
        session.close().wait()
    }

    /// Waits for something new in the outbox, but not for long.
    fn pause(&self) {
        self.clock.block_on(async {
            let _ = tokio::time::timeout(LOOK_PERIOD, self.outbox.changed()).await;
        });
    }
}

/// The ways out of a session, and what is known of them.
struct Link<'a> {
    courier: &'a Courier,
    session: &'a Session,
    publishers: [(Topic, Publisher<'a>); 3],
    /// When the messages that are under way were sent, oldest first.
    sent_at: VecDeque<Instant>,
    looked_at: Option<Instant>,
    /// Routers and peers that there is a link to.
    others: Vec<String>,
    /// Whether anybody listens to detections.
    is_heard: bool,
    /// Until when those are waited for who listened before the link broke.
    awaited_until: Option<Instant>,
}

impl<'a> Link<'a> {
    fn new(courier: &'a Courier, session: &'a Session) -> zenoh::Result<Self> {
        let encoding = match courier.uri.encoding {
            Encoding::Json => zenoh::bytes::Encoding::APPLICATION_JSON,
            Encoding::Cbor => zenoh::bytes::Encoding::APPLICATION_CBOR,
        };
        let declare = |topic: Topic| -> zenoh::Result<(Topic, Publisher<'a>)> {
            let key = courier.uri.vehicle.topic(topic.name());
            let publisher = session
                .declare_publisher(key)
                .encoding(encoding.clone())
                // This thread may wait; a message that is dropped would not be counted.
                .congestion_control(CongestionControl::Block)
                .wait()?;
            Ok((topic, publisher))
        };
        Ok(Self {
            courier,
            session,
            publishers: [
                declare(Topic::Detections)?,
                declare(Topic::Events)?,
                declare(Topic::Health)?,
            ],
            sent_at: VecDeque::new(),
            looked_at: None,
            others: Vec::new(),
            is_heard: false,
            awaited_until: None,
        })
    }

    /// Whether a message that is sent now has a chance.
    fn may_send(&self) -> bool {
        let is_awaiting = self
            .awaited_until
            .is_some_and(|until| Instant::now() < until);
        !self.others.is_empty() && (self.is_heard || !is_awaiting)
    }

    /// From time to time: who is there, who listens, and what has arrived.
    fn look(&mut self) {
        let now = Instant::now();
        if self
            .looked_at
            .is_some_and(|at| now.duration_since(at) < LOOK_PERIOD)
        {
            return;
        }
        self.looked_at = Some(now);
        let info = self.session.info();
        let mut others: Vec<String> = info.routers_zid().wait().map(|id| id.to_string()).collect();
        others.extend(info.peers_zid().wait().map(|id| id.to_string()));
        if self.others.iter().any(|known| !others.contains(known)) {
            self.note_broken(now);
        }
        if self.others.is_empty() && !others.is_empty() {
            let waiting = self.courier.outbox.waiting();
            log::info!("{}: linked, {waiting} messages wait", self.courier.name);
        }
        self.others = others;
        self.is_heard = self.publishers.iter().any(|(_, publisher)| {
            let status = publisher.matching_status().wait();
            status.is_ok_and(|status| status.matching())
        });
        if self.is_heard {
            self.awaited_until = None;
        }
        let is_over = |at: &Instant| now.duration_since(*at) >= UNDER_WAY;
        while self.sent_at.front().is_some_and(is_over) {
            self.sent_at.pop_front();
            self.courier.outbox.acknowledge();
        }
    }

    fn note_broken(&mut self, now: Instant) {
        if self.is_heard {
            self.awaited_until = Some(now + LISTENERS_TIME_MAX);
        }
        log::warn!("{}: a link broke; it is tried on and on", self.courier.name);
        self.sent_at.clear();
        self.courier.outbox.rewind();
    }

    fn send(&mut self, message: Message) -> zenoh::Result<()> {
        let is_right = |pair: &&(Topic, Publisher<'a>)| pair.0 == message.topic;
        if let Some((_, publisher)) = self.publishers.iter().find(is_right) {
            publisher.put(message.payload.to_vec()).wait()?;
        }
        self.sent_at.push_back(Instant::now());
        Ok(())
    }
}
