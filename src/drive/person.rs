//! People: articulated bodies that walk, stand, pedal and ride.

use super::cycle::Grip;
use super::light::{Material, Rgb};
use super::painter::Painter;
use super::placement::{cos, sin};
use super::random::Random;
use super::vector::{Vec3, v3};

/// Clothes and stature of one person.
struct Look {
    scale: f32,
    skin: Rgb,
    hair: Rgb,
    top: Rgb,
    legs: Rgb,
    shoes: Rgb,
    broad: f32,
    long_hair: bool,
    bare_arms: bool,
    bare_legs: bool,
    skirt: bool,
    coat: bool,
    backpack: Option<Rgb>,
    bag: Option<Rgb>,
    helmet: Option<Rgb>,
}

const TOPS: [Rgb; 14] = [
    [0.80, 0.12, 0.12],
    [0.12, 0.26, 0.58],
    [0.90, 0.90, 0.88],
    [0.10, 0.10, 0.11],
    [0.32, 0.33, 0.36],
    [0.94, 0.78, 0.16],
    [0.18, 0.48, 0.28],
    [0.52, 0.22, 0.46],
    [0.90, 0.48, 0.14],
    [0.36, 0.60, 0.74],
    [0.40, 0.28, 0.20],
    [0.70, 0.62, 0.50],
    [0.90, 0.60, 0.66],
    [0.20, 0.22, 0.30],
];
const LEGS: [Rgb; 7] = [
    [0.14, 0.18, 0.30],
    [0.10, 0.10, 0.11],
    [0.20, 0.26, 0.40],
    [0.34, 0.33, 0.32],
    [0.56, 0.48, 0.36],
    [0.22, 0.20, 0.19],
    [0.30, 0.34, 0.26],
];
const SKINS: [Rgb; 5] = [
    [0.86, 0.66, 0.54],
    [0.76, 0.56, 0.44],
    [0.60, 0.42, 0.30],
    [0.42, 0.28, 0.20],
    [0.90, 0.72, 0.62],
];
const HAIRS: [Rgb; 6] = [
    [0.08, 0.06, 0.05],
    [0.18, 0.11, 0.07],
    [0.30, 0.20, 0.12],
    [0.62, 0.48, 0.26],
    [0.52, 0.51, 0.50],
    [0.40, 0.16, 0.08],
];

impl Look {
    fn new(random: &mut Random, child_allowed: bool) -> Self {
        let tint = random.range(0.85, 1.1);
        let child = child_allowed && random.chance(0.1);
        let extra = [
            [0.10, 0.10, 0.12],
            [0.60, 0.14, 0.12],
            [0.20, 0.34, 0.50],
            [0.30, 0.36, 0.22],
            [0.42, 0.28, 0.16],
        ];
        Self {
            scale: if child {
                random.range(0.62, 0.78)
            } else {
                random.range(0.91, 1.06)
            },
            skin: random.pick(&SKINS),
            hair: random.pick(&HAIRS),
            top: random.pick(&TOPS).map(|c| c * tint),
            legs: random.pick(&LEGS).map(|c| c * tint),
            shoes: random.pick(&[
                [0.06, 0.06, 0.06],
                [0.85, 0.85, 0.84],
                [0.30, 0.19, 0.12],
                [0.6, 0.12, 0.12],
            ]),
            broad: random.range(0.9, 1.18),
            long_hair: random.chance(0.35),
            bare_arms: random.chance(0.35),
            bare_legs: random.chance(0.18),
            skirt: random.chance(0.14),
            coat: random.chance(0.25),
            backpack: random.chance(0.22).then(|| random.pick(&extra)),
            bag: random.chance(0.22).then(|| random.pick(&extra)),
            helmet: None,
        }
    }
}

/// Where the main joints are, local metres. Index 0 is the right side.
struct Pose {
    pelvis: Vec3,
    neck: Vec3,
    head_turn: f32,
    feet: [Vec3; 2],
    hands: [Vec3; 2],
    /// Which way knees and elbows point.
    knee: Vec3,
    elbow: Vec3,
    hip_half: f32,
    /// Toes: direction of the shoes.
    toe: Vec3,
}

