//! Whether one model is better than another, or was lucky with the images.
//!
//! The images of each set are drawn again and again, with replacement, the same ones for both
//! models. How much the difference of the figures varies from draw to draw is how much chance
//! there is in it. Matching is a matter of single images, so it is done once: a draw is a
//! weight a image over detections that are already sorted.

use super::curve::{RECALLS, wanted_recall};
use super::evaluator::{ALL, counted, mean};
use super::matching::match_image;
use super::scene::Scene;
use super::{ABSENT, THRESHOLDS, descending};
use crate::dataset::GroundTruth;
use lookout::class::ObjectClass;
use lookout::detection::Detection;
use serde::Serialize;

/// Number of classes.
const N: usize = ObjectClass::COUNT;
/// With objects in fewer images than this, draws tell nothing of chance.
const IMAGES_MIN: usize = 10;
/// Share of the draws outside the interval, half of it on each side.
const OUTSIDE: f64 = 0.05;
/// All bits of a detection that counts at every threshold.
const ALL_BITS: u16 = (1 << THRESHOLDS) - 1;

/// How the images are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// Number of draws.
    pub resamples: u32,
    /// Seed of the draws; the result depends on nothing else.
    pub seed: u64,
    /// Draws computed at a time.
    pub threads: u8,
}

/// What two models, A and B, found in the images of one set, in the same order.
pub struct Stratum<'a> {
    /// By A.
    pub a: Vec<&'a Scene>,
    /// By B.
    pub b: Vec<&'a Scene>,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above 0: B is better.
    Better,
    /// The whole interval is below 0: B is worse.
    Worse,
    /// The interval holds 0.
    NoDifferenceShown,
    /// There are objects in too few images to tell.
    TooFewImages,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Better => "B is better",
            Self::Worse => "B is worse",
            Self::NoDifferenceShown => "no difference shown",
            Self::TooFewImages => "too few images to tell",
        })
    }
}

/// One figure of both models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Name of the figure: `mAP`, `mAP@0.5` or, for AP at IoU 0.5, that of a class.
    pub figure: String,
    /// Images that hold objects it is measured on.
    pub images: usize,
    /// Of A; [`ABSENT`] where there are no objects.
    pub a: f64,
    /// Of B.
    pub b: f64,
    /// B less A.
    pub difference: f64,
    /// 95 % of the draws have a difference from here; `None` where there are no objects.
    pub low: Option<f64>,
    /// To here.
    pub high: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

/// Two models compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of draws.
    pub resamples: u32,
    /// Their seed.
    pub seed: u64,
    /// mAP, mAP@0.5, then AP@0.5 of every class.
    pub rows: Vec<Difference>,
}

/// The figures compared: mAP, mAP@0.5, AP@0.5 by class; [`ABSENT`] without objects.
type Figures = [f64; 2 + N];

