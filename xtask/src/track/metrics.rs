//! How well objects keep their numbers: CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1
//! (Ristani et al. 2016).

use lookout::geometry::BBox;
use lookout::tracking::assignment::Assigner;
use std::collections::BTreeMap;

/// Least overlap of a box that is found with the one that it is.
const IOU_MIN: f32 = 0.5;

/// Cost of a pair that cannot be.
const FAR: f32 = 9.0;

/// Cost from which on a pair is none.
const COST_MAX: f32 = 4.0;

/// The most boxes of a frame, and numbers of a drive, that are matched.
const SIDE_MAX: usize = 4096;

/// An object that is there.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The same in all frames.
    pub identity: u32,
    /// Where it is.
    pub bbox: BBox,
    /// Whether it need not be found, and is no mistake where it is.
    pub ignored: bool,
}

/// An object that the tracker tells about.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Its number.
    pub id: u32,
    /// Where it is.
    pub bbox: BBox,
}

/// What counts over whole drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrackingCounts {
    /// Objects that were to be found, each in each frame.
    pub known: u64,
    /// Boxes told, those on ignored objects left out.
    pub found: u64,
    /// Objects without a box.
    pub missed: u64,
    /// Boxes without an object.
    pub false_alarms: u64,
    /// How often an object had another number than when it was last found.
    pub switches: u64,
    /// Boxes with the number that fits their object best over the whole drive.
    pub identified: u64,
}

impl TrackingCounts {
    /// 1 less the errors' share of the objects; may be negative.
    pub fn mota(&self) -> f64 {
        let errors = self.missed + self.false_alarms + self.switches;
        1.0 - errors as f64 / self.known.max(1) as f64
    }

    /// Share of objects and boxes that have their number, 0 to 1.
    pub fn idf1(&self) -> f64 {
        2.0 * self.identified as f64 / (self.known + self.found).max(1) as f64
    }

    /// Adds those of another drive.
    pub fn add(&mut self, other: &Self) {
        self.known += other.known;
        self.found += other.found;
        self.missed += other.missed;
        self.false_alarms += other.false_alarms;
        self.switches += other.switches;
        self.identified += other.identified;
    }
}

/// Counts over one drive.
#[derive(Debug)]
pub struct DriveEvaluator {
    counts: TrackingCounts,
    assigner: Assigner,
    /// The number that each object had last.
    last: BTreeMap<u32, u32>,
    /// In how many frames an object and a number were at the same place.
    together: BTreeMap<(u32, u32), u32>,
}

impl Default for DriveEvaluator {
    fn default() -> Self {
        Self {
            counts: TrackingCounts::default(),
            assigner: Assigner::new(SIDE_MAX),
            last: BTreeMap::new(),
            together: BTreeMap::new(),
        }
    }
}

impl DriveEvaluator {
    /// Counts one frame. At most 4096 boxes of either kind are looked at.
    pub fn add(&mut self, known: &[Known], found: &[Found]) {
        let known = &known[..known.len().min(SIDE_MAX)];
        let found = &found[..found.len().min(SIDE_MAX)];
        let last = &self.last;
        // What was together stays together where it can; ignored objects come last.
        let cost = |row: usize, column: usize| {
            let (object, tracked) = (&known[row], &found[column]);
            let iou = object.bbox.iou(&tracked.bbox);
            if iou < IOU_MIN {
                return FAR;
            }
            let stays = last.get(&object.identity) == Some(&tracked.id);
            let ignored = if object.ignored { 2.0 } else { 0.0 };
            1.0 - iou + ignored - if stays { 1.0 } else { 0.0 }
        };
        let mut partner: Vec<Option<usize>> = vec![None; known.len()];
        let mut is_taken = vec![false; found.len()];
        self.assigner
            .assign((known.len(), found.len()), COST_MAX, cost, |row, column| {
                partner[row] = Some(column);
                is_taken[column] = true;
            });
        for (object, partner) in known.iter().zip(&partner) {
            let tracked = partner.map(|column| &found[column]);
            if object.ignored {
                continue;
            }
            self.counts.known += 1;
            let Some(tracked) = tracked else {
                self.counts.missed += 1;
                continue;
            };
            self.counts.found += 1;
            *self
                .together
                .entry((object.identity, tracked.id))
                .or_default() += 1;
            let before = self.last.insert(object.identity, tracked.id);
            if before.is_some_and(|before| before != tracked.id) {
                self.counts.switches += 1;
            }
        }
        let alone = is_taken.iter().filter(|taken| !**taken).count() as u64;
        self.counts.false_alarms += alone;
        self.counts.found += alone;
    }

