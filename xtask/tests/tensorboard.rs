//! Event files: what goes in comes out, through our reader and through TensorBoard's own.
//!
//! TensorBoard's is asked when it is in the cache already, or when CI asks for all tools;
//! `cargo xtask smoke` puts it there.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use std::path::Path;
use xtask::tensorboard::{
    Event, EventFile, EventWriter, Histogram, Kind, Series, TensorboardError,
    check_with_tensorboard, event_files, is_installed,
};

fn noon() -> f64 {
    1_700_000_000.25
}

/// All events before the first error, and that error.
fn events(path: &Path) -> (Vec<Event>, Option<TensorboardError>) {
    let (mut events, mut error) = (Vec::new(), None);
    for event in EventFile::open(path).unwrap() {
        match event {
            Ok(event) => events.push(event),
            Err(reason) => error = Some(reason),
        }
    }
    (events, error)
}

/// A picture in which every pixel differs.
fn picture(width: u32, height: u32) -> Vec<u8> {
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, (x * y) as u8]))
        .collect()
}

/// A run that is killed at step 7 within a record, and goes on from step 5.
fn write_run(dir: &Path) {
    let mut writer = EventWriter::open(dir, 0, noon).unwrap();
    writer
        .text("options", 0, "| a | b |\n|---|---|\n| 1 | `zwölf` |")
        .unwrap();
    for step in 1..=7 {
        writer
            .scalar("loss/total", step, 10.0 / step as f64)
            .unwrap();
        writer.scalar("map/road", step, 0.1 * step as f64).unwrap();
        let values: Vec<f32> = (0..1000)
            .map(|i| (i as f32 - 300.0) * step as f32)
            .collect();
        writer
            .histogram("weights", step, &Histogram::of(&values))
            .unwrap();
    }
    writer.image("wrong", 3, 20, 10, &picture(20, 10)).unwrap();
    writer.text("remarks", 7, "taken back").unwrap();
    writer.scalar("only late", 6, 1.0).unwrap();
    let path = writer.path().to_owned();
    drop(writer);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();

    let mut writer = EventWriter::open(dir, 5, noon).unwrap();
    for (step, loss) in [(5, f64::NAN), (6, f64::INFINITY), (7, -0.0)] {
        writer.scalar("loss/total", step, loss).unwrap();
    }
    let wild = [1.0, f32::NAN, -1e30, f32::INFINITY, 1e-30];
    writer
        .histogram("weights", 5, &Histogram::of(&wild))
        .unwrap();
    writer.histogram("nothing", 5, &Histogram::of(&[])).unwrap();
    let counted = Histogram::of_counts(&[-1.0, 0.0, 0.5, 8.0], &[3, 0, 9]).unwrap();
    writer.histogram("counted", 6, &counted).unwrap();
    writer.image("wrong", 6, 1, 3, &[255; 9]).unwrap();
}

#[test]
fn a_run_that_was_killed_and_resumed_is_one_run() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let series = Series::read(dir.path()).unwrap();
    assert_eq!(
        series.tags(),
        [
            "counted",
            "loss/total",
            "map/road",
            "nothing",
            "options",
            "weights",
            "weights/not_finite",
            "wrong",
        ]
    );
    let loss = &series.scalars["loss/total"];
    let steps: Vec<i64> = loss.iter().map(|point| point.step).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(loss[3].value, 2.5);
    assert!(loss[4].value.is_nan() && loss[5].value == f32::INFINITY);
    assert_eq!(series.scalars["map/road"].len(), 4);
    assert_eq!(series.scalars["weights/not_finite"][0].value, 2.0);
    assert_eq!(series.histograms["weights"][4].value.num, 3.0);
    assert!(series.texts["options"][0].value.contains("zwölf"));
    let image = &series.images["wrong"][0].value;
    let decoded = image::load_from_memory(&image.png).unwrap().into_rgb8();
    assert_eq!(decoded.dimensions(), (20, 10));
    assert_eq!(decoded.into_raw(), picture(20, 10));
}

