//! Which anchor is to learn what.
//!
//! The default is adaptive training sample selection: for each object, the anchors nearest to its centre on every level are candidates; those
//! whose overlap exceeds mean plus deviation of the candidates' overlaps, and whose centre
//! lies in the object, learn it. The bar adapts to the object, so that an object of three
//! pixels finds anchors as surely as a bus. (Zhang et al., "Bridging the gap between
//! anchor-based and anchor-free detection", 2020.) SSD's own rule, a fixed bar, is here for
//! comparison; the rule that asks the network itself is in `dynamic`.

use super::augment::Sample;
use crate::recipe::Assignment;
use lookout::anchors::AnchorGrid;
use lookout::geometry::BBox;

/// Label of an anchor that shows no object.
pub const NO_OBJECT: i8 = -1;

/// Cells beside the object's own, in each direction, that are candidates.
const REACH: usize = 1;

/// Share of an anchor that must lie in an ignored region for it to be ignored.
const IGNORED_SHARE: f32 = 0.5;

/// What every anchor is to learn, in the grid's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Class index, or [`NO_OBJECT`].
    pub labels: Vec<i8>,
    /// One bit per class index: whether the class's score counts here.
    pub counted: Vec<u8>,
    /// Anchors with an object, ascending.
    pub positives: Vec<u32>,
    /// The object's box for each of `positives`, in input pixels.
    pub boxes: Vec<BBox>,
    /// Whether the box of each of `positives` is to be learnt, not only the class.
    pub box_is_ours: Vec<bool>,
}

/// Overlap from which on an anchor learns an object by [`Assignment::MaxIou`].
const OVERLAP_MIN: f32 = 0.5;

/// An anchor, its overlap with an object, and which object of the sample that is.
pub(super) type Choice = (u32, f32, usize);

/// The targets of a sample. `anchors` holds the boxes of `grid` in its order. By
/// [`Assignment::Dynamic`] nothing is assigned yet: that needs the network's predictions.
pub fn assign(rule: Assignment, grid: &AnchorGrid, anchors: &[BBox], sample: &Sample) -> Targets {
    let choices = match rule {
        Assignment::MaxIou => by_overlap(anchors, sample),
        Assignment::Adaptive => adaptive(grid, anchors, sample),
        Assignment::Dynamic => Vec::new(),
    };
    targets(anchors, sample, choices)
}

fn adaptive(grid: &AnchorGrid, anchors: &[BBox], sample: &Sample) -> Vec<Choice> {
    let mut best: Vec<Choice> = Vec::new();
    let mut candidates = Vec::new();
    for (index, object) in sample.objects.iter().enumerate() {
        near(grid, &object.bbox, &mut candidates);
        let overlaps: Vec<f32> = candidates
            .iter()
            .map(|&a| anchors[a as usize].iou(&object.bbox))
            .collect();
        let bar = mean_plus_deviation(&overlaps);
        let mut found = false;
        for (&anchor, &overlap) in candidates.iter().zip(&overlaps) {
            if overlap >= bar && holds_centre(&object.bbox, &anchors[anchor as usize]) {
                best.push((anchor, overlap, index));
                found = true;
            }
        }
        // An object smaller than a cell may hold no centre at all: its best anchor serves.
        if !found {
            let all = candidates.iter().zip(&overlaps);
            let top = all.max_by(|a, b| a.1.total_cmp(b.1));
            best.extend(top.map(|(&anchor, &overlap)| (anchor, overlap, index)));
        }
    }
    best
}

fn by_overlap(anchors: &[BBox], sample: &Sample) -> Vec<Choice> {
    let mut chosen = Vec::new();
    for (index, object) in sample.objects.iter().enumerate() {
        let mut best = (0, 0.0, index);
        for (anchor, bbox) in anchors.iter().enumerate() {
            let overlap = bbox.iou(&object.bbox);
            if overlap >= OVERLAP_MIN {
                chosen.push((anchor as u32, overlap, index));
            }
            if overlap > best.1 {
                best = (anchor as u32, overlap, index);
            }
        }
        if best.1 > 0.0 && best.1 < OVERLAP_MIN {
            chosen.push(best);
        }
    }
    chosen
}

/// Whether the centre of `anchor` lies in `object`.
pub(super) fn holds_centre(object: &BBox, anchor: &BBox) -> bool {
    let (x, y) = anchor.centre();
    x > object.x0 && x < object.x1 && y > object.y0 && y < object.y1
}

/// Targets in which each anchor learns the object of its best choice.
pub(super) fn targets(anchors: &[BBox], sample: &Sample, mut chosen: Vec<Choice>) -> Targets {
    chosen.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    chosen.dedup_by_key(|c| c.0);
    let mut targets = Targets {
        labels: vec![NO_OBJECT; anchors.len()],
        counted: vec![sample.labelled; anchors.len()],
        ..Targets::default()
    };
    for region in &sample.ignored {
        for (anchor, counted) in anchors.iter().zip(&mut targets.counted) {
            let inside = anchor.intersection(&region.bbox);
            // A small ignored object must also silence the larger anchors around it.
            let smaller = anchor.area().min(region.bbox.area());
            let centre_inside = holds_centre(&region.bbox, anchor);
            let covered = inside > IGNORED_SHARE * anchor.area();
            if covered || (centre_inside && inside > IGNORED_SHARE * smaller) {
                *counted &= !region.classes;
            }
        }
    }
    for (anchor, _, index) in chosen {
        let object = &sample.objects[index];
        let class = object.class.index();
        targets.labels[anchor as usize] = class as i8;
        targets.counted[anchor as usize] |= 1 << class;
        targets.positives.push(anchor);
        targets.boxes.push(object.bbox);
        targets.box_is_ours.push(object.box_is_ours);
    }
    targets
}

