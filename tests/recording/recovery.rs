//! What dead processes and other recorders leave.

use crate::setup::{builder, files, read, record, settings, wait_until};
use lookout::bulletin::Bulletin;
use lookout::recording::Recorder;
use std::fs;
use std::time::Duration;

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
