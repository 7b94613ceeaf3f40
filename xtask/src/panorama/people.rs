//! People on foot and on cycles.

use super::cycles::Grip;
use super::material::{DARK, Material, SKIN, Surface, plain};
use super::random::{between, pick};
use super::thing::Scene;
use fastrand::Rng;
use lookout::drive::vector::{Vec3, v3};

/// Cloth: most of it is bright in infrared, whatever its colour.
const CLOTHES: [Material; 7] = [
    plain(0.10, 0.45),
    plain(0.06, 0.30),
    plain(0.35, 0.60),
    plain(0.70, 0.75),
    plain(0.20, 0.55),
    plain(0.28, 0.40),
    plain(0.08, 0.15),
];

/// A high-visibility vest.
const VEST: Material = Material {
    day: 0.75,
    laser: 0.9,
    surface: Surface::Retro,
};

/// A bent limb from `a` to `b` by way of a joint `out` of the line between them.
fn limb(s: &mut Scene, a: Vec3, b: Vec3, out: Vec3, radius: f32, material: Material) {
    let joint = (a + b) * 0.5 + out;
    s.tube(a, joint, radius, material);
    s.tube(joint, b, 0.82 * radius, material);
}

/// What somebody wears: trunk, legs, hair.
fn outfit(rng: &mut Rng) -> [Material; 3] {
    let trunk = if rng.f32() < 0.06 {
        VEST
    } else {
        pick(rng, &CLOTHES)
    };
    let hair = pick(rng, &[plain(0.06, 0.3), plain(0.2, 0.5), plain(0.4, 0.6)]);
    [trunk, pick(rng, &CLOTHES), hair]
}

/// Head and trunk between hips and shoulders.
fn trunk(s: &mut Scene, hips: Vec3, shoulders: Vec3, size: f32, cloth: Material) {
    let breadth = v3(0.19 * size, 0.0, 0.0);
    let down = v3(0.0, -0.06 * size, 0.0);
    s.tube(hips, shoulders + down, 0.15 * size, cloth);
    s.tube(
        shoulders - breadth + down,
        shoulders + breadth + down,
        0.085 * size,
        cloth,
    );
}

fn head(s: &mut Scene, shoulders: Vec3, size: f32, hair: Material) {
    let centre = shoulders + v3(0.0, 0.23, 0.03) * size;
    s.tube(shoulders, centre, 0.06 * size, SKIN);
    s.ball(centre, v3(0.085, 0.12, 0.1) * size, SKIN);
    s.ball(
        centre + v3(0.0, 0.035, -0.02) * size,
        v3(0.095, 0.11, 0.105) * size,
        hair,
    );
}

/// Somebody on foot; `gone` metres of walking move the legs, `None` stands.
pub(super) fn person(s: &mut Scene, rng: &mut Rng, gone: Option<f32>) {
    let [cloth, trousers, hair] = outfit(rng);
    // One in eight is a child.
    let size = if rng.f32() < 0.12 {
        between(rng, 0.6, 0.85)
    } else {
        between(rng, 0.92, 1.08)
    };
    let swing = gone.map_or(0.06, |gone| 0.34 * (gone * 4.2).sin()) * size;
    let (hips, shoulders) = (v3(0.0, 0.92, 0.0) * size, v3(0.0, 1.45, 0.02) * size);
    trunk(s, hips, shoulders, size, cloth);
    head(s, shoulders, size, hair);
    for side in [-1.0, 1.0] {
        let step = side * swing;
        let hip = v3(side * 0.1, 0.88, 0.0) * size;
        let lift = (0.18 * (-step / size).max(0.0)) * size;
        let foot = v3(side * 0.1 * size, 0.07 * size + lift, step);
        limb(
            s,
            hip,
            foot,
            v3(0.0, 0.0, 0.07 * size),
            0.085 * size,
            trousers,
        );
        s.tube(foot, foot + v3(0.0, -0.02, 0.16 * size), 0.05 * size, DARK);
        let shoulder = shoulders + v3(side * 0.21, -0.06, 0.0) * size;
        let hand = shoulder + v3(side * 0.05 * size, -0.6 * size, -0.8 * step);
        limb(
            s,
            shoulder,
            hand,
            v3(side * 0.03, 0.0, -0.05) * size,
            0.052 * size,
            cloth,
        );
    }
    if rng.f32() < 0.25 {
        let back = shoulders + v3(0.0, -0.25, -0.22) * size;
        s.block(back, v3(0.32, 0.42, 0.18) * size, pick(rng, &CLOTHES));
    }
}

/// Somebody on a cycle, as wide a gesture as its `grip` asks for.
pub(super) fn rider(s: &mut Scene, rng: &mut Rng, grip: &Grip, helmet_share: f32, gone: f32) {
    let [cloth, trousers, hair] = outfit(rng);
    let size = between(rng, 0.94, 1.06);
    let hips = grip.hips;
    let shoulders = hips + v3(0.0, 0.53, grip.lean) * size;
    trunk(s, hips, shoulders, size, cloth);
    head(s, shoulders, size, hair);
    if rng.f32() < helmet_share {
        let centre = shoulders + v3(0.0, 0.26, 0.03) * size;
        let shell = pick(rng, &[plain(0.75, 0.8), plain(0.06, 0.15), plain(0.4, 0.6)]);
        s.ball(centre, v3(0.125, 0.135, 0.145), shell);
    }
    for side in [-1.0, 1.0] {
        let turn = if grip.pedals { gone * 1.6 } else { 0.0 };
        let (sin, cos) = (turn
            + if side > 0.0 {
                0.0
            } else {
                std::f32::consts::PI
            })
        .sin_cos();
        let pedal = if grip.pedals {
            v3(0.0, sin, cos) * 0.17
        } else {
            v3(0.0, 0.0, 0.0)
        };
        let foot = v3(side * grip.feet.x, grip.feet.y, grip.feet.z) + pedal;
        let hip = hips + v3(side * 0.1, -0.02, 0.0);
        // Knees go forward by what the leg is longer than the way to the foot.
        let way = foot - hip;
        let spare = (0.88 * size).powi(2) - way.dot(way);
        let knee = 0.5 * spare.max(0.0).sqrt();
        limb(
            s,
            hip,
            foot,
            v3(side * 0.04, 0.25 * knee, knee),
            0.085 * size,
            trousers,
        );
        s.tube(foot, foot + v3(0.0, -0.02, 0.15), 0.05, DARK);
        let shoulder = shoulders + v3(side * 0.21, -0.06, 0.0) * size;
        let hand = v3(side * grip.hands.x, grip.hands.y, grip.hands.z);
        limb(
            s,
            shoulder,
            hand,
            v3(side * 0.06, -0.08, 0.0),
            0.052 * size,
            cloth,
        );
    }
    if rng.f32() < 0.15 {
        let back = shoulders + v3(0.0, -0.25, -0.25);
        s.block(back, v3(0.36, 0.42, 0.22), pick(rng, &CLOTHES));
    }
}