/// Compares B with A. Images are drawn from each stratum by itself.
pub fn compare(strata: &[Stratum<'_>], bootstrap: Bootstrap) -> Comparison {
    let scenes_a: Vec<&Scene> = strata.iter().flat_map(|s| s.a.iter().copied()).collect();
    let scenes_b: Vec<&Scene> = strata.iter().flat_map(|s| s.b.iter().copied()).collect();
    let (a, b) = (Record::new(&scenes_a), Record::new(&scenes_b));
    let sizes: Vec<usize> = strata.iter().map(|stratum| stratum.a.len()).collect();
    let ones = vec![1; sizes.iter().sum()];
    let (whole_a, whole_b) = (a.figures(&ones), b.figures(&ones));
    let draws = draw_all(&a, &b, &sizes, bootstrap);
    let names = ["mAP".to_owned(), "mAP@0.5".to_owned()].into_iter();
    let names = names.chain(ObjectClass::ALL.map(|class| class.name().to_owned()));
    let rows = names.enumerate().map(|(index, figure)| {
        let images = match index.checked_sub(2) {
            Some(class) => a.classes[class].to_find.len(),
            None => a.images_with_objects(),
        };
        let values = draws.iter().map(|draw| draw[index]).filter(|d| !d.is_nan());
        let interval = interval(values.collect());
        Difference {
            figure,
            images,
            a: whole_a[index],
            b: whole_b[index],
            difference: whole_b[index] - whole_a[index],
            low: interval.map(|it| it.0),
            high: interval.map(|it| it.1),
            verdict: verdict(images, interval),
        }
    });
    Comparison {
        resamples: bootstrap.resamples,
        seed: bootstrap.seed,
        rows: rows.collect(),
    }
}

fn verdict(images: usize, interval: Option<(f64, f64)>) -> Verdict {
    match interval {
        _ if images < IMAGES_MIN => Verdict::TooFewImages,
        None => Verdict::TooFewImages,
        Some((low, _)) if low > 0.0 => Verdict::Better,
        Some((_, high)) if high < 0.0 => Verdict::Worse,
        Some(_) => Verdict::NoDifferenceShown,
    }
}

/// The differences of all draws, in their order; not a number where there were no objects.
fn draw_all(a: &Record, b: &Record, sizes: &[usize], bootstrap: Bootstrap) -> Vec<Figures> {
    let threads = usize::from(bootstrap.threads).max(1);
    let mut draws = vec![[f64::NAN; 2 + N]; bootstrap.resamples as usize];
    let part = draws.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (number, chunk) in draws.chunks_mut(part).enumerate() {
            scope.spawn(move || {
                let mut weights = Vec::new();
                for (offset, draw) in chunk.iter_mut().enumerate() {
                    // A generator for each draw: the threads change nothing.
                    let index = (number * part + offset) as u64;
                    let mut random = fastrand::Rng::with_seed(seed_of(bootstrap.seed, index));
                    draw_weights(&mut random, sizes, &mut weights);
                    let (a, b) = (a.figures(&weights), b.figures(&weights));
                    *draw = std::array::from_fn(|i| match (a[i], b[i]) {
                        (a, b) if a == ABSENT || b == ABSENT => f64::NAN,
                        (a, b) => b - a,
                    });
                }
            });
        }
    });
    draws
}

/// Seeds that lie side by side give generators that have nothing in common.
fn seed_of(seed: u64, index: u64) -> u64 {
    fastrand::Rng::with_seed(seed).u64(..) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// How often each image is drawn when as many are drawn from each stratum as it has.
fn draw_weights(random: &mut fastrand::Rng, sizes: &[usize], weights: &mut Vec<u32>) {
    weights.clear();
    for &size in sizes {
        let first = weights.len();
        weights.resize(first + size, 0);
        for _ in 0..size {
            weights[first + random.usize(..size)] += 1;
        }
    }
}

/// The values between which the middle 95 % lie; `None` of too few.
fn interval(mut values: Vec<f64>) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let position = share * (values.len() - 1) as f64;
        let (below, rest) = (position.floor() as usize, position.fract());
        let above = (below + 1).min(values.len() - 1);
        values[below] + rest * (values[above] - values[below])
    };
    Some((at(OUTSIDE / 2.0), at(1.0 - OUTSIDE / 2.0)))
}

/// What one model found, matched and sorted.
struct Record {
    classes: [ClassRecord; N],
}

#[derive(Default)]
struct ClassRecord {
    /// Detections, the best first.
    marks: Vec<Mark>,
    /// Images with objects, and how many each has.
    to_find: Vec<(u32, u32)>,
}

/// One detection: one bit a threshold.
struct Mark {
    score: f32,
    image: u32,
    right: u16,
    wrong: u16,
}

