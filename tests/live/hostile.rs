//! Clients that mean harm: refused, bounded, and detection knows nothing of them.

use crate::http::{self, connect, exchange, parse};
use crate::served::{Served, drive, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use tungstenite::Message;

/// The server still answers, and detection goes on.
fn is_well(served: &Served) {
    wait_until("the server answers", || {
        let mut stream = connect(served.address);
        let request = format!("GET /healthz HTTP/1.0\r\nHost: {}\r\n\r\n", served.address);
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains("200 OK")
    });
    served.wait_for_frames(10);
}

#[test]
fn heads_that_come_slowly_or_not_at_all_are_not_waited_for() {
    let served = Served::start(drive());
    let mut silent = connect(served.address);
    let mut slow = connect(served.address);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
    let drip = slow.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        let mut drip = drip;
        while drip.write_all(b"1").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    for stream in [&mut silent, &mut slow] {
        // Ends because the server has had enough; what it says before that does not matter.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    dripping.join().unwrap();
    is_well(&served);
    served.finish();
}

#[test]
fn heads_and_bodies_have_limits() {
    let served = Served::start(drive());
    let address = served.address;
    let long = "x".repeat(100_000);
    let status = |answer: &[u8]| {
        // Closing on a client that still sends may cost it the answer.
        if answer.is_empty() {
            431
        } else {
            parse(answer).status
        }
    };
    let one = format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: {long}\r\n\r\n");
    assert_eq!(status(&exchange(address, one.as_bytes())), 431);
    let many: String = (0..1000).map(|i| format!("A{i}: b\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{many}\r\n");
    assert_eq!(status(&exchange(address, many.as_bytes())), 431);
    let target = format!("GET /{long} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert!(matches!(
        status(&exchange(address, target.as_bytes())),
        414 | 431
    ));
    for (name, value) in [
        ("Content-Length", "100000000"),
        ("Transfer-Encoding", "chunked"),
    ] {
        let answer = http::request(address, "POST", "/api/preserve", &[(name, value)]);
        assert_eq!(answer.status, 413, "{name}");
    }
    // A body that never comes.
    let request = format!(
        "POST /api/preserve HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000\r\n\r\nabc"
    );
    let answer = exchange(address, request.as_bytes());
    assert_eq!(parse(&answer).status, 404);
    for nonsense in [
        &b"\0\0\0\0"[..],
        b"GET\r\n\r\n",
        &[0xFF; 4096],
        b"\x16\x03\x01\x02\0",
    ] {
        exchange(address, &[nonsense, b"\r\n\r\n"].concat());
    }
    is_well(&served);
    served.finish();
}

#[test]
fn no_path_leads_to_a_file() {
    let served = Served::start(drive());
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/./Cargo.toml",
        "/api/../../Cargo.toml",
        "/api/picture.jpg/../../../Cargo.toml",
        "/page.html",
        "/.git/config",
    ] {
        let answer = http::get(served.address, path, &[]);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("root:"), "{path}");
    }
    let answer = exchange(
        served.address,
        b"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(parse(&answer).status >= 400);
    served.finish();
}

#[test]
fn other_names_and_other_pages_are_turned_away() {
    let served = Served::start(drive());
    let address = served.address;
    let port = address.port();
    let status = |headers: &[(&str, &str)]| http::get(address, "/api/detections", headers).status;
    assert_eq!(status(&[("Host", "evil.example")]), 421);
    assert_eq!(status(&[("Host", &format!("evil.example:{port}"))]), 421);
    assert_eq!(status(&[("Host", &format!("localhost:{port}"))]), 200);
    assert_eq!(status(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(status(&[("Origin", "null")]), 403);
    assert_eq!(status(&[("Origin", &format!("http://{address}"))]), 200);
    assert_eq!(status(&[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(
        http::open(address, &[("origin", "http://evil.example")]).err(),
        Some(403)
    );
    assert_eq!(
        http::open(address, &[("host", "evil.example")]).err(),
        Some(421)
    );
    assert!(http::open(address, &[("origin", &format!("http://{address}"))]).is_ok());
    assert!(served.metric("lookout_live_refused_total{reason=\"foreign\"}") >= 7.0);
    served.finish();
}

#[test]
fn messages_that_are_too_long_or_too_many_end_a_connection() {
    let served = Served::start(drive());
    let is_ended = |messages: &mut dyn Iterator<Item = Message>| {
        let mut socket = http::open(served.address, &[]).unwrap();
        for message in messages {
            if socket.send(message).is_err() {
                return true;
            }
        }
        // Pictures may still come before the end does.
        std::iter::repeat_with(|| socket.read())
            .take(500)
            .any(|read| read.is_err() || matches!(read, Ok(Message::Close(_))))
    };
    let long = "x".repeat(1 << 20);
    assert!(is_ended(&mut std::iter::once(Message::text(long))));
    assert!(is_ended(&mut (0..1000).map(|_| Message::text("{}"))));
    is_well(&served);
    served.finish();
}

fn hold(served: &Served, count: usize) -> Vec<TcpStream> {
    (0..count)
        .filter_map(|_| TcpStream::connect(served.address).ok())
        .collect()
}

#[test]
fn hundreds_of_connections_are_bounded_and_outlived() {
    let served = Served::start(drive());
    let held = hold(&served, 400);
    served.wait_for_frames(30);
    drop(held);
    is_well(&served);
    assert!(served.metric("lookout_live_refused_total{reason=\"connections\"}") > 100.0);
    served.finish();
}

/// Takes a while, and descriptors: `ulimit -n` may have to be raised.
#[test]
#[ignore = "takes a while"]
fn ten_thousand_connections_are_bounded_and_outlived() {
    let served = Served::start(drive());
    for _ in 0..25 {
        drop(hold(&served, 400));
    }
    is_well(&served);
    served.finish();
}
