//! Cars, trucks and buses.

use super::material::{DARK, GLASS, LAMP, Material, PLATE, RIM, TYRE, plain};
use super::random::{between, pick};
use super::thing::Scene;
use fastrand::Rng;
use lookout::drive::vector::v3;

/// Paints: what they give back of daylight and of the laser's infrared, in which black cars
/// are often not black.
const PAINTS: [Material; 8] = [
    plain(0.75, 0.75),
    plain(0.55, 0.60),
    plain(0.06, 0.12),
    plain(0.05, 0.35),
    plain(0.22, 0.45),
    plain(0.18, 0.25),
    plain(0.35, 0.50),
    plain(0.62, 0.70),
];

/// A pair of wheels at `z`, `track` apart from outside to outside.
fn axle(s: &mut Scene, z: f32, track: f32, radius: f32) {
    for side in [-1.0, 1.0] {
        let x = side * (0.5 * track - 0.11);
        s.wheel(v3(x, radius, z), (radius, 0.0), 0.22, TYRE);
        s.wheel(v3(x, radius, z), (0.62 * radius, 0.0), 0.25, RIM);
    }
}

/// Plate and lamps at one end: `z` is the face, `out` points away from the vehicle.
fn face(s: &mut Scene, z: f32, out: f32, half: f32, lamp_y: f32, plate_y: f32) {
    let z = z + 0.02 * out;
    s.block(v3(0.0, plate_y, z), v3(0.52, 0.12, 0.04), PLATE);
    for side in [-1.0, 1.0] {
        let x = side * (half - 0.2);
        s.block(v3(x, lamp_y, z - 0.05 * out), v3(0.3, 0.16, 0.14), LAMP);
    }
}

/// A car of one of four shapes: hatchback, saloon, estate or off-roader.
pub(super) fn car(s: &mut Scene, rng: &mut Rng) {
    let paint = pick(rng, &PAINTS);
    let (length, height, tail) = pick(
        rng,
        &[
            (4.0, 1.48, -0.05),
            (4.7, 1.44, 0.75),
            (4.7, 1.48, 0.0),
            (4.5, 1.72, 0.05),
        ],
    );
    let (l, half) = (0.5 * length, between(rng, 0.86, 0.93));
    let (sill, belt) = (0.22 * height / 1.48, 0.62 * height);
    let wheel = if height > 1.6 { 0.36 } else { 0.32 };
    s.profile(
        &[
            (l - 0.05, sill),
            (l, belt - 0.32),
            (l - 0.15, belt - 0.18),
            (l - 1.15, belt),
            (-l + 0.1, belt + 0.04),
            (-l, belt - 0.25),
            (-l + 0.1, sill),
        ],
        half,
        0.0,
        paint,
    );
    let (front, rear) = (l - 1.05, -l + 0.08 + tail);
    let roof = height - 0.05;
    s.profile(
        &[
            (front, belt - 0.02),
            (front - 0.75, roof),
            (rear + 0.35, roof),
            (rear, belt - 0.02),
        ],
        half - 0.06,
        0.28,
        GLASS,
    );
    let top = half - 0.06 - 0.28 * (roof - belt);
    s.profile(
        &[
            (front - 0.72, roof - 0.05),
            (front - 0.85, height),
            (rear + 0.42, height),
            (rear + 0.33, roof - 0.05),
        ],
        top + 0.02,
        0.1,
        paint,
    );
    // The pillar between the doors.
    s.profile(
        &[
            (0.1, belt - 0.02),
            (0.05, roof),
            (-0.05, roof),
            (-0.05, belt - 0.02),
        ],
        half - 0.04,
        0.28,
        paint,
    );
    for side in [-1.0, 1.0] {
        s.block(
            v3(side * (half + 0.06), belt + 0.06, front - 0.25),
            v3(0.16, 0.13, 0.1),
            paint,
        );
    }
    axle(s, l - 0.85, 2.0 * half, wheel);
    axle(s, -l + 0.85, 2.0 * half, wheel);
    face(s, l, 1.0, half, belt - 0.24, 0.42);
    face(s, -l, -1.0, half, belt - 0.06, belt - 0.25);
}

