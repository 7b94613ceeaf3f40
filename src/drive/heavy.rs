//! Lorries and buses.

use super::car::{GLASS, TRIM, lamps, pane};
use super::light::{Material, Rgb};
use super::painter::{Painter, Sides};
use super::random::Random;
use super::vector::{Vec3, v3};

const STEEL: Rgb = [0.30, 0.31, 0.33];

/// The four side faces of a cuboid, each from its lower left corner: rear, front, left,
/// right.
fn walls(a: Vec3, b: Vec3) -> [[Vec3; 4]; 4] {
    let at = |x: f32, y: f32, z: f32| v3(x, y, z);
    [
        [
            at(a.x, a.y, a.z),
            at(b.x, a.y, a.z),
            at(b.x, b.y, a.z),
            at(a.x, b.y, a.z),
        ],
        [
            at(b.x, a.y, b.z),
            at(a.x, a.y, b.z),
            at(a.x, b.y, b.z),
            at(b.x, b.y, b.z),
        ],
        [
            at(a.x, a.y, b.z),
            at(a.x, a.y, a.z),
            at(a.x, b.y, a.z),
            at(a.x, b.y, b.z),
        ],
        [
            at(b.x, a.y, a.z),
            at(b.x, a.y, b.z),
            at(b.x, b.y, b.z),
            at(b.x, b.y, a.z),
        ],
    ]
}

/// The driver's cab of a lorry, its front at `z1`.
fn cab(p: &mut Painter, z0: f32, z1: f32, w: f32, top: f32, paint: Rgb) {
    let waist = 1.55;
    let (a, b) = (v3(-w, 0.45, z0), v3(w, waist, z1));
    let centre = v3(0.0, 1.5, (z0 + z1) * 0.5);
    p.cuboid(a, b, paint, Material::Paint);
    let (low, high) = ([-w, w, z0, z1], [-w * 0.93, w * 0.93, z0, z1 - 0.28]);
    p.frustum(waist, low, top, high, paint, Material::Paint);
    let front = [
        v3(-w, waist, z1),
        v3(w, waist, z1),
        v3(high[1], top, high[3]),
        v3(high[0], top, high[3]),
    ];
    p.badge(
        &pane(&front, [0.06, 0.94], [0.06, 0.74]),
        GLASS,
        Material::Glass,
        centre,
    );
    for x in [-1.0, 1.0] {
        let side = [
            v3(x * w, waist, z0),
            v3(x * w, waist, z1),
            v3(x * high[1], top, high[3]),
            v3(x * high[1], top, z0),
        ];
        p.badge(
            &pane(&side, [0.40, 0.88], [0.06, 0.68]),
            GLASS,
            Material::Glass,
            centre,
        );
        p.cuboid(
            v3(x * (w + 0.06), waist + 0.1, z1 - 0.2),
            v3(x * (w + 0.24), waist + 0.65, z1 - 0.1),
            TRIM,
            Material::Matte,
        );
    }
    let face = walls(a, b)[1];
    p.badge(
        &pane(&face, [0.16, 0.84], [0.45, 0.86]),
        TRIM,
        Material::Matte,
        centre,
    );
    p.badge(
        &pane(&face, [0.0, 1.0], [0.0, 0.16]),
        STEEL,
        Material::Matte,
        centre,
    );
    p.badge(
        &pane(&face, [0.38, 0.62], [0.18, 0.28]),
        [0.86, 0.86, 0.82],
        Material::Matte,
        centre,
    );
    for i in 0..3 {
        let v = 0.50 + 0.11 * i as f32;
        p.badge(
            &pane(&face, [0.2, 0.8], [v, v + 0.035]),
            STEEL,
            Material::Paint,
            centre,
        );
    }
}

