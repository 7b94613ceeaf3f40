//! Tests of the job file and the events.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn job() -> TrainJob {
    TrainJob {
        data: vec!["/data/a".into()],
        validation: vec!["/data/a".into()],
        out: "/models/a".into(),
        input_height: 288,
        input_width: 512,
        device: Device::Cuda(1),
        epochs: None,
        steps: Some(9),
        minutes: Some(5.0),
        seed: 7,
        resume: false,
        combined_riders: CombinedRiders::Split,
        strict: false,
        share: 1.0,
        recipe: Recipe::default(),
        finish: Finish::Export,
        force: false,
        start_from: None,
        pretrained: "/cache/lite0.safetensors".into(),
        work: "/work".into(),
        command: "cargo xtask train-and-export".into(),
    }
}

#[test]
fn job_survives_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.json");
    job().write(&path).unwrap();
    assert_eq!(TrainJob::read(&path).unwrap(), job());
    std::fs::write(&path, "{}").unwrap();
    assert!(TrainJob::read(&path).is_err());
}

#[test]
fn impossible_values_are_refused() {
    let refused = |change: fn(&mut TrainJob)| {
        let mut job = job();
        change(&mut job);
        job.check().is_err()
    };
    assert!(job().check().is_ok());
    assert!(refused(|job| job.data.clear()));
    assert!(refused(|job| job.input_height = 300));
    assert!(refused(|job| job.input_width = 0));
    assert!(refused(|job| job.epochs = Some(0)));
    assert!(refused(|job| job.steps = Some(0)));
    assert!(refused(|job| job.minutes = Some(f64::NAN)));
    assert!(refused(|job| job.recipe.schedule.batch = 0));
}

#[test]
fn devices_have_one_spelling() {
    for text in ["auto", "cpu", "cuda:0", "cuda:3"] {
        assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
    }
    assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
    for text in ["", "gpu", "cuda:", "cuda:-1", "cpu:0"] {
        assert!(text.parse::<Device>().is_err(), "{text}");
    }
}

#[test]
fn events_are_the_agreed_lines() {
    let event = TrainEvent::Note {
        text: "hello".into(),
    };
    assert_eq!(event.to_line(), r#"{"event":"note","text":"hello"}"#);
    let line = r#"{"event":"step","step":1,"steps":9,"loss":1.5,"loss_class":1.0,
        "loss_box":0.5,"images_per_s":10.0,"elapsed_s":1.0,"remaining_s":8.0}"#;
    assert!(matches!(
        TrainEvent::from_line(line),
        Some(TrainEvent::Step { steps: 9, .. })
    ));
    let line = r#"{"event":"evaluated","set":"a","precision":"int8","map":0.1,"map50":0.2}"#;
    let event = TrainEvent::from_line(line).unwrap();
    assert!(matches!(event, TrainEvent::Evaluated { step: None, .. }));
    assert_eq!(TrainEvent::from_line(&event.to_line()), Some(event));
    assert_eq!(TrainEvent::from_line("Epoch 1"), None);
}

#[test]
fn a_loss_that_is_not_a_number_still_makes_a_line() {
    let event = TrainEvent::Step {
        step: 1,
        steps: 2,
        loss: f64::NAN,
        loss_class: 0.0,
        loss_box: f64::INFINITY,
        images_per_s: 1.0,
        elapsed_s: 0.0,
        remaining_s: 0.0,
        learning_rate: 1e-3,
        waited: 0.0,
    };
    let back = TrainEvent::from_line(&event.to_line()).unwrap();
    assert!(matches!(back, TrainEvent::Step { loss, steps: 2, .. } if loss.is_nan()));
}
