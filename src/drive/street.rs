//! The street itself: lanes, marks, kerbs, junctions, and what stands along it.

use super::light::Rgb;
use super::painter::Painter;
use super::placement::Placement;
use super::random::Random;
use super::raster::{ID_SCENE, Mode};
use super::scenery;

/// How far ahead the street is drawn.
const SIGHT_M: f32 = 150.0;
/// From one junction to the next.
const JUNCTION_SPACING_M: f32 = 84.0;
/// Width of the crossing street.
pub(super) const JUNCTION_WIDTH_M: f32 = 11.0;
/// Length of a lot with one house.
const LOT_M: f32 = 14.0;
/// Spacing of things at the kerb.
pub(super) const KERB_SLOT_M: f32 = 6.0;

/// Cross-section and course of one street. `x` is 0 in the middle; traffic keeps right.
#[derive(Clone, Debug)]
pub(super) struct Street {
    pub seed: u64,
    /// Lanes each way.
    pub lanes: usize,
    pub lane_width: f32,
    pub cycle_lane: bool,
    pub parking: bool,
    /// Where the road ends and the pavement starts.
    pub kerb: f32,
    pub pavement: f32,
    /// Share of lots with a house; the others have trees.
    built: f32,
    setback: f32,
    asphalt: Rgb,
    paving: Rgb,
    green: Rgb,
    junction_offset: f32,
    bend: f32,
    bend_phase: f32,
}

