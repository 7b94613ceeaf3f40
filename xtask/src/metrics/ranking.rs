//! The pictures that a class fares best and worst in.

use super::scene::Scene;
use lookout::class::ObjectClass;
use serde::Serialize;
use std::cmp::Reverse;

/// How one class fared in one picture at its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PictureTally {
    /// Position of the scene among those given.
    pub scene: usize,
    /// Objects found.
    pub right: u64,
    /// False alarms.
    pub wrong: u64,
    /// Objects not found.
    pub missed: u64,
}

/// At most `count` pictures with the most objects found (best), and as many with the most
/// missed and false ones (worst). Pictures without any are in neither.
pub fn rank_pictures(
    scenes: &[&Scene],
    class: ObjectClass,
    threshold: f32,
    count: usize,
) -> (Vec<PictureTally>, Vec<PictureTally>) {
    let mut tallies: Vec<PictureTally> = scenes
        .iter()
        .enumerate()
        .map(|(scene, it)| tally(scene, it, class, threshold))
        .collect();
    let faults = |tally: &PictureTally| tally.wrong + tally.missed;
    // Stable sorts: of equals the first picture.
    tallies.sort_by_key(|tally| (Reverse(tally.right), faults(tally)));
    let best = tallies.iter().filter(|tally| tally.right > 0);
    let best = best.take(count).copied().collect();
    tallies.sort_by_key(|tally| (Reverse(faults(tally)), tally.right, tally.scene));
    let worst = tallies.iter().filter(|tally| faults(tally) > 0);
    let worst = worst.take(count).copied().collect();
    (best, worst)
}

fn tally(scene: usize, it: &Scene, class: ObjectClass, threshold: f32) -> PictureTally {
    let shown = || {
        it.findings_of(class)
            .filter(|f| f.detection.score >= threshold)
    };
    let right = shown().filter(|finding| finding.is_right()).count() as u64;
    PictureTally {
        scene,
        right,
        wrong: shown().filter(|finding| finding.is_wrong()).count() as u64,
        missed: it.objects_of(class) - right,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::{ALL_LABELLED, detection, object};
    use super::*;
    use ObjectClass::{Bus, Car};

    #[test]
    fn best_finds_most_and_worst_errs_most() {
        let scene = |objects: u32, right: u32, wrong: u32| {
            let objects: Vec<_> = (0..objects).map(|place| object(Car, place)).collect();
            let mut found: Vec<_> = (0..right).map(|p| detection(Car, p, 0.9)).collect();
            found.extend((0..wrong).map(|place| detection(Car, 50 + place, 0.8)));
            found.push(detection(Car, 90, 0.1));
            Scene::new(0, &objects, &ALL_LABELLED, &found)
        };
        let scenes = [
            scene(3, 3, 0),
            scene(3, 3, 2),
            scene(4, 0, 0),
            scene(0, 0, 0),
        ];
        let scenes: Vec<&Scene> = scenes.iter().collect();
        let (best, worst) = rank_pictures(&scenes, Car, 0.5, 3);
        let order = |tallies: &[PictureTally]| tallies.iter().map(|t| t.scene).collect::<Vec<_>>();
        assert_eq!(order(&best), [0, 1]);
        assert_eq!(order(&worst), [2, 1]);
        assert_eq!((worst[0].missed, worst[1].wrong), (4, 2));
        assert_eq!(rank_pictures(&scenes, Bus, 0.5, 3), (vec![], vec![]));
    }
}
