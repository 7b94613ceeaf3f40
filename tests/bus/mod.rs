//! What the tests of both buses share: frames by number, and the judgement of what arrived.
#![allow(dead_code)]

use lookout::detection::DetectionFrame;
use lookout::sink::Sink;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Long enough for any machine; reached only by a test that fails.
pub const LONG: Duration = Duration::from_secs(120);

/// Pause between two frames: faster than any camera.
const FRAME_PERIOD: Duration = Duration::from_millis(5);

/// Finds a program as a shell would, and where only root looks. Missing, that is a failure where
/// `CI` is set; elsewhere the test is skipped, which it says.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places
        .map(|place| place.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The way from a publisher to a broker, which a test opens when the subscriber is there: a
/// broker that has forgotten its subscribers takes messages for nobody, as it should.
pub struct Gate {
    pub port: u16,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    pub fn to(broker_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            port: listener.local_addr().unwrap().port(),
            is_open: Arc::default(),
        };
        let is_open = Arc::clone(&gate.is_open);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_open.load(Ordering::SeqCst)
                    && let Ok(broker) = TcpStream::connect(("127.0.0.1", broker_port))
                {
                    forward(client, broker);
                }
            }
        });
        gate
    }

    pub fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::SeqCst);
    }
}

/// Passes bytes on in both directions until one side is gone, and the other with it.
fn forward(client: TcpStream, broker: TcpStream) {
    let back = (broker.try_clone().unwrap(), client.try_clone().unwrap());
    for (mut from, mut to) in [(client, broker), back] {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}

/// Waits for something to become true.
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sequence numbers as a subscriber got them.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<Vec<u64>>>);

impl Received {
    /// Takes note of a message of detections.
    pub fn take(&self, payload: &[u8]) {
        let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
        assert_eq!(value["schema"], "lookout.detections/1");
        let sequence = value["sequence"].as_u64().unwrap();
        self.0.lock().unwrap().push(sequence);
    }

    pub fn last(&self) -> Option<u64> {
        self.0.lock().unwrap().last().copied()
    }

    /// How many of `published` frames never came. A message may come again after a lost
    /// connection, and with it those that followed it, but apart from that the order is kept.
    pub fn missed(&self, published: u64) -> u64 {
        let sequences = self.0.lock().unwrap();
        let mut newest = None;
        let mut distinct = 0;
        for (at, sequence) in sequences.iter().enumerate() {
            if newest.is_none_or(|newest| *sequence > newest) {
                distinct += 1;
                newest = Some(*sequence);
                continue;
            }
            let is_repeated = sequences[..at].contains(sequence);
            assert!(is_repeated, "{sequence} came after {newest:?}");
        }
        published - distinct
    }

    pub fn repeated(&self, published: u64) -> u64 {
        let all = self.0.lock().unwrap().len() as u64;
        all - (published - self.missed(published))
    }
}

/// Publishes numbered frames at a steady rate.
pub struct Publisher {
    pub sink: Box<dyn Sink>,
    frame: DetectionFrame,
}

impl Publisher {
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            frame: DetectionFrame {
                frame_width: 640,
                frame_height: 360,
                ..DetectionFrame::empty()
            },
        }
    }

    pub fn publish_for(&mut self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.publish();
            std::thread::sleep(FRAME_PERIOD);
        }
    }

    pub fn publish(&mut self) {
        self.sink.publish(&self.frame).unwrap();
        self.frame.sequence += 1;
    }

    /// How many have been published.
    pub fn published(&self) -> u64 {
        self.frame.sequence
    }

    /// Goes on until the subscriber has the newest frame.
    pub fn settle(&mut self, received: &Received) {
        wait_until("the newest frame arrives", || {
            self.publish();
            let newest = self.published() - 1;
            std::thread::sleep(Duration::from_millis(200));
            received.last() == Some(newest)
        });
    }
}

/// Threads, open files and resident memory of this process.
#[derive(Debug)]
pub struct Costs {
    pub threads: usize,
    pub files: usize,
    pub resident_bytes: u64,
}

pub fn costs() -> Costs {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    Costs {
        threads: count("/proc/self/task"),
        files: count("/proc/self/fd"),
        resident_bytes: lookout::process::memory_resident_bytes().unwrap(),
    }
}

/// Nothing has grown between two moments of equal load.
pub fn assert_no_growth(before: &Costs, after: &Costs) {
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    assert!(after.files <= before.files + 1, "{before:?} {after:?}");
    let room = before.resident_bytes / 4 + (8 << 20);
    let most = before.resident_bytes + room;
    assert!(after.resident_bytes <= most, "{before:?} {after:?}");
}
