//! Passenger cars of several body shapes, and pick-ups.

use super::light::{Material, Rgb};
use super::painter::{Painter, Sides};
use super::random::Random;
use super::vector::{Vec3, v3};

/// Lamps, tyres and trim share these.
pub(super) const TRIM: Rgb = [0.07, 0.07, 0.075];
pub(super) const GLASS: Rgb = [0.07, 0.09, 0.10];
const RED: Rgb = [0.62, 0.05, 0.05];
const PLATE: Rgb = [0.86, 0.86, 0.82];

/// The measures of a body, metres; `z` ahead of the middle.
struct Shape {
    length: f32,
    width: f32,
    height: f32,
    /// Lower edge of the windows, and of bonnet and boot at their ends.
    belt: f32,
    nose: f32,
    tail: f32,
    clearance: f32,
    wheel: f32,
    /// Foot of windscreen, its top, top and foot of the rear window.
    glass: [f32; 4],
}

const SHAPES: [Shape; 6] = [
    // Hatchback.
    Shape {
        length: 4.05,
        width: 1.76,
        height: 1.48,
        belt: 0.93,
        nose: 0.80,
        tail: 0.93,
        clearance: 0.19,
        wheel: 0.31,
        glass: [1.20, 0.22, -1.45, -1.95],
    },
    // Saloon.
    Shape {
        length: 4.65,
        width: 1.82,
        height: 1.45,
        belt: 0.92,
        nose: 0.78,
        tail: 0.93,
        clearance: 0.18,
        wheel: 0.32,
        glass: [1.20, 0.15, -0.95, -1.82],
    },
    // Estate.
    Shape {
        length: 4.65,
        width: 1.82,
        height: 1.48,
        belt: 0.93,
        nose: 0.78,
        tail: 0.92,
        clearance: 0.18,
        wheel: 0.32,
        glass: [1.20, 0.15, -1.80, -2.24],
    },
    // SUV.
    Shape {
        length: 4.55,
        width: 1.88,
        height: 1.70,
        belt: 1.08,
        nose: 0.92,
        tail: 1.06,
        clearance: 0.26,
        wheel: 0.37,
        glass: [1.25, 0.38, -1.68, -2.16],
    },
    // Van.
    Shape {
        length: 4.95,
        width: 1.92,
        height: 1.96,
        belt: 1.12,
        nose: 0.88,
        tail: 1.12,
        clearance: 0.22,
        wheel: 0.33,
        glass: [1.72, 0.95, -2.36, -2.44],
    },
    // Pick-up: the bed is cut in behind the cab.
    Shape {
        length: 5.25,
        width: 1.90,
        height: 1.80,
        belt: 1.12,
        nose: 0.96,
        tail: 1.08,
        clearance: 0.30,
        wheel: 0.38,
        glass: [1.25, 0.62, -0.72, -0.90],
    },
];

const PAINTS: [Rgb; 14] = [
    [0.88, 0.88, 0.87],
    [0.88, 0.88, 0.87],
    [0.62, 0.64, 0.66],
    [0.45, 0.47, 0.49],
    [0.25, 0.26, 0.28],
    [0.10, 0.10, 0.11],
    [0.08, 0.09, 0.11],
    [0.60, 0.08, 0.08],
    [0.12, 0.22, 0.48],
    [0.20, 0.38, 0.60],
    [0.16, 0.30, 0.20],
    [0.58, 0.52, 0.40],
    [0.80, 0.42, 0.10],
    [0.78, 0.70, 0.22],
];

/// A point inside a quadrilateral given by its corners, `u` along the first edge.
pub(super) fn within(q: &[Vec3; 4], u: f32, v: f32) -> Vec3 {
    q[0].lerp(q[1], u).lerp(q[3].lerp(q[2], u), v)
}

/// A smaller quadrilateral inside another one: `u` and `v` from..to.
pub(super) fn pane(q: &[Vec3; 4], u: [f32; 2], v: [f32; 2]) -> [Vec3; 4] {
    [
        within(q, u[0], v[0]),
        within(q, u[1], v[0]),
        within(q, u[1], v[1]),
        within(q, u[0], v[1]),
    ]
}

