//! What is answered to which request.

use super::access::{Access, Refusal, query_value};
use super::connection::Caller;
use super::hub::{Hub, Watcher};
use super::page::Page;
use super::{metrics, socket, streams};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Duration;

/// How long a request for a picture waits for one.
const PICTURE_PATIENCE: Duration = Duration::from_secs(3);

/// How long the recording may take to say that it keeps what it has.
const PRESERVE_PATIENCE: Duration = Duration::from_secs(5);

/// What every handler gets.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) hub: Arc<Hub>,
    pub(super) page: Arc<Page>,
}

/// Everything there is, behind the guard.
pub(super) fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/live", get(socket::upgrade))
        .route("/api/picture.jpg", get(picture))
        .route("/api/stream.mjpeg", get(streams::mjpeg))
        .route("/api/detections", get(detections))
        .route("/api/detections/stream", get(streams::detections))
        .route("/api/health", get(health))
        .route("/api/preserve", post(preserve))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(site.clone(), guard))
        .with_state(site)
}

/// A sentence with a status.
pub(super) fn sentence(status: StatusCode, text: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, format!("{text}\n")).into_response()
}

fn json(body: impl Into<Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, body.into()).into_response()
}

/// Stands before everything: lets in who may ask, and adds what browsers must know.
async fn guard(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let hub = &site.hub;
    let is_page = parts.uri.path() == "/";
    let checked = hub
        .access
        .check_origin(&parts)
        .and_then(|()| Access::check_body(&parts.headers))
        .and_then(|()| {
            let has_own_check =
                parts.uri.path() == "/healthz" || is_page && query_token(&parts.uri).is_some();
            if has_own_check {
                return Ok(());
            }
            hub.access.check_token(&parts.headers, caller.ip, hub)
        });
    let mut response = match checked {
        Ok(()) => {
            hub.counters.requests.add(1);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refuse(&site, refusal, is_page),
    };
    site.page.add_headers(response.headers_mut());
    response
}

/// Says no, and what would help.
fn refuse(site: &Site, refusal: Refusal, is_page: bool) -> Response {
    site.hub.counters.refused(refusal.counted()).add(1);
    let (status, text) = match refusal {
        Refusal::Host => (
            StatusCode::MISDIRECTED_REQUEST,
            "This page answers to localhost, 127.0.0.1 and [::1] only: use one of these names.",
        ),
        Refusal::Origin => (
            StatusCode::FORBIDDEN,
            "Pages of other sites may not ask here: open this address itself.",
        ),
        Refusal::Body => (StatusCode::PAYLOAD_TOO_LARGE, "No request here has a body."),
        Refusal::TooOften => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens came from your address: wait some seconds.",
        ),
        Refusal::TokenMissing => (
            StatusCode::UNAUTHORIZED,
            "Show the token: `Authorization: Bearer TOKEN`, or open /?token=TOKEN in a browser.",
        ),
        Refusal::TokenWrong => (
            StatusCode::UNAUTHORIZED,
            "This token is wrong: the right one is in the file that live.token_file names.",
        ),
    };
    let mut response = if is_page && status == StatusCode::UNAUTHORIZED {
        (status, site.page.entrance()).into_response()
    } else {
        sentence(status, text)
    };
    let hint = match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "2")),
        _ => None,
    };
    if let Some((name, value)) = hint {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn query_token(uri: &Uri) -> Option<Vec<u8>> {
    query_value(uri.query()?, "token")
}

/// The page; with a token in the address, a session and the way to the page without it, so that
/// the token stays in no history and on no screen.
async fn page(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let way_back = [(header::LOCATION, HeaderValue::from_static("/"))];
    let hub = &site.hub;
    match query_token(&uri) {
        None => site.page.show().into_response(),
        Some(_) if !hub.access.needs_token() => (StatusCode::SEE_OTHER, way_back).into_response(),
        Some(secret) => match hub.access.enter(&secret, caller.ip, hub) {
            Ok(cookie) => {
                let cookie = [(header::SET_COOKIE, cookie)];
                (StatusCode::SEE_OTHER, way_back, cookie).into_response()
            }
            Err(refusal) => refuse(&site, refusal, true),
        },
    }
}

/// For supervisors: 200 while the road is looked at. The reasons are for who knows the token.
async fn healthz(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    let hub = &site.hub;
    let (state, reasons) = hub.health();
    if state.sees() {
        return sentence(StatusCode::OK, "ok");
    }
    let is_known = hub.access.check_token(&headers, caller.ip, hub).is_ok();
    let text = if is_known && !reasons.is_empty() {
        format!("{state}: {}", reasons.join("; "))
    } else {
        state.to_string()
    };
    sentence(StatusCode::SERVICE_UNAVAILABLE, &text)
}

async fn health(State(site): State<Site>) -> Response {
    match site.hub.health_text() {
        text if text.is_empty() => sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "Nothing is known yet: ask again.",
        ),
        text => json(text),
    }
}

async fn detections(State(site): State<Site>) -> Response {
    match site.hub.feed.newest().line {
        line if line.is_empty() => {
            let text = "No frame has been looked at yet: /healthz says why.";
            sentence(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        line => json(line),
    }
}

async fn metrics(State(site): State<Site>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, metrics::text(&site.hub)).into_response()
}

/// The picture that is there now, or none.
async fn picture(State(site): State<Site>) -> Response {
    let Some(_place) = site.hub.stream() else {
        return streams::full();
    };
    let _watcher = Watcher::new(&site.hub);
    let mut shots = site.hub.shots.subscribe();
    let is_fresh = |shot: &Option<_>| {
        shot.as_ref()
            .is_some_and(|shot: &Arc<super::shot::Shot>| shot.is_fresh())
    };
    let shot = tokio::time::timeout(PICTURE_PATIENCE, shots.wait_for(is_fresh)).await;
    let shot = shot.ok().and_then(Result::ok).and_then(|shot| shot.clone());
    match shot {
        Some(shot) => ([(header::CONTENT_TYPE, "image/jpeg")], shot.jpeg()).into_response(),
        None => {
            let text = "There is no picture at present: /healthz says why.";
            sentence(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

/// Keeps the recording around this moment.
async fn preserve(State(site): State<Site>) -> Response {
    let Some(preserve) = site.hub.preserve.clone() else {
        let text = "Nothing is recorded: start lookout with --record DIR.";
        return sentence(StatusCode::NOT_FOUND, text);
    };
    let Some(place) = site.hub.preserving() else {
        let text = "The recording is being asked already: try again in some seconds.";
        return sentence(StatusCode::CONFLICT, text);
    };
    let asked = tokio::task::spawn_blocking(move || {
        // Given back when the hook returns, also when nobody waits for that any more.
        let _place = place;
        preserve()
    });
    match tokio::time::timeout(PRESERVE_PATIENCE, asked).await {
        Ok(Ok(Ok(()))) => sentence(StatusCode::OK, "The recording around this moment is kept."),
        Ok(Ok(Err(reason))) => sentence(StatusCode::CONFLICT, &reason),
        Ok(Err(_)) => {
            let text = "The recording failed; the log of lookout says more.";
            sentence(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
        Err(_) => {
            let text = "The recording has not answered in time; look whether it was kept.";
            sentence(StatusCode::GATEWAY_TIMEOUT, text)
        }
    }
}

async fn nothing() -> Response {
    let text = "There is nothing here. The page is at /, the metrics at /metrics.";
    sentence(StatusCode::NOT_FOUND, text)
}
