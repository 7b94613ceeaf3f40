//! Non-maximum suppression: of boxes that show the same object, the best remains.

use crate::detection::{DETECTIONS_MAX, Detection};

/// Class-wise greedy suppression. Sorts `candidates` by falling score (ties by class and
/// position, so that the result does not depend on their order) and pushes to `kept` each one
/// that overlaps no better one of its class by more than `iou_max`, until `kept` is full.
pub fn suppress(
    candidates: &mut [Detection],
    iou_max: f32,
    kept: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
) {
    candidates.sort_unstable_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.class.cmp(&b.class))
            .then(a.bbox.x0.total_cmp(&b.bbox.x0))
            .then(a.bbox.y0.total_cmp(&b.bbox.y0))
            .then(a.bbox.x1.total_cmp(&b.bbox.x1))
            .then(a.bbox.y1.total_cmp(&b.bbox.y1))
    });
    kept.clear();
    for candidate in candidates.iter() {
        let hidden = kept
            .iter()
            .any(|k| k.class == candidate.class && k.bbox.iou(&candidate.bbox) > iou_max);
        if !hidden && kept.push(*candidate).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::ObjectClass;
    use crate::geometry::BBox;
    use proptest::prelude::*;

    fn detection(class: ObjectClass, score: f32, x0: f32) -> Detection {
        Detection::new(class, score, BBox::new(x0, 0.0, x0 + 10.0, 10.0))
    }

    #[test]
    fn best_of_a_class_wins_and_classes_do_not_meet() {
        let mut all = [
            detection(ObjectClass::Car, 0.5, 1.0),
            detection(ObjectClass::Car, 0.9, 0.0),
            detection(ObjectClass::Bus, 0.4, 0.0),
            detection(ObjectClass::Car, 0.3, 30.0),
        ];
        let mut kept = heapless::Vec::new();
        suppress(&mut all, 0.5, &mut kept);
        let scores: Vec<f32> = kept.iter().map(|d| d.score).collect();
        assert_eq!(scores, [0.9, 0.4, 0.3]);
    }

    proptest! {
        #[test]
        fn survivors_never_overlap_and_order_does_not_matter(
            raw in prop::collection::vec((0usize..8, 0u8..=20, 0u8..60, 0u8..60, 1u8..30, 1u8..30), 0..200),
        ) {
            let mut a: Vec<Detection> = raw
                .iter()
                .map(|&(c, s, x, y, w, h)| {
                    let (x, y) = (f32::from(x), f32::from(y));
                    let bbox = BBox::new(x, y, x + f32::from(w), y + f32::from(h));
                    Detection::new(ObjectClass::ALL[c], f32::from(s) / 20.0, bbox)
                })
                .collect();
            let mut b = a.clone();
            b.reverse();
            let (mut kept_a, mut kept_b) = (heapless::Vec::new(), heapless::Vec::new());
            suppress(&mut a, 0.5, &mut kept_a);
            suppress(&mut b, 0.5, &mut kept_b);
            prop_assert_eq!(&kept_a, &kept_b);
            for (i, p) in kept_a.iter().enumerate() {
                for q in &kept_a[..i] {
                    prop_assert!(p.class != q.class || p.bbox.iou(&q.bbox) <= 0.5);
                    prop_assert!(p.score <= q.score);
                }
            }
        }
    }
}