/// The middle joint of a limb of two bones from `a` to `b`.
fn joint(a: Vec3, b: Vec3, upper: f32, lower: f32, bend: Vec3) -> Vec3 {
    let d = (b - a).length().clamp(0.05, (upper + lower) * 0.995);
    let axis = (b - a).unit();
    let along = (upper * upper - lower * lower + d * d) / (2.0 * d);
    let off = (upper * upper - along * along).max(0.0).sqrt();
    let side = (bend - axis * bend.dot(axis)).unit();
    a + axis * along + side * off
}

/// Torso: a stack of elliptic rings from hip to shoulder.
fn torso(p: &mut Painter, look: &Look, pose: &Pose) {
    let s = look.scale;
    let axis = (pose.neck - pose.pelvis).unit();
    let right = v3(1.0, 0.0, 0.0);
    let ahead = right.cross(axis).unit();
    let b = look.broad;
    // Share of the way up, half width, half depth.
    let hem = if look.coat { -0.38 } else { -0.12 };
    let rings = [
        (hem, 0.175 * b, 0.125 * b),
        (0.12, 0.165 * b, 0.115 * b),
        (0.45, 0.16 * b, 0.115 * b),
        (0.78, 0.20 * b, 0.125 * b),
        (0.96, 0.185 * b, 0.095),
        (1.06, 0.075, 0.065),
    ];
    let n = p.facets(0.2, 10);
    let length = (pose.neck - pose.pelvis).length();
    let ring = |&(t, w, d): &(f32, f32, f32)| {
        let c = pose.pelvis + axis * (length * t);
        let mut out = [Vec3::default(); 12];
        for (i, o) in out.iter_mut().enumerate().take(n) {
            let a = (i as f32 + 0.5) * (std::f32::consts::TAU / n as f32);
            *o = c + right * (cos(a) * w * s) + ahead * (sin(a) * d * s);
        }
        (out, c)
    };
    for pair in rings.windows(2) {
        let ((a, ca), (q, cb)) = (ring(&pair[0]), ring(&pair[1]));
        let away = super::painter::Sides::AwayFrom(ca.lerp(cb, 0.5));
        for i in 0..n {
            let j = (i + 1) % n;
            p.face(&[a[i], a[j], q[j], q[i]], look.top, Material::Matte, away);
        }
    }
    let (low, c) = ring(&rings[0]);
    p.face(
        &low[..n],
        look.top,
        Material::Matte,
        super::painter::Sides::AwayFrom(c + axis * 0.1),
    );
    if let Some(colour) = look.backpack {
        let c = pose.pelvis + axis * (length * 0.62) - ahead * (0.19 * s);
        p.ellipsoid(c, v3(0.15, 0.22, 0.11) * s, colour, 0.0);
        for x in [-0.1, 0.1] {
            let a =
                pose.pelvis + axis * (length * 0.95) + v3(x * s, 0.02, 0.0) + ahead * (0.09 * s);
            let b = pose.pelvis
                + axis * (length * 0.45)
                + v3(x * 1.3 * s, 0.0, 0.0)
                + ahead * (0.12 * s);
            p.limb(a, b, 0.02, 0.02, colour);
        }
    }
}

/// Head with hair or helmet.
fn head(p: &mut Painter, look: &Look, pose: &Pose) {
    let s = look.scale.max(0.8);
    let (ts, tc) = (sin(pose.head_turn), cos(pose.head_turn));
    let ahead = v3(ts, 0.0, tc);
    let base = pose.neck;
    let c = base + v3(0.0, 0.175 * s, 0.0) + ahead * 0.03;
    p.limb(base, c, 0.055 * s, 0.055 * s, look.skin);
    p.ellipsoid(c, v3(0.082, 0.115, 0.095) * s, look.skin, 0.0);
    if let Some(colour) = look.helmet {
        p.ellipsoid(
            c + v3(0.0, 0.045, 0.0) * s - ahead * 0.012,
            v3(0.112, 0.105, 0.128) * s,
            colour,
            0.0,
        );
        return;
    }
    let cap = c + v3(0.0, 0.038 * s, 0.0) - ahead * (0.026 * s);
    p.ellipsoid(cap, v3(0.092, 0.098, 0.092) * s, look.hair, 0.0);
    if look.long_hair {
        let low = c - ahead * (0.065 * s) - v3(0.0, 0.09, 0.0) * s;
        p.ellipsoid(low, v3(0.085, 0.15, 0.045) * s, look.hair, 0.0);
    }
    if p.detail > 60.0 {
        let right = v3(tc, 0.0, -ts);
        for x in [-0.03, 0.03] {
            let e = c + right * (x * s) + ahead * (0.092 * s) + v3(0.0, 0.012 * s, 0.0);
            p.ellipsoid(e, v3(0.014, 0.009, 0.012) * s, [0.08, 0.06, 0.05], 0.0);
        }
    }
}

