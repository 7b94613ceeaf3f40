//! The Zenoh sink and a real router, which is killed and comes back.
#![cfg(feature = "zenoh")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod bus;

use bus::{Costs, LONG, Publisher, Received, assert_no_growth, costs, free_port, wait_until};
use lookout::bulletin::Bulletin;
use lookout::sink::{BusSink, SinkUri};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zenoh::{Config, Session, Wait};

const PORT: &str = "LOOKOUT_TEST_ROUTER_PORT";

fn config(mode: &str, verb: &str, port: u16) -> Config {
    let mut config = Config::default();
    config.insert_json5("mode", &format!("{mode:?}")).unwrap();
    let endpoints = format!("[\"tcp/127.0.0.1:{port}\"]");
    config
        .insert_json5(&format!("{verb}/endpoints"), &endpoints)
        .unwrap();
    config
        .insert_json5("scouting/multicast/enabled", "false")
        .unwrap();
    if verb == "connect" {
        config.insert_json5("connect/timeout_ms", "-1").unwrap();
        config
            .insert_json5("connect/exit_on_failure", "false")
            .unwrap();
        // Back before the publisher.
        let retry = "{ period_init_ms: 50, period_max_ms: 100, period_increase_factor: 1 }";
        config.insert_json5("connect/retry", retry).unwrap();
    }
    config
}

/// Not a test: what a process of its own runs, so that it can be killed.
#[test]
#[ignore = "the router of the other tests"]
fn router_process() {
    let Ok(port) = std::env::var(PORT) else {
        return;
    };
    let config = config("router", "listen", port.parse().unwrap());
    let _session = zenoh::open(config).wait().unwrap();
    loop {
        std::thread::park();
    }
}

struct Router {
    port: u16,
    child: Option<Child>,
}

impl Router {
    fn new() -> Self {
        let mut router = Self {
            port: free_port(),
            child: None,
        };
        router.start();
        router
    }

    fn start(&mut self) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "router_process"])
            .env(PORT, self.port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        wait_until("the router listens", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    /// `kill -9`.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn sink(&self, query: &str, bulletin: &Bulletin) -> BusSink {
        let port = self.port;
        let text = format!("zenoh:car-7?mode=client&connect=tcp/127.0.0.1:{port}{query}");
        let Ok(SinkUri::Zenoh(uri)) = text.parse() else {
            panic!("{text}");
        };
        BusSink::zenoh(&uri, bulletin).unwrap()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.kill();
    }
}

fn subscribe(session: &Session, received: &Received) {
    let received = received.clone();
    session
        .declare_subscriber("lookout/car-7/detections")
        .callback(move |sample| received.take(&sample.payload().to_bytes()))
        .background()
        .wait()
        .unwrap();
}

/// Restarts the router so often while frames go on, and accounts for every frame.
fn restart(times: usize, outage: Duration, query: &str) -> (u64, Costs, Costs) {
    let mut router = Router::new();
    let session = zenoh::open(config("client", "connect", router.port))
        .wait()
        .unwrap();
    let received = Received::default();
    subscribe(&session, &received);
    let mut publisher = Publisher::new(router.sink(query, &Bulletin::default()));
    // Nothing is kept for nobody: frames count from the first that is heard.
    publisher.settle(&received);
    let unheard = received.missed(publisher.published());
    let mut before = None;
    for _ in 0..times {
        publisher.publish_for(Duration::from_millis(300));
        router.kill();
        publisher.publish_for(outage);
        router.start();
        publisher.settle(&received);
        before.get_or_insert_with(costs);
    }
    let after = costs();
    let (lost, published) = (publisher.sink.lost(), publisher.published());
    let missed = received.missed(published) - unheard;
    let repeated = received.repeated(published);
    println!(
        "{times} restarts: {published} published, {lost} lost, {missed} missed, \
         {repeated} came again; {after:?}"
    );
    assert_eq!(missed, lost);
    publisher.sink.finish();
    (lost, before.unwrap(), after)
}

#[test]
fn a_router_that_comes_back_gets_all_in_order() {
    assert_eq!(restart(2, Duration::from_millis(500), "").0, 0);
}

#[test]
fn what_a_full_queue_loses_is_what_the_subscriber_misses() {
    assert!(restart(1, Duration::from_secs(2), "&queue=250").0 > 0);
}

#[test]
#[ignore = "takes minutes, and the process must be its own"]
fn twenty_restarts() {
    for (outage_ms, query) in [(300, ""), (1500, "&queue=250")] {
        let (_, before, after) = restart(20, Duration::from_millis(outage_ms), query);
        assert_no_growth(&before, &after);
    }
}

#[test]
fn health_and_cbor_arrive() {
    let router = Router::new();
    let session = zenoh::open(config("client", "connect", router.port))
        .wait()
        .unwrap();
    let newest = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&newest);
    session
        .declare_subscriber("lookout/*/health")
        .callback(move |sample| {
            let bytes = sample.payload().to_bytes();
            let value: serde_json::Value = ciborium::from_reader(&*bytes).unwrap();
            *seen.lock().unwrap() = Some((sample.key_expr().to_string(), value));
        })
        .background()
        .wait()
        .unwrap();
    let bulletin = Bulletin::default();
    let mut publisher = Publisher::new(router.sink("&encoding=cbor", &bulletin));
    wait_until("the report arrives", || {
        bulletin.post("{\"state\":\"ok\"}");
        publisher.publish();
        std::thread::sleep(Duration::from_millis(50));
        newest.lock().unwrap().is_some()
    });
    let (key, value) = newest.lock().unwrap().take().unwrap();
    assert_eq!(key, "lookout/car-7/health");
    assert_eq!(value, serde_json::json!({"state": "ok"}));
    publisher.sink.finish();
}

#[test]
fn no_router_at_all_delays_nobody() {
    let port = free_port();
    let text = format!("zenoh:v?mode=client&connect=tcp/127.0.0.1:{port}&queue=10");
    let Ok(SinkUri::Zenoh(uri)) = text.parse() else {
        panic!("{text}");
    };
    let mut publisher = Publisher::new(BusSink::zenoh(&uri, &Bulletin::default()).unwrap());
    for _ in 0..100 {
        publisher.publish();
    }
    assert_eq!(publisher.sink.lost(), 90);
    let began = std::time::Instant::now();
    publisher.sink.finish();
    assert!(began.elapsed() < LONG);
    assert_eq!(publisher.sink.lost(), 100);
}
