//! Sizes as text.

use super::Sizes;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Crates and sections below are summed up in one line.
const SMALL_BYTES: u64 = 16 * 1024;

/// The longest name that is shown whole.
const NAME_CHARS_MAX: usize = 90;

/// All of a result.
pub fn all(sizes: &Sizes) -> String {
    let mut text = format!("{:>10}  {}\n", sizes.bytes, headline(sizes));
    for (title, group) in groups(sizes) {
        let _ = writeln!(text, "\n{title}");
        let mut lines: Vec<(&String, u64)> = group.iter().map(|(name, n)| (name, *n)).collect();
        lines.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), *name));
        let (large, small): (Vec<_>, Vec<_>) = lines
            .into_iter()
            .partition(|(_, bytes)| *bytes >= SMALL_BYTES);
        for (name, bytes) in large {
            let _ = writeln!(text, "{bytes:>10}  {name}");
        }
        if !small.is_empty() {
            let sum: u64 = small.iter().map(|(_, bytes)| bytes).sum();
            let _ = writeln!(text, "{sum:>10}  ({} smaller ones)", small.len());
        }
    }
    text.push_str("\nlargest functions and data\n");
    for symbol in &sizes.symbols {
        let _ = writeln!(text, "{:>10}  {}", symbol.bytes, short(&symbol.name));
    }
    text
}

/// What has changed from `old` to `new`.
pub fn difference(old: &Sizes, new: &Sizes) -> String {
    let mut text = String::new();
    if old.board != new.board {
        let _ = writeln!(text, "compared with another board, {}", old.board);
    }
    let line = |was: u64, is: u64, name: &str| {
        let change = i128::from(is) - i128::from(was);
        let percent = match was {
            0 => "new".to_owned(),
            _ => format!("{:+.2} %", change as f64 * 100.0 / was as f64),
        };
        format!("{was:>10} {is:>10} {change:>+10} {percent:>9}  {name}\n")
    };
    let _ = writeln!(text, "{:>10} {:>10} {:>10}", "was", "is", "change");
    text.push_str(&line(old.bytes, new.bytes, &headline(new)));
    for ((title, was), (_, is)) in groups(old).into_iter().zip(groups(new)) {
        let mut changes: Vec<(u64, &String, u64, u64)> = was
            .keys()
            .chain(is.keys().filter(|name| !was.contains_key(*name)))
            .map(|name| {
                let of = |group: &BTreeMap<String, u64>| group.get(name).copied().unwrap_or(0);
                (of(was).abs_diff(of(is)), name, of(was), of(is))
            })
            .filter(|(change, ..)| *change > 0)
            .collect();
        if changes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{title}");
        changes.sort_by_key(|(change, name, ..)| (std::cmp::Reverse(*change), *name));
        for (_, name, was, is) in changes {
            text.push_str(&line(was, is, name));
        }
    }
    text
}

fn headline(sizes: &Sizes) -> String {
    format!("bytes: the program for {}", sizes.board)
}

fn groups(sizes: &Sizes) -> [(&'static str, &BTreeMap<String, u64>); 3] {
    [
        ("models, with their cards", &sizes.models),
        ("sections", &sizes.sections),
        ("crates: named functions and data", &sizes.crates),
    ]
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    name.chars()
        .take(NAME_CHARS_MAX)
        .chain("...".chars())
        .collect()
}
