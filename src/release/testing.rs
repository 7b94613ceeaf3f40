//! A board in a folder, for tests.

#![allow(clippy::unwrap_used)]

use super::archive::write_bundle;
use super::key::SecretKey;
use super::layout::{Layout, Slot};
use super::manifest::{FileEntry, Manifest};
use super::system::{System, SystemError};
use crate::model::sha256_hex;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files of every release here, by path.
const FILES: [(&str, &str); 4] = [
    ("lookout", "program of "),
    ("models/m/model.onnx", "model of "),
    ("units/lookout.service", "unit of "),
    ("units/lookout-guard.service", "guard of "),
];

fn content(text: &str, version: &str) -> String {
    format!("{text}{version}\n")
}

/// The manifest of a release for board `lab`.
pub fn manifest(version: &str) -> Manifest {
    let files = FILES.map(|(path, text)| {
        let text = content(text, version);
        FileEntry {
            path: path.to_owned(),
            bytes: text.len() as u64,
            executable: path == "lookout",
            sha256: sha256_hex(text.as_bytes()),
        }
    });
    Manifest {
        format: 1,
        version: version.parse().unwrap(),
        board: "lab".to_owned(),
        machine: "aarch64".to_owned(),
        compatible: vec!["linux,dummy-virt".to_owned()],
        disk_free_min_bytes: 1000,
        health_wait_s: 20,
        soak_s: 10,
        files: files.to_vec(),
    }
}

/// The key that boards here trust.
pub fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// Writes a bundle of that manifest and gives its path.
pub fn bundle(folder: &Path, manifest: &Manifest, key: &SecretKey) -> PathBuf {
    let version = manifest.version.to_string();
    let files = folder.join("files");
    for (path, text) in FILES {
        let path = files.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content(text, &version)).unwrap();
    }
    let path = folder.join(format!("{version}.bundle"));
    write_bundle(&path, manifest, &files, key).unwrap();
    path
}

/// A firmware that behaves as told, in a world where time passes only by sleeping.
pub struct FakeSystem {
    pub layout: Layout,
    pub commands: Vec<String>,
    pub free_bytes: u64,
    pub now_ns: u64,
    pub machine: &'static str,
    pub restarts: u64,
    /// What the firmware of a slot reports at a time, in seconds since it was started.
    pub firmware: fn(Slot, u64) -> Option<FakeReport>,
    started_ns: u64,
    pid: u32,
}

/// What a fake firmware says.
pub struct FakeReport {
    pub state: &'static str,
    pub inferences: u64,
    /// Added to the process number.
    pub process: u32,
}

impl FakeSystem {
    pub fn new(root: &Path, firmware: fn(Slot, u64) -> Option<FakeReport>) -> Self {
        for (file, text) in [
            ("proc/sys/kernel/random/boot_id", "boot-1\n"),
            ("proc/device-tree/compatible", "linux,dummy-virt\0"),
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(root.join("run/lookout")).unwrap();
        Self {
            layout: Layout::below(root),
            commands: Vec::new(),
            free_bytes: 1 << 30,
            now_ns: 0,
            machine: "aarch64",
            restarts: 0,
            firmware,
            started_ns: 0,
            pid: 100,
        }
    }

    fn report(&self) {
        let path = self.layout.health();
        let slot = self.layout.current_slot().unwrap();
        let seconds = (self.now_ns - self.started_ns) / 1_000_000_000;
        let report = slot.and_then(|slot| Some((slot, (self.firmware)(slot, seconds)?)));
        let Some((slot, report)) = report else {
            let _ = fs::remove_file(path);
            return;
        };
        let text = serde_json::json!({
            "boot_id": "boot-1",
            "pid": self.pid + report.process,
            "executable": self.layout.slot(slot).join("lookout"),
            "written_monotonic_ns": self.now_ns,
            "state": report.state,
            "reasons": ["as told"],
            "inferences": report.inferences,
        });
        fs::write(path, text.to_string()).unwrap();
    }
}

impl System for FakeSystem {
    fn run(&mut self, program: &str, args: &[&str]) -> Result<String, SystemError> {
        let command = [&[program], args].concat().join(" ");
        if command == "systemctl restart --no-block lookout.service" {
            self.started_ns = self.now_ns;
            self.pid += 1000;
            self.report();
        }
        let reply = match command.as_str() {
            "uname -m" => format!("{}\n", self.machine),
            text if text.contains("NRestarts") => format!("NRestarts={}\n", self.restarts),
            _ => String::new(),
        };
        self.commands.push(command);
        Ok(reply)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free_bytes)
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_ns
    }

    fn sleep(&mut self, time: Duration) {
        self.now_ns += time.as_nanos() as u64;
        self.report();
    }
}

/// A firmware that sees after three seconds.
pub fn sees(_: Slot, second: u64) -> Option<FakeReport> {
    let state = if second < 3 { "starting" } else { "ok" };
    Some(FakeReport {
        state,
        inferences: second.saturating_sub(2) * 10,
        process: 0,
    })
}