#[test]
fn tensorboard_sees_what_was_written() {
    if !is_installed() && std::env::var_os("CI").is_none() {
        eprintln!("skipped: TensorBoard is not in the cache; `cargo xtask smoke` fetches it");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let expected = ["loss/total", "map/road", "weights", "wrong", "options"];
    check_with_tensorboard(dir.path(), &expected).unwrap();
    let error = check_with_tensorboard(dir.path(), &["no such tag"]).unwrap_err();
    assert!(error.to_string().contains("no such tag"), "{error}");
}

#[test]
fn a_damaged_record_is_named_and_ends_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::open(dir.path(), 0, noon).unwrap();
    for step in 0..10 {
        writer.scalar("loss", step, 1.0).unwrap();
    }
    let path = writer.path().to_owned();
    drop(writer);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (good, error) = events(&path);
    assert!((2..12).contains(&good.len()), "{}", good.len());
    let error = error.unwrap();
    assert!(matches!(error, TensorboardError::Damaged { .. }), "{error}");
    assert!(Series::read(dir.path()).is_err());
}

#[test]
fn absent_folders_are_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert!(event_files(&dir.path().join("absent")).unwrap().is_empty());
    assert!(Series::read(dir.path()).unwrap().tags().is_empty());
}

fn scalars() -> impl Strategy<Value = Vec<(String, u64, f32)>> {
    let step = 0..=i64::MAX as u64;
    let value = prop::num::f32::ANY;
    prop::collection::vec(("[a-z/_ äß]{1,12}", step, value), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scalars_come_back(scalars in scalars()) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::open(dir.path(), 3, noon).unwrap();
        for (tag, step, value) in &scalars {
            writer.scalar(tag, *step, f64::from(*value)).unwrap();
        }
        let path = writer.path().to_owned();
        drop(writer);
        let (events, error) = events(&path);
        prop_assert!(error.is_none());
        prop_assert_eq!(&events[0].kind, &Kind::Version("brain.Event:2".into()));
        prop_assert_eq!((&events[1].kind, events[1].step), (&Kind::Start, 3));
        prop_assert_eq!(events.len(), scalars.len() + 2);
        for (event, (tag, step, value)) in events[2..].iter().zip(&scalars) {
            prop_assert_eq!(event.step as u64, *step);
            prop_assert_eq!(event.wall_time_s, noon());
            let Kind::Scalar(found, number) = &event.kind else {
                panic!("{event:?}");
            };
            prop_assert_eq!(found, tag);
            prop_assert!(number.to_bits() == value.to_bits() || number.is_nan() && value.is_nan());
        }
    }

    /// A file that is cut anywhere gives the records that are whole, and says that it is cut.
    #[test]
    fn a_cut_file_gives_what_is_whole(
        scalars in scalars(),
        cut in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::open(dir.path(), 0, noon).unwrap();
        // After each event the length up to which the file is whole.
        let mut whole = vec![std::fs::metadata(writer.path()).unwrap().len()];
        for (tag, step, value) in &scalars {
            writer.scalar(tag, *step, f64::from(*value)).unwrap();
            writer.flush().unwrap();
            whole.push(std::fs::metadata(writer.path()).unwrap().len());
        }
        let path = writer.path().to_owned();
        drop(writer);
        let first = whole[0] as usize;
        let bytes = std::fs::read(&path).unwrap();
        let cut = first + cut.index(bytes.len() - first + 1);
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let (events, error) = events(&path);
        let count = whole.iter().filter(|length| **length <= cut as u64).count() - 1;
        prop_assert_eq!(events.len(), count + 2);
        let is_at_end = whole.contains(&(cut as u64));
        prop_assert_eq!(error.is_none(), is_at_end);
        if let Some(error) = error {
            prop_assert!(matches!(error, TensorboardError::Torn { .. }), "{}", error);
        }
    }

    /// Nothing that a file may hold makes the reader panic.
    #[test]
    fn noise_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let (events, error) = events(file.path());
        prop_assert!(events.is_empty());
        prop_assert_eq!(error.is_none(), bytes.is_empty());
    }
}
