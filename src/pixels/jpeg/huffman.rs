//! A Huffman table, laid out so that one look finds a code.

use super::bits::Bits;

/// Bits that the first look takes in.
const LOOK: u32 = 10;

/// The longest code, in bits.
const LENGTH_MAX: usize = 16;

/// What a table codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The change of a block's mean.
    Dc,
    /// The other coefficients, each with the number of zeros before it.
    Ac,
}

/// One code: how many zeros come before the coefficient, and how many bits its value has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// No such code, or one too long for the first look.
    const NONE: Self = Self(0);
    /// The run of the code that ends a block.
    const END: u32 = 64;

    const fn new(run: u32, size: u32, length: u32) -> Self {
        Self(run << 16 | size << 12 | length << 6 | (length + size))
    }

    /// Bits of the code and its value.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 & 63
    }

    /// Bits of the code alone.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 >> 6 & 63
    }

    /// Bits of the value alone.
    #[inline(always)]
    pub(super) fn size(self) -> u32 {
        self.0 >> 12 & 15
    }

    /// Zeros before the coefficient.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// Whether the rest of the block is zero.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.run() == Self::END as usize
    }
}

/// A Huffman table.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// How many codes there are of each length, from 1 bit on.
    counts: [u8; LENGTH_MAX],
    /// What the codes mean, in the order of the codes; zeros behind them.
    symbols: [u8; 256],
    class: Class,
    /// By the next [`LOOK`] bits.
    codes: [Code; 1 << LOOK],
    /// By length: the first 16 bits that belong to longer codes.
    ends: [u32; LENGTH_MAX],
}

impl Huffman {
    /// A table without a code.
    pub(super) fn new(class: Class) -> Self {
        Self {
            counts: [0; LENGTH_MAX],
            symbols: [0; 256],
            class,
            codes: [Code::NONE; 1 << LOOK],
            ends: [0; LENGTH_MAX],
        }
    }

