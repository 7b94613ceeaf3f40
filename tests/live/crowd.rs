//! Many clients at once, among them one that never reads.

use crate::http::{self, next_shot};
use crate::served::{Served, noise, wait_until};
use std::io::Write;

#[test]
fn ten_clients_and_one_that_never_reads_delay_nobody() {
    let served = Served::start(noise());
    let address = served.address;
    // Reads not even the answer.
    let mut stuck = http::connect(address);
    let request = format!("GET /api/stream.mjpeg HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stuck.write_all(request.as_bytes()).unwrap();
    let mut stuck_too = http::open(address, &[]).unwrap();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            std::thread::spawn(move || {
                let mut socket = http::open(address, &[]).unwrap();
                for _ in 0..15 {
                    let shot = next_shot(&mut socket);
                    assert!(shot.jpeg.len() > 100_000 && shot.seen["sequence"].is_u64());
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    served.wait_for_frames(60);
    // The two are dropped, and with them goes what waited for them.
    wait_until("clients that do not read are dropped", || {
        served.metric("lookout_live_clients") == 0.0
    });
    assert!(served.metric("lookout_live_stuck_total") >= 2.0);
    let snapshot = served.handle.snapshot();
    assert_eq!(snapshot.drops.sinks, 0);
    let _ = stuck_too.close(None);
    drop(stuck);
    served.finish();
}

#[test]
fn there_is_room_for_so_many_streams_and_no_more() {
    let served = Served::start(noise());
    let mut sockets: Vec<_> = (0..16)
        .map(|_| http::open(served.address, &[]).unwrap())
        .collect();
    assert_eq!(http::open(served.address, &[]).err(), Some(503));
    let picture = http::get(served.address, "/api/picture.jpg", &[]);
    assert_eq!(picture.status, 503);
    assert!(picture.text().contains("close one"));
    assert_eq!(http::get(served.address, "/healthz", &[]).status, 200);
    sockets.pop();
    wait_until("a place is free again", || {
        http::open(served.address, &[]).is_ok()
    });
    served.finish();
}
