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
