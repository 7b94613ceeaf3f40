//! Where a link leads: into the page, or to a file beside it. Never anywhere else.

use super::markup::Markup;
use std::fmt::Write;

/// The target of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// To the section with this id.
    pub fn section(id: &str) -> Self {
        Self(format!("#{}", identifier(id)))
    }

    /// To a file, by its path from the page's folder, with `/` between its parts.
    pub fn file(path: &str) -> Self {
        let mut target = String::from("./");
        for byte in path.trim_start_matches('/').bytes() {
            // Whatever could mean something in an address is coded, a colon first of all.
            if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
                target.push(byte.into());
            } else {
                // Writing to a string cannot fail.
                let _ = write!(target, "%{byte:02X}");
            }
        }
        Self(target)
    }

    /// The address as it stands in the page.
    pub fn target(&self) -> &str {
        &self.0
    }

    pub(super) fn write(&self, m: &mut Markup, content: impl FnOnce(&mut Markup)) {
        m.element("a", &[("href", &self.0)], content);
    }
}

/// Text as the id of an element: lower-case letters, digits and hyphens.
pub(super) fn identifier(text: &str) -> String {
    let id: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(80)
        .collect();
    if id.is_empty() { "section".into() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_beside_the_page() {
        assert_eq!(
            Link::file("pictures/a b.jpg").target(),
            "./pictures/a%20b.jpg"
        );
        assert_eq!(
            Link::file("javascript:alert(1)").target(),
            "./javascript%3Aalert%281%29"
        );
        assert_eq!(Link::file("//host/x?y#z").target(), "./host/x%3Fy%23z");
        assert_eq!(
            Link::section("Boxes & \"sizes\"").target(),
            "#boxes----sizes-"
        );
    }
}