/// The anchors of all shapes in the cells around the centre of `object`, on every level.
fn near(grid: &AnchorGrid, object: &BBox, candidates: &mut Vec<u32>) {
    candidates.clear();
    let (x, y) = object.centre();
    let mut first = 0;
    for (level, anchors) in grid.levels().iter().enumerate() {
        let (rows, columns) = grid.cells(level);
        let shapes = anchors.shapes.len();
        let cell = |v: f32, cells: usize| {
            ((v / anchors.stride as f32).max(0.0) as usize).min(cells.saturating_sub(1))
        };
        let (row, column) = (cell(y, rows), cell(x, columns));
        for r in row.saturating_sub(REACH)..=(row + REACH).min(rows - 1) {
            for c in column.saturating_sub(REACH)..=(column + REACH).min(columns - 1) {
                let start = first + (r * columns + c) * shapes;
                candidates.extend(start as u32..(start + shapes) as u32);
            }
        }
        first += grid.level_len(level);
    }
}

fn mean_plus_deviation(values: &[f32]) -> f32 {
    let n = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
    mean + variance.sqrt()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::augment::{IgnoredRegion, SampleObject};
    use super::*;
    use lookout::class::ObjectClass;
    use proptest::prelude::*;

    fn grid() -> AnchorGrid {
        crate::network::detector(96, 160).anchor_grid()
    }

    pub(in crate::training) fn sample(objects: &[(ObjectClass, BBox)]) -> Sample {
        let object = |&(class, bbox): &_| SampleObject {
            class,
            bbox,
            box_is_ours: true,
        };
        Sample {
            objects: objects.iter().map(object).collect(),
            labelled: 0xff,
            ..Sample::default()
        }
    }

    #[test]
    fn anchors_learn_the_object_that_they_fit() {
        let (grid, anchors) = (grid(), grid().iter().collect::<Vec<_>>());
        let objects = [
            (ObjectClass::Person, BBox::new(20.0, 20.0, 29.0, 40.0)),
            (ObjectClass::Bus, BBox::new(60.0, 10.0, 150.0, 80.0)),
        ];
        let targets = assign(Assignment::Adaptive, &grid, &anchors, &sample(&objects));
        for (class, bbox) in objects {
            let mine: Vec<usize> = (0..anchors.len())
                .filter(|&i| targets.labels[i] == class.index() as i8)
                .collect();
            assert!(!mine.is_empty());
            let overlap = |i: &usize| anchors[*i].iou(&bbox);
            let best = (0..anchors.len()).map(|i| overlap(&i)).fold(0.0, f32::max);
            let found = mine.iter().map(overlap).fold(0.0, f32::max);
            assert_eq!(
                found, best,
                "{class}: the best anchor of all is not among them"
            );
            let mean = mine.iter().map(overlap).sum::<f32>() / mine.len() as f32;
            assert!(
                mean > 0.5 * best,
                "{class}: {mean} on average, {best} at best"
            );
        }
        assert_eq!(targets.positives.len(), targets.boxes.len());
        assert!(targets.positives.is_sorted());
    }

    #[test]
    fn ignored_regions_silence_their_class_only() {
        let (grid, anchors) = (grid(), grid().iter().collect::<Vec<_>>());
        let mut sample = sample(&[(ObjectClass::Car, BBox::new(10.0, 10.0, 40.0, 40.0))]);
        let region = BBox::new(0.0, 0.0, 80.0, 96.0);
        sample.ignored.push(IgnoredRegion {
            classes: 1 << 0,
            bbox: region,
        });
        let targets = assign(Assignment::Adaptive, &grid, &anchors, &sample);
        let (mut inside, mut outside) = (0, 0);
        for (i, &counted) in targets.counted.iter().enumerate() {
            assert_eq!(counted | 1, 0xff, "anchor {i}: another class was silenced");
            if targets.labels[i] == 0 || anchors[i].intersection(&region) == 0.0 {
                assert_eq!(
                    counted & 1,
                    1,
                    "anchor {i} has nothing to do with the region"
                );
                outside += 1;
            } else if anchors[i].intersection(&region) == anchors[i].area() {
                assert_eq!(counted & 1, 0, "anchor {i} lies in the region");
                inside += 1;
            }
        }
        assert!(inside > 10 && outside > 10);
    }

    proptest! {
        #[test]
        fn every_object_finds_an_anchor_unless_another_took_it(
            x in 0f32..150.0, y in 0f32..90.0, w in 0.5f32..160.0, h in 0.5f32..96.0,
        ) {
            let (grid, anchors) = (grid(), grid().iter().collect::<Vec<_>>());
            let bbox = BBox::new(x, y, x + w, y + h).clip(160.0, 96.0);
            for rule in [Assignment::Adaptive, Assignment::MaxIou] {
                let targets = assign(rule, &grid, &anchors, &sample(&[(ObjectClass::Car, bbox)]));
                prop_assert!(!targets.positives.is_empty());
                prop_assert!(targets.boxes.iter().all(|b| *b == bbox));
            }
        }
    }
}
