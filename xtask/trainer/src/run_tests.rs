//! Whole runs, small ones.

#![allow(clippy::unwrap_used)]
use super::*;
use std::collections::BTreeMap;
use std::path::Path;
use xtask::recipe::Recipe;
use xtask::render_drive::{self, RenderDriveArgs};
use xtask::train_job;

/// Rendered drives of a few frames.
fn data(root: &Path) -> std::path::PathBuf {
    let out = root.join("drives");
    render_drive::run(&RenderDriveArgs {
        out: out.clone(),
        frames: 12,
        seed: 5,
        width: 160,
        height: 96,
    })
    .unwrap();
    out
}

/// Six steps of two images in the folder `work`.
fn job(data: &Path, work: &Path) -> TrainJob {
    let mut recipe = Recipe::default();
    recipe.network.pretrained = false;
    recipe.network.head_channels = 16;
    recipe.schedule.batch = 2;
    recipe.schedule.warm_up_steps = 1;
    recipe.augmentation.mosaic_share = 0.3;
    recipe.evaluation.times = 2;
    recipe.quantization.calibration_images = 3;
    TrainJob {
        data: vec![data.into()],
        validation: vec![data.into()],
        out: work.join("model"),
        input_height: 64,
        input_width: 96,
        device: train_job::Device::Cpu,
        epochs: Some(1),
        steps: None,
        minutes: None,
        combined_riders: Default::default(),
        strict: false,
        share: 1.0,
        seed: 3,
        resume: false,
        recipe,
        finish: Finish::Measure,
        force: false,
        start_from: None,
        pretrained: "nowhere".into(),
        work: work.into(),
        command: String::new(),
    }
}

fn tensors(work: &Path) -> BTreeMap<String, Tensor> {
    let text = std::fs::read_to_string(work.join("checkpoint.json")).unwrap();
    let state: State = serde_json::from_str(&text).unwrap();
    let file = work.join(state.tensors);
    Tensor::read_safetensors(file)
        .unwrap()
        .into_iter()
        .collect()
}

fn largest_difference(a: &BTreeMap<String, Tensor>, b: &BTreeMap<String, Tensor>) -> f64 {
    assert!(a.keys().eq(b.keys()) && a.len() > 100);
    let difference = |(a, b): (&Tensor, &Tensor)| (a - b).abs().max().double_value(&[]);
    a.values()
        .zip(b.values())
        .map(difference)
        .fold(0.0, f64::max)
}

#[test]
fn a_seed_decides_everything_even_across_an_interruption() {
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path());
    let folder = |name: &str| root.path().join(name);
    let whole = job(&data, &folder("whole"));
    assert_eq!(run(whole.clone()).unwrap(), Outcome::Finished);
    let again = job(&data, &folder("again"));
    run(again).unwrap();
    let expected = tensors(&folder("whole"));
    assert_eq!(
        largest_difference(&expected, &tensors(&folder("again"))),
        0.0
    );

    // Every step is interrupted once: a run that is stopped at once makes no step, so a
    // first process makes three by hand.
    let mut parts = job(&data, &folder("parts"));
    let mut first = prepare(parts.clone()).unwrap();
    first.train_steps(3).unwrap();
    drop(first);
    parts.resume = true;
    run(parts).unwrap();
    assert_eq!(
        largest_difference(&expected, &tensors(&folder("parts"))),
        0.0
    );

    let mut other = job(&data, &folder("other"));
    other.seed = 4;
    run(other).unwrap();
    assert!(largest_difference(&expected, &tensors(&folder("other"))) > 0.0);
}

