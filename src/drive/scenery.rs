//! What stands beside the street: houses, trees, lamp posts, signs.

use super::car::pane;
use super::light::{Material, Rgb};
use super::painter::{Painter, Sides};
use super::placement::{Placement, cos, sin};
use super::random::Random;
use super::raster::ID_SCENE;
use super::vector::{Vec3, v3};

const WALLS: [Rgb; 10] = [
    [0.72, 0.62, 0.50],
    [0.62, 0.36, 0.28],
    [0.80, 0.74, 0.62],
    [0.55, 0.52, 0.49],
    [0.78, 0.66, 0.44],
    [0.66, 0.68, 0.70],
    [0.50, 0.32, 0.26],
    [0.82, 0.80, 0.76],
    [0.58, 0.64, 0.60],
    [0.74, 0.54, 0.46],
];

/// A house of a terrace: its front at `x` looks to the street, it fills `z0..z1`.
pub(super) fn house(p: &mut Painter, variant: u64, x: f32, side: f32, z0: f32, z1: f32) {
    let mut random = Random::keyed(variant, 0x40, 0);
    let wall = random.pick(&WALLS).map(|c| c * random.range(0.85, 1.05));
    let floors = 2 + random.below(4);
    let storey = random.range(2.9, 3.4);
    let top = floors as f32 * storey + 0.8;
    let depth = 11.0;
    let back = x + side * depth;
    let centre = v3(x + side * depth * 0.5, top * 0.5, (z0 + z1) * 0.5);
    p.place(ID_SCENE, Placement::WORLD);
    p.detail = p.camera.focal / (z0 - p.camera.z).max(3.0);
    let away = Sides::AwayFrom(centre);
    let front = [
        v3(x, 0.0, z0),
        v3(x, 0.0, z1),
        v3(x, top, z1),
        v3(x, top, z0),
    ];
    let near = [
        v3(back, 0.0, z0),
        v3(x, 0.0, z0),
        v3(x, top, z0),
        v3(back, top, z0),
    ];
    // The wall in strips, so that haze and light change along it.
    for i in 0..4 {
        let (u0, u1) = (i as f32 * 0.25, i as f32 * 0.25 + 0.25);
        p.face(
            &pane(&front, [u0, u1], [0.0, 1.0]),
            wall,
            Material::Matte,
            away,
        );
    }
    p.face(&near, wall.map(|c| c * 0.92), Material::Matte, away);
    let far = near.map(|q| v3(q.x, q.y, z1));
    p.face(&far, wall.map(|c| c * 0.92), Material::Matte, away);
    roof(p, &mut random, x, back, side, z0, z1, top);
    facade(p, &mut random, &front, floors, storey / top, centre);
    facade_side(p, &mut random, &near, floors, storey / top, centre);
}

#[allow(clippy::too_many_arguments)]
fn roof(
    p: &mut Painter,
    random: &mut Random,
    x: f32,
    back: f32,
    side: f32,
    z0: f32,
    z1: f32,
    top: f32,
) {
    let tile = random.pick(&[
        [0.42, 0.20, 0.15],
        [0.28, 0.28, 0.30],
        [0.36, 0.26, 0.21],
        [0.46, 0.28, 0.2],
    ]);
    let middle = (x + back) * 0.5;
    let away = Sides::AwayFrom(v3(middle, 0.0, (z0 + z1) * 0.5));
    let eave = x - side * 0.35;
    if random.chance(0.6) {
        let ridge = top + random.range(2.0, 3.6);
        let slope = [
            v3(eave, top, z0),
            v3(eave, top, z1),
            v3(middle, ridge, z1),
            v3(middle, ridge, z0),
        ];
        p.face(&slope, tile, Material::Matte, away);
        for z in [z0, z1] {
            let gable = [v3(x, top, z), v3(back, top, z), v3(middle, ridge, z)];
            p.face(&gable, [0.6, 0.56, 0.5], Material::Matte, away);
        }
        p.cuboid(
            v3(middle - 0.4, ridge - 0.6, z0 + 1.0),
            v3(middle + 0.4, ridge + 0.9, z0 + 1.8),
            [0.45, 0.26, 0.2],
            Material::Matte,
        );
    } else {
        let (a, b) = (v3(eave, top - 0.3, z0), v3(back, top + 0.25, z1));
        p.cuboid(a, b, tile.map(|c| c * 1.3 + 0.1), Material::Matte);
    }
}

