//! Answers that do not end: motion JPEG and server-sent events.

use super::hub::{Hub, Watcher};
use super::routes::{Site, sentence};
use super::shot::Shot;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

/// When nothing is to be told for so long, a comment shows that the connection lives.
const COMMENT_PERIOD: Duration = Duration::from_secs(5);

/// A stream of pictures ends when there was none for so long, since a client that is gone is
/// noticed by writing only.
const PICTURE_PATIENCE: Duration = Duration::from_secs(10);

const BOUNDARY: &str = "lookout-picture";

/// What is said to one client too many.
pub(super) fn full() -> Response {
    let text = "As many clients as are served watch already: close one of them.";
    let mut response = sentence(StatusCode::SERVICE_UNAVAILABLE, text);
    let seconds = HeaderValue::from_static("5");
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// A client of the stream of pictures.
struct Viewer {
    hub: Arc<Hub>,
    shots: watch::Receiver<Option<Arc<Shot>>>,
    _watcher: Watcher,
    _place: OwnedSemaphorePermit,
}

impl Viewer {
    /// The next picture as a part; `None` ends the stream.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let next = async {
            loop {
                self.shots.changed().await.ok()?;
                if let Some(shot) = self.shots.borrow_and_update().clone() {
                    return Some(shot);
                }
            }
        };
        let shot = tokio::select! {
            biased;
            () = self.hub.stopped() => return None,
            shot = tokio::time::timeout(PICTURE_PATIENCE, next) => shot.ok()??,
        };
        let jpeg = shot.jpeg();
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        let part = [head.as_bytes(), &jpeg, b"\r\n"].concat();
        Some((Ok(part.into()), self))
    }
}

/// Pictures as one multipart answer, as `<img>` and most players take it.
pub(super) async fn mjpeg(State(site): State<Site>) -> Response {
    let Some(place) = site.hub.stream() else {
        return full();
    };
    let viewer = Viewer {
        shots: site.hub.shots.subscribe(),
        _watcher: Watcher::new(&site.hub),
        hub: site.hub,
        _place: place,
    };
    let parts = stream::unfold(viewer, Viewer::next);
    let kind = HeaderValue::from_static("multipart/x-mixed-replace; boundary=lookout-picture");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}

/// A client of the stream of detections.
struct Reader {
    hub: Arc<Hub>,
    lines: broadcast::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            let line = tokio::time::timeout(COMMENT_PERIOD, self.lines.recv());
            let line = tokio::select! {
                biased;
                () = self.hub.stopped() => return None,
                line = line => line,
            };
            let event = match line {
                Err(_) => Bytes::from_static(b": nothing to tell\n\n"),
                Ok(Ok(line)) => [b"data: ", &line[..], b"\n\n"].concat().into(),
                Ok(Err(RecvError::Lagged(missed))) => {
                    self.hub.counters.lines_missed.add(missed);
                    continue;
                }
                Ok(Err(RecvError::Closed)) => return None,
            };
            return Some((Ok(event), self));
        }
    }
}

/// Every published frame as a server-sent event, as far as the client keeps up.
pub(super) async fn detections(State(site): State<Site>) -> Response {
    let Some(place) = site.hub.stream() else {
        return full();
    };
    let reader = Reader {
        lines: site.hub.feed.lines(),
        hub: site.hub,
        _place: place,
    };
    let events = stream::unfold(reader, Reader::next);
    let kind = HeaderValue::from_static("text/event-stream");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(events)).into_response()
}
