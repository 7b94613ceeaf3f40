//! A run on disk: parameters, statistics, optimiser and progress, in one file that is either
//! the old one or the new one, never half of each.

use crate::model::Model;
use crate::optimizer::Optimizer;
use crate::schedule::Progress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Tensor, no_grad};
use xtask::quantize::Ranges;
use xtask::recipe::{RECIPE_FILE, Recipe};

const TENSORS: &str = "checkpoint.safetensors";
const STATE: &str = "checkpoint.json";
const BEST: &str = "best.safetensors";

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system said no.
    #[error("{path}: {source}; check the disk, then go on with --resume")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// torch said no.
    #[error("{path}: {source}")]
    Torch {
        /// The file.
        path: PathBuf,
        /// What torch said.
        source: tch::TchError,
    },
    /// The checkpoint is of another run.
    #[error(
        "{path}: {reason}; start anew without --resume, or give the options of the run that made it"
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// How far the run has come.
    pub progress: Progress,
    /// Steps that the optimiser took.
    pub optimizer_steps: u64,
    /// Images shown.
    pub images_seen: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Images of a batch.
    pub batch: u32,
    /// `[height, width]` of the input.
    pub input: [u32; 2],
    /// The recipe of the run.
    pub recipe: Recipe,
    /// Looks at the validation sets so far.
    pub looks: u32,
    /// The best of them: step and mAP.
    pub best: Option<(u64, f64)>,
    /// Looks since the best one.
    pub looks_without_gain: u32,
    /// Ranges to which activations are rounded, once they are.
    pub ranges: Option<Ranges>,
    /// Tensor file that belongs to this state.
    pub tensors: String,
}

/// Whether `folder` holds a checkpoint.
pub fn exists(folder: &Path) -> bool {
    folder.join(STATE).is_file()
}

fn groups<'a>(
    model: &'a mut Model,
    optimizer: &'a mut Optimizer,
) -> [(&'static str, &'a mut BTreeMap<String, Tensor>); 5] {
    [
        ("parameter", &mut model.parameters),
        ("statistic", &mut model.statistics),
        ("first", &mut optimizer.first),
        ("second", &mut optimizer.second),
        ("average", &mut optimizer.average),
    ]
}

