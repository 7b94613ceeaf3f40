//! Entropy-coded bytes, bit by bit.

/// Reads bits from the most significant one on. Behind the end come zeros; whether any of
/// them were taken is told by [`Bits::ran_out`].
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The first byte that is not counted in `count`.
    at: usize,
    /// The next bits, the first one on top. Below `count` bits lie more of the same stream,
    /// or zeros.
    window: u64,
    /// Bits of `window` that may be taken.
    count: u32,
}

impl<'a> Bits<'a> {
    /// Bits that can be taken after [`Self::refill`].
    const READY: u32 = 56;

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            window: 0,
            count: 0,
        }
    }

    /// Makes at least 32 bits ready: a code of 16 and a value of 16.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.count < 32 {
            let next = match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
                Some(eight) => u64::from_be_bytes(*eight),
                None => self.last_bytes(),
            };
            self.window |= next >> self.count;
            self.at += ((63 - self.count) / 8) as usize;
            self.count |= Self::READY;
        }
    }

    /// What is left of the bytes when it is less than eight, and zeros.
    #[cold]
    fn last_bytes(&self) -> u64 {
        let mut eight = [0; 8];
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        eight[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(eight)
    }

    /// The next `count` bits, which stay; 1 to 32 of those that are ready.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        (self.window >> (64 - count)) as u32
    }

    /// Drops `count` of the bits that are ready.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.window <<= count;
        self.count -= count;
    }

    /// The value in the `size` bits behind the next `skipped`, none of which are dropped: bits
    /// that begin with a zero are a negative one. No branch, since none could be foreseen.
    #[inline(always)]
    pub(super) fn value(&self, skipped: u32, size: u32) -> i32 {
        let window = self.window << skipped;
        let bits = (window >> 1 >> (63 - size)) as i32;
        let is_negative = !(window as i64 >> 63) as i32;
        bits - (is_negative & ((1 << size) - 1))
    }

    /// Whether more bits were taken than there are.
    #[inline(always)]
    pub(super) fn ran_out(&self) -> bool {
        8 * self.at > 8 * self.bytes.len() + self.count as usize
    }

    /// Whole bytes that were not taken.
    pub(super) fn bytes_left(&self) -> &'a [u8] {
        let taken = (8 * self.at - self.count as usize).div_ceil(8);
        self.bytes.get(taken..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_those_of_the_standard() {
        let value = |bits: u16, size: u32| {
            let bytes = (u64::from(bits) << (64 - 5 - size)).to_be_bytes();
            let mut bits = Bits::new(&bytes);
            bits.refill();
            bits.value(5, size)
        };
        for (bits, size, want) in [
            (0, 1, -1),
            (1, 1, 1),
            (0, 3, -7),
            (3, 3, -4),
            (4, 3, 4),
            (7, 3, 7),
            (0, 15, -32767),
            (0x7FFF, 15, 32767),
        ] {
            assert_eq!(value(bits, size), want);
        }
        let mut bits = Bits::new(&[0xAA; 8]);
        bits.refill();
        assert_eq!((bits.value(0, 0), bits.value(1, 0)), (0, 0));
    }

    proptest! {
        #[test]
        fn bits_come_in_their_order_until_they_run_out(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            counts in proptest::collection::vec((1..17_u32, 1..17_u32), 0..40),
        ) {
            let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte << (at % 8) & 0x80 != 0);
            let (mut bits, mut taken) = (Bits::new(&bytes), 0);
            for (a, b) in counts {
                bits.refill();
                for count in [a, b] {
                    let want = (taken..taken + count as usize).fold(0, |sum, at| sum << 1 | u32::from(bit(at)));
                    prop_assert_eq!(bits.peek(count), want);
                    bits.skip(count);
                    taken += count as usize;
                }
                prop_assert_eq!(bits.ran_out(), taken > 8 * bytes.len());
                prop_assert_eq!(bits.bytes_left(), bytes.get(taken.div_ceil(8)..).unwrap_or_default());
            }
        }
    }
}