/// The whole body.
fn body(p: &mut Painter, look: &Look, pose: &Pose) {
    let s = look.scale;
    let axis = (pose.neck - pose.pelvis).unit();
    let (thigh, shin, upper, fore) = (0.44 * s, 0.44 * s, 0.29 * s, 0.27 * s);
    for (i, side) in [(0, 1.0), (1, -1.0)] {
        let hip = pose.pelvis + v3(side * pose.hip_half * s, -0.02, 0.0);
        let ankle = pose.feet[i] + v3(0.0, 0.07 * s, 0.0);
        let knee = joint(
            hip,
            ankle,
            thigh,
            shin,
            pose.knee + v3(side * 0.12, 0.0, 0.0),
        );
        let shin_colour = if look.bare_legs || look.skirt {
            look.skin
        } else {
            look.legs
        };
        let thigh_colour = if look.skirt { look.skin } else { look.legs };
        p.limb(hip, knee, 0.088 * s * look.broad, 0.062 * s, thigh_colour);
        p.limb(knee, ankle, 0.060 * s, 0.042 * s, shin_colour);
        p.ellipsoid(knee, v3(0.062, 0.062, 0.062) * s, shin_colour, 0.0);
        let heel = ankle - v3(0.0, 0.035 * s, 0.0) - pose.toe * (0.05 * s);
        p.limb(
            heel,
            heel + pose.toe * (0.22 * s),
            0.045 * s,
            0.035 * s,
            look.shoes,
        );
        let shoulder = pose.neck - axis * (0.06 * s) + v3(side * 0.185 * s * look.broad, 0.0, 0.0);
        let hand = pose.hands[i];
        let elbow = joint(
            shoulder,
            hand,
            upper,
            fore,
            pose.elbow + v3(side * 0.35, 0.0, 0.0),
        );
        let reach = (hand - elbow).unit();
        let wrist = elbow + reach * (hand - elbow).length().min(fore);
        p.ellipsoid(
            shoulder - v3(side * 0.012, 0.0, 0.0),
            v3(0.058, 0.06, 0.062) * s,
            look.top,
            0.0,
        );
        p.limb(shoulder, elbow, 0.058 * s, 0.046 * s, look.top);
        let sleeve = if look.bare_arms { look.skin } else { look.top };
        p.limb(elbow, wrist, 0.045 * s, 0.034 * s, sleeve);
        p.ellipsoid(
            wrist + reach * (0.05 * s),
            v3(0.04, 0.055, 0.04) * s,
            look.skin,
            0.0,
        );
        if i == 0
            && let Some(colour) = look.bag
        {
            let c = wrist - v3(0.0, 0.24 * s, 0.0);
            p.cuboid(
                c - v3(0.05, 0.13, 0.15) * s,
                c + v3(0.05, 0.11, 0.15) * s,
                colour,
                Material::Matte,
            );
            p.limb(c + v3(0.0, 0.1, 0.0) * s, wrist, 0.012, 0.012, colour);
        }
    }
    if look.skirt {
        let c = pose.pelvis;
        p.limb(
            c + v3(0.0, 0.05, 0.0),
            c - v3(0.0, 0.48 * s, 0.0),
            0.15 * s,
            0.24 * s,
            look.legs,
        );
    }
    torso(p, look, pose);
    head(p, look, pose);
}