    /// The counts of the drive.
    pub fn finish(mut self) -> TrackingCounts {
        let mut identities: Vec<u32> = self.together.keys().map(|pair| pair.0).collect();
        let mut ids: Vec<u32> = self.together.keys().map(|pair| pair.1).collect();
        for numbers in [&mut identities, &mut ids] {
            numbers.sort_unstable();
            numbers.dedup();
            numbers.truncate(SIDE_MAX);
        }
        let most = self.together.values().copied().max().unwrap_or(1) as f32;
        let frames = |row: usize, column: usize| {
            let pair = (identities[row], ids[column]);
            self.together.get(&pair).copied().unwrap_or(0)
        };
        let mut identified = 0;
        self.assigner.assign(
            (identities.len(), ids.len()),
            1.0,
            |row, column| 1.0 - frames(row, column) as f32 / most,
            |row, column| identified += u64::from(frames(row, column)),
        );
        self.counts.identified = identified;
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> BBox {
        BBox::new(x, 0.0, x + 10.0, 10.0)
    }

    fn known(identity: u32, x: f32) -> Known {
        Known {
            identity,
            bbox: at(x),
            ignored: false,
        }
    }

    fn found(id: u32, x: f32) -> Found {
        Found { id, bbox: at(x) }
    }

    fn counts(frames: &[(&[Known], &[Found])]) -> TrackingCounts {
        let mut evaluator = DriveEvaluator::default();
        for (known, found) in frames {
            evaluator.add(known, found);
        }
        evaluator.finish()
    }

    #[test]
    fn perfect_is_one() {
        let frame: (&[_], &[_]) = (
            &[known(1, 0.0), known(2, 50.0)],
            &[found(8, 50.0), found(7, 1.0)],
        );
        let counts = counts(&[frame; 5]);
        assert_eq!((counts.mota(), counts.idf1()), (1.0, 1.0));
    }

    #[test]
    fn a_switch_costs_once_in_mota_and_half_the_drive_in_idf1() {
        let one = [known(1, 0.0)];
        let counts = counts(&[
            (&one, &[found(7, 0.0)]),
            (&one, &[found(7, 0.0)]),
            (&one, &[found(9, 0.0)]),
            (&one, &[found(9, 0.0)]),
        ]);
        assert_eq!(counts.switches, 1);
        assert_eq!((counts.mota(), counts.idf1()), (0.75, 0.5));
    }

    #[test]
    fn misses_false_alarms_and_what_is_ignored() {
        let mut far = known(3, 100.0);
        far.ignored = true;
        let counts = counts(&[(
            &[known(1, 0.0), known(2, 50.0), far],
            &[found(7, 0.0), found(8, 100.0), found(9, 200.0)],
        )]);
        let expected = TrackingCounts {
            known: 2,
            found: 2,
            missed: 1,
            false_alarms: 1,
            switches: 0,
            identified: 1,
        };
        assert_eq!(counts, expected);
        assert_eq!((counts.mota(), counts.idf1()), (0.0, 0.5));
    }

    #[test]
    fn who_was_together_stays_together_though_another_fits_better() {
        let both = [known(1, 0.0), known(2, 3.0)];
        let counts = counts(&[
            (&both, &[found(7, 0.0), found(8, 3.0)]),
            (&both, &[found(7, 2.0), found(8, 1.0)]),
        ]);
        assert_eq!((counts.switches, counts.missed), (0, 0));
    }
}