/// Writes a checkpoint. The state file names the tensor file and is renamed into place last,
/// so a power cut leaves the checkpoint before this one.
pub fn save(
    folder: &Path,
    model: &mut Model,
    optimizer: &mut Optimizer,
    mut state: State,
) -> Result<(), CheckpointError> {
    let old = read_state(folder).ok();
    state.tensors = format!("{}-{TENSORS}", state.progress.batches);
    let path = folder.join(&state.tensors);
    let mut tensors = Vec::new();
    for (group, map) in groups(model, optimizer) {
        for (name, tensor) in map.iter() {
            tensors.push((format!("{group}/{name}"), plain(tensor)));
        }
    }
    let torch = |source| CheckpointError::Torch {
        path: path.clone(),
        source,
    };
    let written = Tensor::write_safetensors(&tensors, &path).map_err(torch);
    if let Err(error) = written.and_then(|()| sync(&path)) {
        // Half a file would only keep a full disk full.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    let temporary = folder.join(format!("{STATE}.partial"));
    let text = serde_json::to_string_pretty(&state).unwrap_or_default();
    let file = |path: &Path| {
        let path = path.to_path_buf();
        |source| CheckpointError::File { path, source }
    };
    std::fs::write(&temporary, text).map_err(file(&temporary))?;
    sync(&temporary)?;
    std::fs::rename(&temporary, folder.join(STATE)).map_err(file(&temporary))?;
    if let Some(old) = old.filter(|old| old.tensors != state.tensors) {
        // A file left behind costs space, no more.
        let _ = std::fs::remove_file(folder.join(old.tensors));
    }
    Ok(())
}

/// Keeps averaged weights and statistics as the best so far.
pub fn save_best(
    folder: &Path,
    model: &mut Model,
    optimizer: &Optimizer,
) -> Result<(), CheckpointError> {
    let tensors: Vec<(String, Tensor)> = [("average", &optimizer.average)]
        .into_iter()
        .chain([("statistic", &model.statistics)])
        .flat_map(|(group, map)| {
            map.iter()
                .map(move |(n, t)| (format!("{group}/{n}"), plain(t)))
        })
        .collect();
    let (temporary, path) = (folder.join(format!("{BEST}.partial")), folder.join(BEST));
    let torch = |source| CheckpointError::Torch {
        path: temporary.clone(),
        source,
    };
    let written = Tensor::write_safetensors(&tensors, &temporary).map_err(torch);
    if let Err(error) = written.and_then(|()| sync(&temporary)) {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    std::fs::rename(&temporary, &path).map_err(|source| CheckpointError::File { path, source })
}

/// Takes the best weights so far as parameters and as their average.
pub fn load_best(
    folder: &Path,
    model: &mut Model,
    optimizer: &mut Optimizer,
) -> Result<(), CheckpointError> {
    let path = folder.join(BEST);
    let tensors = Tensor::read_safetensors(&path).map_err(|source| CheckpointError::Torch {
        path: path.clone(),
        source,
    })?;
    let tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
    let take = |group: &str, map: &mut BTreeMap<String, Tensor>| {
        for (name, own) in map.iter_mut() {
            let key = format!("{group}/{name}");
            let found = tensors.get(&key).filter(|t| t.size() == own.size());
            let found = found.ok_or_else(|| CheckpointError::Other {
                path: path.clone(),
                reason: format!("it lacks {key}"),
            })?;
            no_grad(|| own.copy_(found));
        }
        Ok(())
    };
    take("average", &mut optimizer.average)?;
    take("average", &mut model.parameters)?;
    take("statistic", &mut model.statistics)
}

/// The tensor in plain row order, whatever its layout in memory.
fn plain(tensor: &Tensor) -> Tensor {
    no_grad(|| tensor.detach().to_device(tch::Device::Cpu).contiguous())
}

fn sync(path: &Path) -> Result<(), CheckpointError> {
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| CheckpointError::File {
            path: path.to_path_buf(),
            source,
        })
}

fn read_state(folder: &Path) -> Result<State, CheckpointError> {
    let path = folder.join(STATE);
    let text = std::fs::read_to_string(&path).map_err(|source| CheckpointError::File {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|e| CheckpointError::Other {
        path,
        reason: e.to_string(),
    })
}

/// Whether two recipes teach the same. How often a checkpoint is written, how much memory is
/// used and how often somebody looks may change on the way.
fn is_same(a: &Recipe, b: &Recipe) -> bool {
    let taught = |recipe: &Recipe| {
        let mut recipe = recipe.clone();
        recipe.schedule.checkpoint_every_s = 1.0;
        recipe.schedule.cache_mib = None;
        recipe.evaluation = Default::default();
        recipe
    };
    taught(a) == taught(b)
}

/// Reads the checkpoint in `folder` into `model` and `optimizer`, which must be of a run with
/// the same seed, batch and input as `run` says.
pub fn load(
    folder: &Path,
    model: &mut Model,
    optimizer: &mut Optimizer,
    run: &State,
) -> Result<State, CheckpointError> {
    let state = read_state(folder)?;
    let path = folder.join(&state.tensors);
    let other = |reason: String| CheckpointError::Other {
        path: path.clone(),
        reason,
    };
    let key = |s: &State| (s.seed, s.batch, s.input);
    if key(&state) != key(run) {
        let (was, is) = (key(&state), key(run));
        return Err(other(format!(
            "it was made with seed, batch and input {was:?}, now {is:?}"
        )));
    }
    if !is_same(&state.recipe, &run.recipe) {
        return Err(other(format!(
            "it was made by another recipe, see {RECIPE_FILE} in the same folder"
        )));
    }
    let tensors = Tensor::read_safetensors(&path).map_err(|source| CheckpointError::Torch {
        path: path.clone(),
        source,
    })?;
    let mut tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
    for (group, map) in groups(model, optimizer) {
        for (name, own) in map.iter_mut() {
            let key = format!("{group}/{name}");
            let tensor = tensors
                .remove(&key)
                .ok_or_else(|| other(format!("it lacks {key}")))?;
            if tensor.size() != own.size() {
                return Err(other(format!("{key} has another shape")));
            }
            no_grad(|| own.copy_(&tensor));
        }
    }
    optimizer.steps = state.optimizer_steps;
    Ok(state)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{Mode, OBJECT_PRIOR};
    use crate::optimizer::{gradients, norm};
    use std::collections::BTreeSet;
    use tch::{Device, Kind};
    use xtask::network::detector;

    fn fresh(seed: u64) -> (Model, Optimizer) {
        let network = detector(32, 64);
        let mut model = Model::new(network, Device::Cpu, Kind::Float, OBJECT_PRIOR, seed);
        let schedule = Recipe::default().schedule;
        let optimizer = Optimizer::new(&mut model.parameters, &BTreeSet::new(), &schedule);
        model.require_gradients();
        (model, optimizer)
    }

    fn step(model: &mut Model, optimizer: &mut Optimizer, seed: u64) -> f64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..2 * 3 * 32 * 64).map(|_| random.u8(..)).collect();
        let pixels = Tensor::from_slice(&bytes).reshape([2, 3, 32, 64]);
        let input = model.normalise(&pixels);
        let outputs = model.forward(input, Mode::Train, |_, _| {});
        let loss =
            outputs.scores.square().mean(Kind::Float) + outputs.boxes.square().mean(Kind::Float);
        let gradients = gradients(&loss, &model.parameters);
        let length = norm(&gradients).double_value(&[]);
        optimizer.step(&gradients, length, 1e-3);
        loss.double_value(&[])
    }

    fn state() -> State {
        State {
            progress: Progress {
                batches: 3,
                seconds: 1.5,
                skipped: 0.0,
            },
            optimizer_steps: 3,
            images_seen: 6,
            seed: 1,
            batch: 2,
            input: [32, 64],
            recipe: Recipe::default(),
            looks: 0,
            best: None,
            looks_without_gain: 0,
            ranges: None,
            tensors: String::new(),
        }
    }

    #[test]
    fn a_resumed_run_goes_on_as_if_it_had_not_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, mut optimizer) = fresh(1);
        for i in 0..3 {
            step(&mut model, &mut optimizer, i);
        }
        save(folder.path(), &mut model, &mut optimizer, state()).unwrap();
        let (mut resumed, mut its_optimizer) = fresh(2);
        let found = load(folder.path(), &mut resumed, &mut its_optimizer, &state()).unwrap();
        assert_eq!(found.progress, state().progress);
        resumed.require_gradients();
        for i in 3..6 {
            let expected = step(&mut model, &mut optimizer, i);
            let loss = step(&mut resumed, &mut its_optimizer, i);
            assert!(
                (loss - expected).abs() <= 1e-6 * expected.abs(),
                "{loss} {expected}"
            );
        }
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, mut optimizer) = fresh(1);
        save(folder.path(), &mut model, &mut optimizer, state()).unwrap();
        let mut load_as = |run: State| load(folder.path(), &mut model, &mut optimizer, &run);
        assert!(load_as(state()).is_ok());
        let other = State {
            batch: 4,
            ..state()
        };
        assert!(matches!(load_as(other), Err(CheckpointError::Other { .. })));
        let mut other = state();
        other.recipe.loss.gamma = 1.0;
        assert!(matches!(load_as(other), Err(CheckpointError::Other { .. })));
        let mut patient = state();
        patient.recipe.evaluation.patience = 3;
        patient.recipe.schedule.checkpoint_every_s = 60.0;
        assert!(load_as(patient).is_ok());
        std::fs::write(folder.path().join(STATE), "{").unwrap();
        assert!(matches!(
            load_as(state()),
            Err(CheckpointError::Other { .. })
        ));
        assert!(!exists(&folder.path().join("elsewhere")));
    }

    #[test]
    fn the_best_weights_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, mut optimizer) = fresh(1);
        step(&mut model, &mut optimizer, 1);
        save_best(folder.path(), &mut model, &optimizer).unwrap();
        let name = "head.scores.weight";
        let best = optimizer.average[name].copy();
        for i in 2..5 {
            step(&mut model, &mut optimizer, i);
        }
        let distance = |a: &Tensor| (a - &best).abs().max().double_value(&[]);
        assert!(distance(&optimizer.average[name]) > 0.0);
        load_best(folder.path(), &mut model, &mut optimizer).unwrap();
        assert_eq!(distance(&optimizer.average[name]), 0.0);
        assert_eq!(distance(&model.parameters[name].detach()), 0.0);
        let nowhere = folder.path().join("nowhere");
        assert!(load_best(&nowhere, &mut model, &mut optimizer).is_err());
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, mut optimizer) = fresh(1);
        save(folder.path(), &mut model, &mut optimizer, state()).unwrap();
        // A folder where the next file would be stands for a disk that takes no more.
        std::fs::create_dir(folder.path().join(format!("4-{TENSORS}"))).unwrap();
        let mut next = state();
        next.progress.batches = 4;
        assert!(save(folder.path(), &mut model, &mut optimizer, next).is_err());
        let found = load(folder.path(), &mut model, &mut optimizer, &state()).unwrap();
        assert_eq!(found.progress.batches, 3);
    }

    #[test]
    fn only_the_last_checkpoint_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, mut optimizer) = fresh(1);
        for batches in [1, 2, 3] {
            let mut state = state();
            state.progress.batches = batches;
            save(folder.path(), &mut model, &mut optimizer, state).unwrap();
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
    }
}
