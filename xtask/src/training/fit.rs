//! What a recipe leaves to the data: sizes of anchors, weights of classes.

use super::training_set::TrainingSet;
use crate::explore::anchors::suggest_anchors;
use crate::explore::class_weights::{effective_number, inverse_frequency};
use crate::recipe::ClassWeights;
use lookout::class::ObjectClass;
use lookout::letterbox::Letterbox;

/// Anchors of each level.
const SHAPES: usize = 3;

/// Objects thinner than this at the network's input are not learnt, so no anchor is for them.
const SIDE_PIXELS_MIN: f32 = 2.5;

/// How fast the worth of another box of a class falls (Cui et al. 2019).
const EFFECTIVE_BETA: f64 = 0.999;

/// Anchors for the objects of `set` at an input of `(height, width)` pixels, finest level
/// first; `None` where no object is large enough to be learnt.
pub fn fitted_anchors(
    set: &TrainingSet,
    (height, width): (u32, u32),
    levels: usize,
    seed: u64,
) -> Option<Vec<Vec<[f32; 2]>>> {
    let mut sizes = Vec::new();
    for entry in set.sets().iter().flat_map(|s| &s.images) {
        let view = Letterbox::new(entry.width, entry.height, width, height).view();
        for object in entry.objects.iter().filter(|o| !o.crowd) {
            let size = [
                object.bbox.width() * view.scale_x,
                object.bbox.height() * view.scale_y,
            ];
            if size[0].min(size[1]) >= SIDE_PIXELS_MIN {
                sizes.push(size);
            }
        }
    }
    suggest_anchors(&sizes, levels, SHAPES, seed).map(|suggestion| suggestion.levels)
}

/// The weight of each class by `rule`, for so many training boxes of each.
pub fn class_weights(
    rule: &ClassWeights,
    boxes: &[u64; ObjectClass::COUNT],
) -> [f32; ObjectClass::COUNT] {
    match rule {
        ClassWeights::Equal => [1.0; ObjectClass::COUNT],
        ClassWeights::Frequency => inverse_frequency(*boxes),
        ClassWeights::EffectiveNumber => effective_number(*boxes, EFFECTIVE_BETA),
        ClassWeights::Given(weights) => *weights,
    }
}
