#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn answer(fourcc: &[u8; 4], width: u32, height: u32, stride: u32, size: u32) -> Answer {
    Answer {
        fourcc: *fourcc,
        width,
        height,
        stride,
        size,
        interval: (1, 30),
    }
}

#[test]
fn usual_answers_settle() {
    let yuyv = settle(&answer(b"YUYV", 640, 360, 1280, 460_800)).unwrap();
    assert_eq!(
        (yuyv.format, yuyv.stride, yuyv.frame_bytes),
        (PixelFormat::Yuyv, 1280, 460_800)
    );
    assert_eq!(yuyv.frames_per_second, Some(30.0));
    // A padded stride is honoured: the last row needs no padding.
    let padded = settle(&answer(b"YUYV", 4, 2, 64, 128)).unwrap();
    assert_eq!((padded.stride, padded.frame_bytes), (64, 72));
    // A stride that was left out is the shortest that can be.
    let tight = settle(&answer(b"NV12", 640, 480, 0, 460_800)).unwrap();
    assert_eq!((tight.stride, tight.frame_bytes), (640, 460_800));
    // JPEG has no stride, whatever the driver says.
    let jpeg = settle(&answer(b"MJPG", 1280, 720, 2560, 1_843_200)).unwrap();
    assert_eq!((jpeg.stride, jpeg.frame_bytes), (0, 1_843_200));
}

#[test]
fn nonsense_is_refused_with_its_numbers() {
    let message = |fourcc, width, height, stride, size| {
        settle(&answer(fourcc, width, height, stride, size)).unwrap_err()
    };
    assert!(message(b"RG10", 640, 480, 1280, 614_400).contains("RG10"));
    assert!(message(b"YUYV", 640, 480, 640, 614_400).contains("640 bytes a row"));
    assert!(message(b"YUYV", 640, 480, 1280, 614_399).contains("614399 bytes"));
    assert!(message(b"MJPG", 640, 480, 0, 0).contains("0 bytes"));
    assert!(message(b"MJPG", 640, 480, 0, u32::MAX).contains("use another size"));
    assert!(message(b"GREY", 0, 480, 640, 1000).contains("0x480"));
    assert!(message(&[0, 200, 10, b'Y'], 640, 480, 0, 1).contains("...Y"));
}

#[test]
fn damage_is_named() {
    let yuyv = settle(&answer(b"YUYV", 4, 2, 8, 16)).unwrap();
    let buffer = [7; 20];
    assert_eq!(picture(&yuyv, &buffer, 20, false).unwrap(), [7; 16]);
    assert!(
        picture(&yuyv, &buffer, 16, true)
            .unwrap_err()
            .contains("marked it as broken")
    );
    assert_eq!(
        picture(&yuyv, &buffer, 15, false).unwrap_err(),
        "it has 15 bytes of 16 that it needs"
    );
    assert!(
        picture(&yuyv, &buffer, 21, false)
            .unwrap_err()
            .contains("21 bytes in a buffer of 20")
    );
    let jpeg = settle(&answer(b"MJPG", 4, 2, 0, 20)).unwrap();
    assert!(
        picture(&jpeg, &buffer, 20, false)
            .unwrap_err()
            .contains("do not begin like a JPEG")
    );
    assert!(picture(&jpeg, &buffer, 0, false).is_err());
    assert_eq!(
        picture(&jpeg, &[0xff, 0xd8, 1, 2], 3, false).unwrap(),
        [0xff, 0xd8, 1]
    );
}

#[test]
fn sequences_keep_gaps_and_survive_wrapping() {
    let mut counter = SequenceCounter::default();
    let raw = [u32::MAX - 1, u32::MAX, 0, 3, 3, 1, 2, u32::MAX / 2];
    let numbers: Vec<u64> = raw.into_iter().map(|raw| counter.next(raw)).collect();
    let far = u64::from(u32::MAX / 2);
    assert_eq!(numbers, [0, 1, 2, 5, 6, 7, 8, 8 + far - 2]);
}

#[test]
fn only_sane_monotonic_stamps_are_taken() {
    let now = 5_000_000_000;
    assert_eq!(capture_time_ns(true, 4, 999_999, now), 4_999_999_000);
    assert_eq!(capture_time_ns(false, 4, 999_999, now), now);
    assert_eq!(capture_time_ns(true, 0, 0, now), now);
    assert_eq!(capture_time_ns(true, 6, 0, now), now);
    assert_eq!(capture_time_ns(true, -1, 0, now), now);
    assert_eq!(capture_time_ns(true, i64::MAX, i64::MAX, now), now);
}

proptest! {
    #[test]
    fn no_answer_breaks_the_checks(
        code in 0usize..6, width in any::<u32>(), height in any::<u32>(),
        stride in any::<u32>(), size in any::<u32>(), small in any::<bool>()
    ) {
        let fourcc = [b"NV12", b"YUYV", b"MJPG", b"JPEG", b"GREY", b"H264"][code];
        // Half the cases near sense, or hardly any would pass the first check.
        let cut = |n: u32, max: u32| if small { n % max } else { n };
        let (width, height) = (cut(width, 40), cut(height, 40));
        let (stride, size) = (cut(stride, 100), cut(size, 8000));
        if let Ok(settled) = settle(&answer(fourcc, width, height, stride, size)) {
            prop_assert!(settled.frame_bytes <= size as usize && settled.frame_bytes > 0);
            let needed =
                Frame::bytes_needed(settled.format, width, height, settled.stride).unwrap();
            prop_assert!(needed <= settled.frame_bytes);
        }
    }

    #[test]
    fn a_picture_is_whole_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..40), used in 0u32..50,
        flagged in any::<bool>(), begins_as_jpeg in any::<bool>()
    ) {
        let mut bytes = bytes;
        if begins_as_jpeg {
            bytes.splice(0..0, [0xff, 0xd8]);
        }
        for fourcc in [b"YUYV", b"MJPG"] {
            let settled = settle(&answer(fourcc, 4, 2, 8, 16)).unwrap();
            match picture(&settled, &bytes, used, flagged) {
                Ok(picture) if settled.format == PixelFormat::Mjpeg => {
                    prop_assert!(picture.starts_with(&[0xff, 0xd8]));
                    prop_assert_eq!(picture.len(), used as usize);
                }
                Ok(picture) => prop_assert_eq!(picture.len(), 16),
                Err(reason) => prop_assert!(!reason.is_empty()),
            }
        }
    }

    #[test]
    fn sequences_always_rise(raw in prop::collection::vec(any::<u32>(), 2..100)) {
        let mut counter = SequenceCounter::default();
        let numbers: Vec<u64> = raw.into_iter().map(|raw| counter.next(raw)).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_capture_is_never_in_the_future(
        monotonic in any::<bool>(), seconds in any::<i64>(), micros in any::<i64>(), now in 1u64..
    ) {
        let stamp = capture_time_ns(monotonic, seconds, micros, now);
        prop_assert!(stamp <= now && stamp > 0);
    }
}
