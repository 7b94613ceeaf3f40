//! Bicycles, motorcycles and kick scooters, and where their riders hold them.

use super::light::{Material, Rgb};
use super::painter::{Painter, Sides};
use super::placement::{cos, sin};
use super::random::Random;
use super::vector::{Vec3, v3};

const BLACK: Rgb = [0.06, 0.06, 0.065];
const CHROME: Rgb = [0.66, 0.68, 0.70];

/// Where a rider touches a cycle, in its local metres: right-hand side; the left mirrors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grip {
    pub seat: Vec3,
    pub hand: Vec3,
    pub foot: [Vec3; 2],
    /// Where the shoulders are.
    pub shoulder: Vec3,
    pub standing: bool,
}

/// A wheel as a ring in the plane of travel, with some width.
fn ring(p: &mut Painter, at: Vec3, outer: f32, inner: f32, half: f32, colour: Rgb) {
    let n = p.facets(outer, 20).max(10);
    let half = p.visible_radius(half);
    let inner = inner.min(outer - 1.3 / p.detail).max(0.0);
    let point = |i: usize, r: f32, x: f32| {
        let a = (i % n) as f32 * (std::f32::consts::TAU / n as f32);
        at + v3(x, r * cos(a), r * sin(a))
    };
    for i in 0..n {
        let j = i + 1;
        for x in [-half, half] {
            let q = [
                point(i, inner, x),
                point(j, inner, x),
                point(j, outer, x),
                point(i, outer, x),
            ];
            p.face(&q, colour, Material::Matte, Sides::Both);
        }
        for r in [inner, outer] {
            let q = [
                point(i, r, -half),
                point(j, r, -half),
                point(j, r, half),
                point(i, r, half),
            ];
            p.face(&q, colour, Material::Matte, Sides::Both);
        }
    }
}

/// Both ends of a bar across, drawn as one limb.
fn across(p: &mut Painter, at: Vec3, half: f32, radius: f32, colour: Rgb) {
    p.limb(
        v3(-half, at.y, at.z),
        v3(half, at.y, at.z),
        radius,
        radius,
        colour,
    );
}

/// A lamp that looks ahead or back.
fn lamp(p: &mut Painter, at: Vec3, radius: f32, ahead: bool, eye_ahead: bool) {
    let lit = p.light.lamps;
    let (colour, material) = match (ahead, lit) {
        (true, true) => ([1.0, 0.97, 0.88], Material::Lamp),
        (true, false) => ([0.84, 0.86, 0.88], Material::Paint),
        (false, true) => ([0.95, 0.08, 0.06], Material::Lamp),
        (false, false) => ([0.62, 0.05, 0.05], Material::Paint),
    };
    p.disc(
        at,
        v3(radius, 0.0, 0.0),
        v3(0.0, radius, 0.0),
        colour,
        material,
        false,
    );
    if lit && ahead == eye_ahead {
        let halo = if ahead {
            [0.8, 0.76, 0.65]
        } else {
            [0.5, 0.06, 0.05]
        };
        p.glow(at, radius * 4.0, halo);
    }
}