/// Head and tail lamps at both sides, with halos when lit. `front` and `rear` are the `z`
/// of the faces, `x` the outer edge, `y` the middle height, `size` half width and height.
pub(super) fn lamps(
    p: &mut Painter,
    [rear, front]: [f32; 2],
    x: f32,
    [y_front, y_rear]: [f32; 2],
    [w, h]: [f32; 2],
    braking: bool,
    eye_ahead: bool,
) {
    let lit = p.light.lamps;
    for side in [-1.0, 1.0] {
        let (xo, xi) = (side * x, side * (x - 2.0 * w));
        let quad = |y: f32, z: f32, h: f32| {
            [
                v3(xo, y - h, z),
                v3(xi, y - h * 0.8, z),
                v3(xi, y + h * 0.8, z),
                v3(xo, y + h, z),
            ]
        };
        let (head, material) = if lit {
            ([1.0, 0.97, 0.86], Material::Lamp)
        } else {
            ([0.82, 0.85, 0.88], Material::Paint)
        };
        p.badge(
            &quad(y_front, front + 0.012, h),
            head,
            material,
            v3(0.0, y_front, 0.0),
        );
        let on = lit || braking;
        let (tail, material) = match (lit, braking) {
            (_, true) => ([1.0, 0.16, 0.10], Material::Lamp),
            (true, false) => ([0.78, 0.06, 0.05], Material::Lamp),
            _ => (RED, Material::Paint),
        };
        p.badge(
            &quad(y_rear, rear - 0.012, h * 1.3),
            tail,
            material,
            v3(0.0, y_rear, 0.0),
        );
        if lit && eye_ahead {
            p.glow(v3(side * (x - w), y_front, front), 0.55, [0.95, 0.9, 0.75]);
        } else if on && !eye_ahead {
            let k = if braking { 0.6 } else { 0.35 };
            p.glow(
                v3(side * (x - w), y_rear, rear),
                0.32,
                [k, k * 0.12, k * 0.08],
            );
        }
    }
}

/// The lower body: cross-sections along the car joined to a skin.
fn hull(p: &mut Painter, s: &Shape, paint: Rgb) {
    let (l, w) = (s.length * 0.5, s.width * 0.5);
    // z, width share, lower edge, upper edge.
    let bonnet = s.belt - 0.05;
    let stations = [
        (-l, 0.86, s.clearance + 0.12, s.tail - 0.10),
        (-l + 0.10, 0.95, s.clearance + 0.02, s.tail),
        (-l + 0.75, 1.0, s.clearance, s.belt),
        (s.glass[0] - 0.1, 1.0, s.clearance, s.belt),
        (l - 0.55, 0.98, s.clearance, bonnet.min(s.nose + 0.10)),
        (l - 0.14, 0.93, s.clearance, s.nose),
        (l, 0.80, s.clearance + 0.10, s.nose - 0.14),
    ];
    let ring = |&(z, k, low, top): &(f32, f32, f32, f32)| {
        let h = top - low;
        let half = [
            (w * k * 0.93, low),
            (w * k, low + h * 0.28),
            (w * k, low + h * 0.62),
            (w * k * 0.955, top - h * 0.08),
            (w * k * 0.88, top),
        ];
        let mut out = [Vec3::default(); 10];
        for (i, (x, y)) in half.into_iter().enumerate() {
            out[i] = v3(x, y, z);
            out[9 - i] = v3(-x, y, z);
        }
        out
    };
    let axis = |z: f32| Sides::AwayFrom(v3(0.0, s.clearance + 0.3, z));
    for pair in stations.windows(2) {
        let (a, b) = (ring(&pair[0]), ring(&pair[1]));
        let z = (pair[0].0 + pair[1].0) * 0.5;
        for i in 0..10 {
            let j = (i + 1) % 10;
            // Dark sills, bright body.
            let colour = if i == 0 || i == 8 {
                paint.map(|c| c * 0.72)
            } else {
                paint
            };
            p.face(&[a[i], a[j], b[j], b[i]], colour, Material::Paint, axis(z));
        }
    }
    p.face(&ring(&stations[0]), paint, Material::Paint, axis(0.0));
    p.face(&ring(&stations[6]), paint, Material::Paint, axis(0.0));
}