#[test]
fn what_is_frozen_stays_and_the_rest_learns() {
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path());
    let mut job = job(&data, &root.path().join("work"));
    job.recipe.schedule.frozen_stride = 4;
    job.recipe.schedule.weight_decay = 1.0;
    let mut run = prepare(job).unwrap();
    let numbers = |run: &Run| -> BTreeMap<String, Tensor> {
        let both = run.model.parameters.iter().chain(&run.model.statistics);
        both.map(|(name, tensor)| (name.clone(), tensor.detach().copy()))
            .collect()
    };
    let before = numbers(&run);
    run.train_steps(2).unwrap();
    let after = numbers(&run);
    let average = &run.optimizer.average;
    let has_changed = |name: &str| before[name] != after[name];
    let still = [
        "_conv_stem.weight",
        "_bn0.bias",
        "_bn0.running_var",
        "_blocks.2._project_conv.weight",
        // The first layer of the next stage still has this stride.
        "_blocks.3._expand_conv.weight",
        "_blocks.3._bn0.running_mean",
    ];
    for name in still {
        assert!(!has_changed(name), "{name}");
        let drift = average.get(name).map(|a| (a - &before[name]).abs().max());
        assert!(drift.is_none_or(|d| d.double_value(&[]) < 1e-6), "{name}");
    }
    for name in [
        "_blocks.3._depthwise_conv.weight",
        "_blocks.3._bn1.running_var",
        "head.boxes.weight",
    ] {
        assert!(has_changed(name), "{name}");
    }
}

#[test]
fn every_kind_of_recipe_trains() {
    use xtask::recipe::{AnchorSource, Assignment, BoxLoss, ClassLoss};
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path());
    let changes: [fn(&mut Recipe); 3] = [
        |r| {
            r.network.pyramid = false;
            r.network.shared_heads = false;
            r.network.tower_layers = 0;
            r.network.anchors = AnchorSource::Generic;
            r.loss.class = ClassLoss::HardNegative;
            r.loss.boxes = BoxLoss::SmoothL1;
            r.loss.assignment = Assignment::MaxIou;
        },
        |r| {
            r.network.anchors = AnchorSource::Points;
            r.loss.assignment = Assignment::Dynamic;
            r.loss.class = ClassLoss::QualityFocal;
            r.augmentation.paste_share = 1.0;
        },
        |r| {
            r.network.anchors = AnchorSource::Data;
            r.network.stride_min = 4;
            r.schedule.precision = Precision::Bfloat16;
        },
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut job = job(&data, &root.path().join(i.to_string()));
        change(&mut job.recipe);
        assert_eq!(run(job).unwrap(), Outcome::Finished, "recipe {i}");
    }
}

#[test]
fn a_run_that_explodes_keeps_the_batch() {
    let root = tempfile::tempdir().unwrap();
    let mut job = job(&data(root.path()), &root.path().join("work"));
    job.recipe.schedule.learning_rate = 10.0;
    job.recipe.schedule.gradient_norm_max = 1e9;
    let mut run = prepare(job).unwrap();
    let name = "head.scores.weight";
    let broken = run.model.parameters[name].detach() * f64::NAN;
    run.model
        .parameters
        .insert(name.into(), broken.set_requires_grad(true));
    let error = run.train(&AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("not a number"), "{error}");
    let kept = root.path().join("work/bad-batch.safetensors");
    let tensors = Tensor::read_safetensors(&kept).unwrap();
    assert_eq!(tensors[0].1.size(), [2, 3, 64, 96]);
    assert!(root.path().join("work/bad-batch.txt").is_file());
}

#[test]
fn a_run_without_gain_stops_early_and_goes_on_to_the_integers() {
    let root = tempfile::tempdir().unwrap();
    let mut job = job(&data(root.path()), &root.path().join("work"));
    job.epochs = Some(6);
    job.recipe.evaluation.times = 20;
    job.recipe.evaluation.patience = 2;
    // Nothing can become better at this rate.
    job.recipe.schedule.learning_rate = 1e-9;
    let mut run = prepare(job).unwrap();
    assert!(run.train(&AtomicBool::new(false)).unwrap());
    assert!(run.state.progress.skipped > 0.3, "{:?}", run.state.progress);
    assert!(run.state.ranges.is_some() && run.model.fake_quant.is_some());
}

#[test]
fn data_that_teach_nothing_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path());
    let file = data.join("annotations_train.json");
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    json["annotations"] = serde_json::json!([]);
    std::fs::write(&file, json.to_string()).unwrap();
    let error = run(job(&data, &root.path().join("work"))).unwrap_err();
    assert!(
        error.to_string().contains("not one labelled object"),
        "{error}"
    );
}