/// A bicycle; `phase` turns the pedals.
pub(super) fn bicycle(p: &mut Painter, variant: u64, phase: f32, eye_ahead: bool) -> Grip {
    let mut random = Random::keyed(variant, 0xb1c, 0);
    let paint = random.pick(&[
        [0.75, 0.10, 0.10],
        [0.10, 0.28, 0.62],
        [0.08, 0.08, 0.09],
        [0.88, 0.88, 0.86],
        [0.12, 0.48, 0.30],
        [0.90, 0.62, 0.10],
        [0.20, 0.55, 0.62],
    ]);
    let city = random.chance(0.5);
    let r = 0.345;
    let (rear, front) = (v3(0.0, r, -0.52), v3(0.0, r, 0.53));
    p.contact(0.16, -0.8, 0.8, 0.55);
    for at in [rear, front] {
        ring(p, at, r, r - 0.045, 0.02, BLACK);
        if p.detail > 30.0 {
            ring(p, at, r - 0.045, r - 0.065, 0.012, CHROME);
            for i in 0..8 {
                let a = i as f32 * (std::f32::consts::TAU / 8.0) + phase;
                let d = v3(0.0, cos(a), sin(a)) * (r - 0.05);
                p.limb(at, at + d, 0.003, 0.003, [0.5, 0.5, 0.52]);
            }
        }
    }
    let crank = v3(0.0, 0.29, -0.05);
    let saddle = v3(0.0, 0.92, -0.24);
    let head = v3(0.0, 0.86, 0.34);
    let neck = v3(0.0, 0.66, 0.41);
    let seat_tube = crank.lerp(saddle, 0.82);
    let t = 0.021;
    p.limb(crank, saddle, t, t * 0.8, paint);
    if city {
        p.limb(crank.lerp(seat_tube, 0.55), neck, t, t, paint);
    } else {
        p.limb(seat_tube, head.lerp(neck, 0.2), t, t, paint);
    }
    p.limb(crank, neck, t * 1.2, t * 1.2, paint);
    p.limb(crank, rear, t * 0.8, t * 0.6, paint);
    p.limb(seat_tube, rear, t * 0.7, t * 0.6, paint);
    p.limb(head, neck, t * 1.1, t * 1.1, paint);
    p.limb(neck, front, t * 0.9, t * 0.7, paint);
    let bar_y = if city { 1.05 } else { 0.96 };
    let bar = v3(0.0, bar_y, if city { 0.27 } else { 0.40 });
    p.limb(head, v3(0.0, bar_y, 0.31), t, t, BLACK);
    across(p, bar, 0.29, 0.016, BLACK);
    for x in [-0.29, 0.29] {
        p.limb(
            v3(x, bar.y, bar.z),
            v3(x, bar.y - 0.01, bar.z - 0.12),
            0.02,
            0.02,
            BLACK,
        );
    }
    // Saddle, chain wheel, pedals.
    p.frustum(
        0.90,
        [-0.05, 0.05, -0.38, -0.10],
        0.96,
        [-0.08, 0.08, -0.40, -0.10],
        BLACK,
        Material::Matte,
    );
    p.disc(
        crank + v3(0.035, 0.0, 0.0),
        v3(0.0, 0.09, 0.0),
        v3(0.0, 0.0, 0.09),
        [0.3, 0.3, 0.32],
        Material::Matte,
        false,
    );
    let turn = v3(0.0, cos(phase), -sin(phase)) * 0.165;
    let pedal = [
        crank + turn + v3(0.12, 0.0, 0.0),
        crank - turn + v3(-0.12, 0.0, 0.0),
    ];
    for (foot, x) in pedal.iter().zip([0.05, -0.05]) {
        p.limb(
            crank + v3(x, 0.0, 0.0),
            v3(x, foot.y, foot.z),
            0.014,
            0.014,
            CHROME,
        );
        let (a, b) = (
            v3(foot.x - 0.04, foot.y - 0.015, foot.z - 0.04),
            v3(foot.x + 0.04, foot.y + 0.01, foot.z + 0.04),
        );
        p.cuboid(a, b, BLACK, Material::Matte);
    }
    if city {
        // Mudguard, carrier or basket.
        p.limb(
            v3(0.0, 0.72, -0.25),
            v3(0.0, 0.72, -0.75),
            0.018,
            0.018,
            BLACK,
        );
        p.limb(v3(0.0, 0.72, -0.7), rear, 0.012, 0.012, BLACK);
        if random.chance(0.5) {
            p.cuboid(
                v3(-0.16, 0.74, 0.40),
                v3(0.16, 0.98, 0.66),
                [0.30, 0.22, 0.14],
                Material::Matte,
            );
        }
    }
    lamp(p, v3(0.0, 0.82, 0.44), 0.045, true, eye_ahead);
    lamp(p, v3(0.0, 0.66, -0.42), 0.035, false, eye_ahead);
    let foot = pedal.map(|f| f + v3(0.0, 0.03, -0.03));
    let shoulder = if city {
        v3(0.18, 1.46, -0.10)
    } else {
        v3(0.18, 1.40, 0.08)
    };
    Grip {
        seat: v3(0.09, 0.97, -0.24),
        hand: v3(0.27, bar.y + 0.02, bar.z - 0.05),
        foot,
        shoulder,
        standing: false,
    }
}

