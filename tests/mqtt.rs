//! The MQTT sink and a real broker, Mosquitto, which is killed and comes back.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bus;

use bus::{
    Costs, Gate, LONG, Publisher, Received, assert_no_growth, costs, free_port, program, wait_until,
};
use lookout::bulletin::Bulletin;
use lookout::sink::{BusSink, Sink, SinkUri};
use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Broker {
    port: u16,
    config: tempfile::NamedTempFile,
    child: Option<Child>,
}

impl Broker {
    fn new(extra: &str) -> Option<Self> {
        program("mosquitto")?;
        let port = free_port();
        let config = tempfile::NamedTempFile::new().unwrap();
        let text = format!("listener {port} 127.0.0.1\npersistence false\n{extra}\n");
        std::fs::write(config.path(), text).unwrap();
        let mut broker = Self {
            port,
            config,
            child: None,
        };
        broker.start();
        Some(broker)
    }

    fn start(&mut self) {
        let child = Command::new(program("mosquitto").unwrap())
            .args(["-c".as_ref(), self.config.path().as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let port = self.port;
        wait_until("the broker listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// `kill -9`.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn sink(&self, rest: &str, bulletin: &Bulletin) -> BusSink {
        sink_at(self.port, rest, bulletin)
    }
}

fn sink_at(port: u16, query: &str, bulletin: &Bulletin) -> BusSink {
    let text = format!("mqtt://127.0.0.1:{port}/car-7{query}");
    let Ok(SinkUri::Mqtt(uri)) = text.parse() else {
        panic!("{text}");
    };
    BusSink::mqtt(&uri, bulletin).unwrap()
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Subscribes, again and again, and takes note of what comes.
struct Subscriber {
    received: Received,
    /// The newest text of every topic but detections.
    others: Arc<Mutex<BTreeMap<String, String>>>,
    connections: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Subscriber {
    fn start(port: u16) -> Self {
        let subscriber = Self {
            received: Received::default(),
            others: Arc::default(),
            connections: Arc::default(),
            is_over: Arc::default(),
        };
        let received = subscriber.received.clone();
        let others = Arc::clone(&subscriber.others);
        let connections = Arc::clone(&subscriber.connections);
        let is_over = Arc::clone(&subscriber.is_over);
        std::thread::spawn(move || {
            let mut options = MqttOptions::new("subscriber", "127.0.0.1", port);
            options.set_max_packet_size(1 << 20, 1 << 20);
            let (client, mut connection) = Client::new(options, 16);
            for event in connection.iter() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                match event {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        client.subscribe("lookout/#", QoS::AtMostOnce).unwrap();
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        connections.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        match publish.topic.as_str() {
                            "lookout/car-7/detections" => received.take(&publish.payload),
                            topic => {
                                let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                                others.lock().unwrap().insert(topic.to_owned(), text);
                            }
                        }
                    }
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        });
        subscriber.wait_for_connection(1);
        subscriber
    }

    fn wait_for_connection(&self, number: usize) {
        wait_until("the subscriber is connected", || {
            self.connections.load(Ordering::Relaxed) >= number
        });
    }

    fn other(&self, topic: &str) -> Option<serde_json::Value> {
        let others = self.others.lock().unwrap();
        let text = others.get(&format!("lookout/car-7/{topic}"))?;
        Some(serde_json::from_str(text).unwrap())
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Restarts the broker so often while frames go on, and accounts for every frame.
fn restart(times: usize, outage: Duration, query: &str) -> Option<(u64, Costs, Costs)> {
    let mut broker = Broker::new("allow_anonymous true")?;
    let subscriber = Subscriber::start(broker.port);
    let gate = Gate::to(broker.port);
    gate.set_open(true);
    let mut publisher = Publisher::new(sink_at(gate.port, query, &Bulletin::default()));
    publisher.settle(&subscriber.received);
    let mut before = None;
    for number in 0..times {
        publisher.publish_for(Duration::from_millis(300));
        gate.set_open(false);
        broker.kill();
        publisher.publish_for(outage);
        broker.start();
        subscriber.wait_for_connection(number + 2);
        gate.set_open(true);
        publisher.settle(&subscriber.received);
        // The first restart has made all the threads and buffers there will be.
        before.get_or_insert_with(costs);
    }
    publisher.settle(&subscriber.received);
    let after = costs();
    let (lost, published) = (publisher.sink.lost(), publisher.published());
    let missed = subscriber.received.missed(published);
    let repeated = subscriber.received.repeated(published);
    println!(
        "{times} restarts: {published} published, {lost} lost, {missed} missed, {repeated} came again; {after:?}"
    );
    assert_eq!(missed, lost);
    publisher.sink.finish();
    assert_eq!(publisher.sink.lost(), lost);
    Some((lost, before?, after))
}

#[test]
fn a_broker_that_comes_back_gets_all_in_order() {
    if let Some((lost, ..)) = restart(2, Duration::from_millis(500), "") {
        assert_eq!(lost, 0);
    }
}

#[test]
fn what_a_full_queue_loses_is_what_the_subscriber_misses() {
    if let Some((lost, ..)) = restart(1, Duration::from_secs(2), "?queue=40") {
        assert!(lost > 0);
    }
}

#[test]
#[ignore = "takes minutes, and the process must be its own"]
fn twenty_restarts() {
    for (outage_ms, query) in [(300, ""), (1500, "?queue=40")] {
        let outage = Duration::from_millis(outage_ms);
        let (_, before, after) = restart(20, outage, query).unwrap();
        assert_no_growth(&before, &after);
    }
}

#[test]
fn birth_will_and_health_are_there_for_who_comes_late() {
    let Some(broker) = Broker::new("allow_anonymous true") else {
        return;
    };
    let bulletin = Bulletin::default();
    bulletin.post("{\"schema\":\"lookout.health/1\",\"state\":\"ok\"}\n");
    let mut sink = broker.sink("", &bulletin);
    sink.tend();
    let late = Subscriber::start(broker.port);
    wait_until("birth and health arrive", || {
        late.other("status")
            .is_some_and(|status| status["online"] == true)
            && late
                .other("health")
                .is_some_and(|health| health["state"] == "ok")
    });
    sink.finish();
    wait_until("the end is told", || {
        late.other("status")
            .is_some_and(|status| status["online"] == false)
    });
}

#[test]
fn a_password_is_needed_and_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    let Some(tool) = program("mosquitto_passwd") else {
        return;
    };
    let status = Command::new(tool)
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["me", "open sesame"])
        .status();
    assert!(status.unwrap().success());
    make_readable(&passwords, folder.path());
    let extra = format!(
        "allow_anonymous false\npassword_file {}",
        passwords.display()
    );
    let Some(broker) = Broker::new(&extra) else {
        return;
    };
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "open sesame\nnot this\n").unwrap();
    let uri = |password: &str| {
        let text = format!("mqtt://me@127.0.0.1:{}/v{password}", broker.port);
        match text.parse() {
            Ok(SinkUri::Mqtt(uri)) => uri,
            other => panic!("{other:?}"),
        }
    };
    let known = format!("?password_file={}", secret.display());
    let mut let_in = Publisher::new(BusSink::mqtt(&uri(&known), &Bulletin::default()).unwrap());
    let_in.publish();
    let mut refused = Publisher::new(BusSink::mqtt(&uri(""), &Bulletin::default()).unwrap());
    refused.publish();
    let began = Instant::now();
    let_in.sink.finish();
    refused.sink.finish();
    assert!(began.elapsed() < LONG);
    assert_eq!((let_in.sink.lost(), refused.sink.lost()), (0, 1));

    let missing = folder.path().join("missing");
    let uri = uri(&format!("?password_file={}", missing.display()));
    let error = BusSink::mqtt(&uri, &Bulletin::default()).err().unwrap();
    assert!(error.to_string().contains("password"), "{error}");
}

/// The broker gives up root's rights before it reads the file.
fn make_readable(file: &Path, folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(file, 0o644);
    mode(folder, 0o755);
}

#[test]
fn no_broker_at_all_delays_nobody() {
    let port = free_port();
    let Ok(SinkUri::Mqtt(uri)) = format!("mqtt://127.0.0.1:{port}/v?queue=10").parse() else {
        panic!();
    };
    let mut publisher = Publisher::new(BusSink::mqtt(&uri, &Bulletin::default()).unwrap());
    for _ in 0..100 {
        publisher.publish();
    }
    assert_eq!(publisher.sink.lost(), 90);
    publisher.sink.finish();
    assert_eq!(publisher.sink.lost(), 100);
}