    /// Takes over the table that a header defines. Costs little when it is the one from the
    /// picture before.
    pub(super) fn define(
        &mut self,
        counts: [u8; LENGTH_MAX],
        symbols: &[u8],
    ) -> Result<(), &'static str> {
        let mut all = [0; 256];
        match all.get_mut(..symbols.len()) {
            Some(own) => own.copy_from_slice(symbols),
            None => return Err("a Huffman table of more than 256 codes"),
        }
        if (counts, all) == (self.counts, self.symbols) {
            return Ok(());
        }
        // Undone below, unless there is a fault.
        *self = Self::new(self.class);
        if self.class == Class::Dc && symbols.iter().any(|&symbol| symbol > 15) {
            return Err("a DC Huffman table with values of more than 15 bits");
        }
        let mut index = 0;
        let mut end = 0;
        for (length, &count) in (1..).zip(&counts) {
            for _ in 0..count {
                let code = self.code(all[index], length);
                if code != Code::NONE {
                    self.enter(code, end >> (LENGTH_MAX as u32 - length));
                }
                index += 1;
                end += 1 << (LENGTH_MAX as u32 - length);
                if end > 1 << LENGTH_MAX {
                    *self = Self::new(self.class);
                    return Err("a Huffman table with more codes than fit");
                }
            }
            self.ends[length as usize - 1] = end;
        }
        (self.counts, self.symbols) = (counts, all);
        Ok(())
    }

    /// What a symbol with a code of `length` bits means.
    fn code(&self, symbol: u8, length: u32) -> Code {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (self.class, run, size) {
            (Class::Ac, 0, 0) => Code::new(Code::END, 0, length),
            // Sixteen zeros, of which the last one is set like a coefficient.
            (Class::Ac, 15, 0) => Code::new(15, 0, length),
            (Class::Ac, _, 0) => Code::NONE,
            _ => Code::new(run, size, length),
        }
    }

    /// Enters the code whose bits are `bits` wherever a look begins with it.
    fn enter(&mut self, code: Code, bits: u32) {
        let Some(free) = LOOK.checked_sub(code.length()) else {
            return;
        };
        let first = (bits << free) as usize;
        if let Some(places) = self.codes.get_mut(first..first + (1 << free)) {
            places.fill(code);
        }
    }

    /// The next code, which is not skipped yet; `None` when the bits are no code. Wants 16 bits.
    #[inline(always)]
    pub(super) fn look(&self, bits: &Bits<'_>) -> Option<Code> {
        let code = self.codes[bits.peek(LOOK) as usize];
        if code == Code::NONE {
            return self.look_further(bits.peek(LENGTH_MAX as u32));
        }
        Some(code)
    }

    /// Finds a code that is longer than a look, at the beginning of 16 bits.
    #[cold]
    fn look_further(&self, bits: u32) -> Option<Code> {
        let length = (1..).zip(&self.ends).find(|&(_, &end)| bits < end)?.0;
        let shift = LENGTH_MAX as u32 - length;
        let before: usize = self.counts[..length as usize]
            .iter()
            .map(|&n| usize::from(n))
            .sum();
        // Codes of one length follow each other, and the last one ends where longer ones begin.
        let back = (self.ends[length as usize - 1] - 1 - bits) >> shift;
        let symbol = self.symbols[before - 1 - back as usize];
        Some(self.code(symbol, length)).filter(|&code| code != Code::NONE)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Each symbol's code and its length, assigned as the standard says.
    fn assign(counts: &[u8; LENGTH_MAX]) -> Vec<(u32, u32)> {
        let (mut codes, mut next) = (Vec::new(), 0);
        for (length, &count) in (1..).zip(counts) {
            for _ in 0..count {
                codes.push((next, length));
                next += 1;
            }
            next <<= 1;
        }
        codes
    }

    /// What follows the code of `symbol` when ones or zeros come behind it.
    fn check(table: &Huffman, symbol: u8, (code, length): (u32, u32), ones: bool) {
        let rest = if ones { u64::MAX >> length } else { 0 };
        let bytes = (u64::from(code) << (64 - length) | rest).to_be_bytes();
        let mut bits = Bits::new(&bytes);
        bits.refill();
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let Some(found) = table.look(&bits) else {
            assert!(table.class == Class::Ac && size == 0 && !matches!(run, 0 | 15));
            return;
        };
        let value = bits.value(found.length(), found.size());
        bits.skip(found.bits());
        let most = (1 << size) - 1;
        assert_eq!(value, if ones { most } else { -most });
        assert_eq!(found.is_end(), table.class == Class::Ac && symbol == 0);
        if !found.is_end() {
            assert_eq!(found.run() as u32, run);
        }
        assert_eq!(bits.peek(1) == 1, ones && length + size < 64);
    }

    /// Counts of lengths that fill `share` of all codes at most.
    fn counts(wishes: &[u8], mut places: u32) -> [u8; LENGTH_MAX] {
        let mut left = 255;
        std::array::from_fn(|i| {
            let each = 1 << (LENGTH_MAX - 1 - i);
            let count = u32::from(wishes[i])
                .min(places.saturating_sub(1) / each)
                .min(left);
            places -= count * each;
            left -= count;
            count as u8
        })
    }

    #[test]
    fn a_table_that_does_not_fit_is_a_fault_and_leaves_none() {
        let mut table = Huffman::new(Class::Ac);
        let mut counts = [0; LENGTH_MAX];
        counts[0] = 3;
        assert!(table.define(counts, &[1, 2, 3]).is_err());
        let mut bits = Bits::new(&[0; 8]);
        bits.refill();
        assert_eq!(table.look(&bits), None);
        counts[0] = 2;
        assert!(table.define(counts, &[1, 2]).is_ok());
        let mut table = Huffman::new(Class::Dc);
        assert!(table.define(counts, &[1, 16]).is_err());
        assert!(table.define([255; LENGTH_MAX], &[0; 4080]).is_err());
    }

    proptest! {
        #[test]
        fn every_code_of_any_table_is_found(
            wishes in proptest::collection::vec(0..40_u8, 16), symbols in any::<[[u8; 32]; 8]>(),
            is_dc in any::<bool>(), ones in any::<bool>(),
        ) {
            let counts = counts(&wishes, 1 << LENGTH_MAX);
            let codes = assign(&counts);
            let limit = if is_dc { 15 } else { 255 };
            let symbols: Vec<u8> = symbols.concat()[..codes.len()].iter().map(|s| s & limit).collect();
            let mut table = Huffman::new(if is_dc { Class::Dc } else { Class::Ac });
            table.define(counts, &symbols).unwrap();
            for (&symbol, &code) in symbols.iter().zip(&codes) {
                check(&table, symbol, code, ones);
            }
            // The code of ones is never given away.
            let mut bits = Bits::new(&[0xFF; 8]);
            bits.refill();
            prop_assert_eq!(table.look(&bits), None);
        }
    }
}
