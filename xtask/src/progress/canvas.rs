//! What a terminal can show, and text that fits it.

/// Columns where the terminal does not say how many it has.
const COLUMNS_DEFAULT: usize = 80;

/// Levels of a small chart, from low to high.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LEVELS_ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// A terminal's width and alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Columns that may be used.
    pub columns: usize,
    /// Whether more than ASCII can be shown.
    pub is_utf8: bool,
}

impl Canvas {
    /// The terminal at standard error.
    pub(super) fn of_stderr() -> Self {
        let columns = rustix::termios::tcgetwinsize(std::io::stderr())
            .map(|size| usize::from(size.ws_col))
            .ok()
            .filter(|columns| *columns > 0);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty());
        Self {
            // A line that is full to the last column would make some terminals scroll.
            columns: columns.unwrap_or(COLUMNS_DEFAULT).saturating_sub(1),
            is_utf8: locale.is_some_and(|locale| speaks_utf8(&locale)),
        }
    }

    /// The text, cut if it is too long.
    pub fn fit(self, text: &str) -> String {
        let text = printable(text);
        if text.chars().count() <= self.columns {
            return text;
        }
        let mark = if self.is_utf8 { '…' } else { '~' };
        let kept = text.chars().take(self.columns.saturating_sub(1));
        kept.chain((self.columns > 0).then_some(mark)).collect()
    }

    /// A bar of so many columns, two of them its ends, of which `share` is full.
    pub fn bar(self, columns: usize, share: f64) -> String {
        let inside = columns.saturating_sub(2);
        // NaN becomes zero.
        let full = ((share.clamp(0.0, 1.0) * inside as f64) as usize).min(inside);
        let head = usize::from(full < inside && full > 0);
        let (body, rest) = (full - head, inside - full);
        format!(
            "[{}{}{}]",
            "=".repeat(body),
            ">".repeat(head),
            " ".repeat(rest)
        )
    }

    /// A chart one line high, a column a value. What is not finite is a cross.
    pub fn sparkline(self, values: &[f64]) -> String {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let levels = if self.is_utf8 { LEVELS } else { LEVELS_ASCII };
        let cross = if self.is_utf8 { '×' } else { 'x' };
        let level = |value: &f64| {
            if !value.is_finite() {
                return cross;
            }
            // Halved, so that the span of two huge numbers is not infinite.
            let span = high / 2.0 - low / 2.0;
            let place = if span > 0.0 {
                (value / 2.0 - low / 2.0) / span
            } else {
                0.0
            };
            let index = (place * LEVELS.len() as f64) as usize;
            levels[index.min(LEVELS.len() - 1)]
        };
        values.iter().map(level).collect()
    }
}

fn speaks_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The text without what would move the cursor or change colours.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UTF8: Canvas = Canvas {
        columns: 12,
        is_utf8: true,
    };
    const ASCII: Canvas = Canvas {
        columns: 12,
        is_utf8: false,
    };

    #[test]
    fn long_text_is_cut_and_controls_are_gone() {
        assert_eq!(UTF8.fit("twelve chars"), "twelve chars");
        assert_eq!(UTF8.fit("thirteen char"), "thirteen ch…");
        assert_eq!(ASCII.fit("thirteen char"), "thirteen ch~");
        assert_eq!(UTF8.fit("a\x1b[31m\nb"), "a [31m b");
        let nothing = Canvas { columns: 0, ..UTF8 };
        assert_eq!(nothing.fit("text"), "");
    }

    #[test]
    fn bars_are_as_long_as_asked() {
        assert_eq!(ASCII.bar(12, 0.0), "[          ]");
        assert_eq!(ASCII.bar(12, 0.5), "[====>     ]");
        assert_eq!(ASCII.bar(12, 1.0), "[==========]");
        assert_eq!(ASCII.bar(12, f64::NAN), "[          ]");
        assert_eq!(ASCII.bar(0, 0.5), "[]");
    }

    #[test]
    fn charts_use_the_whole_height() {
        assert_eq!(UTF8.sparkline(&[0.0, 3.5, 7.0]), "▁▅█");
        assert_eq!(ASCII.sparkline(&[7.0, 0.0]), "#_");
        assert_eq!(UTF8.sparkline(&[1.0, 1.0]), "▁▁");
        assert_eq!(UTF8.sparkline(&[1.0, f64::NAN, 2.0]), "▁×█");
        assert_eq!(ASCII.sparkline(&[f64::INFINITY, f64::NAN]), "xx");
        assert_eq!(UTF8.sparkline(&[f64::MIN, f64::MAX]), "▁█");
        assert_eq!(UTF8.sparkline(&[]), "");
    }

    #[test]
    fn locales_tell_the_alphabet() {
        assert!(speaks_utf8("de_DE.UTF-8") && speaks_utf8("C.utf8"));
        assert!(!speaks_utf8("C") && !speaks_utf8("de_DE.ISO-8859-1"));
    }

    proptest! {
        #[test]
        fn nothing_panics_or_is_too_wide(
            values in prop::collection::vec(prop::num::f64::ANY, 0..50),
            share in prop::num::f64::ANY,
            columns in 0_usize..200,
            text in any::<String>(),
            is_utf8 in any::<bool>(),
        ) {
            let canvas = Canvas { columns, is_utf8 };
            prop_assert_eq!(canvas.sparkline(&values).chars().count(), values.len());
            prop_assert_eq!(canvas.bar(columns, share).len(), columns.max(2));
            let fitted = canvas.fit(&text);
            prop_assert!(fitted.chars().count() <= columns);
            prop_assert!(!fitted.chars().any(char::is_control));
        }
    }
}