impl Street {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::keyed(seed, 0x57, 0);
        let lanes = if random.chance(0.35) { 2 } else { 1 };
        let lane_width = 3.4;
        let cycle_lane = random.chance(0.5);
        let parking = lanes == 1 && random.chance(0.75) || random.chance(0.4);
        let kerb = lanes as f32 * lane_width
            + if cycle_lane { 1.7 } else { 0.4 }
            + if parking { 2.2 } else { 0.0 };
        let grey = random.range(0.30, 0.46);
        Self {
            seed,
            lanes,
            lane_width,
            cycle_lane,
            parking,
            kerb,
            pavement: random.range(3.4, 4.6),
            built: random.pick(&[0.95, 0.9, 0.75, 0.45, 0.2]),
            setback: random.pick(&[0.0, 0.0, 2.0, 5.0]),
            asphalt: [grey, grey * 0.99, grey * 0.98],
            paving: random.pick(&[
                [0.52, 0.50, 0.47],
                [0.58, 0.54, 0.48],
                [0.46, 0.46, 0.46],
                [0.56, 0.46, 0.40],
            ]),
            green: random.pick(&[[0.28, 0.38, 0.18], [0.34, 0.40, 0.20], [0.40, 0.38, 0.26]]),
            junction_offset: random.range(38.0, 70.0),
            bend: random.range(0.0, 0.0011),
            bend_phase: random.range(0.0, std::f32::consts::TAU),
        }
    }

    /// Middle of the lane that the camera drives in.
    pub fn own_lane(&self) -> f32 {
        (self.lanes as f32 - 0.5) * self.lane_width
    }

    /// Bend of the street around `z`, see `Camera::bend`.
    pub fn bend_at(&self, z: f32) -> f32 {
        self.bend * super::placement::sin(z / 90.0 + self.bend_phase)
    }

    /// Near edge of the first junction whose far edge is beyond `z`, and its number.
    pub fn junction_after(&self, z: f32) -> (f32, i64) {
        let n = ((z - self.junction_offset - JUNCTION_WIDTH_M) / JUNCTION_SPACING_M).ceil();
        (self.junction_offset + n * JUNCTION_SPACING_M, n as i64)
    }

    /// Distance from one junction to the next.
    pub fn junction_spacing(&self) -> f32 {
        JUNCTION_SPACING_M
    }

    /// Whether `z`, with some margin before and after, is free of junctions.
    pub fn clear_of_junction(&self, z: f32, margin: f32) -> bool {
        let (near, _) = self.junction_after(z - margin);
        z + margin < near
    }

    /// Draws ground and scenery as seen from `z`.
    pub fn draw(&self, p: &mut Painter, z: f32) {
        p.place(ID_SCENE, Placement::WORLD);
        self.ground(p, z);
        self.lots(p, z);
        self.kerb_things(p, z);
    }

    fn ground(&self, p: &mut Painter, z: f32) {
        let end = z + SIGHT_M;
        let outer = self.kerb + self.pavement;
        let g = Mode::Ground;
        p.ground_strip([-160.0, -outer], [z, end], self.green, g);
        p.ground_strip([outer, 160.0], [z, end], self.green, g);
        if self.setback < 1.0 {
            for s in [-1.0f32, 1.0] {
                let (a, b) = (s * outer, s * (outer + 14.0));
                p.ground_strip(
                    [a.min(b), a.max(b)],
                    [z, end],
                    self.paving.map(|c| c * 0.9),
                    g,
                );
            }
        }
        p.ground_strip([-outer, outer], [z, end], self.paving, g);
        p.ground_strip(
            [-self.kerb - 0.18, self.kerb + 0.18],
            [z, end],
            [0.66, 0.65, 0.63],
            g,
        );
        p.ground_strip([-self.kerb, self.kerb], [z, end], self.asphalt, g);
        for s in [-1.0f32, 1.0] {
            let (a, b) = (s * (self.kerb - 0.28), s * self.kerb);
            let gutter = self.asphalt.map(|c| c * 0.8);
            p.ground_strip([a.min(b), a.max(b)], [z, end], gutter, g);
        }
        self.marks(p, z, end);
        let (mut junction, mut number) = self.junction_after(z - 2.0);
        while junction < end {
            self.junction(p, junction, number);
            junction += JUNCTION_SPACING_M;
            number += 1;
        }
    }

    fn marks(&self, p: &mut Painter, z: f32, end: f32) {
        let white = [0.78, 0.78, 0.76];
        let line = |p: &mut Painter, x: f32, w: f32, from: f32, to: f32, c: Rgb| {
            p.ground_strip([x - w, x + w], [from, to], c, Mode::Ground);
        };
        let dash = |p: &mut Painter, x: f32| {
            let mut d = (z / 6.0).floor() * 6.0;
            while d < end {
                line(p, x, 0.065, d, d + 3.0, white);
                d += 6.0;
            }
        };
        if self.lanes == 1 {
            dash(p, 0.0);
        } else {
            let yellow = [0.84, 0.68, 0.20];
            line(p, -0.14, 0.06, z, end, yellow);
            line(p, 0.14, 0.06, z, end, yellow);
            dash(p, self.lane_width);
            dash(p, -self.lane_width);
        }
        let edge = self.lanes as f32 * self.lane_width;
        for s in [-1.0, 1.0] {
            if self.cycle_lane {
                let (a, b) = (s * (edge + 0.05), s * (edge + 1.65));
                p.ground_strip(
                    [a.min(b), a.max(b)],
                    [z, end],
                    [0.46, 0.25, 0.21],
                    Mode::Ground,
                );
                line(p, s * edge, 0.06, z, end, white);
            }
            if self.parking {
                line(p, s * (self.kerb - 2.2), 0.05, z, end, white);
            }
        }
    }

    fn junction(&self, p: &mut Painter, z: f32, number: i64) {
        let (a, b) = (z, z + JUNCTION_WIDTH_M);
        let g = Mode::Ground;
        p.ground_strip([-120.0, 120.0], [a - 2.2, b + 2.2], self.paving, g);
        p.ground_strip([-self.kerb, self.kerb], [a - 2.2, b + 2.2], self.asphalt, g);
        p.ground_strip([-120.0, 120.0], [a, b], self.asphalt, g);
        let white = [0.78, 0.78, 0.76];
        for (x0, x1) in [(-60.0, -self.kerb - 3.0), (self.kerb + 3.0, 60.0)] {
            let middle = z + JUNCTION_WIDTH_M * 0.5;
            p.ground_strip([x0, x1], [middle - 0.07, middle + 0.07], white, g);
        }
        for zebra in [a - 4.2, b + 1.4] {
            let mut x = -self.kerb + 0.4;
            while x < self.kerb - 0.4 {
                p.ground_strip([x, x + 0.5], [zebra, zebra + 2.8], white, g);
                x += 1.0;
            }
        }
        p.ground_strip([0.2, self.kerb - 0.3], [a - 5.6, a - 5.2], white, g);
        let mut random = Random::keyed(self.seed, 0x16, number);
        if random.chance(0.6) {
            let green = random.chance(0.7);
            scenery::signal(p, self.kerb + 0.6, a - 5.0, green);
            scenery::signal(p, -self.kerb - 0.6, b + 5.0, green);
            p.place(ID_SCENE, Placement::WORLD);
        }
    }

    fn lots(&self, p: &mut Painter, z: f32) {
        let first = (z / LOT_M).floor() as i64;
        let count = (SIGHT_M / LOT_M) as i64;
        for slot in (first..first + count).rev() {
            for (side, key) in [(-1.0f32, 0x10), (1.0, 0x11)] {
                let mut random = Random::keyed(self.seed, key, slot);
                let z0 = slot as f32 * LOT_M;
                if !self.clear_of_junction(z0 + LOT_M * 0.5, LOT_M * 0.5 + 1.0) {
                    continue;
                }
                let front = self.kerb + self.pavement + self.setback;
                if random.chance(self.built) {
                    let gap = if random.chance(0.25) {
                        random.range(0.5, 3.0)
                    } else {
                        0.0
                    };
                    scenery::house(p, random.bits(), side * front, side, z0, z0 + LOT_M - gap);
                } else {
                    for i in 0..3 {
                        let x = front + random.range(0.5, 6.0);
                        let at = z0 + (i as f32 + random.unit()) * LOT_M / 3.0;
                        scenery::tree(p, random.bits(), side * x, at);
                    }
                }
            }
        }
    }

    /// What stands in a slot at the kerb: 0 lamp, 1 tree, 2 sign, 3 furniture, 4 a parked
    /// cycle (drawn with the traffic), else nothing.
    pub fn kerb_use(&self, side: usize, slot: i64) -> (usize, Random) {
        let mut random = Random::keyed(self.seed, 0x20 + side as u64, slot);
        if slot.rem_euclid(5) == side as i64 * 2 {
            return (0, random);
        }
        let u = random.unit();
        let shares = [0.14, 0.22, 0.32, 0.74];
        let choice = shares.iter().position(|s| u < *s).map_or(9, |i| i + 1);
        (choice, random)
    }

    fn kerb_things(&self, p: &mut Painter, z: f32) {
        let first = (z / KERB_SLOT_M).floor() as i64;
        for slot in first..first + 20 {
            for (index, side) in [(0, -1.0f32), (1, 1.0)] {
                let at = (slot as f32 + 0.5) * KERB_SLOT_M;
                if !self.clear_of_junction(at, 5.0) || at < z + 1.0 {
                    continue;
                }
                let (kind, mut random) = self.kerb_use(index, slot);
                let x = side * (self.kerb + 0.75);
                match kind {
                    0 => scenery::street_lamp(p, x, side, at),
                    1 => scenery::tree(p, random.bits(), x + side * 0.2, at),
                    2 => scenery::sign(p, random.bits(), x, at),
                    3 => scenery::furniture(p, random.bits(), x, at),
                    _ => {}
                }
            }
        }
    }
}
