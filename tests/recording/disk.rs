//! Disks that are missing, full, read-only or somebody else's.

use crate::setup::{builder, files, read, run_recording, settings, wait_until};
use lookout::bulletin::Bulletin;
use lookout::config::RecordSettings;
use lookout::recording::{PreserveError, RecordError, Recorder};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_disk_that_comes_and_goes_costs_frames_of_the_recording_only() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    // A file in its place for now: as if it were missing.
    let place = settings(&disk.join("inner"));
    fs::write(&disk, b"").unwrap();
    let (recorder, tap) = Recorder::start(&place, Bulletin::default()).unwrap();
    let source = "drive:?frames=0&size=96x64&fps=30";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    let meter = recorder.meter();
    wait_until("it is in trouble", || meter.report().trouble.is_some());
    assert!(matches!(
        recorder.handle().preserve("x"),
        Err(PreserveError::NotRecording(_))
    ));
    receiver.iter().take(10).for_each(drop);
    wait_until("frames are lost", || meter.report().lost > 0);
    fs::remove_file(&disk).unwrap();
    wait_until("it records", || meter.report().frames > 0);
    assert_eq!(meter.report().trouble, None);
    // Somebody deletes everything under way.
    fs::remove_dir_all(&disk).unwrap();
    let faults = meter.report().faults;
    wait_until("it is noticed", || meter.report().faults > faults);
    let frames = meter.report().frames;
    wait_until("it records again", || meter.report().frames > frames);
    receiver.iter().take(10).for_each(drop);
    drop(receiver);
    handle.stop();
    handle.join().into_result().unwrap();
    let report = recorder.finish();
    assert_eq!(report.trouble, None);
    let left = files(&disk.join("inner/ring"));
    assert!(!read(&left)["/camera"].is_empty());
}

#[test]
fn a_folder_that_is_none_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = Recorder::start(&settings(&file), Bulletin::default());
    assert!(matches!(refused, Err(RecordError::NotAFolder(path)) if path == file));
}

#[test]
fn a_folder_that_may_not_be_written_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::create_dir(folder.path().join("probe")).is_ok() {
        eprintln!("SKIPPED: this user may write everywhere, a read-only folder cannot be had");
        return;
    }
    let (recorder, tap) = Recorder::start(&settings(folder.path()), Bulletin::default()).unwrap();
    let meter = recorder.meter();
    wait_until("it is in trouble", || meter.report().trouble.is_some());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    wait_until("it goes on", || folder.path().join("ring").is_dir());
    drop(tap);
    recorder.finish();
}

#[test]
fn files_that_may_not_grow_end_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let config = folder.path().join("lookout.toml");
    fs::write(&config, "[record]\nfree_megabytes_min = 0\n").unwrap();
    let (stderr, lines, recording) = run_recording(
        "trap '' XFSZ; ulimit -f 500;",
        "drive:?frames=60&size=128x96&fps=15",
        &disk,
        &["--config", config.to_str().unwrap()],
    );
    assert!(
        stderr.contains("recording pauses") && stderr.contains("recording again"),
        "{stderr}"
    );
    assert!(lines > 40, "{lines} frames were seen");
    assert!(recording["faults"].as_u64().unwrap() > 0, "{recording}");
    assert!(recording["lost"].as_u64().unwrap() > 0, "{recording}");
    // What could not even be closed is, once that is possible.
    let (recorder, tap) = Recorder::start(&settings(&disk), Bulletin::default()).unwrap();
    let ring = disk.join("ring");
    let is_open = |file: &PathBuf| file.extension().unwrap() != "mcap";
    wait_until("all are closed", || {
        let files = files(&ring);
        !files.is_empty() && !files.iter().any(is_open)
    });
    drop(tap);
    recorder.finish();
    assert!(!read(&files(&ring))["/camera"].is_empty());
}

fn mount(words: &[&str], place: &Path) -> bool {
    let done = Command::new(words[0]).args(&words[1..]).arg(place).output();
    done.is_ok_and(|output| output.status.success())
}

/// A disk of its own, taken away at the end.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        mount(&["umount", "--lazy"], &self.0);
    }
}

#[test]
fn a_full_disk_is_outlived() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    if !mount(
        &["mount", "-t", "tmpfs", "-o", "size=3m", "lookout-test"],
        &disk,
    ) {
        eprintln!("SKIPPED: this user may mount nothing, a full disk cannot be had");
        return;
    }
    let _mounted = Mounted(disk.clone());
    let others = disk.join("others");
    fs::write(&others, vec![1; 2_900_000]).unwrap();
    let (recorder, tap) = Recorder::start(&settings(&disk), Bulletin::default()).unwrap();
    let source = "drive:?frames=0&size=192x128&fps=30";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    let meter = recorder.meter();
    wait_until("it is full", || meter.report().trouble.is_some());
    receiver.iter().take(20).for_each(drop);
    assert!(others.exists(), "what is not ours stays");
    fs::remove_file(&others).unwrap();
    wait_until("it goes on", || meter.report().trouble.is_none());
    // The oldest go where the ring could be larger than the disk.
    let segments = meter.report().segments;
    wait_until("segments are finished", || {
        meter.report().segments > segments + 1
    });
    drop(receiver);
    handle.stop();
    handle.join().into_result().unwrap();
    let report = recorder.finish();
    let all = read(&files(&disk.join("ring")));
    assert!(report.lost > 0 && report.trouble.is_none(), "{report:?}");
    assert!(!all["/camera"].is_empty());
}

#[test]
fn a_disk_that_is_not_mounted_is_waited_for() {
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| path.metadata().unwrap().dev();
    if device(other.path()) == device(Path::new("/")) {
        eprintln!("SKIPPED: /dev/shm is no file system of its own here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    // As a place where nothing is mounted: on the file system of the root.
    symlink("/", &disk).unwrap();
    let place = RecordSettings {
        mounted_only: true,
        ..settings(&disk)
    };
    let (recorder, tap) = Recorder::start(&place, Bulletin::default()).unwrap();
    let (receiver, handle) = builder("drive:?frames=0&size=96x64&fps=30")
        .tap(tap)
        .start()
        .unwrap();
    let meter = recorder.meter();
    wait_until("it is told", || {
        let trouble = meter.report().trouble;
        trouble.is_some_and(|text| text.contains("record.mounted_only"))
    });
    receiver.iter().take(10).for_each(drop);
    assert!(!Path::new("/ring").exists(), "nothing is made there");
    let swap = |target: &Path| {
        let next = folder.path().join("next");
        symlink(target, &next).unwrap();
        fs::rename(next, &disk).unwrap();
    };
    swap(other.path());
    wait_until("it records", || meter.report().frames > 0);
    assert_eq!(meter.report().trouble, None);
    // The disk goes; at the latest the next segment notices it.
    swap(Path::new("/"));
    wait_until("it is noticed", || meter.report().trouble.is_some());
    assert!(!Path::new("/ring").exists(), "nothing is made there");
    drop(receiver);
    handle.stop();
    handle.join().into_result().unwrap();
    recorder.finish();
    assert!(!files(&other.path().join("ring")).is_empty());
}
