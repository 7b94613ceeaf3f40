//! Tests of the health file.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn report() -> HealthReport {
    let mut report = crate::health::tests::report(HealthState::Blind);
    report.frames = 31;
    report.temperatures = vec![ThermalZone {
        name: "CPU-therm".into(),
        celsius: 51.5,
    }];
    report
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.json");
    let mut file = HealthFile::new(&path);
    for frames in [1, 2] {
        let mut report = report();
        report.frames = frames;
        file.write(&mut report);
        assert_eq!(HealthReport::read(&path).unwrap(), report);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
}

/// The names that other programs rely on; `SCHEMA.md` is their contract.
#[test]
fn the_keys_are_those_of_the_schema() {
    let value = serde_json::to_value(report()).unwrap();
    let rows = include_str!("SCHEMA.md").lines();
    let documented: Vec<&str> = rows
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .collect();
    let written = value.as_object().unwrap();
    for key in &documented {
        assert!(written.contains_key(*key), "{key} is not written");
    }
    assert_eq!(documented.len(), written.len(), "a key is not documented");
    assert_eq!(value["schema"], "lookout.health/1");
    assert_eq!(value["state"], "blind");
    assert_eq!(value["capture_state"], "opening");
    assert_eq!(value["frame_age_ms"], serde_json::Value::Null);
    let shedding = serde_json::json!({"level": "none", "every_nth": 1, "reason": null});
    assert_eq!(value["shedding"], shedding);
    let temperatures = serde_json::json!([{"zone": "CPU-therm", "celsius": 51.5}]);
    assert_eq!(value["temperatures"], temperatures);
}

#[test]
fn a_folder_that_comes_later_is_used_then_and_failures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/health.json");
    let mut file = HealthFile::new(&path);
    for _ in 0..3 {
        file.write(&mut report());
    }
    assert_eq!(file.failures, 3);
    assert!(matches!(
        HealthReport::read(&path),
        Err(HealthFileError::Read { .. })
    ));
    fs::create_dir(path.parent().unwrap()).unwrap();
    file.write(&mut report());
    assert_eq!(HealthReport::read(&path).unwrap().health_write_failures, 3);
}

#[test]
fn a_reader_never_sees_half_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.json");
    HealthFile::new(&path).write(&mut report());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = HealthFile::new(&path);
            (0..300).for_each(|_| file.write(&mut report()));
        });
        while !writer.is_finished() {
            HealthReport::read(&path).unwrap();
        }
    });
}

#[test]
fn other_files_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut other = report();
    other.schema = "lookout.health/2".into();
    for (content, word) in [
        (String::new(), "EOF"),
        ("[1]".into(), "invalid"),
        (serde_json::to_string(&other).unwrap(), "lookout.health/2"),
        ("#".repeat(FILE_BYTES_MAX as usize + 1), "larger"),
    ] {
        fs::write(&path, content).unwrap();
        let error = HealthReport::read(&path).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(HealthReport::read(folder.path()).is_err());
}

#[test]
fn keys_of_the_future_are_ignored() {
    let mut value = serde_json::to_value(report()).unwrap();
    value["mood"] = "fine".into();
    assert!(HealthReport::parse(value.to_string().as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = HealthReport::parse(&bytes);
    }
}
