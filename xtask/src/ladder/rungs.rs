//! The rungs: what each one changes.

use crate::recipe::{
    AnchorSource, Assignment, AugmentationRecipe, BoxLoss, ClassLoss, ClassWeights, Recipe,
};
use std::path::{Path, PathBuf};

/// What a rung changes.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    /// Short name, used in file names, too.
    pub name: &'static str,
    /// What is different, in a few words.
    pub change: &'static str,
    /// Changes the recipe of the rung that it stands on.
    pub apply: fn(&mut Recipe),
    /// The next rungs stand on it only if it raises mAP; others they stand on in any case.
    pub optional: bool,
    /// Adds rendered drives to the data.
    pub rendered: bool,
    /// Uses the teacher's detections as labels.
    pub taught: bool,
}

const fn rung(name: &'static str, change: &'static str, apply: fn(&mut Recipe)) -> Rung {
    Rung {
        name,
        change,
        apply,
        optional: false,
        rendered: false,
        taught: false,
    }
}

const fn option(name: &'static str, change: &'static str, apply: fn(&mut Recipe)) -> Rung {
    Rung {
        optional: true,
        ..rung(name, change, apply)
    }
}

/// All rungs, in their order; the first is the bottom. Most of the first ten are the way from SSD to
/// the detector of this project, which are kept in any case: what one of them costs alone, the next
/// may need. Each of the others is one more idea, which stays only if it helps.
pub const RUNGS: [Rung; 21] = [
    rung(
        "ssd",
        "plain SSD: random weights, heads on the body's own features, hard-negative mining, smooth L1",
        plain_ssd,
    ),
    rung(
        "augmentation",
        "random views, mirror images, light and colour",
        |r| {
            r.augmentation = AugmentationRecipe {
                pseudo_labels: r.augmentation.pseudo_labels.take(),
                ..AugmentationRecipe::default()
            };
            r.augmentation.mosaic_share = 0.0;
            r.augmentation.paste_share = 0.0;
        },
    ),
    rung("pretrained", "a body that has seen ImageNet", |r| {
        r.network.pretrained = true
    }),
    rung("pyramid", "a feature pyramid", |r| r.network.pyramid = true),
    rung("focal", "focal loss, gamma 2", |r| {
        r.loss.class = ClassLoss::Focal;
        r.loss.gamma = 2.0;
    }),
    rung("heads", "deeper heads, shared by all levels", |r| {
        r.network.pyramid = true;
        r.network.shared_heads = true;
        r.network.tower_layers = 2;
    }),
    rung(
        "prior",
        "scores start at a prior probability of 0.01",
        |r| {
            r.network.object_prior = 0.01;
        },
    ),
    option("anchors", "anchors fitted to the data", |r| {
        r.network.anchors = AnchorSource::Data;
    }),
    rung("giou", "GIoU of the boxes instead of smooth L1", |r| {
        r.loss.boxes = BoxLoss::Giou;
        r.loss.box_weight = 2.0;
    }),
    rung("adaptive", "adaptive assignment (ATSS)", |r| {
        r.loss.assignment = Assignment::Adaptive;
    }),
    option("weights-frequency", "class weights by frequency", |r| {
        r.loss.class_weights = ClassWeights::Frequency;
    }),
    option(
        "weights-effective",
        "class weights by effective number",
        |r| {
            r.loss.class_weights = ClassWeights::EffectiveNumber;
        },
    ),
    option("gamma-1", "gamma 1", |r| r.loss.gamma = 1.0),
    option("gamma-3", "gamma 3", |r| r.loss.gamma = 3.0),
    option("finer", "a finer level, stride 4", |r| {
        r.network.stride_min = 4
    }),
    option("coarser", "a coarser level, stride 64", |r| {
        r.network.stride_max = 64
    }),
    option("quality", "quality focal loss on the anchors", |r| {
        r.loss.class = ClassLoss::QualityFocal;
    }),
    option(
        "points",
        "points without anchors, dynamic assignment, quality focal loss",
        |r| {
            r.network.anchors = AnchorSource::Points;
            r.loss.assignment = Assignment::Dynamic;
            r.loss.class = ClassLoss::QualityFocal;
        },
    ),
    option("mosaic", "mosaics, and rare objects pasted", |r| {
        r.augmentation.mosaic_share = 0.3;
        r.augmentation.paste_share = 0.3;
    }),
    Rung {
        rendered: true,
        ..rung(
            "rendered",
            "rendered drives for classes without examples",
            |_| (),
        )
    },
    Rung {
        taught: true,
        ..rung(
            "pseudo",
            "a finished model's detections where a set does not label a class",
            |_| (),
        )
    },
];

