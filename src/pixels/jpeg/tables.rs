//! The quantization and Huffman tables of a picture.

use super::header::{Component, Header};
use super::huffman::{Class, Huffman};
use super::standard::STANDARD_HUFFMAN_TABLES;

pub(super) const CUT: &str = "a header that is cut short";
const NO_SLOT: &str = "a table with a number over 3";

/// The tables that headers bring. Kept from picture to picture, since they seldom change.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// Factors in the order of the scan.
    quantization: [Option<[i32; 64]>; 4],
    dc: [Huffman; 4],
    ac: [Huffman; 4],
    /// Which Huffman tables this picture has, those for DC first.
    is_defined: [[bool; 4]; 2],
}

/// A component's tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComponentTables<'a> {
    pub(super) quantization: &'a [i32; 64],
    pub(super) dc: &'a Huffman,
    pub(super) ac: &'a Huffman,
}

impl Tables {
    /// No tables.
    pub(super) fn new() -> Self {
        Self {
            quantization: [None; 4],
            dc: std::array::from_fn(|_| Huffman::new(Class::Dc)),
            ac: std::array::from_fn(|_| Huffman::new(Class::Ac)),
            is_defined: [[false; 4]; 2],
        }
    }

    /// Those of one component; [`Self::complete`] has seen that they are there.
    pub(super) fn of(&self, component: &Component) -> Option<ComponentTables<'_>> {
        let is_defined =
            |class: usize, slot: usize| self.is_defined[class].get(slot) == Some(&true);
        if !is_defined(0, component.dc) || !is_defined(1, component.ac) {
            return None;
        }
        Some(ComponentTables {
            quantization: self.quantization.get(component.quantization)?.as_ref()?,
            dc: &self.dc[component.dc],
            ac: &self.ac[component.ac],
        })
    }

    /// A new picture begins: what it uses must come with it.
    pub(super) fn forget(&mut self) {
        self.quantization = [None; 4];
        self.is_defined = [[false; 4]; 2];
    }

    /// Adds the standard Huffman tables where there are none, and checks that none is missing.
    pub(super) fn complete(&mut self, header: &Header) -> Result<(), &'static str> {
        if self.is_defined == [[false; 4]; 2] {
            self.huffman(&STANDARD_HUFFMAN_TABLES[4..])?;
        }
        if header
            .components()
            .iter()
            .all(|component| self.of(component).is_some())
        {
            return Ok(());
        }
        Err("a component whose tables are missing")
    }

    /// Reads a segment of quantization tables.
    pub(super) fn quantization(&mut self, mut body: &[u8]) -> Result<(), &'static str> {
        while let Some((&kind, rest)) = body.split_first() {
            let slot = self.quantization.get_mut(usize::from(kind & 15));
            let own = slot.ok_or(NO_SLOT)?.insert([0; 64]);
            let bytes_each = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err("a quantization table that is neither of 8 nor of 16 bits"),
            };
            let (factors, rest) = rest.split_at_checked(64 * bytes_each).ok_or(CUT)?;
            for (own, factor) in own.iter_mut().zip(factors.chunks_exact(bytes_each)) {
                *own = factor
                    .iter()
                    .fold(0, |sum, &byte| sum << 8 | i32::from(byte));
            }
            body = rest;
        }
        Ok(())
    }

    /// Reads a segment of Huffman tables.
    pub(super) fn huffman(&mut self, mut body: &[u8]) -> Result<(), &'static str> {
        while let Some((&kind, rest)) = body.split_first() {
            let (&counts, rest) = rest.split_first_chunk().ok_or(CUT)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or(CUT)?;
            let (class, slot) = (usize::from(kind >> 4), usize::from(kind & 15));
            let tables = match class {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err("a Huffman table that is neither for DC nor for AC"),
            };
            tables
                .get_mut(slot)
                .ok_or(NO_SLOT)?
                .define(counts, symbols)?;
            self.is_defined[class][slot] = true;
            body = rest;
        }
        Ok(())
    }
}