/// A motorcycle, or a moped with a step-through body.
pub(super) fn motorcycle(p: &mut Painter, variant: u64, eye_ahead: bool) -> Grip {
    let mut random = Random::keyed(variant, 0x307, 0);
    let paint = random.pick(&[
        [0.72, 0.07, 0.07],
        [0.09, 0.09, 0.10],
        [0.10, 0.22, 0.58],
        [0.86, 0.86, 0.85],
        [0.90, 0.45, 0.06],
        [0.16, 0.40, 0.22],
        [0.85, 0.74, 0.12],
    ]);
    let moped = random.chance(0.4);
    let r = if moped { 0.24 } else { 0.31 };
    let half = if moped { 0.05 } else { 0.065 };
    let (zr, zf) = if moped { (-0.56, 0.62) } else { (-0.70, 0.72) };
    let (rear, front) = (v3(0.0, r, zr), v3(0.0, r, zf));
    p.contact(0.3, -0.95, 0.95, 0.75);
    for at in [rear, front] {
        ring(p, at, r, r * 0.62, half, BLACK);
        for x in [-half * 0.6, half * 0.6] {
            let c = at + v3(x, 0.0, 0.0);
            p.disc(
                c,
                v3(0.0, r * 0.55, 0.0),
                v3(0.0, 0.0, r * 0.55),
                [0.34, 0.34, 0.36],
                Material::Matte,
                false,
            );
        }
    }
    let bar = if moped {
        v3(0.0, 1.02, 0.36)
    } else {
        v3(0.0, 1.03, 0.36)
    };
    let m = Material::Paint;
    if moped {
        // Leg shield, floor, seat hump.
        p.frustum(
            0.30,
            [-0.16, 0.16, -0.20, 0.42],
            0.36,
            [-0.16, 0.16, -0.20, 0.42],
            BLACK,
            Material::Matte,
        );
        p.frustum(
            0.32,
            [-0.20, 0.20, 0.36, 0.46],
            0.94,
            [-0.14, 0.14, 0.30, 0.46],
            paint,
            m,
        );
        p.frustum(
            0.34,
            [-0.15, 0.15, -0.78, -0.16],
            0.72,
            [-0.18, 0.18, -0.92, -0.12],
            paint,
            m,
        );
        p.frustum(
            0.72,
            [-0.15, 0.15, -0.84, -0.12],
            0.82,
            [-0.14, 0.14, -0.82, -0.16],
            BLACK,
            Material::Matte,
        );
        p.frustum(
            0.42,
            [-0.09, 0.09, 0.44, 0.86],
            0.52,
            [-0.07, 0.07, 0.50, 0.80],
            paint,
            m,
        );
        p.limb(v3(0.0, 0.92, 0.42), front, 0.035, 0.03, CHROME);
        p.frustum(
            0.90,
            [-0.13, 0.13, 0.32, 0.50],
            1.06,
            [-0.10, 0.10, 0.32, 0.44],
            paint,
            m,
        );
    } else {
        // Engine, tank, seat, fork, exhaust, mudguard.
        p.cuboid(
            v3(-0.17, 0.28, -0.22),
            v3(0.17, 0.62, 0.30),
            [0.25, 0.25, 0.27],
            Material::Matte,
        );
        p.limb(v3(0.0, 0.66, -0.35), rear, 0.05, 0.035, BLACK);
        p.frustum(
            0.62,
            [-0.13, 0.13, -0.14, 0.36],
            0.90,
            [-0.10, 0.10, -0.06, 0.30],
            paint,
            m,
        );
        p.frustum(
            0.70,
            [-0.12, 0.12, -0.78, -0.10],
            0.82,
            [-0.14, 0.14, -0.86, -0.08],
            BLACK,
            Material::Matte,
        );
        p.frustum(
            0.56,
            [-0.10, 0.10, -0.62, -0.20],
            0.72,
            [-0.12, 0.12, -0.80, -0.14],
            paint,
            m,
        );
        for x in [-0.09, 0.09] {
            p.limb(v3(x, 0.98, 0.38), v3(x, r, zf), 0.03, 0.025, CHROME);
        }
        p.frustum(
            0.60,
            [-0.07, 0.07, 0.48, 0.92],
            0.66,
            [-0.05, 0.05, 0.54, 0.86],
            paint,
            m,
        );
        p.limb(
            v3(0.17, 0.36, 0.05),
            v3(0.20, 0.34, -0.78),
            0.045,
            0.055,
            CHROME,
        );
        let fairing = random.chance(0.45);
        if fairing {
            p.frustum(
                0.50,
                [-0.17, 0.17, 0.30, 0.52],
                1.05,
                [-0.15, 0.15, 0.30, 0.60],
                paint,
                m,
            );
            p.frustum(
                1.05,
                [-0.14, 0.14, 0.36, 0.58],
                1.26,
                [-0.09, 0.09, 0.32, 0.40],
                super::car::GLASS,
                Material::Glass,
            );
        } else {
            p.ellipsoid(v3(0.0, 0.90, 0.46), v3(0.10, 0.10, 0.09), BLACK, 0.0);
        }
    }
    p.frustum(
        0.46,
        [-0.09, 0.09, zr - 0.26, zr - 0.20],
        0.62,
        [-0.09, 0.09, zr - 0.24, zr - 0.20],
        BLACK,
        Material::Matte,
    );
    p.decal(
        &[
            v3(-0.09, 0.46, zr - 0.27),
            v3(0.09, 0.46, zr - 0.27),
            v3(0.09, 0.58, zr - 0.26),
            v3(-0.09, 0.58, zr - 0.26),
        ],
        [0.86, 0.86, 0.82],
        Material::Matte,
    );
    p.limb(v3(0.0, 0.9, 0.40), v3(0.0, bar.y, bar.z), 0.03, 0.03, BLACK);
    across(p, bar, 0.36, 0.02, BLACK);
    for x in [-1.0, 1.0] {
        p.limb(
            v3(x * 0.36, bar.y, bar.z),
            v3(x * 0.38, bar.y - 0.01, bar.z - 0.10),
            0.024,
            0.024,
            BLACK,
        );
        p.limb(
            v3(x * 0.26, bar.y, bar.z),
            v3(x * 0.33, bar.y + 0.2, bar.z - 0.02),
            0.008,
            0.008,
            BLACK,
        );
        p.ellipsoid(
            v3(x * 0.34, bar.y + 0.22, bar.z),
            v3(0.07, 0.045, 0.02),
            BLACK,
            0.0,
        );
    }
    if random.chance(0.3) {
        p.cuboid(
            v3(-0.22, 0.84, -1.02),
            v3(0.22, 1.18, -0.62),
            BLACK,
            Material::Matte,
        );
    }
    lamp(
        p,
        v3(0.0, if moped { 0.98 } else { 0.90 }, 0.61),
        0.09,
        true,
        eye_ahead,
    );
    lamp(p, v3(0.0, 0.72, zr - 0.24), 0.06, false, eye_ahead);
    let y = if moped { 0.40 } else { 0.36 };
    let z = if moped { 0.16 } else { -0.05 };
    Grip {
        seat: v3(0.12, 0.86, -0.36),
        hand: v3(0.36, bar.y + 0.02, bar.z - 0.05),
        foot: [v3(0.20, y, z), v3(-0.20, y, z)],
        shoulder: v3(0.20, 1.40, -0.22),
        standing: false,
    }
}

