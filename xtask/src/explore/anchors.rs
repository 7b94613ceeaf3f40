//! Anchors for the boxes of a data set: k-means with 1 - IoU as the distance.
//!
//! (Redmon and Farhadi, "YOLO9000: better, faster, stronger", 2017, section 2.) Only the
//! sizes count, as if every box stood on an anchor's centre.

use serde::Serialize;

/// Boxes that the clustering looks at; of more, a random part is taken. The fit is measured
/// on all.
const SAMPLE_MAX: usize = 10_000;

/// Times that the clustering begins anew, elsewhere.
const RESTARTS: usize = 4;

/// Rounds of one clustering at most.
const ROUNDS_MAX: usize = 60;

/// Sides below this are no anchor that a network could use, in input pixels.
const SIDE_MIN: f32 = 1.0;

/// Sides beyond this are larger than any input, in input pixels.
const SIDE_MAX: f32 = 1e5;

/// How well a set of anchors covers the sizes of boxes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnchorFit {
    /// Boxes measured.
    pub boxes: u64,
    /// Mean over the boxes of the IoU with the anchor that fits best; 0 without boxes.
    pub mean_best_iou: f64,
    /// Share of the boxes whose best IoU is below 0.5, in `0..=1`.
    pub share_below_0_5: f64,
    /// Share of the boxes whose best IoU is below 0.3, in `0..=1`.
    pub share_below_0_3: f64,
}

/// Anchors that suit a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnchorSuggestion {
    /// `[width, height]` in input pixels of each level's shapes, smallest first, the finest
    /// level first.
    pub levels: Vec<Vec<[f32; 2]>>,
    /// How well they suit the boxes that they were made for.
    pub fit: AnchorFit,
}

/// IoU of two boxes of these sizes with the same centre.
pub fn shape_iou(a: [f32; 2], b: [f32; 2]) -> f32 {
    let inter = a[0].min(b[0]) * a[1].min(b[1]);
    let union = a[0] * a[1] + b[0] * b[1] - inter;
    if union > 0.0 { inter / union } else { 0.0 }
}

/// How well `anchors` cover boxes of these `sizes`, both `[width, height]` in input pixels.
/// Sizes that are no sizes are left out.
pub fn anchor_fit(sizes: &[[f32; 2]], anchors: &[[f32; 2]]) -> AnchorFit {
    let (mut boxes, mut sum, mut below_half, mut below_third) = (0u64, 0.0, 0u64, 0u64);
    for size in sizes.iter().filter(|size| is_size(size)) {
        let best = nearest(*size, anchors).1;
        boxes += 1;
        sum += f64::from(best);
        below_half += u64::from(best < 0.5);
        below_third += u64::from(best < 0.3);
    }
    let share = |part: f64| if boxes == 0 { 0.0 } else { part / boxes as f64 };
    AnchorFit {
        boxes,
        mean_best_iou: share(sum),
        share_below_0_5: share(below_half as f64),
        share_below_0_3: share(below_third as f64),
    }
}

/// Suggests `shapes` anchors for each of `levels` feature levels that suit boxes of these
/// `sizes` (`[width, height]` in input pixels): small ones for the first, finest level. The
/// same arguments give the same anchors. `None` when no size is a size, or no anchor is
/// asked for.
///
/// A set with fewer different sizes than anchors gets scaled copies for the rest.
pub fn suggest_anchors(
    sizes: &[[f32; 2]],
    levels: usize,
    shapes: usize,
    seed: u64,
) -> Option<AnchorSuggestion> {
    let count = levels.checked_mul(shapes).filter(|count| *count > 0)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut sample: Vec<[f32; 2]> = sizes.iter().copied().filter(is_size).collect();
    if sample.len() > SAMPLE_MAX {
        rng.shuffle(&mut sample);
        sample.truncate(SAMPLE_MAX);
    }
    let mut best: Option<(f32, Vec<[f32; 2]>)> = None;
    for _ in 0..RESTARTS {
        let start = spread_start(&sample, count, &mut rng)?;
        let found = cluster(&sample, start);
        if best.as_ref().is_none_or(|best| found.0 > best.0) {
            best = Some(found);
        }
    }
    let mut anchors = rounded(best?.1);
    anchors.sort_by(|a, b| area(a).total_cmp(&area(b)).then(a[0].total_cmp(&b[0])));
    let fit = anchor_fit(sizes, &anchors);
    let levels = anchors.chunks(shapes).map(<[_]>::to_vec).collect();
    Some(AnchorSuggestion { levels, fit })
}

