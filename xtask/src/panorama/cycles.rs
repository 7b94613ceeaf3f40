//! Motorcycles, bicycles and kick scooters, and where their riders hold on.

use super::material::{DARK, GLASS, LAMP, METAL, Material, PLATE, TYRE, plain};
use super::random::{between, pick};
use super::thing::Scene;
use fastrand::Rng;
use lookout::drive::vector::{Vec3, v3};

/// Where a rider touches a cycle; `x` of hands and feet is that of the right side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grip {
    /// Middle of the hips.
    pub hips: Vec3,
    pub hands: Vec3,
    pub feet: Vec3,
    /// How far the body leans forward, in metres of the shoulders before the hips.
    pub lean: f32,
    /// Whether the feet go round on pedals.
    pub pedals: bool,
}

const PAINTS: [Material; 5] = [
    plain(0.7, 0.7),
    plain(0.06, 0.2),
    plain(0.25, 0.5),
    plain(0.15, 0.3),
    plain(0.45, 0.6),
];

/// A pair of handlebar ends at `at` (of the right side), from the steering axis at `stem`.
fn handlebar(s: &mut Scene, stem: Vec3, at: Vec3, radius: f32) {
    for side in [-1.0, 1.0] {
        s.tube(stem, v3(side * at.x, at.y, at.z), radius, DARK);
    }
}

/// A motorcycle or a moped with a step-through.
pub(super) fn motorcycle(s: &mut Scene, rng: &mut Rng) -> Grip {
    let paint = pick(rng, &PAINTS);
    let radius = 0.31;
    for z in [0.72, -0.7] {
        s.wheel(v3(0.0, radius, z), (radius, 0.19), 0.13, TYRE);
        s.wheel(v3(0.0, radius, z), (0.2, 0.0), 0.05, METAL);
    }
    for side in [-1.0, 1.0] {
        s.tube(
            v3(side * 0.09, radius, 0.72),
            v3(side * 0.09, 0.95, 0.42),
            0.03,
            METAL,
        );
        s.tube(
            v3(side * 0.12, 0.35, -0.2),
            v3(side * 0.14, 0.42, -0.85),
            0.05,
            METAL,
        );
    }
    s.block(v3(0.0, 0.42, 0.02), v3(0.32, 0.36, 0.48), METAL);
    s.ball(v3(0.0, 0.82, 0.17), v3(0.17, 0.16, 0.33), paint);
    s.block(v3(0.0, 0.78, -0.38), v3(0.26, 0.12, 0.68), DARK);
    s.ball(v3(0.0, 0.72, -0.72), v3(0.13, 0.12, 0.22), paint);
    s.ball(v3(0.0, 0.68, 0.7), v3(0.09, 0.07, 0.24), paint);
    s.ball(v3(0.0, 0.93, 0.56), v3(0.11, 0.11, 0.1), LAMP);
    if rng.bool() {
        s.profile(
            &[(0.62, 0.98), (0.42, 1.28), (0.38, 1.28), (0.45, 0.98)],
            0.17,
            0.1,
            GLASS,
        );
    }
    if rng.f32() < 0.4 {
        s.block(v3(0.0, 1.0, -0.78), v3(0.4, 0.32, 0.36), paint);
    }
    s.block(v3(0.0, 0.58, -0.97), v3(0.2, 0.16, 0.03), PLATE);
    s.block(v3(0.0, 0.75, -0.94), v3(0.18, 0.07, 0.05), LAMP);
    let hands = v3(0.34, 1.05, 0.32);
    handlebar(s, v3(0.0, 0.98, 0.42), hands, 0.025);
    Grip {
        hips: v3(0.0, 0.92, -0.3),
        hands,
        feet: v3(0.22, 0.38, -0.05),
        lean: 0.18,
        pedals: false,
    }
}

/// A bicycle of a diamond or a step-through frame.
pub(super) fn bicycle(s: &mut Scene, rng: &mut Rng) -> Grip {
    let paint = pick(rng, &PAINTS);
    let radius = between(rng, 0.33, 0.36);
    let (front, rear) = (v3(0.0, radius, 0.53), v3(0.0, radius, -0.52));
    for hub in [front, rear] {
        s.wheel(hub, (radius, radius - 0.045), 0.05, TYRE);
        s.wheel(hub, (0.05, 0.0), 0.09, METAL);
        // Some spokes are met by the beam; all of them are much less than a disc.
        for turn in 0..3 {
            let (sin, cos) = (turn as f32 * 1.047 + 0.3).sin_cos();
            let rim = v3(0.0, sin * radius, cos * radius) * 0.93;
            s.tube(hub + rim, hub - rim, 0.002, METAL);
        }
    }
    let (crank, seat, head) = (
        v3(0.0, 0.3, -0.05),
        v3(0.0, 0.82, -0.22),
        v3(0.0, 0.8, 0.36),
    );
    let low = rng.bool();
    let tube = 0.022;
    s.tube(crank, seat, tube, paint);
    s.tube(crank, head, tube, paint);
    if !low {
        s.tube(seat + v3(0.0, -0.04, 0.0), head, tube, paint);
    }
    s.tube(head + v3(0.0, 0.12, -0.04), front, tube, paint);
    s.tube(seat, rear, 0.014, paint);
    s.tube(crank, rear, 0.014, paint);
    s.ball(v3(0.0, 0.94, -0.26), v3(0.08, 0.04, 0.14), DARK);
    s.tube(seat, v3(0.0, 0.92, -0.25), 0.016, METAL);
    if rng.f32() < 0.35 {
        s.block(v3(0.0, 0.92, 0.55), v3(0.36, 0.24, 0.28), plain(0.3, 0.4));
    }
    if rng.f32() < 0.5 {
        s.block(v3(0.0, 0.72, -0.62), v3(0.14, 0.03, 0.4), DARK);
        s.block(v3(0.0, 0.66, -0.84), v3(0.06, 0.05, 0.02), PLATE);
    }
    let hands = v3(0.28, 1.0, 0.24);
    handlebar(s, v3(0.0, 0.97, 0.34), hands, 0.016);
    Grip {
        hips: v3(0.0, 1.0, -0.24),
        hands,
        feet: v3(0.12, 0.3, -0.05),
        lean: between(rng, 0.12, 0.34),
        pedals: true,
    }
}

/// A kick scooter, mostly electric.
pub(super) fn scooter(s: &mut Scene, rng: &mut Rng) -> Grip {
    let paint = pick(rng, &PAINTS);
    for z in [0.44, -0.44] {
        s.wheel(v3(0.0, 0.12, z), (0.12, 0.0), 0.06, TYRE);
    }
    s.block(v3(0.0, 0.15, -0.04), v3(0.17, 0.07, 0.72), paint);
    s.tube(v3(0.0, 0.15, 0.46), v3(0.0, 1.1, 0.34), 0.028, paint);
    s.ball(v3(0.0, 0.95, 0.39), v3(0.03, 0.03, 0.03), LAMP);
    s.block(v3(0.0, 0.22, -0.5), v3(0.07, 0.06, 0.05), LAMP);
    let hands = v3(0.24, 1.12, 0.32);
    handlebar(s, v3(0.0, 1.1, 0.34), hands, 0.018);
    Grip {
        hips: v3(0.0, 1.08, -0.08),
        hands,
        feet: v3(0.06, 0.24, -0.1),
        lean: 0.06,
        pedals: false,
    }
}
