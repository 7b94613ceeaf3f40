//! Assignment by what the network predicts at the moment: each object is learnt where it is
//! predicted best already, at as many places as predict it well. (Ge et al., "OTA" and
//! "YOLOX", 2021: SimOTA.)

use super::assign::{Targets, holds_centre, targets};
use super::augment::Sample;
use lookout::anchors::{AnchorGrid, BoxCoding};
use lookout::class::ObjectClass;
use lookout::geometry::BBox;

/// Places farther than this many cells from an object's centre do not learn it.
const REACH_CELLS: f32 = 2.5;

/// The best overlaps whose sum is the number of places that learn an object.
const OVERLAPS_COUNTED: usize = 10;

/// Weight of the overlap's cost against that of the class.
const OVERLAP_WEIGHT: f32 = 3.0;

/// Added to the cost of a place outside the object or out of reach.
const OUTSIDE_COST: f32 = 1e4;

/// Assigns the objects of samples to the anchors of one grid.
#[derive(Clone, Debug)]
pub struct DynamicAssigner {
    anchors: Vec<BBox>,
    /// Of each anchor: how far its cell reaches.
    reach: Vec<f32>,
}

/// A place that may learn an object.
struct Place {
    anchor: u32,
    overlap: f32,
    cost: f32,
}

impl DynamicAssigner {
    /// For the anchors of `grid`.
    pub fn new(grid: &AnchorGrid) -> Self {
        let level = |(level, l): (usize, &lookout::anchors::AnchorLevel)| {
            std::iter::repeat_n(REACH_CELLS * l.stride as f32, grid.level_len(level))
        };
        Self {
            anchors: grid.iter().collect(),
            reach: grid.levels().iter().enumerate().flat_map(level).collect(),
        }
    }

    /// The targets of a sample for which the network gives `logits` `[anchors, classes]` and
    /// box codes `[anchors, 4]`.
    pub fn assign(&self, sample: &Sample, logits: &[f32], codes: &[f32]) -> Targets {
        let mut chosen = Vec::new();
        for (index, object) in sample.objects.iter().enumerate() {
            let mut places = self.places(&object.bbox, object.class, logits, codes);
            let count = good_places(&mut places);
            places.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.anchor.cmp(&b.anchor)));
            // Between two objects, a place takes the cheaper one: hence the sign.
            let best = places.iter().take(count);
            chosen.extend(best.map(|place| (place.anchor, -place.cost, index)));
        }
        targets(&self.anchors, sample, chosen)
    }

    fn places(
        &self,
        object: &BBox,
        class: ObjectClass,
        logits: &[f32],
        codes: &[f32],
    ) -> Vec<Place> {
        let (x, y) = object.centre();
        let mut places = Vec::new();
        for (i, (anchor, &reach)) in self.anchors.iter().zip(&self.reach).enumerate() {
            let (ax, ay) = anchor.centre();
            let near = (ax - x).abs() < reach && (ay - y).abs() < reach;
            let inside = holds_centre(object, anchor);
            if !near && !inside {
                continue;
            }
            let code = std::array::from_fn(|k| codes[4 * i + k]);
            let overlap = BoxCoding::CentreSize.decode(anchor, code).iou(object);
            let overlap = if overlap.is_finite() { overlap } else { 0.0 };
            let scores = &logits[ObjectClass::COUNT * i..][..ObjectClass::COUNT];
            let mut cost = class_cost(scores, class) - OVERLAP_WEIGHT * (overlap + 1e-6).ln();
            if !(near && inside) {
                cost += OUTSIDE_COST;
            }
            places.push(Place {
                anchor: i as u32,
                overlap,
                cost,
            });
        }
        places
    }
}

/// How many places predict the object well, at least one.
fn good_places(places: &mut [Place]) -> usize {
    places.sort_by(|a, b| b.overlap.total_cmp(&a.overlap));
    let sum: f32 = places
        .iter()
        .take(OVERLAPS_COUNTED)
        .map(|p| p.overlap)
        .sum();
    (sum as usize).max(1)
}

/// Cross-entropy of the logits of one place against `class`.
fn class_cost(logits: &[f32], class: ObjectClass) -> f32 {
    // ln(1 + e^x), exact for large x of either sign.
    let softplus = |x: f32| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let all = logits.iter().map(|&logit| softplus(logit)).sum::<f32>();
    all - logits[class.index()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::assign::tests::sample;
    use super::*;

    fn grid() -> AnchorGrid {
        crate::network::detector(96, 160).anchor_grid()
    }

    fn assigned(objects: &[(ObjectClass, BBox)], logits: &[f32], codes: &[f32]) -> Targets {
        DynamicAssigner::new(&grid()).assign(&sample(objects), logits, codes)
    }

    #[test]
    fn the_place_that_predicts_best_learns() {
        let anchors: Vec<BBox> = grid().iter().collect();
        let object = BBox::new(50.0, 30.0, 80.0, 66.0);
        let mut logits = vec![-4.0; 8 * anchors.len()];
        let mut codes = vec![0.0; 4 * anchors.len()];
        // One anchor in the object predicts it exactly, in place and class.
        let best = anchors
            .iter()
            .position(|a| holds_centre(&object, a))
            .unwrap();
        logits[8 * best + ObjectClass::Person.index()] = 3.0;
        let code = BoxCoding::CentreSize.encode(&anchors[best], &object);
        codes[4 * best..][..4].copy_from_slice(&code);
        let targets = assigned(&[(ObjectClass::Person, object)], &logits, &codes);
        assert!(targets.positives.contains(&(best as u32)));
        assert!(targets.positives.len() <= OVERLAPS_COUNTED);
        // What overlaps more, with the right class, is never left out for less.
        assert_eq!(targets.labels[best], ObjectClass::Person.index() as i8);
    }

    #[test]
    fn every_object_is_learnt_somewhere_even_by_nonsense_predictions() {
        let count = grid().len();
        let objects = [
            (ObjectClass::Car, BBox::new(1.0, 1.0, 4.0, 4.0)),
            (ObjectClass::Bus, BBox::new(60.0, 10.0, 150.0, 80.0)),
        ];
        for value in [0.0, f32::NAN, f32::INFINITY, -50.0] {
            let targets = assigned(&objects, &vec![value; 8 * count], &vec![value; 4 * count]);
            let mut found: Vec<f32> = targets.boxes.iter().map(|b| b.x0).collect();
            found.dedup();
            found.sort_by(f32::total_cmp);
            found.dedup();
            assert_eq!(found, [1.0, 60.0], "{value}");
        }
    }

    #[test]
    fn a_place_between_two_objects_takes_the_one_it_predicts() {
        let anchors: Vec<BBox> = grid().iter().collect();
        let objects = [
            (ObjectClass::Car, BBox::new(40.0, 30.0, 100.0, 70.0)),
            (ObjectClass::Truck, BBox::new(44.0, 30.0, 104.0, 70.0)),
        ];
        let mut logits = vec![-4.0; 8 * anchors.len()];
        for scores in logits.chunks_exact_mut(8) {
            scores[ObjectClass::Truck.index()] = 4.0;
        }
        let codes: Vec<f32> = anchors
            .iter()
            .flat_map(|a| BoxCoding::CentreSize.encode(a, &objects[1].1))
            .collect();
        let targets = assigned(&objects, &logits, &codes);
        let trucks = targets.labels.iter().filter(|l| **l == 1).count();
        let cars = targets.labels.iter().filter(|l| **l == 0).count();
        assert!(trucks >= 5 && trucks > cars, "{trucks} trucks, {cars} cars");
    }
}
