//! Recordings through the detector again.

use crate::setup::lookout;
use lookout::frame::Frame;
use lookout::source::{DriveSettings, DriveSource, FrameSource, Next, Pace};
use std::fs;
use std::path::{Path, PathBuf};

/// The built-in drive as JPEG pictures of a camera.
fn drive_clip(folder: &Path, frames: u32) -> PathBuf {
    let mut source = DriveSource::open(&DriveSettings {
        width: 512,
        height: 288,
        frames,
        pace: Pace::EveryFrame,
        ..DriveSettings::default()
    })
    .unwrap();
    let (mut bytes, mut frame) = (Vec::new(), Frame::with_capacity(0));
    while source.next_frame(&mut frame).unwrap() == Next::Frame {
        jpeg_encoder::Encoder::new(&mut bytes, 90)
            .encode(&frame.data, 512, 288, jpeg_encoder::ColorType::Rgb)
            .unwrap();
    }
    let path = folder.join("drive.mjpeg");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_replay_sees_the_same_and_tells_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let clip = drive_clip(folder.path(), 20);
    let disk = folder.path().join("disk");
    let disk = disk.to_str().unwrap();
    let source = format!("mjpeg:{}?pace=max", clip.display());
    let run = lookout(
        "",
        &[
            "run",
            "--source",
            &source,
            "--record",
            disk,
            "--no-tracking",
        ],
    );
    assert!(run.status.success(), "{run:?}");
    let replay = |words: &[&str]| {
        let output = lookout("", &[&["replay", disk, "--no-tracking"], words].concat());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, same) = replay(&["--compare", "--fail-on-difference"]);
    assert!(
        same.contains("20 frames compared, 20 with exactly"),
        "{same}"
    );
    assert!(same.contains("car "), "{same}");
    assert_eq!(code, Some(0));
    let (code, other) = replay(&["--compare", "--fail-on-difference", "--score", "0.99"]);
    assert!(other.contains("frames that differ most"), "{other}");
    assert_eq!(code, Some(1));
    assert_eq!(replay(&["--compare", "--score", "0.99"]).0, Some(0));
    let (code, lines) = replay(&[]);
    assert_eq!((code, lines.lines().count()), (Some(0), 20));
    let missing = lookout("", &["replay", "no-such-file.mcap"]);
    assert_eq!(missing.status.code(), Some(1));
}
