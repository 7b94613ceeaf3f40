//! Repeatable random numbers: SplitMix64, seeded by what a thing is and where it stands.

/// A stream of numbers fixed by its key.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

/// One SplitMix64 output for a state.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream of this seed for the thing named by `kind` and `index`.
    pub fn keyed(seed: u64, kind: u64, index: i64) -> Self {
        Self(mix(mix(mix(seed) ^ kind) ^ index as u64))
    }

    /// 64 fresh bits.
    pub fn bits(&mut self) -> u64 {
        let out = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        out
    }

    /// Evenly spread in `0.0..1.0`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 * (1.0 / 16_777_216.0)
    }

    /// Evenly spread in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.bits() >> 33) as usize) % count.max(1)
    }

    /// One of the items; they must not be none.
    pub fn pick<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T {
        const { assert!(N > 0) };
        items[self.below(N)]
    }
}
