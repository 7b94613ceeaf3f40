//! The street itself: lanes, kerbs, junctions, and what is painted on the ground.

use super::material::{Material, Surface};
use super::random::{between, grain, keyed};

/// Half the width of a crossing street.
pub(super) const JUNCTION_HALF_M: f32 = 6.0;

/// How much the pavement is above the road.
pub(super) const KERB_M: f32 = 0.13;

/// Width of a lane.
const LANE_M: f32 = 3.3;

/// A street along z with traffic on the right; x = 0 is its middle.
#[derive(Clone, Debug)]
pub(super) struct Street {
    pub seed: u64,
    /// Lanes in each direction, 1 or 2.
    pub lanes: u32,
    /// Whether there is a lane for cycles at the edge.
    pub cycle_lane: bool,
    /// Whether cars park at the kerb.
    pub parking: bool,
    /// From the middle to the kerb.
    pub kerb: f32,
    /// From the middle to the houses.
    pub front: f32,
    /// The sensor's own x.
    pub own_x: f32,
    /// The sensor's own speed, metres a second.
    pub speed: f32,
    /// How busy it is, about 1.
    pub density: f32,
    spacing: f32,
    offset: f32,
}

impl Street {
    pub fn new(seed: u64) -> Self {
        let mut rng = keyed(seed, 0x57, 0);
        let lanes = 1 + u32::from(rng.f32() < 0.4);
        let (cycle_lane, parking) = (rng.f32() < 0.5, rng.f32() < 0.65);
        let edge = lanes as f32 * LANE_M;
        let kerb = edge + if cycle_lane { 1.7 } else { 0.3 } + if parking { 2.2 } else { 0.0 };
        let own_lane = if lanes == 2 && rng.bool() { 1.5 } else { 0.5 };
        Self {
            seed,
            lanes,
            cycle_lane,
            parking,
            kerb,
            front: kerb + between(&mut rng, 3.2, 7.0),
            own_x: own_lane * LANE_M,
            speed: between(&mut rng, 5.0, 10.0),
            density: between(&mut rng, 0.75, 1.25),
            spacing: between(&mut rng, 55.0, 90.0),
            offset: between(&mut rng, 0.0, 60.0),
        }
    }

    /// Middle of a lane: 0 is the one next to the street's middle.
    pub fn lane(&self, lane: u32) -> f32 {
        (lane as f32 + 0.5) * LANE_M
    }

    /// Middle of the cycle lane, or the edge of the last lane where there is none.
    pub fn cycle_x(&self) -> f32 {
        let edge = self.lanes as f32 * LANE_M;
        edge + if self.cycle_lane { 0.85 } else { -0.35 }
    }

    /// The junction nearest to `z`: its middle and its number.
    pub fn junction(&self, z: f32) -> (f32, i64) {
        let number = ((z - self.offset) / self.spacing).round();
        (self.offset + number * self.spacing, number as i64)
    }

    /// Distance between junctions.
    pub fn spacing(&self) -> f32 {
        self.spacing
    }

    /// Whether `z` is at least `margin` away from every crossing street.
    pub fn clear_of_junction(&self, z: f32, margin: f32) -> bool {
        (self.junction(z).0 - z).abs() > JUNCTION_HALF_M + margin
    }

    /// Whether this is road rather than pavement.
    pub fn is_road(&self, x: f32, z: f32) -> bool {
        x.abs() <= self.kerb || !self.clear_of_junction(z, 0.0)
    }

    /// The ground at a place.
    pub fn ground(&self, x: f32, z: f32) -> Material {
        let fine = grain(self.seed as u32, (x * 9.0) as i32, (z * 9.0).floor() as i32);
        let patch = grain(1, (x * 0.4).floor() as i32, (z * 0.15).floor() as i32);
        let surface = Surface::Ground;
        if !self.is_road(x, z) {
            let joint = (x * 1.6).fract().abs() < 0.08 || (z * 1.6).fract().abs() < 0.08;
            let day = 0.30 + 0.06 * fine + 0.05 * patch - if joint { 0.1 } else { 0.0 };
            return Material {
                day,
                laser: 0.30 + 0.08 * fine,
                surface,
            };
        }
        if self.is_painted(x, z) {
            let worn = 0.8 + 0.2 * fine;
            return Material {
                day: 0.62 * worn,
                laser: 0.75 * worn,
                surface,
            };
        }
        Material {
            day: 0.12 + 0.04 * fine + 0.05 * patch,
            laser: 0.13 + 0.05 * fine + 0.04 * patch,
            surface,
        }
    }

    fn is_painted(&self, x: f32, z: f32) -> bool {
        let near = |line: f32| (x.abs() - line).abs() < 0.08;
        let from_junction = (self.junction(z).0 - z).abs() - JUNCTION_HALF_M;
        if x.abs() > self.kerb || from_junction < 0.0 {
            return false;
        }
        if from_junction < 5.0 {
            // A zebra crossing, then the line where one stops.
            let zebra = (1.0..3.6).contains(&from_junction) && (x * 1.0).rem_euclid(1.0) < 0.5;
            return zebra || (4.3..4.8).contains(&from_junction);
        }
        let dash = z.rem_euclid(9.0) < 3.0;
        let edge = self.lanes as f32 * LANE_M;
        let between_lanes = self.lanes == 2 && near(LANE_M) && dash;
        let middle = x.abs() < 0.08 && (dash || self.lanes == 2);
        between_lanes || middle || (near(edge) && (self.cycle_lane || self.parking))
    }
}