fn is_size(size: &[f32; 2]) -> bool {
    size.iter().all(|side| *side > 0.0 && *side <= SIDE_MAX)
}

fn area(size: &[f32; 2]) -> f32 {
    size[0] * size[1]
}

/// Index of the anchor that fits best, and its IoU.
fn nearest(size: [f32; 2], anchors: &[[f32; 2]]) -> (usize, f32) {
    let mut best = (0, 0.0);
    for (index, anchor) in anchors.iter().enumerate() {
        let iou = shape_iou(size, *anchor);
        if iou > best.1 {
            best = (index, iou);
        }
    }
    best
}

/// `count` of the sizes, each drawn the likelier the worse those before it fit.
fn spread_start(
    sample: &[[f32; 2]],
    count: usize,
    rng: &mut fastrand::Rng,
) -> Option<Vec<[f32; 2]>> {
    let mut start = vec![*rng.choice(sample)?];
    let mut distances: Vec<f64> = vec![f64::INFINITY; sample.len()];
    while start.len() < count {
        let newest = start[start.len() - 1];
        for (distance, size) in distances.iter_mut().zip(sample) {
            let miss = f64::from(1.0 - shape_iou(*size, newest));
            *distance = distance.min(miss * miss);
        }
        let sum: f64 = distances.iter().sum();
        if sum <= 0.0 {
            // All different sizes are taken.
            let scale = 1.25f32.powi(start.len().min(20) as i32);
            start.push(newest.map(|side| (side * scale).min(SIDE_MAX)));
            continue;
        }
        let mut left = rng.f64() * sum;
        let drawn = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        start.push(sample[drawn.unwrap_or(sample.len() - 1)]);
    }
    Some(start)
}

/// Moves the anchors to the middle of the sizes that are nearest to them until nothing moves.
/// Returns the best state seen and its mean IoU: unlike with distances in a plane, the middle
/// need not be better.
fn cluster(sample: &[[f32; 2]], mut anchors: Vec<[f32; 2]>) -> (f32, Vec<[f32; 2]>) {
    let mut best = (f32::NEG_INFINITY, anchors.clone());
    let mut owners = vec![usize::MAX; sample.len()];
    for _ in 0..ROUNDS_MAX {
        let mut sums = vec![[0.0f64; 3]; anchors.len()];
        let (mut total, mut moved) = (0.0f64, false);
        for (size, owner) in sample.iter().zip(&mut owners) {
            let (index, iou) = nearest(*size, &anchors);
            moved |= index != *owner;
            *owner = index;
            total += f64::from(iou);
            let sum = &mut sums[index];
            *sum = [
                sum[0] + f64::from(size[0]),
                sum[1] + f64::from(size[1]),
                sum[2] + 1.0,
            ];
        }
        let mean = (total / sample.len() as f64) as f32;
        if mean > best.0 {
            best = (mean, anchors.clone());
        }
        if !moved {
            break;
        }
        for (anchor, [width, height, count]) in anchors.iter_mut().zip(sums) {
            // An anchor that is nearest to nothing stays: it may be so again.
            if count > 0.0 {
                *anchor = [(width / count) as f32, (height / count) as f32];
            }
        }
    }
    best
}