fn plain_ssd(r: &mut Recipe) {
    let n = &mut r.network;
    n.pretrained = false;
    n.pyramid = false;
    n.shared_heads = false;
    n.tower_layers = 0;
    n.anchors = AnchorSource::Generic;
    n.object_prior = 0.5;
    r.loss.class = ClassLoss::HardNegative;
    r.loss.boxes = BoxLoss::SmoothL1;
    r.loss.box_weight = 1.0;
    r.loss.class_weights = ClassWeights::Equal;
    r.loss.assignment = Assignment::MaxIou;
    r.augmentation = AugmentationRecipe::none();
}

/// What a rung is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The recipe.
    pub recipe: Recipe,
    /// The data sets.
    pub data: Vec<PathBuf>,
    /// Those that it is measured on, the same for every rung whatever it adds to the training.
    pub validation: Vec<PathBuf>,
    /// How much of a pretrained body stays as it is; random weights must all learn.
    frozen_stride: u32,
}

impl Setting {
    /// What the bottom of the ladder changes: trainings by `base` on `data`.
    pub fn bottom(data: &[PathBuf], base: &Recipe) -> Self {
        Self {
            recipe: base.clone(),
            data: data.to_vec(),
            validation: data.to_vec(),
            frozen_stride: base.schedule.frozen_stride,
        }
    }

    /// This setting as `rung` changes it.
    pub fn with(&self, rung: &Rung, rendered: &Path, teacher: &Path) -> Self {
        let mut changed = self.clone();
        let recipe = &mut changed.recipe;
        (rung.apply)(recipe);
        recipe.schedule.frozen_stride = match recipe.network.pretrained {
            true => self.frozen_stride,
            false => 0,
        };
        if rung.rendered {
            changed.data.push(rendered.into());
        }
        if rung.taught {
            recipe.augmentation.pseudo_labels = Some(teacher.into());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recipe that freezes, which the first rungs cannot.
    fn base() -> Recipe {
        let mut recipe = Recipe::default();
        recipe.schedule.frozen_stride = 4;
        recipe
    }

    #[test]
    fn every_rung_is_a_recipe_that_works_and_changes_something() {
        let (rendered, teacher) = ("r".as_ref(), "t".as_ref());
        let mut setting = Setting::bottom(&["a".into()], &base());
        for (i, rung) in RUNGS.iter().enumerate() {
            let next = setting.with(rung, rendered, teacher);
            let checked = next.recipe.check(192, 320);
            assert!(checked.is_ok(), "{}: {checked:?}", rung.name);
            assert_ne!(next, setting, "{} changes nothing", rung.name);
            assert!(RUNGS[..i].iter().all(|r| r.name != rung.name));
            setting = next;
        }
        assert_eq!(setting.data.len(), 2);
    }

    #[test]
    fn rungs_work_on_a_ladder_from_which_others_were_left_out() {
        let bottom =
            Setting::bottom(&["a".into()], &base()).with(&RUNGS[0], "r".as_ref(), "t".as_ref());
        for rung in &RUNGS[1..] {
            let alone = bottom.with(rung, "r".as_ref(), "t".as_ref());
            assert!(alone.recipe.check(192, 320).is_ok(), "{}", rung.name);
        }
    }
}
