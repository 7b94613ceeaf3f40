#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

#[test]
fn requests_have_the_numbers_of_the_kernel() {
    // As `strace -e raw=ioctl` shows them on a 64-bit kernel: the size of each
    // structure is part of the number, so that a wrong layout cannot pass.
    let numbers = [
        (vidioc::VIDIOC_QUERYCAP, 0x8068_5600_u32),
        (vidioc::VIDIOC_ENUM_FMT, 0xc040_5602),
        (vidioc::VIDIOC_G_FMT, 0xc0d0_5604),
        (vidioc::VIDIOC_S_FMT, 0xc0d0_5605),
        (vidioc::VIDIOC_REQBUFS, 0xc014_5608),
        (vidioc::VIDIOC_QUERYBUF, 0xc058_5609),
        (vidioc::VIDIOC_QBUF, 0xc058_560f),
        (vidioc::VIDIOC_DQBUF, 0xc058_5611),
        (vidioc::VIDIOC_STREAMON, 0x4004_5612),
        (vidioc::VIDIOC_S_PARM, 0xc0cc_5616),
        (vidioc::VIDIOC_ENUM_FRAMESIZES, 0xc02c_564a),
        (vidioc::VIDIOC_ENUM_FRAMEINTERVALS, 0xc034_564b),
    ];
    for (code, number) in numbers {
        assert_eq!(code as u32, number);
    }
}

#[test]
fn nodes_that_are_no_cameras_say_what_to_do() {
    let message = |path: &str| open_node(Path::new(path)).err().unwrap().to_string();
    assert!(message("/dev/no-such-camera").contains("plug the camera in"));
    assert!(message("/dev/null").contains("is not a video device"));
    assert!(message("/").contains("is not a video device"));
    assert!(message("/dev/\0").contains("cannot open"));
    let denied = open_advice(&io::Error::from_raw_os_error(libc::EACCES));
    assert!(denied.contains("usermod -aG video"), "{denied}");
    let busy = advice("starting", &io::Error::from_raw_os_error(libc::EBUSY));
    assert!(
        busy.starts_with("starting: ") && busy.contains("another program"),
        "{busy}"
    );
}

#[test]
fn capabilities_tell_cameras_from_their_neighbours() {
    let check = |flags: Flags| check_capture(flags.bits());
    assert_eq!(check(Flags::VIDEO_CAPTURE | Flags::STREAMING), Ok(()));
    assert!(
        check(Flags::VIDEO_CAPTURE)
            .unwrap_err()
            .contains("without memory-mapped")
    );
    let planes = Flags::VIDEO_CAPTURE_MPLANE | Flags::STREAMING;
    assert!(check(planes).unwrap_err().contains("multi-planar"));
    assert!(
        check(Flags::VIDEO_M2M_MPLANE | Flags::STREAMING)
            .unwrap_err()
            .contains("codec")
    );
    assert!(
        check(Flags::META_CAPTURE | Flags::STREAMING)
            .unwrap_err()
            .contains("metadata")
    );
    assert!(
        check(Flags::VIDEO_OUTPUT)
            .unwrap_err()
            .contains("not a capture device")
    );
    assert!(check_capture(0).is_err());
}

#[test]
fn names_are_cut_at_nul_and_cleaned() {
    assert_eq!(text(b"HD Webcam\0garbage"), "HD Webcam");
    assert_eq!(text(b"Cam\xc3"), "Cam\u{fffd}");
    assert_eq!(text(b"a\x1b[2Jb"), "a\u{fffd}[2Jb");
}

proptest! {
    #[test]
    fn any_name_is_printable(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        prop_assert!(!text(&bytes).chars().any(char::is_control));
    }
}