/// Cabin with its panes.
fn cabin(p: &mut Painter, s: &Shape, paint: Rgb, roof: Rgb, blind_rear: bool) {
    let w = s.width * 0.5;
    let (wb, wr) = (w * 0.90, w * if s.height > 1.9 { 0.80 } else { 0.72 });
    let [g0, g1, g2, g3] = s.glass;
    let (y0, y1) = (s.belt - 0.03, s.height);
    let low = |x: f32, z: f32| v3(x * wb, y0, z);
    let high = |x: f32, z: f32| v3(x * wr, y1 - 0.05, z);
    let centre = v3(0.0, (y0 + y1) * 0.5, (g0 + g3) * 0.5);
    let away = Sides::AwayFrom(centre);
    let front = [low(-1.0, g0), low(1.0, g0), high(1.0, g1), high(-1.0, g1)];
    let rear = [low(1.0, g3), low(-1.0, g3), high(-1.0, g2), high(1.0, g2)];
    for quad in [&front, &rear] {
        p.face(quad, paint, Material::Paint, away);
        p.badge(
            &pane(quad, [0.06, 0.94], [0.07, 0.9]),
            GLASS,
            Material::Glass,
            centre,
        );
    }
    for x in [-1.0, 1.0] {
        let side = [low(x, g3), low(x, g0), high(x, g1), high(x, g2)];
        p.face(&side, paint, Material::Paint, away);
        let panes: &[[f32; 2]] = if blind_rear {
            &[[0.74, 0.93]]
        } else {
            &[[0.08, 0.30], [0.33, 0.62], [0.65, 0.93]]
        };
        for u in panes {
            p.badge(
                &pane(&side, *u, [0.10, 0.88]),
                GLASS,
                Material::Glass,
                centre,
            );
        }
        // Mirror.
        let z = g0 - 0.28;
        p.cuboid(
            v3(x * (wb + 0.04), s.belt, z),
            v3(x * (wb + 0.24), s.belt + 0.14, z + 0.10),
            paint,
            Material::Paint,
        );
    }
    // A crowned roof.
    let crown = |x: f32, z: f32| v3(x * wr * 0.84, y1, z);
    let (f, r) = (g1 - 0.06, g2 + 0.06);
    let inner = [crown(-1.0, r), crown(1.0, r), crown(1.0, f), crown(-1.0, f)];
    let outer = [high(-1.0, g2), high(1.0, g2), high(1.0, g1), high(-1.0, g1)];
    p.face(&inner, roof, Material::Paint, away);
    for i in 0..4 {
        let j = (i + 1) % 4;
        p.face(
            &[outer[i], outer[j], inner[j], inner[i]],
            roof,
            Material::Paint,
            away,
        );
    }
}

/// Grille, plates, bumpers, doors.
fn details(p: &mut Painter, s: &Shape, paint: Rgb, random: &mut Random) {
    let (l, w) = (s.length * 0.5, s.width * 0.5);
    let mid = v3(0.0, 0.5, 0.0);
    let rect = |x0: f32, x1: f32, y0: f32, y1: f32, z: f32| {
        [v3(x0, y0, z), v3(x1, y0, z), v3(x1, y1, z), v3(x0, y1, z)]
    };
    let (zf, zr) = (l + 0.008, -l - 0.008);
    let c = s.clearance;
    let g = s.nose - 0.3;
    p.badge(
        &rect(-w * 0.42, w * 0.42, g, g + 0.13, zf),
        TRIM,
        Material::Matte,
        mid,
    );
    p.badge(
        &rect(-w * 0.62, w * 0.62, c + 0.11, c + 0.24, zf),
        TRIM,
        Material::Matte,
        mid,
    );
    p.badge(
        &rect(-0.26, 0.26, g - 0.13, g - 0.02, zf),
        PLATE,
        Material::Matte,
        mid,
    );
    let low = c + 0.13;
    p.badge(
        &rect(-w * 0.80, w * 0.80, low, low + 0.15, zr),
        TRIM,
        Material::Matte,
        mid,
    );
    let y = if random.chance(0.5) {
        s.tail - 0.38
    } else {
        low + 0.18
    };
    p.badge(
        &rect(-0.26, 0.26, y, y + 0.11, zr),
        PLATE,
        Material::Matte,
        mid,
    );
    if p.detail < 14.0 {
        return;
    }
    let line = paint.map(|v| v * 0.45);
    for x in [-w - 0.004, w + 0.004] {
        for z in [
            s.glass[0] - 0.15,
            (s.glass[0] + s.glass[3]) * 0.5,
            s.glass[3] + 0.55,
        ] {
            let q = [
                v3(x, c + 0.22, z),
                v3(x, c + 0.22, z + 0.02),
                v3(x, s.belt - 0.3, z + 0.02),
                v3(x, s.belt - 0.3, z),
            ];
            p.badge(&q, line, Material::Matte, mid);
            let q = [
                v3(x, s.belt - 0.25, z + 0.10),
                v3(x, s.belt - 0.25, z + 0.26),
                v3(x, s.belt - 0.21, z + 0.26),
                v3(x, s.belt - 0.21, z + 0.10),
            ];
            p.badge(&q, line, Material::Matte, mid);
        }
    }
}

