//! A disk that takes its time.

use crate::setup::{files, read, run_recording};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// In front of the C library: what is to be on the disk takes three seconds to get there.
const SLOW_SYNC: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int later(const char *name, int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    sleep(3);
    return sync(file);
}
int fsync(int file) { return later("fsync", file); }
int fdatasync(int file) { return later("fdatasync", file); }
"#;

fn slow_sync(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("slow.c"), folder.join("slow.so"));
    fs::write(&source, SLOW_SYNC).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(made.unwrap().success());
    library
}

#[test]
fn a_slow_disk_costs_frames_of_the_recording_only() {
    let folder = tempfile::tempdir().unwrap();
    let library = slow_sync(folder.path());
    let disk = folder.path().join("disk");
    let (stderr, lines, recording) = run_recording(
        &format!("export LD_PRELOAD='{}';", library.display()),
        "drive:?frames=150&size=96x64&fps=15",
        &disk,
        &[],
    );
    assert!(lines > 140, "{lines} frames were seen: {stderr}");
    let count = |key: &str| recording[key].as_u64().unwrap();
    assert!(count("frames") > 0 && count("lost") > 0, "{recording}");
    assert!(count("frames") + count("lost") <= 150, "{recording}");
    assert!(stderr.contains("too slow"), "{stderr}");
    // What is on the disk can be read, whatever was left open.
    let finished = files(&disk.join("ring"));
    let finished: Vec<PathBuf> = finished
        .into_iter()
        .filter(|file| file.extension().unwrap() == "mcap")
        .collect();
    let read = read(&finished);
    let frames = read.get("/camera").map_or(0, Vec::len);
    assert!(frames as u64 <= count("frames"), "{frames}: {recording}");
}