/// A window with its frame; some are lit at dusk.
fn window(p: &mut Painter, random: &mut Random, q: &[Vec3; 4], frame: Rgb, centre: Vec3) {
    let lit = p.light.lamps && random.chance(0.45);
    let tone = random.range(0.7, 1.0);
    let curtain = random.chance(0.35);
    if p.detail > 9.0 {
        p.badge(
            &pane(q, [-0.12, 1.12], [-0.08, 1.06]),
            frame,
            Material::Matte,
            centre,
        );
    }
    // Two decals in one plane would fight: the glass stands a little out of its frame.
    let out = (q[1] - q[0]).cross(q[3] - q[0]).unit() * 0.03;
    let out = if out.dot(q[0] - centre) > 0.0 {
        out
    } else {
        out * -1.0
    };
    let glass = q.map(|c| c + out);
    if lit {
        p.badge(
            &glass,
            [0.98 * tone, 0.80 * tone, 0.48 * tone],
            Material::Lamp,
            centre,
        );
    } else {
        let c = if curtain {
            [0.42, 0.42, 0.42]
        } else {
            [0.10, 0.12, 0.15]
        };
        p.badge(&glass, c, Material::Glass, centre);
    }
}

fn facade(p: &mut Painter, random: &mut Random, q: &[Vec3; 4], floors: usize, step: f32, c: Vec3) {
    let length = (q[1] - q[0]).length();
    let bays = ((length / random.range(2.4, 3.2)) as usize).clamp(2, 9);
    let frame = random.pick(&[
        [0.86, 0.85, 0.82],
        [0.86, 0.85, 0.82],
        [0.30, 0.28, 0.27],
        [0.55, 0.5, 0.44],
    ]);
    let shop = random.chance(0.45);
    let bay = 1.0 / bays as f32;
    for floor in 0..floors {
        let v0 = step * floor as f32;
        if floor == 0 && shop {
            let sign = random.pick(&[
                [0.64, 0.12, 0.12],
                [0.12, 0.30, 0.50],
                [0.14, 0.40, 0.26],
                [0.15, 0.15, 0.16],
                [0.85, 0.62, 0.15],
            ]);
            p.badge(
                &pane(q, [0.02, 0.98], [step * 0.80, step * 0.98]),
                sign,
                Material::Matte,
                c,
            );
            for i in 0..bays {
                let u = bay * i as f32;
                let w = pane(
                    q,
                    [u + bay * 0.08, u + bay * 0.92],
                    [step * 0.12, step * 0.76],
                );
                window(p, random, &w, sign.map(|v| v * 0.8), c);
            }
            continue;
        }
        for i in 0..bays {
            let u = bay * i as f32;
            if floor == 0 && i == bays / 2 {
                let door =
                    random.pick(&[[0.35, 0.18, 0.10], [0.12, 0.25, 0.18], [0.16, 0.2, 0.34]]);
                let w = pane(q, [u + bay * 0.3, u + bay * 0.75], [0.0, step * 0.72]);
                p.badge(&w, door, Material::Matte, c);
                continue;
            }
            let w = pane(
                q,
                [u + bay * 0.28, u + bay * 0.74],
                [v0 + step * 0.30, v0 + step * 0.82],
            );
            window(p, random, &w, frame, c);
        }
    }
}

fn facade_side(
    p: &mut Painter,
    random: &mut Random,
    q: &[Vec3; 4],
    floors: usize,
    step: f32,
    c: Vec3,
) {
    for floor in 0..floors {
        for i in 0..3 {
            if random.chance(0.5) {
                let (u, v) = (0.14 + 0.28 * i as f32, step * floor as f32);
                let w = pane(q, [u, u + 0.12], [v + step * 0.3, v + step * 0.8]);
                window(p, random, &w, [0.8, 0.8, 0.78], c);
            }
        }
    }
}