/// Four wheels in dark arches.
fn wheels(p: &mut Painter, s: &Shape, rim: Rgb) {
    let (l, w) = (s.length * 0.5, s.width * 0.5);
    let r = s.wheel;
    for z in [l - 0.86, -l + 0.86] {
        for side in [-1.0, 1.0] {
            let mut arch = [Vec3::default(); 10];
            for (i, a) in arch.iter_mut().enumerate() {
                let angle = (i as f32 - 0.4) * (std::f32::consts::PI / 8.2);
                let (s2, c2) = (super::placement::sin(angle), super::placement::cos(angle));
                *a = v3(side * (w + 0.002), r + s2 * (r + 0.07), z + c2 * (r + 0.07));
            }
            p.badge(&arch, [0.03, 0.03, 0.03], Material::Matte, v3(0.0, 0.5, z));
            p.wheel(v3(side * (w + 0.015), r, z), r, -side * 0.22, rim);
        }
    }
}

/// A car, or a pick-up, at the painter's place.
pub(super) fn draw(p: &mut Painter, variant: u64, pickup: bool, braking: bool, eye_ahead: bool) {
    let mut random = Random::keyed(variant, 0xca2, 0);
    let kind = if pickup {
        5
    } else {
        random.pick(&[0, 0, 1, 1, 2, 3, 3, 4])
    };
    let s = &SHAPES[kind];
    let mut paint = random.pick(&PAINTS);
    if kind == 4 && random.chance(0.6) {
        paint = [0.88, 0.88, 0.87];
    }
    let tone = random.range(0.9, 1.06);
    paint = paint.map(|c| c * tone);
    let rim = random.pick(&[[0.62, 0.63, 0.65], [0.45, 0.46, 0.48], [0.22, 0.22, 0.24]]);
    let roof = if kind == 0 && random.chance(0.15) {
        TRIM
    } else {
        paint
    };
    let (l, w) = (s.length * 0.5, s.width * 0.5);
    p.contact(w + 0.05, -l - 0.05, l + 0.05, 0.9);
    hull(p, s, paint);
    cabin(p, s, paint, roof, kind == 4 && random.chance(0.6));
    details(p, s, paint, &mut random);
    wheels(p, s, rim);
    let y = [
        s.nose - 0.23,
        if kind == 4 {
            s.tail - 0.1
        } else {
            s.tail - 0.27
        },
    ];
    lamps(p, [-l, l], w * 0.80, y, [0.19, 0.075], braking, eye_ahead);
    if pickup {
        // The open bed: a dark floor with walls left at the edges, sometimes loaded.
        let (z0, z1) = (-l + 0.14, s.glass[3] - 0.08);
        let y = s.belt + 0.008;
        let q = [
            v3(-w * 0.76, y, z0),
            v3(w * 0.76, y, z0),
            v3(w * 0.76, y, z1),
            v3(-w * 0.76, y, z1),
        ];
        p.decal(&q, [0.06, 0.06, 0.065], Material::Matte);
        if random.chance(0.5) {
            let c = random.pick(&[[0.45, 0.36, 0.22], [0.30, 0.34, 0.40], [0.55, 0.55, 0.52]]);
            let x = random.range(0.3, 0.6);
            let top = s.belt + random.range(0.2, 0.5);
            p.cuboid(
                v3(-x, s.belt, z0 + 0.2),
                v3(x, top, z1 - 0.3),
                c,
                Material::Matte,
            );
        }
    }
}
