//! Recordings from the outside: what a run records, others can read; and what is wrong with the
//! disk never stops a run.

#![allow(clippy::unwrap_used)]

use lookout::bulletin::Bulletin;
use lookout::class::ObjectClass;
use lookout::config::RecordSettings;
use lookout::detection::{DETECTIONS_MAX, Detection, DetectionFrame};
use lookout::detector::StageTimes;
use lookout::event::RuleName;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::pipeline::{Builder, Detect, Lookout};
use lookout::pixels::Picture;
use lookout::recording::{PreserveError, RecordError, Recorder, RecorderReport};
use lookout::rules::Rule;
use lookout::sink;
use lookout::source::{DriveSettings, DriveSource, FrameSource, McapSource, Next, Pace};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Sees a person whose place depends on the picture's bytes.
struct Somewhere;

impl Detect for Somewhere {
    fn model_id(&self) -> &str {
        "somewhere@0"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn std::error::Error + Send + Sync>> {
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        let sum: u64 = rgb.iter().map(|byte| u64::from(*byte)).sum();
        let shift = (sum % 1000) as f32 / 50.0;
        let bbox = BBox::new(shift, shift, shift + 20.0, shift + 30.5);
        out.clear();
        let _ = out.push(Detection::new(
            ObjectClass::Person,
            0.5 + shift / 50.0,
            bbox,
        ));
        Ok(StageTimes::default())
    }
}

fn builder(source: &str) -> Builder {
    Lookout::builder()
        .source(source.parse().unwrap())
        .detector(Box::new(Somewhere))
}

fn settings(folder: &Path) -> RecordSettings {
    RecordSettings {
        segment: Duration::from_secs(2),
        free_bytes_min: 0,
        ..RecordSettings::new(folder)
    }
}

/// Runs to the end and records; gives what was seen and what the recorder did.
fn record(builder: Builder, settings: &RecordSettings) -> (Vec<DetectionFrame>, RecorderReport) {
    let (recorder, tap) = Recorder::start(settings, Bulletin::default()).unwrap();
    let (receiver, handle) = builder.tap(tap).start().unwrap();
    let seen = receiver.iter().collect();
    handle.join().into_result().unwrap();
    (seen, recorder.finish())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = entries.into_iter().flatten().collect();
    files.sort();
    files
}

/// Number, time and contents of the messages on each topic, as another reader sees them.
type Messages = BTreeMap<String, Vec<(u32, u64, Vec<u8>)>>;

fn read(files: &[PathBuf]) -> Messages {
    let mut messages = Messages::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
        let before: usize = messages.values().map(Vec::len).sum();
        for message in mcap::MessageStream::new(&bytes).unwrap() {
            let message = message.unwrap();
            assert_eq!(message.log_time, message.publish_time);
            let topic = messages.entry(message.channel.topic.clone()).or_default();
            topic.push((message.sequence, message.log_time, message.data.to_vec()));
        }
        let after: usize = messages.values().map(Vec::len).sum();
        let counted = summary.stats.unwrap().message_count;
        assert_eq!(counted, (after - before) as u64, "{}", file.display());
    }
    messages
}

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

/// Waits until something holds.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
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

fn person_ahead() -> Rule {
    Rule {
        name: RuleName::try_from("person").unwrap(),
        zone: None,
        classes: Vec::new(),
        score_min: 0.0,
        count_min: 1,
        dwell: Duration::from_millis(3500),
        patience: Duration::from_secs(1),
        update_period: Duration::from_secs(1),
        preserve: true,
    }
}

#[test]
fn a_rule_keeps_the_time_around_its_event() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings {
        before: Duration::from_secs(1),
        after: Duration::from_secs(1),
        ..settings(folder.path())
    };
    let run = lookout::config::Settings {
        rules: vec![person_ahead()],
        tracking: false,
        ..lookout::config::Settings::default()
    };
    let builder = Lookout::builder()
        .config(run)
        .source("drive:?frames=90&size=96x64&fps=15".parse().unwrap())
        .detector(Box::new(Somewhere));
    let (seen, report) = record(builder, &settings);
    let event_ns = seen
        .iter()
        .find(|frame| !frame.events.is_empty())
        .unwrap()
        .captured_unix_ns;
    let kept = files(&folder.path().join("kept"));
    let recordings: Vec<PathBuf> = kept
        .iter()
        .filter(|file| file.extension().unwrap() == "mcap")
        .cloned()
        .collect();
    assert_eq!(report.kept_segments as usize, recordings.len());
    assert_eq!(kept.len(), 2 * recordings.len(), "a note each: {kept:?}");
    let note = fs::read_to_string(&kept[0]).unwrap();
    assert!(note.contains("rule person, firing 1"), "{note}");
    let messages = read(&recordings);
    let times: Vec<u64> = messages["/camera"]
        .iter()
        .map(|message| message.1)
        .collect();
    let second = 1_000_000_000;
    assert!(times[0] <= event_ns - second, "a second before");
    assert!(
        *times.last().unwrap() >= event_ns + second,
        "a second after"
    );
    // What was before that is not kept.
    let ring = files(&folder.path().join("ring"));
    assert!(!ring.is_empty() && !read(&ring)["/camera"].is_empty());
    let log = &messages["/log"];
    let said = |text: &str| {
        log.iter()
            .any(|line| String::from_utf8_lossy(&line.2).contains(text))
    };
    assert!(said("rule person: new") && said("kept because of rule person"));
}