/// What a lorry carries between `z0` and `z1`.
fn load(p: &mut Painter, z0: f32, z1: f32, w: f32, top: f32, random: &mut Random) {
    let body = random.pick(&[
        [0.90, 0.90, 0.89],
        [0.86, 0.86, 0.84],
        [0.15, 0.28, 0.55],
        [0.70, 0.14, 0.12],
        [0.20, 0.42, 0.26],
        [0.84, 0.66, 0.16],
        [0.50, 0.53, 0.56],
    ]);
    let floor = 1.02;
    match random.below(6) {
        0 => {
            // Tank.
            let n = 12;
            let r = (top - floor) * 0.42;
            let y = floor + r;
            let steel = random.pick(&[[0.72, 0.74, 0.77], [0.86, 0.86, 0.85]]);
            let ring = |z: f32| {
                let mut out = [Vec3::default(); 12];
                for (i, o) in out.iter_mut().enumerate() {
                    let a = (i as f32 + 0.5) * (std::f32::consts::TAU / n as f32);
                    *o = v3(
                        w * 0.94 * super::placement::cos(a),
                        y + r * super::placement::sin(a),
                        z,
                    );
                }
                out
            };
            let (a, b) = (ring(z0), ring(z1));
            let away = Sides::AwayFrom(v3(0.0, y, (z0 + z1) * 0.5));
            for i in 0..n {
                let j = (i + 1) % n;
                p.face(&[a[i], a[j], b[j], b[i]], steel, Material::Paint, away);
            }
            p.face(&a, steel.map(|c| c * 0.9), Material::Paint, away);
            p.face(&b, steel, Material::Paint, away);
        }
        1 => {
            // Flat bed with side boards and a load.
            p.cuboid(
                v3(-w, floor, z0),
                v3(w, floor + 0.5, z1),
                body,
                Material::Matte,
            );
            let c = random.pick(&[[0.46, 0.38, 0.26], [0.52, 0.50, 0.46], [0.55, 0.33, 0.24]]);
            let high = floor + random.range(0.7, 1.3);
            let back = z0 + random.range(0.3, 1.2);
            p.cuboid(
                v3(-w * 0.8, floor, back),
                v3(w * 0.8, high, z1 - 0.3),
                c,
                Material::Matte,
            );
        }
        _ => {
            let (a, b) = (v3(-w, floor, z0), v3(w, top, z1));
            p.cuboid(a, b, body, Material::Paint);
            let centre = v3(0.0, 2.0, (z0 + z1) * 0.5);
            let [rear, front, left, right] = walls(a, b);
            // Rear doors.
            let dark = body.map(|c| c * 0.6);
            p.badge(
                &pane(&rear, [0.49, 0.51], [0.04, 0.96]),
                dark,
                Material::Matte,
                centre,
            );
            for u in [0.2, 0.8] {
                p.badge(
                    &pane(&rear, [u, u + 0.02], [0.04, 0.96]),
                    dark,
                    Material::Matte,
                    centre,
                );
            }
            for wall in [rear, front, left, right] {
                p.badge(
                    &pane(&wall, [0.0, 1.0], [0.0, 0.03]),
                    STEEL,
                    Material::Matte,
                    centre,
                );
                p.badge(
                    &pane(&wall, [0.0, 1.0], [0.975, 1.0]),
                    STEEL,
                    Material::Matte,
                    centre,
                );
            }
            let sign = random.pick(&[[0.75, 0.15, 0.12], [0.14, 0.3, 0.6], [0.15, 0.45, 0.3]]);
            if random.chance(0.6) {
                for wall in [left, right] {
                    let v = random.range(0.3, 0.5);
                    let q = pane(&wall, [0.15, 0.7], [v, v + 0.22]);
                    p.badge(&q, sign, Material::Paint, centre);
                }
            }
        }
    }
}

