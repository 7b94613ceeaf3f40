#![allow(clippy::unwrap_used)]
use super::*;
use crate::keygen::keygen;
use lookout::release::Bundle;
use std::process::Command;

struct Work {
    folder: tempfile::TempDir,
    args: BundleArgs,
}

impl Work {
    fn new(board: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        keygen(folder.path()).unwrap();
        let binary = folder.path().join("program");
        std::fs::write(&binary, "not really a program").unwrap();
        let args = BundleArgs {
            board: board.to_owned(),
            key: folder.path().join(SECRET_FILE),
            out: Some(folder.path().join("x.bundle")),
            deb: false,
            binary: Some(binary),
            build_number: Some(5),
            health_wait_s: None,
            soak_s: Some(3),
        };
        Self { folder, args }
    }

    fn stage(&self, install: Install) -> Stage {
        let board = Board::load(&self.args.board).unwrap();
        let folder = self.folder.path().join(format!("{install:?}"));
        Stage::make(&folder, &board, self.args.binary.as_ref().unwrap(), install).unwrap()
    }
}

fn text(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.folder().join(name)).unwrap()
}

#[test]
fn every_board_has_a_release_that_its_firmware_would_take() {
    for name in Board::names() {
        let work = Work::new(&name);
        let stage = work.stage(Install::Slots);
        let board = Board::load(&name).unwrap();
        let version = "0.1.0+5".parse().unwrap();
        let manifest = stage
            .manifest(&board, version, board.flash.clone())
            .unwrap();
        assert_eq!(manifest.soak_s, u64::from(board.flash.soak_s));
        assert_eq!(manifest.health_wait_s, u64::from(board.flash.health_wait_s));
        let path = work.args.out.clone().unwrap();
        let key = SecretKey::read(&work.args.key).unwrap();
        write_bundle(&path, &manifest, stage.folder(), &key).unwrap();
        let read = Bundle::open(&path, &key.public())
            .unwrap()
            .verify()
            .unwrap();
        assert_eq!(read, manifest);
        // The firmware refuses settings that it does not know.
        let settings = stage.folder().join("lookout.toml");
        let settings = lookout::config::RawSettings::read(&settings).unwrap();
        let settings = settings.validate().unwrap();
        assert_eq!(settings.threads, board.threads as usize);
        let unit = text(&stage, "units/lookout.service");
        assert!(
            unit.contains(&format!("MemoryMax={}M", board.limits.memory_max_mib)),
            "{unit}"
        );
        assert!(
            unit.contains("ExecStart=/opt/lookout/current/lookout run"),
            "{unit}"
        );
        assert!(
            stage
                .files()
                .iter()
                .any(|file| file == "units/lookout-guard.service")
        );
    }
}

/// The oldest system that boards run has systemd 237; what came later is no word to it.
#[test]
fn units_say_nothing_that_systemd_237_does_not_know() {
    const LATER: [&str; 16] = [
        "ProtectHostname",
        "ProtectClock",
        "ProtectKernelLogs",
        "ProtectProc",
        "ProcSubset",
        "RestrictSUIDSGID",
        "RestrictFileSystems",
        "StandardOutput=append",
        "Type=exec",
        "Type=notify-reload",
        "@system-service",
        "@known",
        "ExecCondition",
        "OOMPolicy",
        "TimeoutAbortSec",
        "RestartSteps",
    ];
    let work = Work::new("generic-aarch64");
    let stage = work.stage(Install::Slots);
    for name in stage
        .files()
        .iter()
        .filter(|name| name.ends_with(".service"))
    {
        let unit = text(&stage, name);
        for word in LATER {
            assert!(!unit.contains(word), "{name}: {word}");
        }
        assert!(!unit.contains("{{"), "{unit}");
    }
}

#[test]
fn a_package_is_one_that_debian_reads() {
    let mut work = Work::new("generic-aarch64");
    work.args.deb = true;
    let stage = work.stage(Install::Package);
    assert!(!stage.files().iter().any(|file| file.contains("guard")));
    assert!(text(&stage, "units/lookout.service").contains("/usr/lib/lookout/lookout run"));
    let version = "0.1.0+5".parse().unwrap();
    let path = deb::write(work.folder.path(), &stage, &version).unwrap();
    if !workspace::is_on_path("dpkg-deb") {
        assert!(std::env::var_os("CI").is_none(), "dpkg-deb is missing");
        eprintln!("skipped: there is no dpkg-deb to read the package");
        return;
    }
    let shown = Command::new("dpkg-deb")
        .args(["--info"])
        .arg(&path)
        .output()
        .unwrap();
    let info = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.status.success(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    assert!(
        info.contains("Package: lookout") && info.contains("Version: 0.1.0+5"),
        "{info}"
    );
    let out = work.folder.path().join("unpacked");
    let status = Command::new("dpkg-deb")
        .arg("-x")
        .arg(&path)
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    let program = out.join("usr/lib/lookout/lookout");
    assert_eq!(
        std::fs::read_to_string(program).unwrap(),
        "not really a program"
    );
    let link = std::fs::read_link(out.join("usr/bin/lookout")).unwrap();
    assert_eq!(link, Path::new("/usr/lib/lookout/lookout"));
}

#[test]
fn what_is_missing_is_said() {
    let mut work = Work::new("generic-aarch64");
    work.args.key = "/no/such/key".into();
    let error = bundle(&work.args).unwrap_err().to_string();
    assert!(error.contains("keygen"), "{error}");
    work.args.board = "toaster".to_owned();
    let error = bundle(&work.args).unwrap_err().to_string();
    assert!(error.contains("orin-nano"), "{error}");
}
