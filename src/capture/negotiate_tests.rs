#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn mode(fourcc: &[u8; 4], width: u32, height: u32, fps: f64) -> Mode {
    let format = pixel_format_of(*fourcc).unwrap();
    Mode {
        fourcc: *fourcc,
        format,
        width,
        height,
        frames_per_second_max: Some(fps),
    }
}

fn wish(width: u32, height: u32, frames_per_second: u32) -> Wish {
    Wish {
        width,
        height,
        frames_per_second,
        format: None,
    }
}

fn best(modes: &[Mode], wish: &Wish) -> (String, u32, u32) {
    let best = ranked(modes, wish)[0];
    (
        String::from_utf8_lossy(&best.fourcc).into_owned(),
        best.width,
        best.height,
    )
}

/// The modes of a usual USB 2 webcam.
fn webcam() -> Vec<Mode> {
    vec![
        mode(b"YUYV", 640, 480, 30.0),
        mode(b"YUYV", 1280, 720, 10.0),
        mode(b"YUYV", 1920, 1080, 5.0),
        mode(b"MJPG", 640, 480, 30.0),
        mode(b"MJPG", 1280, 720, 30.0),
        mode(b"MJPG", 1920, 1080, 30.0),
    ]
}

#[test]
fn uncompressed_wins_only_where_it_reaches_the_rate() {
    assert_eq!(
        best(&webcam(), &wish(1280, 720, 30)),
        ("MJPG".into(), 1280, 720)
    );
    assert_eq!(
        best(&webcam(), &wish(1280, 720, 10)),
        ("YUYV".into(), 1280, 720)
    );
    assert_eq!(
        best(&webcam(), &wish(640, 480, 30)),
        ("YUYV".into(), 640, 480)
    );
}

#[test]
fn the_nearest_size_that_is_not_smaller_wins() {
    assert_eq!(
        best(&webcam(), &wish(960, 540, 30)),
        ("MJPG".into(), 1280, 720)
    );
    assert_eq!(
        best(&webcam(), &wish(3840, 2160, 30)),
        ("MJPG".into(), 1920, 1080)
    );
    assert_eq!(
        best(&webcam(), &wish(3840, 2160, 5)),
        ("YUYV".into(), 1920, 1080)
    );
}

#[test]
fn rates_are_compared_sensibly() {
    let ntsc = [
        mode(b"MJPG", 640, 480, 60.0),
        mode(b"YUYV", 640, 480, 30000.0 / 1001.0),
    ];
    assert_eq!(best(&ntsc, &wish(640, 480, 30)).0, "YUYV");
    let slow = [mode(b"NV12", 640, 480, 5.0), mode(b"MJPG", 640, 480, 15.0)];
    assert_eq!(best(&slow, &wish(640, 480, 30)).0, "MJPG");
    let silent = Mode {
        frames_per_second_max: None,
        ..mode(b"NV12", 640, 480, 1.0)
    };
    assert_eq!(
        best(
            &[mode(b"MJPG", 640, 480, 30.0), silent],
            &wish(640, 480, 30)
        )
        .0,
        "NV12"
    );
    assert_eq!(frames_per_second(1001, 30000), Some(30000.0 / 1001.0));
    assert_eq!(frames_per_second(0, 30), None);
    assert_eq!(frames_per_second(1, 0), None);
}

#[test]
fn colour_wins_over_grey_and_a_forced_format_over_all() {
    let modes = [mode(b"GREY", 640, 480, 30.0), mode(b"MJPG", 640, 480, 30.0)];
    assert_eq!(best(&modes, &wish(640, 480, 30)).0, "MJPG");
    let grey = Wish {
        format: Some(PixelFormat::Grey),
        ..wish(640, 480, 30)
    };
    assert_eq!(best(&modes, &grey).0, "GREY");
    let nv12 = Wish {
        format: Some(PixelFormat::Nv12),
        ..grey
    };
    assert!(ranked(&modes, &nv12).is_empty());
}

#[test]
fn grids_are_walked_exactly() {
    let steps = Steps {
        min: 48,
        max: 1925,
        step: 16,
    };
    assert_eq!(steps.nearest(1280), Some(1280));
    assert_eq!(steps.nearest(1281), Some(1296));
    assert_eq!(steps.nearest(1), Some(48));
    assert_eq!(steps.nearest(5000), Some(1920));
    assert_eq!(
        Steps {
            min: 10,
            max: 9,
            step: 1
        }
        .nearest(5),
        None
    );
    assert_eq!(
        Steps {
            min: 10,
            max: 10,
            step: 0
        }
        .nearest(5),
        Some(10)
    );
    assert_eq!(
        Steps {
            min: 0,
            max: 0,
            step: 0
        }
        .nearest(5),
        None
    );
    assert_eq!(SizeOffer::Discrete(0, 5).nearest(1, 1), None);
    assert_eq!(SizeOffer::Discrete(1 << 20, 5).nearest(1, 1), None);
}

#[test]
fn unknown_formats_are_refused() {
    assert_eq!(pixel_format_of(*b"H264"), None);
    assert_eq!(pixel_format_of([0, 255, 0, 255]), None);
}

fn any_mode() -> impl Strategy<Value = Mode> {
    let rate = prop_oneof![Just(None), (0.0..1e6).prop_map(Some), Just(Some(f64::NAN))];
    (0..FOURCCS.len(), any::<u32>(), any::<u32>(), rate).prop_map(|(code, width, height, rate)| {
        let (fourcc, format) = FOURCCS[code];
        Mode {
            fourcc,
            format,
            width,
            height,
            frames_per_second_max: rate,
        }
    })
}

proptest! {
    #[test]
    fn a_grid_gives_a_member_nearest_from_above(
        min in any::<u32>(), max in any::<u32>(), step in any::<u32>(), wanted in any::<u32>()
    ) {
        let steps = Steps { min, max, step };
        if let Some(side) = steps.nearest(wanted) {
            let step = step.max(1);
            prop_assert!(side >= min && side <= max && side <= Frame::SIDE_PIXELS_MAX);
            prop_assert_eq!((side - min) % step, 0);
            // Either it is large enough and one step less is not, or it is the last one.
            let last = u64::from(side) + u64::from(step) > u64::from(max.min(Frame::SIDE_PIXELS_MAX));
            prop_assert!(side >= wanted || last);
            prop_assert!(side == min || side - step < wanted);
        } else {
            prop_assert!(min == 0 || min > max || min > Frame::SIDE_PIXELS_MAX);
        }
    }

    #[test]
    fn the_best_mode_is_a_mode_and_never_needlessly_small(
        modes in prop::collection::vec(any_mode(), 1..40),
        width in any::<u32>(), height in any::<u32>(), fps in any::<u32>()
    ) {
        let wish = wish(width, height, fps);
        let order = ranked(&modes, &wish);
        prop_assert_eq!(order.len(), modes.len());
        let fits = |mode: &Mode| mode.width >= width && mode.height >= height;
        prop_assert!(fits(&order[0]) || !modes.iter().any(fits));
    }
}
