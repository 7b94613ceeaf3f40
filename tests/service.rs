//! The program as a service: what it tells systemd and writes into its health file.

#![allow(clippy::unwrap_used)]

use lookout::health::{HealthReport, HealthState};
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for any machine; reached only by a program that does not say what it must.
const LONG: Duration = Duration::from_secs(120);

/// A program under the eyes of something that listens as systemd does.
struct Supervised {
    folder: tempfile::TempDir,
    socket: UnixDatagram,
    child: Child,
    heard: Vec<String>,
}

impl Supervised {
    fn start(source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/road-lite");
        let child = Command::new(env!("CARGO_BIN_EXE_lookout"))
            .args(["run", "--source", source, "--sink", "jsonl:seen.jsonl"])
            .arg("--model")
            .arg(model)
            .args(["--health", "health.json"])
            .current_dir(folder.path())
            .env("NOTIFY_SOCKET", path)
            .env("WATCHDOG_USEC", "400000")
            .env_remove("WATCHDOG_PID")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            folder,
            socket,
            child,
            heard: Vec::new(),
        }
    }

    /// Listens until something that begins so is said.
    fn hear(&mut self, beginning: &str) {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap();
            let message = String::from_utf8_lossy(&buffer[..length]).trim().to_owned();
            let is_it = message.starts_with(beginning);
            self.heard.push(message);
            if is_it {
                return;
            }
        }
    }

    fn health_file(&self) -> PathBuf {
        self.folder.path().join("health.json")
    }

    /// Ends the program as systemd does, and gives its last word.
    fn stop(mut self) -> HealthReport {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: signals the child, which has not been waited for, so that it is still ours.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        self.hear("STOPPING=1");
        assert!(self.child.wait().unwrap().success());
        HealthReport::read(&self.health_file()).unwrap()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_service_is_ready_then_alive_and_stops_when_told() {
    let mut service = Supervised::start("drive:?frames=0&size=128x96");
    service.hear("READY=1");
    assert_eq!(service.heard, ["READY=1"], "nothing is said before");
    service.hear("STATUS=ok");
    for _ in 0..3 {
        service.hear("WATCHDOG=1");
    }
    let report = HealthReport::read(&service.health_file()).unwrap();
    assert_eq!(report.state, HealthState::Ok);
    assert!(report.started_monotonic_ns < report.ready_monotonic_ns.unwrap());
    assert!(report.model_id.starts_with("road-lite@"), "{report:?}");
    let last = service.stop();
    assert_eq!(last.state, HealthState::Blind);
    assert!(last.reasons[0].contains("stopped"), "{last:?}");
}

#[test]
fn a_service_without_a_camera_is_ready_and_blind_and_not_restarted() {
    let mut service = Supervised::start("v4l2:///no/such/camera");
    service.hear("READY=1");
    service.hear("STATUS=blind");
    service.hear("WATCHDOG=1");
    let report = HealthReport::read(&service.health_file()).unwrap();
    assert!(report.camera_absent, "{report:?}");
    service.stop();
}

#[test]
fn a_service_that_cannot_start_is_not_ready_and_says_why_in_its_file() {
    let mut service = Supervised::start("video:/no/such/film.mp4");
    assert!(!service.child.wait().unwrap().success());
    service.socket.set_nonblocking(true).unwrap();
    let silence = service.socket.recv(&mut [0; 64]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    let report = HealthReport::read(&service.health_file()).unwrap();
    assert_eq!(report.state, HealthState::Failed);
    assert!(
        report.reasons[0].contains("/no/such/film.mp4"),
        "{report:?}"
    );
}

#[test]
fn settings_change_at_sighup_without_losing_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |text: &str| std::fs::write(path("lookout.toml"), text).unwrap();
    write("score = 1.0\n");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/road-lite");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lookout"))
        .args([
            "run",
            "--source",
            "drive:?frames=100000",
            "--sink",
            "jsonl:seen.jsonl",
        ])
        .args(["--config", "lookout.toml", "--model"])
        .arg(model)
        .current_dir(folder.path())
        .stderr(std::fs::File::create(path("log")).unwrap())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    let wait_for = |what: &dyn Fn(&str, &str) -> bool| {
        loop {
            let read = |name| std::fs::read_to_string(path(name)).unwrap_or_default();
            if what(&read("seen.jsonl"), &read("log")) {
                return;
            }
            assert!(began.elapsed() < LONG, "{}", read("log"));
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let pid = child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    };
    wait_for(&|seen, _| seen.lines().count() > 3);
    write("scores = 0.1\n");
    signal("-HUP");
    wait_for(&|_, log| log.contains("did you mean `score`?"));
    write("score = 0.05\nthreads = 2\n");
    signal("-HUP");
    wait_for(&|seen, log| seen.contains("\"class\"") && log.contains("threads has changed"));
    signal("-TERM");
    assert!(child.wait().unwrap().success());
    let seen = std::fs::read_to_string(path("seen.jsonl")).unwrap();
    for (i, line) in seen.lines().enumerate() {
        assert!(line.contains(&format!("\"sequence\":{i},")), "{line}");
    }
}
