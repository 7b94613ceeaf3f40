//! Writes elements; the only place where text becomes markup.
//!
//! Elements are closed by construction, and every text and attribute value is escaped, so that
//! no class name, path or message can end up as markup.

/// Markup under construction. Void elements are written as `<img/>`, so that the result can
/// be checked as XML, too.
#[derive(Debug, Default)]
pub struct Markup {
    out: String,
}

impl Markup {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element with what `content` adds inside.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.out.push('>');
        content(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Adds an element with text inside.
    pub fn leaf(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.element(name, attributes, |m| m.text(text));
    }

    /// Adds an element without content.
    pub fn void(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) {
        escape(text, &mut self.out);
    }

    /// Adds something that is markup already, and part of the program.
    pub fn constant(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Adds markup that was put together elsewhere.
    pub fn append(&mut self, other: Self) {
        self.out.push_str(&other.out);
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            escape(value, &mut self.out);
            self.out.push('"');
        }
    }
}

/// Appends `text` without anything that HTML or XML would take for markup or refuse.
fn escape(text: &str, out: &mut String) {
    out.reserve(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            // No parser accepts these; the bidirectional ones could make a path read wrongly.
            c if c.is_control() || is_invisible(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

/// Characters that reorder the text around them, and those that XML forbids.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::check::check_balanced;
    use proptest::prelude::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(text, &mut out);
        out
    }

    #[test]
    fn what_could_be_markup_is_text() {
        assert_eq!(
            escaped("</script><img src='x' onerror=\"a&b\">"),
            "&lt;/script&gt;&lt;img src=&#39;x&#39; onerror=&quot;a&amp;b&quot;&gt;"
        );
        assert_eq!(escaped("a\0b\u{202E}c\rd"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}d");
        assert_eq!(escaped("voiture été 車"), "voiture été 車");
    }

    proptest! {
        #[test]
        fn any_text_stays_text(text in any::<String>(), value in any::<String>()) {
            let mut markup = Markup::new();
            markup.element("p", &[("title", &value)], |m| m.text(&text));
            let markup = markup.finish();
            prop_assert_eq!(check_balanced(&markup), Ok(1));
        }
    }
}