impl Record {
    fn new(scenes: &[&Scene]) -> Self {
        let mut classes: [ClassRecord; N] = Default::default();
        for (image, scene) in (0..).zip(scenes) {
            let detections: Vec<Detection> = scene.findings.iter().map(|f| f.detection).collect();
            for class in ObjectClass::ALL {
                let record = &mut classes[class.index()];
                let objects: Vec<&GroundTruth> =
                    scene.objects.iter().filter(|o| o.class == class).collect();
                let detections = counted(&detections, class);
                let labelled = scene.labelled[class.index()];
                let mut outcomes = Vec::new();
                let to_find = match_image(&objects, &detections, labelled, &mut outcomes)[ALL];
                if to_find > 0 {
                    record.to_find.push((image, to_find as u32));
                }
                record.marks.extend(outcomes.iter().map(|outcome| Mark {
                    score: outcome.score,
                    image,
                    right: outcome.right[ALL],
                    wrong: outcome.wrong[ALL],
                }));
            }
        }
        for record in &mut classes {
            record.marks.retain(|mark| mark.right | mark.wrong != 0);
            record.marks.sort_by(|a, b| descending(a.score, b.score));
        }
        Self { classes }
    }

    fn images_with_objects(&self) -> usize {
        let images = self.classes.iter().flat_map(|class| &class.to_find);
        let images: std::collections::BTreeSet<u32> = images.map(|&(image, _)| image).collect();
        images.len()
    }

    /// The figures where image `i` is there `weights[i]` times.
    fn figures(&self, weights: &[u32]) -> Figures {
        let classes = self
            .classes
            .each_ref()
            .map(|class| class.precisions(weights));
        let all = classes.iter().flatten().flatten().copied();
        let ap50 = |class: &Option<[f64; THRESHOLDS]>| class.map(|precisions| precisions[0]);
        let mut figures = [ABSENT; 2 + N];
        figures[0] = mean(all);
        figures[1] = mean(classes.iter().filter_map(ap50));
        for (figure, class) in figures[2..].iter_mut().zip(&classes) {
            *figure = ap50(class).unwrap_or(ABSENT);
        }
        figures
    }
}

impl ClassRecord {
    /// Average precision at each threshold; `None` without objects.
    fn precisions(&self, weights: &[u32]) -> Option<[f64; THRESHOLDS]> {
        let weight = |image: u32| u64::from(weights[image as usize]);
        let to_find = self.to_find.iter();
        let to_find: u64 = to_find
            .map(|&(image, n)| weight(image) * u64::from(n))
            .sum();
        if to_find == 0 {
            return None;
        }
        let mut curves: [Steps; THRESHOLDS] = Default::default();
        // Most detections are wrong at every threshold: one addition for all of them.
        let mut wrong_everywhere = 0;
        for mark in &self.marks {
            let weight = weight(mark.image);
            if mark.wrong == ALL_BITS {
                wrong_everywhere += weight;
            } else if weight > 0 {
                for (bit, curve) in curves.iter_mut().enumerate() {
                    if mark.right >> bit & 1 == 1 {
                        curve.hit(weight, wrong_everywhere);
                    } else if mark.wrong >> bit & 1 == 1 {
                        curve.wrong += weight;
                    }
                }
            }
        }
        Some(curves.map(|curve| curve.average_precision(to_find)))
    }
}

/// A curve, of which only the steps upwards are kept: between them recall stands still and
/// precision falls.
#[derive(Default)]
struct Steps {
    right: u64,
    wrong: u64,
    /// Objects found and precision after each hit.
    points: Vec<(u64, f64)>,
}

impl Steps {
    fn hit(&mut self, weight: u64, wrong_everywhere: u64) {
        self.right += weight;
        let shown = (self.right + self.wrong + wrong_everywhere) as f64;
        // The epsilon is that of the curve without weights.
        let precision = self.right as f64 / (shown + f64::EPSILON);
        self.points.push((self.right, precision));
    }

    fn average_precision(mut self, to_find: u64) -> f64 {
        for index in (1..self.points.len()).rev() {
            self.points[index - 1].1 = self.points[index - 1].1.max(self.points[index].1);
        }
        let mut points = self.points.iter().peekable();
        let mut sum = 0.0;
        for step in 0..RECALLS {
            let wanted = wanted_recall(step);
            let is_before = |point: &&(u64, f64)| (point.0 as f64 / to_find as f64) < wanted;
            while points.next_if(is_before).is_some() {}
            sum += points.peek().map_or(0.0, |point| point.1);
        }
        sum / RECALLS as f64
    }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
