#![allow(clippy::unwrap_used)]
use super::*;
use lookout::release::FileEntry;
use proptest::prelude::*;

fn manifest() -> Manifest {
    Manifest {
        format: 1,
        version: "0.1.0+1".parse().unwrap(),
        board: "jetson-nano".to_owned(),
        machine: "aarch64".to_owned(),
        compatible: vec!["nvidia,tegra210".to_owned()],
        disk_free_min_bytes: 100 << 20,
        health_wait_s: 60,
        soak_s: 60,
        files: vec![FileEntry {
            path: "lookout".to_owned(),
            bytes: 20 << 20,
            executable: true,
            sha256: "0".repeat(64),
        }],
    }
}

const NANO: &str = "machine=aarch64\nkernel=4.9.337-tegra\nsystemd=237\nglibc=glibc 2.27\n\
    compatible=nvidia,p3450-0000 nvidia,tegra210\nopt_free_kib=900000\ntmp_free_kib=900000\n\
    opt_writable=yes\ncameras=/dev/video0 /dev/video1\ndashcam=/dev/video0\ntime_s=1000\n\
    installed=\n";

fn against(text: &str) -> Vec<&'static str> {
    let checks = Survey::parse(text).checks(&manifest(), 9 << 20, 1010, false);
    let is_against = |check: &&Check| check.against.is_some() && !check.is_warning;
    checks
        .iter()
        .filter(is_against)
        .map(|check| check.what)
        .collect()
}

#[test]
fn a_stock_board_passes() {
    assert_eq!(against(NANO), Vec::<&str>::new());
    let checks = Survey::parse(NANO).checks(&manifest(), 9 << 20, 1010, false);
    let table = table(&checks);
    assert_eq!(table.lines().count(), checks.len());
    assert!(
        table.contains("ok   camera     /dev/dashcam is /dev/video0"),
        "{table}"
    );
}

#[test]
fn each_flaw_is_found_alone() {
    for (from, to, what) in [
        ("machine=aarch64", "machine=x86_64", "processor"),
        ("nvidia,tegra210", "nvidia,tegra234", "board"),
        ("systemd=237", "systemd=229", "systemd"),
        ("systemd=237", "systemd=", "systemd"),
        ("installed=", "missing=useradd", "tools"),
        ("opt_free_kib=900000", "opt_free_kib=90000", "room"),
        ("tmp_free_kib=900000", "tmp_free_kib=9000", "room"),
        ("opt_writable=yes", "opt_writable=no", "room"),
        ("cameras=/dev/video0 /dev/video1", "cameras=", "camera"),
    ] {
        let text = NANO.replace(from, to);
        assert_ne!(text, NANO, "{from}");
        assert_eq!(against(&text), [what], "{to}");
    }
}

#[test]
fn a_wrong_clock_and_a_missing_camera_can_be_lived_with() {
    let survey = Survey::parse(&NANO.replace("cameras=/dev/video0 /dev/video1", "cameras="));
    let checks = survey.checks(&manifest(), 9 << 20, 900_000, true);
    let warned: Vec<_> = checks
        .iter()
        .filter(|check| check.against.is_some())
        .map(|check| (check.what, check.is_warning))
        .collect();
    assert_eq!(warned, [("camera", true), ("clock", true)]);
}

#[test]
fn an_installed_release_leaves_the_room_to_the_board() {
    let text = NANO
        .replace("installed=", "installed=a")
        .replace("opt_free_kib=900000", "opt_free_kib=90000");
    assert_eq!(against(&text), Vec::<&str>::new());
}

/// The script runs in any POSIX shell, and each of its lines is understood.
#[test]
fn the_script_runs_here() {
    let output = std::process::Command::new("sh")
        .args(["-c", SCRIPT])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let survey = Survey::parse(&text);
    assert_eq!(survey.machine, std::env::consts::ARCH);
    assert!(!survey.kernel.is_empty() && survey.time_s.unwrap() > 1_600_000_000);
    assert!(survey.tmp_free_bytes.unwrap() > 0, "{text}");
}

proptest! {
    #[test]
    fn whatever_a_board_says_is_survived(text in "(\\PC|\n|=){0,300}") {
        let checks = Survey::parse(&text).checks(&manifest(), u64::MAX >> 1, 0, false);
        prop_assert!(!table(&checks).is_empty());
    }
}
