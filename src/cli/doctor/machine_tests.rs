//! Tests of what the doctor finds of the computer.

#![allow(clippy::unwrap_used)]
use super::super::finding::Level;
use super::*;
use crate::thermal::ThermalZone;

fn heat(celsius: &[f64], is_throttled: bool) -> Heat {
    let zone = |&celsius| ThermalZone {
        name: "cpu".into(),
        celsius,
    };
    Heat {
        zones: celsius.iter().map(zone).collect(),
        is_throttled,
    }
}

#[test]
fn findings_that_are_not_ok_say_what_to_do() {
    let io_error = || std::io::Error::from(ErrorKind::NotFound);
    for (finding, expected) in [
        (wall_clock(true), Level::Ok),
        (wall_clock(false), Level::Warn),
        (disk(Path::new("."), Ok(DISK_BYTES_MIN)), Level::Ok),
        (disk(Path::new("."), Ok(DISK_BYTES_MIN - 1)), Level::Warn),
        (disk(Path::new("."), Err(io_error())), Level::Warn),
        (memory(Some(MEMORY_BYTES_MIN)), Level::Ok),
        (memory(Some(0)), Level::Warn),
        (memory(None), Level::Warn),
        (temperature(&heat(&[], false)), Level::Ok),
        (temperature(&heat(&[30.0, 79.9], false)), Level::Ok),
        (temperature(&heat(&[80.0, 20.0], false)), Level::Warn),
        (temperature(&heat(&[20.0], true)), Level::Warn),
    ] {
        assert_eq!(finding.level, expected, "{finding}");
        let needs_advice = expected != Level::Ok;
        assert_eq!(!finding.advice.is_empty(), needs_advice, "{finding}");
    }
}

#[test]
fn a_hot_power_chip_is_no_fault() {
    let mut heat = heat(&[50.0], false);
    heat.zones.push(ThermalZone {
        name: "PMIC-Die".into(),
        celsius: 100.0,
    });
    assert_eq!(temperature(&heat).level, Level::Ok);
}

#[test]
fn a_hardware_watchdog_that_nobody_feeds_is_told() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(watchdog(root.path()).level, Level::Ok);
    let folder = root.path().join("class/watchdog/watchdog0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("identity"), "Tegra Watchdog\n").unwrap();
    fs::write(folder.join("state"), "inactive\n").unwrap();
    let idle = watchdog(root.path());
    assert_eq!(idle.level, Level::Warn);
    assert!(idle.text.contains("Tegra Watchdog"), "{idle}");
    fs::write(folder.join("state"), "active\n").unwrap();
    assert_eq!(watchdog(root.path()).level, Level::Ok);
}

#[test]
fn a_service_tells_how_it_is_as_long_as_it_runs() {
    const NOW_NS: u64 = 100_000_000_000;
    let found = |state, boot_id, written_monotonic_ns| {
        let mut report = crate::health::tests::report(state);
        report.written_monotonic_ns = written_monotonic_ns;
        report.boot_id = "this".into();
        service(Ok(report), boot_id, NOW_NS)
    };
    assert_eq!(found(HealthState::Ok, "this", NOW_NS).level, Level::Ok);
    let blind = found(HealthState::Blind, "this", NOW_NS);
    assert_eq!(blind.level, Level::Warn);
    assert!(blind.text.contains("absent"), "{blind}");
    assert_eq!(found(HealthState::Ok, "other", NOW_NS).level, Level::Warn);
    assert_eq!(
        found(HealthState::Ok, "this", NOW_NS / 2).level,
        Level::Warn
    );
    let none = HealthReport::read(Path::new("/no/such/file"));
    assert_eq!(service(none, "this", NOW_NS).level, Level::Ok);
}

#[test]
fn sizes_are_readable() {
    assert_eq!(size(5 << 20), "5 MiB");
    assert_eq!(size(3 << 29), "1.5 GiB");
}