/// A tree with a rough crown.
pub(super) fn tree(p: &mut Painter, variant: u64, x: f32, z: f32) {
    let mut random = Random::keyed(variant, 0x73ee, 0);
    p.place(ID_SCENE, Placement::new(x, z, random.range(0.0, 6.0), 0.0));
    let height = random.range(5.0, 9.0);
    let green = random.pick(&[
        [0.20, 0.34, 0.12],
        [0.26, 0.38, 0.14],
        [0.16, 0.30, 0.14],
        [0.36, 0.36, 0.13],
        [0.46, 0.32, 0.12],
    ]);
    let bark = [0.26, 0.20, 0.15];
    let fork = height * 0.38;
    p.limb(v3(0.0, 0.0, 0.0), v3(0.0, fork, 0.0), 0.17, 0.12, bark);
    for i in 0..5 {
        let a = i as f32 * 1.2566 + random.range(-0.3, 0.3);
        let out = if i == 4 {
            0.0
        } else {
            height * random.range(0.10, 0.17)
        };
        let up = if i == 4 {
            height * 0.84
        } else {
            height * random.range(0.52, 0.74)
        };
        let c = v3(cos(a) * out, up, sin(a) * out);
        p.limb(v3(0.0, fork, 0.0), c, 0.08, 0.04, bark);
        let r = height * random.range(0.15, 0.21);
        let tone = random.range(0.8, 1.15);
        p.ellipsoid(c, v3(r, r * 0.85, r), green.map(|c| c * tone), 0.6);
    }
}

/// A street lamp whose arm reaches over the road.
pub(super) fn street_lamp(p: &mut Painter, x: f32, side: f32, z: f32) {
    p.place(ID_SCENE, Placement::new(x, z, 0.0, 0.0));
    let grey = [0.34, 0.36, 0.37];
    let end = v3(-side * 1.7, 7.4, 0.0);
    p.limb(v3(0.0, 0.0, 0.0), v3(0.0, 7.0, 0.0), 0.09, 0.06, grey);
    p.limb(v3(0.0, 7.0, 0.0), end, 0.05, 0.05, grey);
    let (a, b) = (end - v3(0.3, 0.08, 0.12), end + v3(0.3, 0.05, 0.12));
    p.cuboid(a, b, grey, Material::Matte);
    if p.light.lamps {
        let q = [
            v3(a.x, a.y - 0.01, a.z),
            v3(b.x, a.y - 0.01, a.z),
            v3(b.x, a.y - 0.01, b.z),
            v3(a.x, a.y - 0.01, b.z),
        ];
        p.decal(&q, [1.0, 0.9, 0.66], Material::Lamp);
        p.glow(end, 1.0, [0.75, 0.6, 0.34]);
    }
}

/// A traffic sign that looks against the traffic.
pub(super) fn sign(p: &mut Painter, variant: u64, x: f32, z: f32) {
    let mut random = Random::keyed(variant, 0x519, 0);
    p.place(ID_SCENE, Placement::new(x, z, 0.0, 0.0));
    p.limb(
        v3(0.0, 0.0, 0.0),
        v3(0.0, 2.9, 0.0),
        0.035,
        0.035,
        [0.55, 0.56, 0.57],
    );
    let c = v3(0.0, 2.55, -0.05);
    let nearer = |k: f32| c - v3(0.0, 0.0, 0.012 * k);
    let polygon = |n: usize, r: f32, turn: f32, at: Vec3| {
        let mut out = [Vec3::default(); 12];
        for (i, o) in out.iter_mut().enumerate().take(n) {
            let a = turn + i as f32 * (std::f32::consts::TAU / n as f32);
            *o = at + v3(r * sin(a), r * cos(a), 0.0);
        }
        out
    };
    let (red, white, blue) = ([0.78, 0.06, 0.07], [0.92, 0.92, 0.92], [0.08, 0.24, 0.62]);
    let m = Material::Matte;
    match random.below(4) {
        0 => {
            p.decal(&polygon(12, 0.36, 0.0, c), red, m);
            p.decal(&polygon(12, 0.27, 0.0, nearer(1.0)), white, m);
            let digit = |x: f32| {
                [
                    nearer(2.0) + v3(x, -0.13, 0.0),
                    nearer(2.0) + v3(x + 0.1, -0.13, 0.0),
                    nearer(2.0) + v3(x + 0.1, 0.13, 0.0),
                    nearer(2.0) + v3(x, 0.13, 0.0),
                ]
            };
            p.decal(&digit(-0.14), [0.05, 0.05, 0.05], m);
            p.decal(&digit(0.04), [0.05, 0.05, 0.05], m);
        }
        1 => {
            p.decal(&polygon(3, 0.44, 0.0, c)[..3], red, m);
            p.decal(&polygon(3, 0.30, 0.0, nearer(1.0))[..3], white, m);
        }
        2 => {
            let s = 0.32;
            let square = |k: f32, at: Vec3| {
                [
                    at + v3(-k, -k, 0.0),
                    at + v3(k, -k, 0.0),
                    at + v3(k, k, 0.0),
                    at + v3(-k, k, 0.0),
                ]
            };
            p.decal(&square(s, c), blue, m);
            p.decal(&polygon(3, 0.24, 0.0, nearer(1.0))[..3], white, m);
        }
        _ => {
            p.decal(
                &polygon(8, 0.38, std::f32::consts::FRAC_PI_8, c)[..8],
                red,
                m,
            );
            let q = [
                nearer(1.0) + v3(-0.26, -0.06, 0.0),
                nearer(1.0) + v3(0.26, -0.06, 0.0),
                nearer(1.0) + v3(0.26, 0.06, 0.0),
                nearer(1.0) + v3(-0.26, 0.06, 0.0),
            ];
            p.decal(&q, white, m);
        }
    }
}

