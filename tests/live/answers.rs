//! What is answered to clients that mean well.

use crate::http::{self, Answer, next_shot, next_text};
use crate::served::{Served, drive};
use lookout::health::HealthReport;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn every_address_answers_with_what_it_is_for() {
    let served = Served::start(drive());
    let get = |path| http::get(served.address, path, &[]);
    let page = get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<title>Lookout</title>"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("access-control-allow-origin"), None);

    let picture = get("/api/picture.jpg");
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    let picture = image::load_from_memory(&picture.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (192, 108));

    let seen = get("/api/detections").json();
    assert_eq!(seen["schema"], "lookout.detections/1");
    assert_eq!(seen["detections"][0]["class"], "person");
    let health = HealthReport::parse(&get("/api/health").body).unwrap();
    assert!(health.state.sees() && health.model_id == "middle@0");
    assert_eq!(get("/healthz").text(), "ok\n");

    let Answer { status, body, .. } = http::request(served.address, "POST", "/api/preserve", &[]);
    assert_eq!(status, 404);
    assert!(String::from_utf8(body).unwrap().contains("--record"));
    assert_eq!(http::request(served.address, "POST", "/", &[]).status, 405);
    assert_eq!(get("/api/preserve").status, 405);
    served.finish();
}

/// Checks the text as Prometheus would: every sample belongs to the family above it, none twice.
#[test]
fn metrics_are_as_prometheus_reads_them() {
    let served = Served::start(drive());
    let answer = http::get(served.address, "/metrics", &[]);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let (mut family, mut families, mut samples) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for line in answer.text().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["#", "HELP", name, ..] = words[..] {
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            family = name.to_owned();
        } else if let ["#", "TYPE", name, kind] = words[..] {
            assert_eq!(name, family);
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(sample.split('{').next().unwrap(), family);
            assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
            assert!(samples.insert(sample.to_owned()), "{sample} comes twice");
        }
    }
    assert!(served.metric("lookout_frames_published_total") > 0.0);
    assert!(served.metric("lookout_detections_total{class=\"person\"}") > 0.0);
    assert_eq!(served.metric("lookout_health_state{state=\"blind\"}"), 0.0);
    assert!(
        samples
            .iter()
            .any(|s| s.starts_with("lookout_frame_age_seconds{"))
    );
    served.finish();
}

#[test]
fn streams_go_on_and_leave_nothing_out_for_who_keeps_up() {
    let served = Served::start(drive());
    let enough = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("\n\n").count() > 40;
    let bytes = http::read_stream(served.address, "/api/detections/stream", enough);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("text/event-stream"));
    let sequences: Vec<u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| line["sequence"].as_u64())
        .collect();
    assert!(sequences.len() >= 40);
    assert!(
        sequences.windows(2).all(|two| two[0] + 1 == two[1]),
        "{sequences:?}"
    );

    let parts = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .matches("Content-Length")
            .count()
    };
    let bytes = http::read_stream(served.address, "/api/stream.mjpeg", |bytes| {
        parts(bytes) > 3
    });
    let start = bytes
        .windows(2)
        .position(|two| two == [0xFF, 0xD8])
        .unwrap();
    let picture = image::load_from_memory(&bytes[start..]).unwrap();
    assert_eq!(picture.width(), 192);
    served.finish();
}

#[test]
fn a_page_gets_pictures_that_belong_to_what_was_seen() {
    let served = Served::start(drive());
    let mut socket = http::open(served.address, &[]).unwrap();
    let hello = next_text(&mut socket, "hello");
    assert_eq!(hello["can_preserve"], false);
    let mut last = None;
    for _ in 0..5 {
        let shot = next_shot(&mut socket);
        let sequence = shot.seen["sequence"].as_u64();
        assert!(sequence > last, "{sequence:?} after {last:?}");
        last = sequence;
        assert_eq!(shot.seen["schema"], "lookout.detections/1");
        image::load_from_memory(&shot.jpeg).unwrap();
    }
    let status = next_text(&mut socket, "status");
    assert_eq!(status["health"]["state"], "ok");
    socket.send("{\"pause\":true}".into()).unwrap();
    socket.send("what?".into()).unwrap();
    // Two statuses without a picture between them: it has paused.
    let mut pictures = 1;
    while pictures > 0 {
        pictures = 0;
        loop {
            match socket.read().unwrap() {
                tungstenite::Message::Binary(_) => pictures += 1,
                tungstenite::Message::Text(_) => break,
                _ => {}
            }
        }
    }
    socket.send("{\"pause\":false}".into()).unwrap();
    next_shot(&mut socket);
    served.finish();
    let farewell = std::iter::repeat_with(|| socket.read()).find(|read| {
        !matches!(
            read,
            Ok(tungstenite::Message::Binary(_) | tungstenite::Message::Text(_))
        )
    });
    assert!(
        matches!(farewell, Some(Ok(tungstenite::Message::Close(_)))),
        "{farewell:?}"
    );
}

#[test]
fn the_recording_is_asked_to_keep_what_it_has() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let hook = move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        1 => Err("The disk is full: free some space.".to_owned()),
        _ => panic!("scripted panic of the recording"),
    };
    let served = Served::start_with(drive(), "127.0.0.1:0", None, Some(Arc::new(hook)));
    let post = || http::request(served.address, "POST", "/api/preserve", &[]);
    assert_eq!(post().status, 200);
    let full = post();
    assert_eq!(
        (full.status, full.text().contains("disk is full")),
        (409, true)
    );
    assert_eq!(post().status, 500);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let foreign = [("Origin", "http://evil.example")];
    assert_eq!(
        http::request(served.address, "POST", "/api/preserve", &foreign).status,
        403
    );
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    served.wait_for_frames(10);
    served.finish();
}
