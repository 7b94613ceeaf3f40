//! Tests of the writer on disks that fill up and in folders that hold something already.

#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::tensorboard::{EventFile, Kind, Series};
use std::sync::{Arc, Mutex};

fn noon() -> f64 {
    1_700_000_000.5
}

/// A disk of limited size.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    bytes: Vec<u8>,
    room_bytes: usize,
    refuses_cuts: bool,
}

impl Disk {
    fn with_room(room_bytes: usize) -> Self {
        let disk = Self::default();
        disk.0.lock().unwrap().room_bytes = room_bytes;
        disk
    }

    fn writer(&self) -> EventWriter {
        EventWriter::over("disk".into(), Box::new(self.clone()), noon)
    }

    /// What a reader finds, and whether the file ends with a whole record.
    fn scalars(&self) -> (Vec<i64>, bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        std::fs::write(&path, &self.0.lock().unwrap().bytes).unwrap();
        let (mut steps, mut is_whole) = (Vec::new(), true);
        for event in EventFile::open(&path).unwrap() {
            match event {
                Ok(event) if matches!(event.kind, Kind::Scalar(..)) => steps.push(event.step),
                Ok(_) => {}
                Err(_) => is_whole = false,
            }
        }
        (steps, is_whole)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let room = state.room_bytes.saturating_sub(state.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = room.min(bytes.len());
        state.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Disk {
    fn cut(&mut self, length_bytes: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.refuses_cuts {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.bytes.truncate(length_bytes as usize);
        Ok(())
    }
}

#[test]
fn a_full_disk_is_said_once_and_outlived() {
    let disk = Disk::with_room(400);
    let mut writer = disk.writer();
    writer.begin(0).unwrap();
    let mut errors = Vec::new();
    for step in 0..50 {
        errors.extend(writer.scalar("loss", step, 1.0).err());
        errors.extend(writer.flush().err());
    }
    assert!(writer.is_failed());
    assert_eq!(errors.len(), 1, "{errors:?}");
    let text = errors[0].to_string();
    assert!(text.contains("make room"), "{text}");
    let (steps, is_whole) = disk.scalars();
    assert!(is_whole && !steps.is_empty());
    assert_eq!(steps.len() as u64 + writer.lost_events(), 50);
    assert!(steps.iter().copied().eq(0..steps.len() as i64));

    // Somebody makes room.
    let lost = writer.lost_events();
    disk.0.lock().unwrap().room_bytes = 100_000;
    writer.scalar("loss", 50, 1.0).unwrap();
    writer.flush().unwrap();
    assert!(!writer.is_failed());
    assert_eq!(writer.lost_events(), lost);
    let (all, is_whole) = disk.scalars();
    assert!(is_whole);
    assert_eq!(all.last(), Some(&50));
    assert_eq!(all.len(), steps.len() + 1);
}

/// Wherever the disk ends, what is on it is whole.
#[test]
fn every_size_of_disk_holds_whole_records() {
    for room_bytes in 0..300 {
        let disk = Disk::with_room(room_bytes);
        let mut writer = disk.writer();
        let mut errors = usize::from(writer.begin(0).is_err());
        for step in 0..6 {
            errors += usize::from(writer.scalar("loss", step, 1.0).is_err());
            errors += usize::from(writer.flush().is_err());
        }
        drop(writer);
        assert!(errors <= 1, "{room_bytes}: {errors}");
        let (_, is_whole) = disk.scalars();
        assert!(is_whole, "{room_bytes}");
    }
}

#[test]
fn nothing_follows_half_a_record() {
    let disk = Disk::with_room(130);
    disk.0.lock().unwrap().refuses_cuts = true;
    let mut writer = disk.writer();
    writer.begin(0).unwrap();
    for step in 0..5 {
        let _ = writer.scalar("loss", step, 1.0);
        let _ = writer.flush();
    }
    let length = disk.0.lock().unwrap().bytes.len();
    disk.0.lock().unwrap().room_bytes = 100_000;
    writer.scalar("loss", 9, 1.0).unwrap();
    writer.flush().unwrap();
    assert!(writer.is_failed());
    assert_eq!(disk.0.lock().unwrap().bytes.len(), length);
}

/// `/dev/full` is a disk without any room that every Linux has.
#[test]
fn the_systems_own_full_disk_is_told() {
    let Ok(file) = OpenOptions::new().append(true).open("/dev/full") else {
        return;
    };
    let mut writer = EventWriter::over("/dev/full".into(), Box::new(file), noon);
    let error = writer.begin(0).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    writer.scalar("loss", 1, 1.0).unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.lost_events(), 3);
}

#[test]
fn events_are_written_before_long() {
    fn ever_later() -> f64 {
        use std::sync::atomic::{AtomicU32, Ordering};
        static CALLS: AtomicU32 = AtomicU32::new(0);
        f64::from(CALLS.fetch_add(1, Ordering::Relaxed))
    }
    let disk = Disk::with_room(100_000);
    let mut writer = EventWriter::over("disk".into(), Box::new(disk.clone()), ever_later);
    for step in 0..20 {
        writer.scalar("loss", step, 1.0).unwrap();
    }
    let (steps, _) = disk.scalars();
    assert!((12..20).contains(&steps.len()), "{}", steps.len());
    drop(writer);
    assert_eq!(disk.scalars().0.len(), 20);
}

#[test]
fn a_new_file_comes_behind_all_others() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["1800000000.other.9.7", "nonsense", "1700000000.a"] {
        std::fs::write(dir.path().join(format!("{FILE_PREFIX}{name}")), "").unwrap();
    }
    std::fs::remove_file(dir.path().join(format!("{FILE_PREFIX}nonsense"))).unwrap();
    let paths: Vec<PathBuf> = (0..3)
        .map(|_| {
            EventWriter::open(dir.path(), 0, noon)
                .unwrap()
                .path()
                .into()
        })
        .collect();
    assert!(paths[0].to_string_lossy().contains(".1800000001."));
    assert!(paths.is_sorted_by(|a, b| a < b));
    assert_eq!(event_files(dir.path()).unwrap()[2..], paths);
}

#[test]
fn a_clock_before_its_time_gives_a_name_of_ten_digits() {
    let dir = tempfile::tempdir().unwrap();
    let writer = EventWriter::open(dir.path(), 0, || f64::NAN).unwrap();
    assert!(
        writer
            .path()
            .to_string_lossy()
            .contains("tfevents.0000000000.")
    );
}

#[test]
fn a_new_run_hides_the_old_one_and_a_resumed_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let run = |writer: Result<EventWriter, TensorboardError>, steps: std::ops::Range<u64>| {
        let mut writer = writer.unwrap();
        for step in steps {
            writer.scalar("loss", step, step as f64).unwrap();
        }
    };
    let steps = || {
        let series = Series::read(dir.path()).unwrap();
        series.scalars["loss"]
            .iter()
            .map(|p| p.step)
            .collect::<Vec<_>>()
    };
    run(EventWriter::create(dir.path()), 1..8);
    run(EventWriter::resume(dir.path(), 5), 5..7);
    assert_eq!(steps(), [1, 2, 3, 4, 5, 6]);
    run(EventWriter::create(dir.path()), 1..3);
    assert_eq!(steps(), [1, 2]);
}

#[test]
fn what_no_event_can_hold_is_refused() {
    let disk = Disk::with_room(100_000);
    let mut writer = disk.writer();
    let refused = |result: Result<(), TensorboardError>| {
        assert!(
            matches!(result, Err(TensorboardError::Value(_))),
            "{result:?}"
        );
    };
    refused(writer.scalar("", 0, 1.0));
    refused(writer.scalar(&"x".repeat(2000), 0, 1.0));
    refused(writer.text("t", 0, &"x".repeat(TEXT_BYTES_MAX + 1)));
    refused(writer.image("i", 0, 0, 0, &[]));
    refused(writer.image("i", 0, 2, 2, &[0; 11]));
    refused(writer.image("i", 0, u32::MAX, u32::MAX, &[0; 12]));
    assert!(!writer.is_failed());
    writer.scalar("t", u64::MAX, f64::MAX).unwrap();
    writer.flush().unwrap();
    assert_eq!(disk.scalars().0, [i64::MAX]);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = EventWriter::create(&file.path().join("sub")).err().unwrap();
    assert!(error.to_string().contains("sub"), "{error}");
}
