//! Houses, trees, lamp posts, signs: what is no road user.

use super::material::{BARK, CONCRETE, LEAVES, METAL, Material, PLATE, Surface, plain};
use super::random::between;
use super::thing::Scene;
use fastrand::Rng;
use lookout::drive::vector::v3;

/// A house whose front is at local x = 0 and that goes back from there; z is along the street.
pub(super) fn house(s: &mut Scene, rng: &mut Rng, width: f32, number: u32) {
    let (height, depth) = (between(rng, 6.0, 17.0), between(rng, 8.0, 12.0));
    let wall = Material {
        day: between(rng, 0.25, 0.65),
        laser: between(rng, 0.35, 0.7),
        surface: Surface::Facade(number),
    };
    s.block(
        v3(0.5 * depth, 0.5 * height, 0.0),
        v3(depth, height, width),
        wall,
    );
    if rng.f32() < 0.5 {
        // A bay or a balcony.
        let z = between(rng, -0.25, 0.25) * width;
        let high = between(rng, 3.0, height - 1.0);
        s.block(
            v3(-0.4, 0.5 * (high + 2.8), z),
            v3(0.8, high - 2.8 + 0.3, 2.4),
            wall,
        );
    }
    if rng.f32() < 0.3 {
        s.block(
            v3(-0.6, 2.7, 0.0),
            v3(1.2, 0.12, 0.7 * width),
            plain(0.4, 0.5),
        );
    }
}

pub(super) fn tree(s: &mut Scene, rng: &mut Rng) {
    let height = between(rng, 4.5, 8.0);
    let crown = between(rng, 1.3, 2.2);
    let bole = v3(
        between(rng, -0.2, 0.2),
        height - crown,
        between(rng, -0.2, 0.2),
    );
    s.tube(v3(0.0, 0.0, 0.0), bole, between(rng, 0.1, 0.2), BARK);
    for _ in 0..3 {
        let off = v3(
            between(rng, -0.8, 0.8),
            between(rng, -0.4, 0.8),
            between(rng, -0.8, 0.8),
        );
        let radii = v3(crown, 0.8 * crown, crown) * between(rng, 0.6, 0.9);
        s.ball(bole + off, radii, LEAVES);
    }
}

/// A lamp post with its arm over the road, towards local -x.
pub(super) fn lamp_post(s: &mut Scene) {
    s.tube(v3(0.0, 0.0, 0.0), v3(0.0, 7.0, 0.0), 0.08, METAL);
    s.tube(v3(0.0, 7.0, 0.0), v3(-1.6, 7.3, 0.0), 0.05, METAL);
}

/// A sign on a post; it faces local -z, the traffic that comes from there.
pub(super) fn sign(s: &mut Scene, rng: &mut Rng) {
    let high = between(rng, 2.1, 2.6);
    s.tube(v3(0.0, 0.0, 0.05), v3(0.0, high + 0.3, 0.05), 0.035, METAL);
    if rng.bool() {
        s.block(v3(0.0, high, 0.0), v3(0.6, 0.6, 0.03), PLATE);
    } else {
        s.block(v3(0.0, high, 0.0), v3(0.5, 0.8, 0.03), PLATE);
    }
}

/// Bollard, bin, cabinet or hedge.
pub(super) fn furniture(s: &mut Scene, rng: &mut Rng) {
    match rng.u8(..4) {
        0 => s.tube(v3(0.0, 0.0, 0.0), v3(0.0, 0.95, 0.0), 0.08, CONCRETE),
        1 => s.block(v3(0.0, 0.5, 0.0), v3(0.55, 1.0, 0.55), plain(0.15, 0.3)),
        2 => s.block(v3(0.0, 0.6, 0.0), v3(0.4, 1.2, 0.9), plain(0.45, 0.5)),
        _ => {
            let length = between(rng, 1.5, 4.0);
            s.block(v3(0.0, 0.5, 0.0), v3(0.6, 1.0, length), LEAVES);
        }
    }
}
