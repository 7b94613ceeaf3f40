//! Tests of what the doctor finds of cameras.

#![allow(clippy::unwrap_used)]
use super::super::finding::Level;
use super::*;
use crate::capture::CameraMode;

fn camera_info(usable: Result<(), String>) -> CameraInfo {
    let mode = CameraMode {
        fourcc: "MJPG".into(),
        width: 1280,
        height: 720,
        frames_per_second_max: Some(30.0),
    };
    CameraInfo {
        device: "/dev/video7".into(),
        by_id: None,
        name: "Dashcam".into(),
        driver: "uvcvideo".into(),
        bus: "usb-1".into(),
        formats: vec![mode; 9],
        usable,
    }
}

fn levels(findings: &[Finding]) -> Vec<Level> {
    findings.iter().map(|finding| finding.level).collect()
}

#[test]
fn a_usable_camera_is_shown_with_its_modes() {
    let findings = cameras(&[camera_info(Ok(()))], false);
    assert_eq!(levels(&findings), [Level::Ok]);
    let text = findings[0].to_string();
    for words in [
        "/dev/video7",
        "Dashcam",
        "MJPG 1280x720 30 fps",
        "and 3 more",
    ] {
        assert!(text.contains(words), "no '{words}' in {text}");
    }
}

#[test]
fn no_usable_camera_fails_unless_another_source_was_named() {
    assert_eq!(levels(&cameras(&[], false)), [Level::Fail]);
    assert_eq!(levels(&cameras(&[], true)), [Level::Warn]);
    let locked = camera_info(Err("add your user to group video".into()));
    let findings = cameras(&[locked], false);
    assert_eq!(levels(&findings), [Level::Warn, Level::Fail]);
    assert!(findings[0].to_string().contains("group video"));
}

#[test]
fn a_source_is_tried() {
    let uri = SourceUri::default();
    assert_eq!(
        chosen_source(&uri).level,
        Level::Ok,
        "{}",
        chosen_source(&uri)
    );
}

#[test]
fn membership_of_group_video_is_looked_up() {
    const ETC_GROUP: &str = "root:x:0:\naudio:x:29:pulse\nvideo:x:44:ann,bob\n";
    let level = |user, groups: &[u32], text, usable| group(user, groups, text, usable).level;
    assert_eq!(level(1000, &[1000, 44], ETC_GROUP, false), Level::Ok);
    assert_eq!(level(1000, &[1000, 4], ETC_GROUP, false), Level::Warn);
    assert_eq!(level(1000, &[1000, 4], ETC_GROUP, true), Level::Ok);
    assert_eq!(level(0, &[0], ETC_GROUP, false), Level::Ok);
    assert_eq!(
        level(1000, &[], "root:x:0:\nvideo\nvideo:x:y\n", false),
        Level::Ok
    );
    assert!(!own_groups().is_empty());
}

#[test]
fn the_camera_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dashcam");
    assert_eq!(link(&path, true).level, Level::Warn);
    assert_eq!(link(&path, false).level, Level::Ok);
    std::os::unix::fs::symlink("video0", &path).unwrap();
    let dangling = link(&path, false);
    assert_eq!(dangling.level, Level::Warn);
    assert!(dangling.text.contains("video0"), "{dangling}");
    fs::write(folder.path().join("video0"), "").unwrap();
    assert_eq!(link(&path, true).level, Level::Ok);
}