#[test]
fn what_is_asked_for_is_kept_until_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings {
        kept_bytes_max: 1,
        before: Duration::from_secs(60),
        ..settings(folder.path())
    };
    let (recorder, tap) = Recorder::start(&settings, Bulletin::default()).unwrap();
    let source = "drive:?frames=0&size=96x64&fps=15";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    drop(receiver);
    let meter = recorder.meter();
    wait_until("a segment is finished", || meter.report().segments >= 1);
    assert_eq!(recorder.handle().preserve("test"), Ok(()));
    wait_until("it is refused", || meter.report().kept_trouble.is_some());
    let refused = recorder.handle().preserve("test").unwrap_err();
    assert!(matches!(&refused, PreserveError::Full(text) if text.contains("kept_megabytes_max")));
    handle.stop();
    handle.join().into_result().unwrap();
    let later = recorder.handle();
    let report = recorder.finish();
    assert_eq!((report.kept_segments, report.lost), (0, 0));
    assert!(report.trouble.is_none(), "the ring goes on");
    assert!(!files(&folder.path().join("ring")).is_empty());
    assert!(later.preserve("test").is_err());
}

#[test]
fn a_signal_and_the_health_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let bulletin = Bulletin::default();
    bulletin.post(r#"{"state":"degraded","reasons":["it is hot"]}"#);
    let (recorder, tap) = Recorder::start(&settings(folder.path()), bulletin.clone()).unwrap();
    let source = "drive:?frames=0&size=96x64&fps=15";
    let (receiver, handle) = builder(source).tap(tap).start().unwrap();
    let raise = || {
        let flag = recorder.handle().preserve_flag();
        flag.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    receiver.iter().take(5).for_each(drop);
    raise();
    bulletin.post(r#"{"state":"ok","reasons":[]}"#);
    receiver.iter().take(15).for_each(drop);
    drop(receiver);
    handle.stop();
    handle.join().into_result().unwrap();
    assert!(recorder.finish().kept_segments >= 1);
    let kept = files(&folder.path().join("kept"));
    let recordings: Vec<PathBuf> = kept
        .into_iter()
        .filter(|f| f.extension().unwrap() == "mcap")
        .collect();
    let log: Vec<String> = read(&recordings)["/log"]
        .iter()
        .map(|line| String::from_utf8_lossy(&line.2).into_owned())
        .collect();
    for text in ["it is hot", "health is ok", "SIGUSR1"] {
        assert!(
            log.iter().any(|line| line.contains(text)),
            "{text}: {log:?}"
        );
    }
}

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
fn what_a_dead_process_left_open_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let place = settings(folder.path());
    let source = "drive:?frames=40&size=96x64&pace=max";
    record(builder(source), &place);
    let ring = folder.path().join("ring");
    let finished = files(&ring).remove(0);
    let mut bytes = fs::read(&finished).unwrap();
    // Torn in the middle of a chunk or of the summary; without a name, and with an intent to keep.
    bytes.truncate(bytes.len() - 700);
    fs::remove_file(&finished).unwrap();
    let name = finished.file_name().unwrap().to_str().unwrap().to_owned();
    fs::write(ring.join(format!("{name}.part")), &bytes).unwrap();
    let noise = "lookout-20200101T000000Z-000900.mcap.part";
    fs::write(ring.join(noise), vec![7; 200_000]).unwrap();
    let note = folder
        .path()
        .join("kept")
        .join(name.replace(".mcap", ".json"));
    fs::write(&note, b"{}").unwrap();
    let (recorder, tap) = Recorder::start(&place, Bulletin::default()).unwrap();
    let meter = recorder.meter();
    wait_until("both are settled", || {
        let report = meter.report();
        (report.recovered, report.damaged) == (1, 1)
    });
    drop(tap);
    recorder.finish();
    let kept = folder.path().join("kept").join(name);
    assert!(!read(&[kept])["/camera"].is_empty());
    assert_eq!(
        files(&ring),
        [ring.join("lookout-20200101T000000Z-000900.mcap.damaged")]
    );
}

#[test]
fn two_recorders_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = settings(folder.path());
    let (first, first_tap) = Recorder::start(&place, Bulletin::default()).unwrap();
    wait_until("the first has it", || folder.path().join("ring").is_dir());
    std::thread::sleep(Duration::from_millis(100));
    let (second, second_tap) = Recorder::start(&place, Bulletin::default()).unwrap();
    let meter = second.meter();
    wait_until("the second is told", || {
        let trouble = meter.report().trouble;
        trouble.is_some_and(|text| text.contains("another lookout"))
    });
    drop(first_tap);
    first.finish();
    drop(second_tap);
    second.finish();
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

/// The program with these words, and whatever the shell does before it.
fn lookout(before: &str, words: &[&str]) -> Output {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/road-lite");
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_lookout"))
        .args(words)
        .args(["--model", model])
        .output()
        .unwrap()
}

#[test]
fn files_that_may_not_grow_end_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, health) = (folder.path().join("disk"), folder.path().join("health"));
    let config = folder.path().join("lookout.toml");
    fs::write(&config, "[record]\nfree_megabytes_min = 0\n").unwrap();
    let output = lookout(
        "trap '' XFSZ; ulimit -f 500;",
        &[
            "run",
            "--source",
            "drive:?frames=60&size=128x96&fps=15",
            "--sink",
            "jsonl:-",
            "--record",
            disk.to_str().unwrap(),
            "--health",
            health.to_str().unwrap(),
            "--config",
            config.to_str().unwrap(),
        ],
    );
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("recording pauses") && stderr.contains("recording again"),
        "{stderr}"
    );
    let lines = String::from_utf8(output.stdout).unwrap().lines().count();
    assert!(lines > 40, "{lines} frames were seen");
    let health: serde_json::Value = serde_json::from_slice(&fs::read(health).unwrap()).unwrap();
    let recording = &health["recording"];
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
