//! Tests of the way from power-on, on answers as systemd gives them.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::health::HealthState;
use proptest::prelude::*;

const MANAGER: &str = "\
FirmwareTimestampMonotonic=5000000
LoaderTimestampMonotonic=2000000
KernelTimestamp=Mon 2026-05-04 10:00:00 UTC
InitRDTimestampMonotonic=1500000
UserspaceTimestampMonotonic=4000000
";

const UNIT: &str = "\
NRestarts=0
InactiveExitTimestampMonotonic=9000000
ExecMainStartTimestampMonotonic=9050000
ActiveEnterTimestampMonotonic=9600000
MainPID=77
";

fn health() -> HealthReport {
    HealthReport {
        boot_id: "this".into(),
        pid: 77,
        started_monotonic_ns: 9_060_000_000,
        ready_monotonic_ns: Some(9_500_000_000),
        first_frame_monotonic_ns: Some(9_900_000_000),
        first_detection_monotonic_ns: Some(9_960_000_000),
        ..crate::health::tests::report(HealthState::Ok)
    }
}

fn sources() -> Sources {
    Sources {
        manager: Ok(Properties::parse(MANAGER)),
        unit: Ok(Properties::parse(UNIT)),
        health: Ok(health()),
        boot_id: "this".into(),
    }
}

fn took(sources: &Sources) -> Vec<Option<u64>> {
    let parts = parts(sources);
    parts.into_iter().map(|part| part.took.ok()).collect()
}

/// Why the part of this name is unknown.
fn why(sources: &Sources, name: &str) -> String {
    let mut parts = parts(sources).into_iter();
    let part = parts.find(|part| part.name == name).unwrap();
    part.took.unwrap_err()
}

#[test]
fn every_part_is_known_where_all_tell() {
    let ms = [3_000, 2_000, 1_500, 2_500, 5_000, 50, 450, 400, 60];
    let expected: Vec<_> = ms.iter().map(|ms| Some(ms * 1000)).collect();
    assert_eq!(took(&sources()), expected);
}

#[test]
fn a_board_without_uefi_and_initrd_knows_the_rest() {
    let mut sources = sources();
    let text = "FirmwareTimestampMonotonic=0\nLoaderTimestampMonotonic=0\n\
                InitRDTimestampMonotonic=0\nUserspaceTimestampMonotonic=4000000\n";
    sources.manager = Ok(Properties::parse(text));
    assert_eq!(
        took(&sources)[..5],
        [None, None, Some(4_000_000), None, Some(5_000_000)]
    );
    assert!(why(&sources, "firmware").contains("UEFI"));
    assert_eq!(why(&sources, "initrd"), "there is none");
}

#[test]
fn without_systemd_our_own_parts_are_known() {
    let mut sources = sources();
    sources.manager = Err("systemd does not run here".into());
    sources.unit = Err("systemd does not run here".into());
    let known = took(&sources);
    assert_eq!(known[..6], [None; 6]);
    assert_eq!(known[6..], [Some(440_000), Some(400_000), Some(60_000)]);
    assert!(why(&sources, "kernel").contains("does not run here"));
}

#[test]
fn without_a_health_file_readiness_is_what_systemd_saw() {
    let mut sources = sources();
    sources.health = Err("no file".into());
    assert_eq!(took(&sources)[6..], [Some(550_000), None, None]);
    assert_eq!(why(&sources, "first detection"), "no file");
}

#[test]
fn a_health_file_of_another_life_is_not_believed() {
    let mut earlier = sources();
    earlier.boot_id = "next".into();
    assert!(why(&earlier, "first detection").contains("earlier boot"));
    let mut other = sources();
    other.health.as_mut().unwrap().pid = 78;
    assert!(why(&other, "first detection").contains("another process"));
}

#[test]
fn what_has_not_happened_yet_is_said() {
    let mut sources = sources();
    let health = sources.health.as_mut().unwrap();
    health.first_frame_monotonic_ns = None;
    health.first_detection_monotonic_ns = None;
    assert!(why(&sources, "camera's first frame").contains("no frame"));
    sources.unit = Ok(Properties::parse("NRestarts=0\nMainPID=0\n"));
    assert!(why(&sources, "units before lookout").contains("not been started"));
}

#[test]
fn a_restarted_unit_is_not_taken_for_a_slow_one() {
    let mut sources = sources();
    sources.unit = Ok(Properties::parse(
        &UNIT.replace("NRestarts=0", "NRestarts=2"),
    ));
    assert!(why(&sources, "preparation of the unit").contains("2 times"));
}

#[test]
fn times_that_contradict_each_other_are_unknown() {
    let mut sources = sources();
    sources.health.as_mut().unwrap().first_frame_monotonic_ns = Some(1);
    assert!(why(&sources, "camera's first frame").contains("contradict"));
}

proptest! {
    #[test]
    fn any_answer_is_taken(manager in "\\PC{0,200}", unit in "([A-Za-z]{1,20}=[0-9]{0,25}\n){0,9}") {
        let sources = Sources {
            manager: Ok(Properties::parse(&manager)),
            unit: Ok(Properties::parse(&unit)),
            ..sources()
        };
        prop_assert_eq!(parts(&sources).len(), 9);
    }
}
