#![allow(clippy::unwrap_used)]
use super::super::channels::tests::{LIDAR, set, value};
use super::*;

#[test]
fn colours_keep_what_the_body_was_pretrained_with() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [set(folder.path(), 3, "", value)];
    let auto = Normalisation::Auto.resolve(&sets, None, 1).unwrap();
    assert_eq!((auto.mean, auto.std), ([127.0; 3], [128.0; 3]));
    assert!(auto.channels_are_colours && auto.measured.is_none());
    let measured = Normalisation::Measured.resolve(&sets, None, 1).unwrap();
    assert_eq!(measured.mean, measured.measured.unwrap().mean);
    assert!(measured.channels_are_colours && measured.mean != auto.mean);
}

#[test]
fn other_channels_are_measured_and_none_takes_all_steps_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [set(folder.path(), 3, LIDAR, value)];
    let found = Normalisation::Auto.resolve(&sets, None, 1).unwrap();
    let measured = found.measured.unwrap();
    assert!(!found.channels_are_colours);
    assert_eq!(found.mean, measured.mean);
    assert_eq!(found.std[0], measured.std[0]);
    assert_eq!(found.std[2], 0.25 * measured.std[0], "a constant channel");
    let network = found.apply(crate::network::detector(32, 32));
    assert_eq!(
        (network.input_mean, network.input_std),
        (found.mean, found.std)
    );
    assert_eq!(usable([0.0; 3]), [1.0; 3]);
    assert!(found.to_string().contains("3 pictures"), "{found}");
}

#[test]
fn a_finished_model_keeps_its_numbers_unless_they_are_those_of_colours() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [set(folder.path(), 3, LIDAR, value)];
    let card = |mean, std| InputSpec {
        tensor: "input".into(),
        height: 32,
        width: 32,
        mean: PerChannel(mean),
        std: PerChannel(std),
        layout: lookout::model::PixelLayout::RgbPlanes,
    };
    let lidar = card([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
    let kept = Normalisation::Auto.resolve(&sets, Some(&lidar), 1).unwrap();
    assert_eq!((kept.mean, kept.std), (lidar.mean.0, lidar.std.0));
    let camera = card([127.0; 3], [128.0; 3]);
    let new = Normalisation::Auto
        .resolve(&sets, Some(&camera), 1)
        .unwrap();
    assert!(new.measured.is_some());
}

#[test]
fn names_of_the_option_are_read() {
    for name in ["auto", "measured"] {
        let parsed: Normalisation = name.parse().unwrap();
        assert_eq!(parsed.to_string(), name);
    }
    let error = "pretrained".parse::<Normalisation>().unwrap_err();
    assert!(error.contains("auto or measured"));
}
