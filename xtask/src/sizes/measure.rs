//! Takes a program apart by its sections and symbols.

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the stored result.
pub const SCHEMA: &str = "lookout.sizes/1";

/// The largest symbols that are kept.
const SYMBOLS_MAX: usize = 20;

/// Where symbols of other languages are counted.
const FOREIGN: &str = "C, C++, assembly";

/// The sizes of a program and its models, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// [`SCHEMA`].
    pub schema: String,
    /// The board.
    pub board: String,
    /// The program's file.
    pub bytes: u64,
    /// What its sections take in the file.
    pub sections: BTreeMap<String, u64>,
    /// What the named functions and data of each crate take; generic code counts for the
    /// crate that defines it. Smaller than the file: tables, texts and headers have no names.
    pub crates: BTreeMap<String, u64>,
    /// The largest functions and data, largest first.
    pub symbols: Vec<Symbol>,
    /// The models, each with its card.
    pub models: BTreeMap<String, u64>,
}

/// A function or a piece of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbol {
    /// Its name, readable.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl Sizes {
    /// The sizes of the program in these bytes; board and models are left empty.
    pub fn of(elf: &[u8]) -> Result<Self, String> {
        let file = object::File::parse(elf).map_err(|error| error.to_string())?;
        let mut sizes = Self {
            schema: SCHEMA.to_owned(),
            bytes: elf.len() as u64,
            ..Self::default()
        };
        for section in file.sections() {
            let name = section.name().map_err(|error| error.to_string())?;
            let bytes = section.file_range().map_or(0, |(_, bytes)| bytes);
            if bytes > 0 {
                *sizes.sections.entry(name.to_owned()).or_default() += bytes;
            }
        }
        // Several names may stand for one place.
        let mut places: BTreeMap<u64, (u64, &str)> = BTreeMap::new();
        for symbol in file.symbols() {
            let is_sized = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data);
            if !is_sized || symbol.size() == 0 || !symbol.is_definition() {
                continue;
            }
            let name = symbol.name().map_err(|error| error.to_string())?;
            let place = places.entry(symbol.address()).or_insert((0, name));
            *place = (*place).max((symbol.size(), name));
        }
        for (bytes, name) in places.values() {
            *sizes.crates.entry(crate_of(name)).or_default() += bytes;
            sizes.symbols.push(Symbol {
                name: readable(name),
                bytes: *bytes,
            });
        }
        let largest_first = |a: &Symbol, b: &Symbol| (b.bytes, &a.name).cmp(&(a.bytes, &b.name));
        sizes.symbols.sort_by(largest_first);
        sizes.symbols.truncate(SYMBOLS_MAX);
        Ok(sizes)
    }
}

/// The name without the compiler's hash, which changes with every version.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// The crate that a symbol comes from: the first path in its name.
fn crate_of(name: &str) -> String {
    if rustc_demangle::try_demangle(name).is_err() {
        return FOREIGN.to_owned();
    }
    let text = readable(name);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // `<&mut dyn a::B as c::D>::e`: only what stands before `::` is a crate.
        if after.starts_with("::") {
            return word.to_owned();
        }
        rest = after;
    }
    "other Rust".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crates_are_found_in_names_of_both_kinds() {
        let names = [
            ("_ZN4core3fmt5write17h0123456789abcdefE", "core"),
            (
                "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt\
                 17h0123456789abcdefE",
                "alloc",
            ),
            (
                "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "core",
            ),
            ("_RNvC6_123foo3bar", "123foo"),
            ("_ZN7WelsDec11DecodeFrameEv", FOREIGN),
            ("memcpy", FOREIGN),
        ];
        for (name, expected) in names {
            assert_eq!(crate_of(name), expected, "{name}: {}", readable(name));
        }
        assert_eq!(
            readable("_ZN4core3fmt5write17h0123456789abcdefE"),
            "core::fmt::write"
        );
    }

    #[test]
    fn this_program_is_taken_apart() {
        let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let sizes = Sizes::of(&elf).unwrap();
        assert_eq!(sizes.bytes, elf.len() as u64);
        assert!(sizes.sections[".text"] > 1_000_000);
        assert!(
            !sizes.sections.contains_key(".bss"),
            "it takes nothing in the file"
        );
        assert!(sizes.crates["xtask"] > 100_000);
        assert!(
            sizes
                .symbols
                .windows(2)
                .all(|pair| pair[0].bytes >= pair[1].bytes)
        );
        assert!(sizes.crates.values().sum::<u64>() <= sizes.bytes + (1 << 20));
        assert!(Sizes::of(b"#!/bin/sh").is_err());
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "(_ZN|_R)?[A-Za-z0-9_$.<>: é]{0,40}") {
            prop_assert!(!crate_of(&name).is_empty());
        }
    }
}
