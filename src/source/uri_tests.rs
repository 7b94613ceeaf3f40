#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> SourceUri {
    text.parse().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<SourceUri>().unwrap_err().to_string()
}

#[test]
fn defaults_are_those_documented() {
    assert_eq!(parse("drive:"), SourceUri::default());
    assert_eq!(
        parse("v4l2:///dev/video0"),
        SourceUri::V4l2(V4l2Config::new("/dev/video0"))
    );
    assert_eq!(
        parse("video:a.mp4"),
        SourceUri::Video {
            path: "a.mp4".into(),
            pace: Pace::Live
        }
    );
    let images = SourceUri::Images {
        pattern: "shots/*.jpg".into(),
        pace: Pace::EveryFrame,
        frames_per_second: IMAGES_FPS,
    };
    assert_eq!(parse("images:shots/*.jpg"), images);
}

#[test]
fn every_parameter_is_read() {
    let SourceUri::V4l2(camera) =
        parse("v4l2:///dev/dashcam?size=640x360&fps=25&format=nv12&timeout_ms=500")
    else {
        panic!("not a camera");
    };
    assert_eq!(
        (camera.width, camera.height, camera.frames_per_second),
        (640, 360, 25)
    );
    assert_eq!(camera.format, Some(PixelFormat::Nv12));
    assert_eq!(camera.timeout, Duration::from_millis(500));
    let SourceUri::Drive(drive) =
        parse("drive:?seed=7&size=320x240&fps=12.5&frames=0&light=lowsun&pace=max")
    else {
        panic!("not a drive");
    };
    assert_eq!(
        (drive.seed, drive.width, drive.height, drive.frames),
        (7, 320, 240, 0)
    );
    assert_eq!(
        (drive.frames_per_second, drive.pace),
        (12.5, Pace::EveryFrame)
    );
    assert_eq!(drive.light, Some(Light::LowSun));
}

#[test]
fn a_question_mark_in_a_name_is_no_parameter() {
    let SourceUri::Images {
        pattern,
        frames_per_second,
        ..
    } = parse("images:a/img?.png?fps=5")
    else {
        panic!("not images");
    };
    assert_eq!((pattern.as_str(), frames_per_second), ("a/img?.png", 5.0));
}

#[test]
fn errors_say_what_is_allowed() {
    assert!(error("clip.mp4").contains("video:FILE.mp4"));
    assert!(error("rtsp://host").contains("`rtsp:` is unknown"));
    assert!(error("video:").contains("names no place"));
    assert!(error("drive:somewhere").contains("takes no place"));
    assert!(error("v4l2:dev/video0").contains("absolute path"));
    assert!(error("v4l2:///dev/video0?speed=9").contains("timeout_ms=N"));
    assert!(error("drive:?light=night").contains("day, overcast, lowsun, dusk, rain"));
    assert!(error("drive:?size=8x8").contains("64 to 1920"));
    assert!(error("drive:?fps=NaN").contains("1 to 120"));
    assert!(error("drive:?seed=1&seed=2").contains("given twice"));
    assert!(error("video:a.mp4?pace=slow").contains("live, max"));
    assert!(error(&format!("video:{}", "a".repeat(URI_BYTES_MAX))).contains("4096 bytes"));
    assert!(error("video:a\0b").contains("NUL"));
}

fn pace() -> impl Strategy<Value = Pace> {
    prop_oneof![Just(Pace::Live), Just(Pace::EveryFrame)]
}

fn uri() -> impl Strategy<Value = SourceUri> {
    let name = "[ -~]{1,20}";
    let rate = 1.0..120.0_f32;
    let format = prop_oneof![
        Just(None),
        proptest::sample::select(&FORMATS[..]).prop_map(|pair| Some(pair.1))
    ];
    let light = prop_oneof![
        Just(None),
        proptest::sample::select(&Light::ALL[..]).prop_map(Some)
    ];
    let camera = (
        name,
        1..=8192_u32,
        1..=8192_u32,
        1..=1000_u32,
        format,
        50..=2000_u64,
    )
        .prop_map(
            |(name, width, height, frames_per_second, format, timeout_ms)| {
                SourceUri::V4l2(V4l2Config {
                    device: format!("/dev/{name}").into(),
                    width,
                    height,
                    frames_per_second,
                    format,
                    timeout: Duration::from_millis(timeout_ms),
                })
            },
        );
    let drive = (
        any::<u64>(),
        64..=1920_u32,
        64..=1920_u32,
        rate.clone(),
        0..300_u32,
        light,
        pace(),
    )
        .prop_map(
            |(seed, width, height, frames_per_second, frames, light, pace)| {
                SourceUri::Drive(DriveSettings {
                    seed,
                    width,
                    height,
                    frames_per_second,
                    frames,
                    light,
                    pace,
                })
            },
        );
    prop_oneof![
        camera,
        drive,
        (name, pace()).prop_map(|(path, pace)| SourceUri::Video {
            path: path.into(),
            pace
        }),
        (name, pace(), rate.clone()).prop_map(|(pattern, pace, frames_per_second)| {
            SourceUri::Images {
                pattern,
                pace,
                frames_per_second,
            }
        }),
        (name, pace(), rate).prop_map(|(path, pace, frames_per_second)| SourceUri::Mjpeg {
            path: path.into(),
            pace,
            frames_per_second
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(uri in uri()) {
        prop_assert_eq!(parse(&uri.to_string()), uri);
    }

    #[test]
    fn any_text_is_refused_or_reads_back(text in "(v4l2|video|images|mjpeg|mcap|drive|x):[ -~é]{0,40}") {
        if let Ok(uri) = text.parse::<SourceUri>() {
            prop_assert_eq!(parse(&uri.to_string()), uri);
        }
    }
}
