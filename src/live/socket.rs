//! The WebSocket that the page hangs on: pictures with what was seen, and a status each second.

use super::connection::Caller;
use super::counters::Refused;
use super::hub::{Hub, Watcher};
use super::routes::Site;
use super::status;
use super::streams::full;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// The longest message that a client may send, in bytes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Messages that a client may send a minute.
const MESSAGES_PER_MINUTE_MAX: u32 = 240;

/// The most that waits for a client in memory of ours, in bytes: one picture.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// A message must have left in this time, or the client does not read.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// What a client may say.
#[derive(Debug, Deserialize)]
struct Wish {
    /// Whether pictures are to stop coming.
    pause: bool,
}

/// Turns the request into a WebSocket.
pub(super) async fn upgrade(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let Some(place) = site.hub.stream() else {
        return full();
    };
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(WAITING_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            Client::new(site.hub, socket, place).serve().await;
            drop(caller);
        })
}

/// One page at the other end.
struct Client {
    hub: Arc<Hub>,
    socket: WebSocket,
    watcher: Option<Watcher>,
    minute: Instant,
    messages: u32,
    _place: OwnedSemaphorePermit,
}

impl Client {
    fn new(hub: Arc<Hub>, socket: WebSocket, place: OwnedSemaphorePermit) -> Self {
        Self {
            watcher: Some(Watcher::new(&hub)),
            hub,
            socket,
            minute: Instant::now(),
            messages: 0,
            _place: place,
        }
    }

    async fn serve(mut self) {
        let hub = Arc::clone(&self.hub);
        let mut shots = hub.shots.subscribe();
        let mut status = hub.status.subscribe();
        for greeting in [status::hello(&hub), status::now(&hub)] {
            if self.send(Message::Text(greeting)).await.is_break() {
                return;
            }
        }
        loop {
            let flow = tokio::select! {
                biased;
                () = hub.stopped() => break,
                heard = self.socket.recv() => match heard {
                    Some(Ok(message)) => self.heed(&message).await,
                    Some(Err(error)) => {
                        // Too long, or against the protocol.
                        self.hub.counters.refused(Refused::Size).add(1);
                        log::debug!("live page: a client was dropped: {error}");
                        ControlFlow::Break(())
                    }
                    None => ControlFlow::Break(()),
                },
                changed = status.changed() => {
                    let text = status.borrow_and_update().clone();
                    match changed {
                        Ok(()) if text.is_empty() => ControlFlow::Continue(()),
                        Ok(()) => self.send(Message::Text(text)).await,
                        Err(_) => ControlFlow::Break(()),
                    }
                },
                changed = shots.changed(), if self.watcher.is_some() => {
                    let shot = shots.borrow_and_update().clone();
                    match (changed, shot) {
                        (Err(_), _) => ControlFlow::Break(()),
                        (Ok(()), None) => ControlFlow::Continue(()),
                        (Ok(()), Some(shot)) => self.send(Message::Binary(shot.message())).await,
                    }
                },
            };
            if flow.is_break() {
                return;
            }
        }
        let farewell = CloseFrame {
            code: close_code::AWAY,
            reason: "lookout ends".into(),
        };
        let _ = self.send(Message::Close(Some(farewell))).await;
    }

    /// Sends, or gives the client up.
    async fn send(&mut self, message: Message) -> ControlFlow<()> {
        match tokio::time::timeout(SEND_PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(()),
            Err(_) => {
                self.hub.counters.stuck.add(1);
                ControlFlow::Break(())
            }
        }
    }

    /// Does what the client says, unless it says too much. What is not understood is ignored.
    async fn heed(&mut self, message: &Message) -> ControlFlow<()> {
        if self.minute.elapsed() > Duration::from_secs(60) {
            (self.minute, self.messages) = (Instant::now(), 0);
        }
        self.messages += 1;
        if self.messages > MESSAGES_PER_MINUTE_MAX {
            self.hub.counters.refused(Refused::Size).add(1);
            let farewell = CloseFrame {
                code: close_code::POLICY,
                reason: "too many messages".into(),
            };
            let _ = self.send(Message::Close(Some(farewell))).await;
            return ControlFlow::Break(());
        }
        if let Message::Text(text) = message
            && let Ok(wish) = serde_json::from_str::<Wish>(text)
        {
            self.watcher = (!wish.pause).then(|| Watcher::new(&self.hub));
        }
        ControlFlow::Continue(())
    }
}
