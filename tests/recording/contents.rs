//! What is recorded, and in which files.

use crate::setup::{builder, files, read, record, settings};
use lookout::config::RecordSettings;
use lookout::detection::DetectionFrame;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::sink;
use lookout::source::{FrameSource, McapSource, Next, Pace};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of JPEG pictures, as a camera sends them.
fn mjpeg(folder: &Path, pictures: u32) -> PathBuf {
    let mut bytes = Vec::new();
    for number in 0..pictures {
        let rgb: Vec<u8> = (0..96 * 64 * 3)
            .map(|i| (i * (number + 3) / 7) as u8)
            .collect();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder
            .encode(&rgb, 96, 64, jpeg_encoder::ColorType::Rgb)
            .unwrap();
    }
    let path = folder.join("clip.mjpeg");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_run_is_recorded_frame_by_frame_and_read_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let clip = mjpeg(folder.path(), 40);
    let disk = folder.path().join("disk");
    let source = format!("mjpeg:{}?pace=max", clip.display());
    let (seen, report) = record(builder(&source), &settings(&disk));
    assert_eq!((report.frames, report.lost, report.faults), (40, 0, 0));
    assert_eq!(report.trouble, None);
    let files = files(&disk.join("ring"));
    assert_eq!(files.len() as u64, report.segments);
    let messages = read(&files);
    let topics: Vec<&str> = messages.keys().map(String::as_str).collect();
    assert_eq!(topics, ["/annotations", "/camera", "/detections"]);
    assert_eq!(messages["/camera"].len(), 40);
    for (index, seen) in seen.iter().enumerate() {
        let mut line = Vec::new();
        sink::write_line(seen, &mut line).unwrap();
        let (sequence, time_ns, data) = &messages["/detections"][index];
        assert_eq!(u64::from(*sequence), seen.sequence);
        assert_eq!(*time_ns, seen.captured_unix_ns);
        assert_eq!(data[..], line[..line.len() - 1]);
        assert_eq!(messages["/camera"][index].1, *time_ns);
    }
    // Replayed, the pictures are the same bytes, and so is what is seen in them.
    let (mut source, mut frame) = (
        McapSource::open(&disk, Pace::EveryFrame).unwrap(),
        Frame::with_capacity(0),
    );
    let original = fs::read(&clip).unwrap();
    let mut replayed = Vec::new();
    while source.next_frame(&mut frame).unwrap() == Next::Frame {
        replayed.extend_from_slice(&frame.data);
    }
    assert_eq!(replayed, original);
    let source = format!("mcap:{}?pace=max", disk.display());
    let (receiver, handle) = builder(&source).start().unwrap();
    let again: Vec<DetectionFrame> = receiver.iter().collect();
    handle.join().into_result().unwrap();
    let boxes = |frames: &[DetectionFrame]| -> Vec<(f32, BBox)> {
        let all = frames.iter().flat_map(|frame| &frame.detections);
        all.map(|d| (d.score, d.bbox)).collect()
    };
    assert_eq!(boxes(&again), boxes(&seen));
}

#[test]
fn raw_frames_become_jpeg_and_live_ones_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let source = "drive:?frames=45&size=192x128&fps=15";
    let (seen, report) = record(builder(source), &settings(folder.path()));
    assert_eq!(report.frames + report.lost, seen.len() as u64);
    let files = files(&folder.path().join("ring"));
    assert!(files.len() >= 2, "3 s in segments of 2 s: {files:?}");
    let mut source = McapSource::open(folder.path(), Pace::EveryFrame).unwrap();
    let mut frame = Frame::with_capacity(0);
    let mut frames = 0;
    while source.next_frame(&mut frame).unwrap() == Next::Frame {
        assert_eq!((frame.width, frame.height), (192, 128));
        frames += 1;
    }
    assert_eq!(frames, report.frames);
}

#[test]
fn the_ring_keeps_to_its_size_and_to_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    fs::create_dir_all(&ring).unwrap();
    let stranger = ring.join("holiday.mcap");
    fs::write(&stranger, vec![0; 500_000]).unwrap();
    let settings = RecordSettings {
        bytes_max: 400_000,
        ..settings(folder.path())
    };
    let source = "drive:?frames=400&size=256x192&pace=max";
    let (_, report) = record(builder(source), &settings);
    assert_eq!((report.frames, report.lost), (400, 0));
    let ours: Vec<PathBuf> = files(&ring)
        .into_iter()
        .filter(|file| *file != stranger)
        .collect();
    let bytes: u64 = ours.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(
        bytes <= 500_000 && ours.len() >= 2,
        "{bytes} bytes in {ours:?}"
    );
    assert!((report.segments as usize) > ours.len(), "none was deleted");
    assert!(stranger.exists());
    // The newest are there.
    let newest = read(&ours)["/camera"].last().unwrap().0;
    assert_eq!(newest, 399);
}
