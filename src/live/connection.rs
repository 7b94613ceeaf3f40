//! Takes connections, as many as there is room for, and serves each within limits.

use super::guests::Guest;
use super::hub::Hub;
use super::routes::{Site, router};
use super::status;
use super::timed_stream::TimedStream;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The most header lines of a request.
const HEADERS_MAX: usize = 64;

/// Buffer of a connection, in bytes.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// How long to wait after a fault of the system, such as no file descriptor being left.
const FAULT_PAUSE: Duration = Duration::from_millis(200);

/// How long clients get to hear that it is over.
const FAREWELL: Duration = Duration::from_millis(500);

/// What is said to one connection too many: short enough to fit any socket's buffer.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
    Retry-After: 5\r\nContent-Length: 21\r\n\r\nToo many connections\n";

/// Who is at the other end. Its place among the connections is taken as long as any of these
/// lives.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) ip: IpAddr,
    _place: Arc<Guest>,
}

/// Serves until the end, or until the system fails for good.
pub(super) async fn serve(listener: TcpListener, site: Site) {
    let hub = Arc::clone(&site.hub);
    let router = router(site);
    let ticker = Arc::clone(&hub);
    let ticking = tokio::spawn(async move { status::tick(&ticker).await });
    tokio::select! {
        () = hub.stopped() => {}
        () = accept(&listener, &router, &hub) => {}
    }
    ticking.abort();
    let began = tokio::time::Instant::now();
    while hub.connections() > 0 && began.elapsed() < FAREWELL {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn accept(listener: &TcpListener, router: &Router, hub: &Arc<Hub>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match hub.connect(peer.ip()) {
                Some(place) => {
                    let caller = Caller {
                        ip: peer.ip(),
                        _place: Arc::new(place),
                    };
                    tokio::spawn(attend(stream, caller, router.clone(), Arc::clone(hub)));
                }
                None => turn_away(&stream),
            },
            Err(error) => {
                hub.counters.accept_faults.add(1);
                log::debug!("live page: no connection: {error}");
                tokio::time::sleep(FAULT_PAUSE).await;
            }
        }
    }
}

/// Says so at once, and waits for nothing.
fn turn_away(stream: &TcpStream) {
    let _ = stream.try_write(TOO_MANY);
}

/// Serves one connection until it ends by itself, by a limit or with everything.
async fn attend(stream: TcpStream, caller: Caller, router: Router, hub: Arc<Hub>) {
    // Boxes that wait for the next picture would be late.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        service.call(request.map(Body::new))
    });
    let stream = TokioIo::new(TimedStream::new(stream, Arc::clone(&hub)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(stream, service)
        .with_upgrades();
    if let Err(error) = connection.await {
        log::debug!("live page: a connection ended: {error}");
    }
}