/// A signal post at a junction: lamp heads towards the traffic, red or green.
pub(super) fn signal(p: &mut Painter, x: f32, z: f32, green: bool) {
    p.place(ID_SCENE, Placement::new(x, z, 0.0, 0.0));
    p.limb(
        v3(0.0, 0.0, 0.0),
        v3(0.0, 3.4, 0.0),
        0.06,
        0.06,
        [0.22, 0.23, 0.24],
    );
    p.cuboid(
        v3(-0.16, 2.5, -0.28),
        v3(0.16, 3.45, -0.05),
        [0.06, 0.06, 0.06],
        Material::Matte,
    );
    let lamps = [
        ([0.95, 0.12, 0.08], !green),
        ([0.9, 0.6, 0.1], false),
        ([0.15, 0.85, 0.40], green),
    ];
    for (i, (colour, on)) in lamps.into_iter().enumerate() {
        let at = v3(0.0, 3.28 - 0.31 * i as f32, -0.29);
        let c = if on { colour } else { colour.map(|v| v * 0.16) };
        p.disc(
            at,
            v3(0.11, 0.0, 0.0),
            v3(0.0, 0.11, 0.0),
            c,
            Material::Lamp,
            true,
        );
        if on && p.light.lamps {
            p.glow(at, 0.4, colour.map(|v| v * 0.5));
        }
    }
}

/// A small thing of the street: bin, bollards, hydrant, bench.
pub(super) fn furniture(p: &mut Painter, variant: u64, x: f32, z: f32) {
    let mut random = Random::keyed(variant, 0xf0, 0);
    p.place(ID_SCENE, Placement::new(x, z, random.range(-0.2, 0.2), 0.0));
    match random.below(4) {
        0 => p.limb(
            v3(0.0, 0.0, 0.0),
            v3(0.0, 0.95, 0.0),
            0.24,
            0.26,
            [0.16, 0.30, 0.22],
        ),
        1 => {
            for i in 0..3 {
                let z = i as f32 * 1.4;
                p.limb(
                    v3(0.0, 0.0, z),
                    v3(0.0, 0.9, z),
                    0.07,
                    0.06,
                    [0.20, 0.20, 0.21],
                );
            }
        }
        2 => {
            let wood = [0.42, 0.28, 0.16];
            p.cuboid(
                v3(-0.25, 0.40, -0.9),
                v3(0.25, 0.46, 0.9),
                wood,
                Material::Matte,
            );
            p.cuboid(
                v3(0.20, 0.46, -0.9),
                v3(0.26, 0.85, 0.9),
                wood,
                Material::Matte,
            );
            for z in [-0.8, 0.75] {
                p.cuboid(
                    v3(-0.22, 0.0, z),
                    v3(0.22, 0.40, z + 0.06),
                    [0.2, 0.2, 0.2],
                    Material::Matte,
                );
            }
        }
        _ => {
            let c = random.pick(&[[0.24, 0.36, 0.16], [0.30, 0.40, 0.18]]);
            p.cuboid(
                v3(-0.4, 0.0, -0.9),
                v3(0.4, 0.45, 0.9),
                [0.45, 0.43, 0.40],
                Material::Matte,
            );
            for z in [-0.55, 0.0, 0.55] {
                p.ellipsoid(v3(0.0, 0.7, z), v3(0.42, 0.36, 0.42), c, 0.5);
            }
        }
    }
}