/// To a tenth of a pixel, as a card states them.
fn rounded(anchors: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    let round = |side: f32| ((side * 10.0).round() / 10.0).clamp(SIDE_MIN, SIDE_MAX);
    anchors
        .into_iter()
        .map(|anchor| anchor.map(round))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Boxes around the given sizes, a tenth larger or smaller.
    fn around(centres: &[[f32; 2]], each: usize) -> Vec<[f32; 2]> {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut near = |side: f32| side * (0.9 + 0.2 * rng.f32());
        let sizes = centres.iter().flat_map(|centre| vec![*centre; each]);
        sizes.map(|size| size.map(&mut near)).collect()
    }

    #[test]
    fn clusters_are_found_and_sorted_into_levels() {
        let centres = [[10.0, 20.0], [30.0, 25.0], [60.0, 120.0], [200.0, 100.0]];
        let found = suggest_anchors(&around(&centres, 100), 2, 2, 1).unwrap();
        assert_eq!(found.levels.len(), 2);
        for (anchor, centre) in found.levels.concat().iter().zip(centres) {
            assert!(
                shape_iou(*anchor, centre) > 0.9,
                "{anchor:?} for {centre:?}"
            );
        }
        assert!(found.fit.mean_best_iou > 0.85);
        assert_eq!((found.fit.boxes, found.fit.share_below_0_5), (400, 0.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_anchors() {
        let sizes = around(&[[10.0, 20.0], [33.0, 44.0], [80.0, 60.0]], 5000);
        let suggest = |seed| suggest_anchors(&sizes, 3, 3, seed).unwrap();
        assert_eq!(suggest(7), suggest(7));
    }

    #[test]
    fn suggested_anchors_fit_better_than_arbitrary_ones() {
        let sizes = around(&[[12.0, 30.0], [40.0, 30.0]], 300);
        let found = suggest_anchors(&sizes, 1, 2, 1).unwrap();
        let given = anchor_fit(&sizes, &[[20.0, 20.0], [100.0, 100.0]]);
        assert!(found.fit.mean_best_iou > given.mean_best_iou);
        assert!(given.share_below_0_5 > 0.4, "{given:?}");
    }

    #[test]
    fn few_different_sizes_still_give_all_anchors() {
        let found = suggest_anchors(&[[20.0, 30.0]; 5], 3, 3, 1).unwrap();
        assert_eq!(found.levels.concat().len(), 9);
        assert!((found.fit.mean_best_iou - 1.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(suggest_anchors(&[], 3, 3, 1), None);
        assert_eq!(
            suggest_anchors(&[[f32::NAN, 1.0], [0.0, 3.0]], 3, 3, 1),
            None
        );
        assert_eq!(suggest_anchors(&[[1.0, 1.0]], 0, 3, 1), None);
        assert_eq!(suggest_anchors(&[[1.0, 1.0]], usize::MAX, 3, 1), None);
        assert_eq!(anchor_fit(&[], &[[1.0, 1.0]]).mean_best_iou, 0.0);
        assert_eq!(anchor_fit(&[[5.0, 5.0]], &[]).share_below_0_3, 1.0);
    }

    proptest! {
        #[test]
        fn any_sizes_give_usable_anchors(
            sizes in proptest::collection::vec(proptest::array::uniform2(any::<f32>()), 0..30),
            near in proptest::collection::vec(proptest::array::uniform2(0.1f32..500.0), 1..30),
            seed in any::<u64>(),
        ) {
            let all: Vec<[f32; 2]> = sizes.into_iter().chain(near).collect();
            let found = suggest_anchors(&all, 2, 3, seed).unwrap();
            let anchors = found.levels.concat();
            prop_assert_eq!(anchors.len(), 6);
            prop_assert!(anchors.iter().flatten().all(|s| (SIDE_MIN..=SIDE_MAX).contains(s)));
            prop_assert!(anchors.is_sorted_by(|a, b| area(a) <= area(b)));
            prop_assert!((0.0..=1.0).contains(&found.fit.mean_best_iou));
        }
    }
}