/// A kick scooter, mostly of the electric kind that cities lend.
pub(super) fn scooter(p: &mut Painter, variant: u64, eye_ahead: bool) -> Grip {
    let mut random = Random::keyed(variant, 0x5c0, 0);
    let paint = random.pick(&[
        [0.10, 0.10, 0.11],
        [0.10, 0.10, 0.11],
        [0.30, 0.72, 0.24],
        [0.92, 0.92, 0.90],
        [0.92, 0.42, 0.08],
        [0.16, 0.66, 0.66],
        [0.90, 0.78, 0.10],
        [0.72, 0.10, 0.14],
    ]);
    let deck = if random.chance(0.6) { BLACK } else { paint };
    let r = random.range(0.10, 0.13);
    let (zr, zf) = (-0.48, 0.46);
    let top = random.range(1.06, 1.18);
    p.contact(0.16, -0.6, 0.6, 0.6);
    for z in [zr, zf] {
        ring(p, v3(0.0, r, z), r, r * 0.5, 0.028, BLACK);
        p.disc(
            v3(0.0, r, z),
            v3(0.0, r * 0.55, 0.0),
            v3(0.0, 0.0, r * 0.55),
            CHROME,
            Material::Matte,
            false,
        );
    }
    // Deck with a coloured edge, nose, rear mudguard.
    p.frustum(
        0.09,
        [-0.08, 0.08, -0.40, 0.26],
        0.16,
        [-0.09, 0.09, -0.42, 0.28],
        deck,
        Material::Matte,
    );
    let edge = if deck == BLACK { paint } else { CHROME };
    p.decal(
        &[
            v3(-0.06, 0.162, -0.36),
            v3(0.06, 0.162, -0.36),
            v3(0.06, 0.162, 0.22),
            v3(-0.06, 0.162, 0.22),
        ],
        [0.13, 0.13, 0.14],
        Material::Matte,
    );
    for x in [-0.088, 0.088] {
        p.decal(
            &[
                v3(x, 0.11, -0.38),
                v3(x, 0.11, 0.26),
                v3(x, 0.145, 0.26),
                v3(x, 0.145, -0.38),
            ],
            edge,
            Material::Matte,
        );
    }
    p.limb(v3(0.0, 0.14, 0.24), v3(0.0, 0.30, 0.43), 0.04, 0.04, paint);
    p.limb(
        v3(0.0, 0.18, -0.38),
        v3(0.0, r * 2.0 + 0.03, -0.52),
        0.04,
        0.03,
        paint,
    );
    // Fork, steering column, bar with grips.
    let foot = v3(0.0, 0.30, 0.435);
    let head = v3(0.0, top, 0.30);
    for x in [-0.045, 0.045] {
        p.limb(v3(x, r, zf), v3(x, 0.28, 0.44), 0.016, 0.02, paint);
    }
    p.limb(foot, head, 0.034, 0.026, paint);
    across(p, head, 0.23, 0.018, BLACK);
    for x in [-1.0, 1.0] {
        p.limb(
            v3(x * 0.15, top, 0.30),
            v3(x * 0.25, top, 0.29),
            0.024,
            0.024,
            BLACK,
        );
    }
    p.cuboid(
        v3(-0.04, top - 0.01, 0.27),
        v3(0.04, top + 0.04, 0.34),
        BLACK,
        Material::Matte,
    );
    lamp(p, v3(0.0, top - 0.10, 0.36), 0.03, true, eye_ahead);
    lamp(p, v3(0.0, 0.2, -0.56), 0.028, false, eye_ahead);
    Grip {
        seat: v3(0.08, 0.98, -0.14),
        hand: v3(0.21, top + 0.02, 0.29),
        foot: [v3(0.04, 0.17, 0.10), v3(-0.03, 0.17, -0.24)],
        shoulder: v3(0.19, 1.52, -0.06),
        standing: true,
    }
}
