#![allow(clippy::unwrap_used)]
use super::*;
use crate::capture::packet::{Answer, settle};
use v4l::timestamp::Timestamp;

fn settled(fourcc: &[u8; 4], stride: u32, size: u32) -> Settled {
    let (width, height) = (4, 2);
    settle(&Answer {
        fourcc: *fourcc,
        width,
        height,
        stride,
        size,
        interval: (1, 30),
    })
    .unwrap()
}

fn metadata(bytesused: u32, flags: BufferFlags) -> Metadata {
    let timestamp = Timestamp::new(1, 500_000);
    Metadata {
        bytesused,
        flags,
        field: 0,
        timestamp,
        sequence: 7,
    }
}

#[test]
fn a_good_buffer_fills_the_frame_without_allocating_again() {
    let yuyv = settled(b"YUYV", 16, 32);
    let mut frame = Frame::with_capacity(0);
    let taken = take(
        &yuyv,
        &[9; 32],
        &metadata(32, BufferFlags::TIMESTAMP_MONOTONIC),
        &mut frame,
    );
    assert_eq!((taken.sequence, taken.captured), (7, Ok(1_500_000_000)));
    assert_eq!(
        (frame.format, frame.width, frame.height),
        (PixelFormat::Yuyv, 4, 2)
    );
    assert_eq!(
        (frame.stride, frame.data.as_slice()),
        (16, [9; 24].as_slice())
    );

    let jpeg = settled(b"MJPG", 0, 1000);
    let small = [0xff, 0xd8, 0xff];
    assert!(
        take(
            &jpeg,
            &small,
            &metadata(3, BufferFlags::empty()),
            &mut frame
        )
        .captured
        .is_ok()
    );
    let room = (frame.data.as_ptr(), frame.data.capacity());
    let mut large = vec![5; 1000];
    large[..2].copy_from_slice(&[0xff, 0xd8]);
    let taken = take(
        &jpeg,
        &large,
        &metadata(1000, BufferFlags::empty()),
        &mut frame,
    );
    assert!(taken.captured.is_ok());
    assert_eq!((frame.data.as_ptr(), frame.data.capacity()), room);
    assert_eq!(
        (frame.format, frame.stride, frame.data.len()),
        (PixelFormat::Mjpeg, 0, 1000)
    );
}

#[test]
fn the_stamp_is_now_unless_the_driver_says_monotonic() {
    let yuyv = settled(b"YUYV", 8, 16);
    let mut frame = Frame::with_capacity(0);
    let undefined_clock = BufferFlags::TIMESTAMP_MONOTONIC | BufferFlags::TIMESTAMP_COPY;
    for flags in [
        BufferFlags::empty(),
        BufferFlags::TIMESTAMP_COPY,
        undefined_clock,
    ] {
        let before = monotonic_ns();
        let taken = take(&yuyv, &[0; 16], &metadata(16, flags), &mut frame);
        assert!((before..=monotonic_ns()).contains(&taken.captured.unwrap()));
    }
}

#[test]
fn a_damaged_buffer_leaves_the_frame_alone() {
    let yuyv = settled(b"YUYV", 8, 16);
    let mut frame = Frame::with_capacity(0);
    frame.data.push(42);
    let flagged = BufferFlags::ERROR | BufferFlags::TIMESTAMP_MONOTONIC;
    for metadata in [metadata(16, flagged), metadata(15, BufferFlags::empty())] {
        let taken = take(&yuyv, &[0; 16], &metadata, &mut frame);
        assert_eq!(taken.sequence, 7);
        assert!(taken.captured.is_err());
        assert_eq!(frame.data, [42]);
    }
}

#[test]
fn impossible_wishes_are_refused_before_the_device_is_touched() {
    let message = |config: V4l2Config| V4l2Source::open(&config).err().unwrap().to_string();
    let base = || V4l2Config::new("/dev/no-such-camera");
    assert!(message(V4l2Config { width: 0, ..base() }).contains("0x720 is not a possible size"));
    assert!(
        message(V4l2Config {
            height: 9000,
            ..base()
        })
        .contains("1280x9000")
    );
    assert!(
        message(V4l2Config {
            frames_per_second: 0,
            ..base()
        })
        .contains("possible rate")
    );
    assert!(message(base()).contains("there is no such device"));
}