/// Somebody on foot. `phase` in radians moves the legs; `None` stands.
pub(super) fn pedestrian(p: &mut Painter, variant: u64, phase: Option<f32>) {
    let mut random = Random::keyed(variant, 0x9e0, 0);
    let look = Look::new(&mut random, true);
    let s = look.scale;
    let ahead = v3(0.0, 0.0, 1.0);
    let elbow = v3(0.0, 0.0, -1.0);
    p.contact(0.22, -0.24, 0.26, 0.6);
    let mut pose = Pose {
        pelvis: v3(0.0, 0.93 * s, 0.0),
        neck: v3(0.0, 1.45 * s, 0.02),
        head_turn: random.range(-0.4, 0.4),
        feet: [v3(0.10 * s, 0.0, 0.02), v3(-0.10 * s, 0.0, -0.02)],
        hands: [v3(0.27, 0.84, 0.08) * s, v3(-0.27, 0.84, 0.06) * s],
        knee: ahead,
        elbow,
        hip_half: 0.085,
        toe: ahead,
    };
    if let Some(phase) = phase {
        for (i, half) in [(0, 0.0), (1, std::f32::consts::PI)] {
            let (c, sn) = (cos(phase + half), sin(phase + half));
            pose.feet[i].z = 0.34 * s * sn;
            pose.feet[i].y = (0.13 * s * c).max(0.0);
            pose.hands[i].z = (0.05 - 0.26 * sn) * s;
            pose.hands[i].y = (0.84 + 0.06 * sn.abs()) * s;
        }
        let bob = sin(phase);
        pose.pelvis.y -= 0.035 * s * bob * bob;
        pose.neck.z += 0.03;
    } else if random.chance(0.3) {
        // Looks at a phone.
        pose.hands[0] = v3(0.05, 1.18, 0.30) * s;
        pose.elbow = v3(0.0, -0.6, -0.6);
    } else if random.chance(0.3) {
        pose.hands = [v3(0.20, 1.0, 0.10) * s, v3(-0.20, 1.0, 0.10) * s];
    }
    body(p, &look, &pose);
}

/// Somebody on a cycle, held by its grip. `pushing` swings one foot of a scooter rider.
pub(super) fn rider(p: &mut Painter, variant: u64, grip: &Grip, helmet: f32, pushing: Option<f32>) {
    let mut random = Random::keyed(variant, 0x91de, 0);
    let mut look = Look::new(&mut random, false);
    look.scale = look.scale.clamp(0.94, 1.03);
    look.skirt = false;
    look.coat &= grip.standing;
    look.bag = None;
    if random.chance(helmet) {
        look.helmet = Some(random.pick(&[
            [0.90, 0.90, 0.90],
            [0.08, 0.08, 0.09],
            [0.75, 0.10, 0.10],
            [0.12, 0.30, 0.62],
            [0.92, 0.75, 0.10],
        ]));
    }
    let s = look.scale;
    let ahead = v3(0.0, 0.0, 1.0);
    let mirror = |v: Vec3| v3(-v.x, v.y, v.z);
    let mut feet = grip.foot;
    if let Some(phase) = pushing {
        let k = sin(phase);
        feet[1] = v3(-0.16, 0.02 + 0.14 * (1.0 - k.abs()), -0.25 - 0.30 * k);
    }
    let shoulder = v3(
        0.0,
        grip.shoulder.y * if grip.standing { s } else { 1.0 },
        grip.shoulder.z,
    );
    let pose = Pose {
        pelvis: v3(0.0, grip.seat.y + 0.03, grip.seat.z),
        neck: shoulder + v3(0.0, 0.03, 0.02),
        head_turn: random.range(-0.2, 0.2),
        feet: feet.map(|f| f - v3(0.0, 0.02, 0.0)),
        hands: [grip.hand, mirror(grip.hand)],
        knee: v3(0.0, 0.2, 1.0),
        elbow: v3(0.0, -0.8, -0.5),
        hip_half: grip.seat.x,
        toe: ahead,
    };
    body(p, &look, &pose);
}