/// A lorry of 6 to 9 m at the painter's place.
pub(super) fn truck(p: &mut Painter, variant: u64, braking: bool, eye_ahead: bool) {
    let mut random = Random::keyed(variant, 0x7a0c, 0);
    let length = random.range(6.2, 9.2);
    let top = random.range(2.9, 3.7);
    let w = random.range(1.1, 1.25);
    let l = length * 0.5;
    let paint = random.pick(&[
        [0.88, 0.88, 0.87],
        [0.66, 0.10, 0.10],
        [0.14, 0.26, 0.52],
        [0.86, 0.58, 0.12],
        [0.20, 0.40, 0.28],
        [0.32, 0.34, 0.37],
    ]);
    p.contact(w + 0.05, -l, l, 0.9);
    let cab_back = l - 1.75;
    cab(p, cab_back, l, w * 0.97, (top - 0.15).min(2.9), paint);
    p.cuboid(
        v3(-w * 0.7, 0.72, -l + 0.1),
        v3(w * 0.7, 1.02, cab_back),
        TRIM,
        Material::Matte,
    );
    load(p, -l, cab_back - 0.15, w, top, &mut random);
    // Side and rear under-run guards.
    for x in [-1.0, 1.0] {
        p.cuboid(
            v3(x * w * 0.95, 0.52, -l * 0.30),
            v3(x * w * 0.90, 0.85, cab_back - 0.9),
            STEEL,
            Material::Matte,
        );
    }
    p.cuboid(
        v3(-w, 0.48, -l + 0.12),
        v3(w, 0.64, -l + 0.2),
        STEEL,
        Material::Matte,
    );
    let mut axles = [l - 1.0, -l + 1.3, -l + 1.3];
    if length > 7.8 {
        axles[2] = -l + 2.4;
    }
    for z in axles {
        for side in [-1.0, 1.0] {
            p.wheel(
                v3(side * (w - 0.02), 0.48, z),
                0.48,
                -side * 0.3,
                [0.6, 0.6, 0.6],
            );
        }
    }
    // The rear lamps sit on a dark bar under the load.
    p.cuboid(
        v3(-w, 0.72, -l - 0.02),
        v3(w, 0.96, -l + 0.1),
        TRIM,
        Material::Matte,
    );
    p.badge(
        &[
            v3(-0.26, 0.78, -l - 0.03),
            v3(0.26, 0.78, -l - 0.03),
            v3(0.26, 0.9, -l - 0.03),
            v3(-0.26, 0.9, -l - 0.03),
        ],
        [0.86, 0.86, 0.82],
        Material::Matte,
        v3(0.0, 0.8, 0.0),
    );
    lamps(
        p,
        [-l - 0.02, l],
        w * 0.93,
        [0.78, 0.84],
        [0.17, 0.08],
        braking,
        eye_ahead,
    );
}

/// Windows, doors and signs of a bus on one side wall.
fn bus_side(p: &mut Painter, wall: &[Vec3; 4], doors: bool, stripe: Rgb, lit: bool, c: Vec3) {
    let (glass, material) = if lit {
        ([0.74, 0.68, 0.50], Material::Lamp)
    } else {
        (GLASS, Material::Glass)
    };
    p.badge(
        &pane(wall, [0.0, 1.0], [0.18, 0.24]),
        stripe,
        Material::Paint,
        c,
    );
    p.badge(
        &pane(wall, [0.02, 0.98], [0.42, 0.86]),
        TRIM,
        Material::Matte,
        c,
    );
    for i in 0..6 {
        let u = 0.03 + 0.158 * i as f32;
        p.badge(
            &pane(wall, [u, u + 0.145], [0.45, 0.83]),
            glass,
            material,
            c,
        );
    }
    if doors {
        for u in [0.03, 0.47, 0.86] {
            p.badge(
                &pane(wall, [u, u + 0.11], [0.02, 0.86]),
                TRIM,
                Material::Matte,
                c,
            );
            for half in [0.005, 0.058] {
                let q = pane(wall, [u + half, u + half + 0.047], [0.06, 0.84]);
                p.badge(&q, glass, material, c);
            }
        }
    }
}