/// A pickup, a van or a lorry with a box, a tarpaulin or a load.
pub(super) fn truck(s: &mut Scene, rng: &mut Rng, small: bool) {
    let paint = pick(rng, &PAINTS);
    if small && rng.bool() {
        return pickup(s, rng, paint);
    }
    let cargo = pick(
        rng,
        &[plain(0.8, 0.8), plain(0.5, 0.55), plain(0.3, 0.5), paint],
    );
    let (length, height) = if small {
        (5.8, 2.5)
    } else {
        (between(rng, 7.5, 9.5), 3.5)
    };
    let (l, half) = (0.5 * length, if small { 0.98 } else { 1.23 });
    let cab_height = if small { 2.2 } else { 2.75 };
    let cab = if small { 1.75 } else { 1.9 };
    let floor = if small { 0.35 } else { 0.55 };
    s.profile(
        &[
            (l, floor),
            (l - 0.02, 0.52 * cab_height),
            (l - if small { 0.75 } else { 0.2 }, cab_height),
            (l - cab, cab_height),
            (l - cab, floor),
        ],
        half,
        0.03,
        paint,
    );
    // Windscreen and side windows, a hand's breadth in front of the paint.
    let (low, high) = (0.55 * cab_height, 0.92 * cab_height);
    let lean = if small { 0.55 } else { 0.12 };
    s.profile(
        &[
            (l + 0.02, low),
            (l + 0.02 - lean, high),
            (l - 0.9, high),
            (l - 0.9, low),
        ],
        half - 0.01,
        0.0,
        GLASS,
    );
    let gap = if small { 0.0 } else { 0.3 };
    let (front, open) = (l - cab - gap, !small && rng.f32() < 0.3);
    let deck = if small { 0.45 } else { 1.05 };
    let top = if open { 1.9 } else { height };
    let middle = 0.5 * (front - l);
    s.block(
        v3(0.0, 0.5 * (deck + top), middle),
        v3(2.0 * half + 0.04, top - deck, front + l),
        cargo,
    );
    if open {
        load(s, rng, middle, top, half);
    }
    if !small {
        s.block(v3(0.0, 0.8, -0.2), v3(0.9, 0.3, length - 0.8), DARK);
        // Reflecting tape along the edges, as lorries must have it.
        for side in [-1.0, 1.0] {
            let x = side * (half + 0.03);
            s.block(v3(x, deck + 0.1, middle), v3(0.02, 0.06, front + l), PLATE);
        }
        s.block(
            v3(0.0, deck + 0.1, -l - 0.01),
            v3(2.0 * half, 0.06, 0.03),
            PLATE,
        );
    }
    let wheel = if small { 0.35 } else { 0.5 };
    axle(s, l - if small { 0.95 } else { 1.1 }, 2.0 * half, wheel);
    axle(s, -l + if small { 1.1 } else { 1.6 }, 2.0 * half, wheel);
    if length > 8.5 {
        axle(s, -l + 2.75, 2.0 * half, wheel);
    }
    face(s, l, 1.0, half, 0.85, 0.5);
    face(s, -l, -1.0, half, if small { 1.0 } else { 0.8 }, 0.7);
}

/// A heap or a few crates on an open lorry.
fn load(s: &mut Scene, rng: &mut Rng, middle: f32, top: f32, half: f32) {
    if rng.bool() {
        let radii = v3(0.9 * half, between(rng, 0.4, 0.9), between(rng, 1.5, 2.4));
        return s.ball(v3(0.0, top, middle), radii, plain(0.25, 0.3));
    }
    for i in 0..3 {
        let size = v3(between(rng, 1.2, 2.0), between(rng, 0.6, 1.2), 1.3);
        let z = middle + (i as f32 - 1.0) * 1.5;
        let crate_material = plain(between(rng, 0.2, 0.6), between(rng, 0.3, 0.6));
        s.block(v3(0.0, top + 0.5 * size.y, z), size, crate_material);
    }
}

