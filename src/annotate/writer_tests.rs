//! Tests of the writer of annotated frames, with real files.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::class::ObjectClass;
use crate::frame::PixelFormat;
use crate::geometry::BBox;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

fn grey() -> Vec<u8> {
    vec![90; (3 * WIDTH * HEIGHT) as usize]
}

fn picture(rgb: &[u8]) -> Picture<'_> {
    Picture::new(PixelFormat::Rgb8, WIDTH, HEIGHT, 3 * WIDTH as usize, rgb).unwrap()
}

fn a_car() -> Detection {
    let bbox = BBox::new(40.0, 40.0, 120.0, 100.0);
    Detection::new(ObjectClass::Car, 0.9, bbox)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_nth_frame_is_written_with_its_boxes_until_there_are_enough() {
    for file in [PictureFile::Jpeg, PictureFile::Png] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("made/on/demand");
        let every_nth = NonZeroU64::new(3).unwrap();
        let options = AnnotateOptions {
            file,
            every_nth,
            files_max: 2,
        };
        let writer = AnnotateWriter::start(&folder, options).unwrap();
        let rgb = grey();
        let taken: Vec<u64> = (0..12)
            .filter(|sequence| writer.offer_wait(&picture(&rgb), *sequence, &[a_car()]))
            .collect();
        assert_eq!(taken, [0, 3]);
        let report = writer.finish();
        assert_eq!((report.written, report.busy, report.faults), (2, 0, 0));
        let extension = file.extension();
        let expected = [0, 3].map(|number| format!("frame-{number:06}.{extension}"));
        assert_eq!(names(&folder), expected);
        for name in expected {
            let read = image::open(folder.join(name)).unwrap().into_rgb8();
            assert_eq!(read.dimensions(), (WIDTH, HEIGHT));
            assert!(read.get_pixel(80, 70).0.iter().all(|v| v.abs_diff(90) < 8));
            let edge = read.get_pixel(40, 70).0;
            let colour = super::super::class_colour(ObjectClass::Car);
            let error = edge
                .iter()
                .zip(colour)
                .map(|(a, b)| a.abs_diff(b))
                .max()
                .unwrap();
            // JPEG stores colour at half size, which blurs a line of two pixels.
            let tolerance = if file == PictureFile::Png { 0 } else { 60 };
            assert!(error <= tolerance, "{edge:?} is not {colour:?}");
        }
    }
}

#[test]
fn a_busy_writer_turns_frames_away_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let writer = AnnotateWriter::start(folder.path(), AnnotateOptions::default()).unwrap();
    let rgb = grey();
    let taken = {
        // While all buffers are out, as during a slow write, nothing is taken.
        let _held: Vec<_> = (0..BUFFERS).map(|_| writer.free.recv().unwrap()).collect();
        writer.offer(&picture(&rgb), 0, &[])
    };
    assert!(!taken);
    assert_eq!(
        writer.finish(),
        AnnotateReport {
            folder: folder.path().into(),
            written: 0,
            busy: 1,
            faults: 0,
        }
    );
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_that_fails_is_a_counted_fault_and_later_frames_get_through() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("pictures");
    let options = AnnotateOptions {
        files_max: 1,
        ..AnnotateOptions::default()
    };
    let writer = AnnotateWriter::start(&folder, options).unwrap();
    let rgb = grey();
    // A folder that vanished fails as a full disk does, and for any user.
    fs::remove_dir(&folder).unwrap();
    assert!(writer.offer_wait(&picture(&rgb), 0, &[]));
    while writer.report().faults == 0 || !writer.wants(1) {
        std::thread::yield_now();
    }
    fs::create_dir(&folder).unwrap();
    assert!(writer.offer_wait(&picture(&rgb), 1, &[a_car()]));
    let report = writer.finish();
    assert_eq!((report.written, report.faults), (1, 1));
    assert_eq!(names(&folder), ["frame-000001.jpg"]);
}

#[test]
fn a_folder_that_cannot_be_had_is_an_error_at_the_start() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "kept").unwrap();
    let error = AnnotateWriter::start(&file, AnnotateOptions::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("choose a folder"), "{error}");
}
