//! A Huffman table, laid out so that one look gives a whole coefficient.

use super::bits::{Bits, signed};

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

/// One code: how many zeros come before the coefficient, and its value, or how many bits of
/// value follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// No such code, or one too long for the first look.
    const NONE: Self = Self(0);
    /// The run of the code that ends a block.
    const END: u32 = 64;

    const fn new(value: i16, run: u32, size: u32, length: u32) -> Self {
        Self((value as u16 as u32) << 16 | run << 9 | size << 5 | length)
    }

    /// Bits to skip: the code's, and those of a value that is known.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 31
    }

    /// Bits of value that follow; 0 when the value is known.
    #[inline(always)]
    pub(super) fn size(self) -> u32 {
        self.0 >> 5 & 15
    }

    /// Zeros before the coefficient.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 9 & 127) as usize
    }

    /// Whether the rest of the block is zero.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.run() == Self::END as usize
    }

    /// The coefficient, when it is known.
    #[inline(always)]
    pub(super) fn value(self) -> i32 {
        self.0 as i32 >> 16
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
            (Class::Ac, 0, 0) => Code::new(0, Code::END, 0, length),
            // Sixteen zeros, of which the last one is set like a coefficient.
            (Class::Ac, 15, 0) | (Class::Dc, 0, 0) => Code::new(0, run, 0, length),
            (Class::Ac, _, 0) => Code::NONE,
            _ => Code::new(0, run, size, length),
        }
    }

    /// Enters the code whose bits are `bits` wherever a look begins with it.
    fn enter(&mut self, code: Code, bits: u32) {
        let Some(free) = LOOK.checked_sub(code.length()) else {
            return;
        };
        for rest in 0..1_u32 << free {
            let Some(place) = self.codes.get_mut((bits << free | rest) as usize) else {
                return;
            };
            *place = match (code.size(), free.checked_sub(code.size())) {
                (size @ 1.., Some(unused)) => {
                    let value = signed(rest >> unused, size) as i16;
                    Code::new(value, code.run() as u32, 0, code.length() + size)
                }
                _ => code,
            };
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
