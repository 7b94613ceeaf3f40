//! As much of YAML as a `data.yaml` needs: keys at the left edge, each with a text, a list
//! of texts or a map to texts.
//!
//! A reader of all of YAML is thousands of lines, and the common crate for it is no longer
//! kept up. Whatever else a file holds (nested maps, scripts in `|` blocks) is passed over;
//! anchors and aliases are texts like any other and cannot multiply.

use std::collections::BTreeMap;

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    /// A plain or quoted text; numbers are texts too. Empty where there is no value.
    Text(String),
    /// `[a, b]`, or lines that begin with `-`.
    List(Vec<String>),
    /// `{0: a, 1: b}`, or deeper lines `0: a`.
    Map(Vec<(String, String)>),
}

/// Longest list or map.
const ENTRIES_MAX: usize = 100_000;

/// Reads the keys at the left edge. Of a key given twice the last wins. What is not
/// understood is left out.
pub fn read(text: &str) -> BTreeMap<String, Yaml> {
    let mut values = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with([' ', '\t', '-', '#']) {
            continue;
        }
        let Some((key, value)) = key_and_value(line) else {
            continue;
        };
        let mut value = value.to_owned();
        let mut block = Vec::new();
        let flow = value.starts_with(['[', '{']);
        // What belongs to the key: deeper lines, list lines at the left edge too, and of a
        // list in brackets all up to the closing one.
        while let Some(next) = lines.peek() {
            let trimmed = next.trim();
            let deeper = next.starts_with([' ', '\t']) || trimmed.starts_with("- ");
            let closing = flow && !is_closed(&value);
            if !(deeper || closing || trimmed.is_empty() || trimmed.starts_with('#')) {
                break;
            }
            if flow {
                value.push(' ');
                value.push_str(without_comment(next).trim());
            } else {
                block.push(*next);
            }
            lines.next();
        }
        if let Some(value) = value_of(&value, &block) {
            values.insert(unquoted(key), value);
        }
    }
    values
}

fn value_of(value: &str, block: &[&str]) -> Option<Yaml> {
    match value.chars().next() {
        Some('[') => {
            let inner = value.strip_prefix('[')?.trim_end().strip_suffix(']')?;
            Some(Yaml::List(items(inner).map(unquoted).collect()))
        }
        Some('{') => {
            let inner = value.strip_prefix('{')?.trim_end().strip_suffix('}')?;
            let entry = |item| {
                let (key, value) = key_and_value(item)?;
                Some((unquoted(key), unquoted(value)))
            };
            Some(Yaml::Map(items(inner).filter_map(entry).collect()))
        }
        Some('|' | '>') => None,
        Some(_) => Some(Yaml::Text(unquoted(value))),
        None => Some(block_value(block)),
    }
}

/// The list or map that deeper lines make; what is deeper still is left out.
fn block_value(block: &[&str]) -> Yaml {
    let lines = || {
        let lines = block.iter().map(|line| without_comment(line));
        lines.filter(|line| !line.trim().is_empty())
    };
    let depth = |line: &str| line.len() - line.trim_start().len();
    let Some(first) = lines().next() else {
        return Yaml::Text(String::new());
    };
    let own = lines().filter(|line| depth(line) == depth(first));
    let own = own.map(str::trim).take(ENTRIES_MAX);
    if first.trim_start().starts_with('-') {
        let item = |line: &str| line.strip_prefix('-').map(|rest| unquoted(rest.trim()));
        return Yaml::List(own.filter_map(item).collect());
    }
    let entry = |line| {
        let (key, value) = key_and_value(line)?;
        Some((unquoted(key), unquoted(value)))
    };
    Yaml::Map(own.filter_map(entry).collect())
}

/// Splits at the first colon that ends a key: outside quotes, before a space or the end.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = without_comment(line);
    let colons = outside_quotes(line).filter(|&(_, letter)| letter == ':');
    let at = colons.map(|(at, _)| at).find(|at| {
        let rest = &line[at + 1..];
        rest.is_empty() || rest.starts_with([' ', '\t'])
    })?;
    let key = line[..at].trim();
    (!key.is_empty()).then(|| (key, line[at + 1..].trim()))
}

/// The items of a list in brackets, without the brackets.
fn items(inner: &str) -> impl Iterator<Item = &str> {
    let commas = outside_quotes(inner).filter(|&(_, letter)| letter == ',');
    let ends = commas.map(|(at, _)| at).chain([inner.len()]);
    let mut start = 0;
    ends.map(move |end| {
        let item = inner[start..end].trim();
        start = (end + 1).min(inner.len());
        item
    })
    .filter(|item| !item.is_empty())
    .take(ENTRIES_MAX)
}

/// Whether a text that begins with a bracket has its closing one.
fn is_closed(text: &str) -> bool {
    outside_quotes(text).any(|(_, letter)| matches!(letter, ']' | '}'))
}

/// The line up to a `#` that follows a space or stands at the start.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    let comment = outside_quotes(line).find(|&(at, letter)| {
        let starts = letter == '#' && (before.is_whitespace() || at == 0);
        before = letter;
        starts
    });
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The letters that are not between quotes, with their places. An apostrophe inside a word
/// is no quote.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut before = ' ';
    text.char_indices().filter(move |&(_, letter)| {
        let opens = matches!(letter, '"' | '\'') && !before.is_alphanumeric();
        before = letter;
        match quote {
            Some(open) => {
                if letter == open {
                    quote = None;
                }
                false
            }
            None if opens => {
                quote = Some(letter);
                false
            }
            None => true,
        }
    })
}

/// The text without quotes around it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
        .to_owned()
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