fn pickup(s: &mut Scene, rng: &mut Rng, paint: Material) {
    let (l, half) = (2.65, 0.94);
    s.profile(
        &[
            (l - 0.05, 0.4),
            (l, 0.95),
            (l - 0.2, 1.08),
            (-l, 1.08),
            (-l, 0.45),
        ],
        half,
        0.0,
        paint,
    );
    s.profile(
        &[(1.45, 1.06), (0.75, 1.76), (-0.55, 1.76), (-0.75, 1.06)],
        half - 0.05,
        0.22,
        GLASS,
    );
    s.profile(
        &[(0.8, 1.72), (0.65, 1.84), (-0.5, 1.84), (-0.6, 1.72)],
        half - 0.2,
        0.1,
        paint,
    );
    // The open bed is dark from above; what lies in it sticks out.
    s.block(v3(0.0, 1.07, -1.75), v3(1.5, 0.06, 1.6), DARK);
    if rng.bool() {
        let height = between(rng, 0.2, 0.7);
        s.block(
            v3(0.1, 1.08 + 0.5 * height, -1.7),
            v3(1.2, height, 1.2),
            plain(0.4, 0.5),
        );
    }
    axle(s, l - 0.95, 2.0 * half, 0.39);
    axle(s, -l + 1.1, 2.0 * half, 0.39);
    face(s, l, 1.0, half, 0.85, 0.55);
    face(s, -l, -1.0, half, 0.9, 0.6);
}

/// A city bus: windows nearly all around, doors to the right.
pub(super) fn bus(s: &mut Scene, rng: &mut Rng) {
    let paint = pick(
        rng,
        &[
            plain(0.75, 0.75),
            plain(0.3, 0.5),
            plain(0.2, 0.55),
            plain(0.5, 0.6),
        ],
    );
    let (l, half, height) = (
        0.5 * between(rng, 10.5, 12.5),
        1.26,
        between(rng, 2.95, 3.2),
    );
    s.profile(
        &[
            (l, 0.3),
            (l - 0.05, 2.3),
            (l - 0.2, height),
            (-l + 0.1, height),
            (-l, 2.3),
            (-l, 0.3),
        ],
        half,
        0.0,
        paint,
    );
    for side in [-1.0, 1.0] {
        let x = side * (half + 0.005);
        let bays = 6;
        let step = (2.0 * l - 0.8) / bays as f32;
        for bay in 0..bays {
            let z = -l + 0.4 + (bay as f32 + 0.5) * step;
            s.block(v3(x, 1.85, z), v3(0.03, 1.1, step - 0.16), GLASS);
        }
        s.block(
            v3(side * (half + 0.2), 2.4, l - 0.05),
            v3(0.25, 0.4, 0.12),
            DARK,
        );
    }
    for z in [l - 1.6, -0.6] {
        s.block(v3(half + 0.01, 1.35, z), v3(0.04, 2.0, 1.2), GLASS);
    }
    s.block(v3(0.0, 1.75, l), v3(2.2, 1.35, 0.06), GLASS);
    s.block(v3(0.0, 2.75, l - 0.08), v3(1.8, 0.28, 0.1), DARK);
    s.block(v3(0.0, 2.0, -l), v3(1.9, 0.9, 0.06), GLASS);
    // Machines for heating and cooling on the roof.
    s.block(
        v3(0.0, height + 0.1, 0.3 * l),
        v3(1.7, 0.25, 2.6),
        plain(0.6, 0.6),
    );
    axle(s, l - 2.7, 2.0 * half, 0.48);
    axle(s, -l + 3.1, 2.0 * half, 0.48);
    face(s, l, 1.0, half, 0.75, 0.5);
    face(s, -l, -1.0, half, 0.95, 0.6);
}
