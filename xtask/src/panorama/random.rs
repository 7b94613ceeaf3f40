//! Repeatable random numbers, seeded by what a thing is and where it stands.

use fastrand::Rng;

/// Spreads a number over all bits (SplitMix64).
pub(super) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator of this seed for the thing named by `kind` and `index`.
pub(super) fn keyed(seed: u64, kind: u64, index: i64) -> Rng {
    Rng::with_seed(mix(mix(mix(seed) ^ kind) ^ index as u64))
}

/// A number between `low` and `high`.
pub(super) fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.f32()
}

/// One of the items.
pub(super) fn pick<T: Copy, const N: usize>(rng: &mut Rng, items: &[T; N]) -> T {
    const { assert!(N > 0) };
    items[rng.usize(..N)]
}

/// A number in `0.0..1.0` that depends on a place in the world alone.
pub(super) fn grain(seed: u32, x: i32, z: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1)
        ^ (z as u32).wrapping_mul(0x85eb_ca77)
        ^ seed.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h >> 8) as f32 * (1.0 / 16_777_216.0)
}