/// A city bus at the painter's place.
pub(super) fn bus(p: &mut Painter, variant: u64, braking: bool, eye_ahead: bool) {
    let mut random = Random::keyed(variant, 0xb05, 0);
    let l = random.range(5.0, 6.1);
    let (w, top, floor) = (1.26, random.range(3.0, 3.3), 0.34);
    let paint = random.pick(&[
        [0.86, 0.14, 0.12],
        [0.90, 0.90, 0.88],
        [0.93, 0.76, 0.14],
        [0.16, 0.44, 0.66],
        [0.28, 0.56, 0.30],
        [0.88, 0.88, 0.90],
        [0.88, 0.46, 0.10],
    ]);
    let stripe = random.pick(&[
        [0.92, 0.92, 0.90],
        [0.12, 0.22, 0.46],
        [0.75, 0.12, 0.12],
        [0.2, 0.2, 0.22],
    ]);
    p.contact(w + 0.05, -l, l, 0.95);
    let (a, b) = (v3(-w, floor, -l), v3(w, top - 0.16, l));
    let c = v3(0.0, 1.6, 0.0);
    p.cuboid(a, b, paint, Material::Paint);
    let roof = [-w + 0.16, w - 0.16, -l + 0.16, l - 0.16];
    p.frustum(
        top - 0.16,
        [-w, w, -l, l],
        top,
        roof,
        paint.map(|c| c * 0.96),
        Material::Paint,
    );
    p.cuboid(
        v3(-0.7, top, -l * 0.7),
        v3(0.7, top + 0.2, -l * 0.2),
        stripe,
        Material::Matte,
    );
    let [rear, front, left, right] = walls(a, b);
    let lit = p.light.lamps;
    bus_side(p, &left, false, stripe, lit, c);
    bus_side(p, &right, true, stripe, lit, c);
    p.badge(
        &pane(&front, [0.04, 0.96], [0.33, 0.80]),
        GLASS,
        Material::Glass,
        c,
    );
    p.badge(
        &pane(&front, [0.06, 0.94], [0.82, 0.98]),
        [0.04, 0.04, 0.04],
        Material::Matte,
        c,
    );
    let amber = [0.98, 0.62, 0.12];
    p.badge(
        &pane(&front, [0.14, 0.26], [0.86, 0.95]),
        amber,
        Material::Lamp,
        c,
    );
    for i in 0..7 {
        let u = 0.34 + 0.075 * i as f32;
        p.badge(
            &pane(&front, [u, u + 0.05], [0.87, 0.94]),
            amber,
            Material::Lamp,
            c,
        );
    }
    p.badge(
        &pane(&front, [0.0, 1.0], [0.02, 0.10]),
        TRIM,
        Material::Matte,
        c,
    );
    p.badge(
        &pane(&front, [0.38, 0.62], [0.11, 0.17]),
        [0.86, 0.86, 0.82],
        Material::Matte,
        c,
    );
    p.badge(
        &pane(&rear, [0.14, 0.86], [0.52, 0.82]),
        GLASS,
        Material::Glass,
        c,
    );
    p.badge(
        &pane(&rear, [0.10, 0.90], [0.16, 0.42]),
        paint.map(|c| c * 0.5),
        Material::Matte,
        c,
    );
    for i in 0..4 {
        let v = 0.19 + 0.055 * i as f32;
        p.badge(
            &pane(&rear, [0.14, 0.86], [v, v + 0.02]),
            TRIM,
            Material::Matte,
            c,
        );
    }
    p.badge(
        &pane(&rear, [0.3, 0.7], [0.86, 0.95]),
        [0.04, 0.04, 0.04],
        Material::Matte,
        c,
    );
    p.badge(
        &pane(&rear, [0.36, 0.5], [0.88, 0.93]),
        amber,
        Material::Lamp,
        c,
    );
    p.badge(
        &pane(&rear, [0.38, 0.62], [0.06, 0.12]),
        [0.86, 0.86, 0.82],
        Material::Matte,
        c,
    );
    for x in [-1.0, 1.0] {
        p.cuboid(
            v3(x * w, 1.9, l),
            v3(x * (w + 0.26), 2.5, l + 0.14),
            TRIM,
            Material::Matte,
        );
        for z in [l - 2.5, -l + 2.9] {
            let mut arch = [Vec3::default(); 10];
            for (i, q) in arch.iter_mut().enumerate() {
                let angle = i as f32 * (std::f32::consts::PI / 9.0);
                let (s, k) = (super::placement::sin(angle), super::placement::cos(angle));
                *q = v3(x * (w + 0.004), 0.36 + 0.6 * s, z + 0.6 * k);
            }
            p.badge(&arch, [0.03, 0.03, 0.03], Material::Matte, c);
            p.wheel(
                v3(x * (w + 0.012), 0.48, z),
                0.48,
                -x * 0.3,
                [0.55, 0.55, 0.56],
            );
        }
    }
    lamps(
        p,
        [-l, l],
        w * 0.95,
        [0.72, 1.0],
        [0.16, 0.10],
        braking,
        eye_ahead,
    );
}
