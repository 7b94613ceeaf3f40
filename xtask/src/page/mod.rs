//! Reports as one HTML file: tables, charts and pictures that can be read offline.
//!
//! A page loads nothing from anywhere (its security policy forbids it), needs no JavaScript
//! (a few lines of it sort tables), follows the reader's light or dark scheme, and shows
//! "no data" where there is none. Texts are escaped in `markup.rs`, numbers formatted in
//! `number.rs`; nothing else does either.

mod axis;
mod chart;
#[cfg(test)]
mod check;
mod draw;
mod histogram;
mod link;
mod markup;
pub mod number;
mod picture;
mod table;
mod write;

pub use axis::Axis;
pub use chart::{Bars, Chart, Form, HeatMap, Plot, Series};
pub use histogram::{Histogram, histogram};
pub use link::Link;
pub use picture::{Picture, jpeg};
pub use table::{Cell, Table};
pub use write::{PageError, write_file};

use markup::Markup;
use std::path::Path;

/// What a browser may load: pictures in the page and beside it, nothing else.
const POLICY: &str = "default-src 'none'; img-src data: file: 'self'; \
                      style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A report under construction.
#[derive(Debug)]
pub struct Page {
    title: String,
    /// Id and heading of each section, for the navigation.
    sections: Vec<(String, String)>,
    body: Markup,
}

impl Page {
    /// A page without content.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            sections: Vec::new(),
            body: Markup::new(),
        }
    }

    /// Begins a section, which the navigation lists. [`Link::section`] leads to its id.
    pub fn section(&mut self, id: &str, heading: &str) -> &mut Self {
        let mut id = link::identifier(id);
        while self.sections.iter().any(|(other, _)| *other == id) {
            id.push_str("-2");
        }
        self.body.leaf("h2", &[("id", &id)], heading);
        self.sections.push((id, heading.to_owned()));
        self
    }

    /// Begins a part of a section.
    pub fn subsection(&mut self, heading: &str) -> &mut Self {
        self.body.leaf("h3", &[], heading);
        self
    }

    /// Begins a part of a section that [`Link::section`] can lead to; the id is the caller's to
    /// keep unique.
    pub fn subsection_with_id(&mut self, id: &str, heading: &str) -> &mut Self {
        self.body
            .leaf("h3", &[("id", &link::identifier(id))], heading);
        self
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.body.leaf("p", &[], text);
        self
    }

    /// Adds a paragraph that stands out.
    pub fn warning(&mut self, text: &str) -> &mut Self {
        self.body.leaf("p", &[("class", "warning")], text);
        self
    }

    /// Adds a list of short texts.
    pub fn list<T: AsRef<str>>(&mut self, items: impl IntoIterator<Item = T>) -> &mut Self {
        self.body.element("ul", &[("class", "list")], |m| {
            for item in items {
                m.leaf("li", &[], item.as_ref());
            }
        });
        self
    }

    /// Adds a row of figures that matter most, as name and value.
    pub fn facts<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        facts: impl IntoIterator<Item = (N, V)>,
    ) -> &mut Self {
        self.body.element("dl", &[("class", "facts")], |m| {
            for (name, value) in facts {
                m.element("div", &[], |m| {
                    m.leaf("dt", &[], name.as_ref());
                    m.leaf("dd", &[], value.as_ref());
                });
            }
        });
        self
    }

    /// Adds a table.
    pub fn table(&mut self, table: &Table) -> &mut Self {
        table.write(&mut self.body);
        self
    }

    /// Adds a chart.
    pub fn chart(&mut self, chart: impl Into<Chart>) -> &mut Self {
        draw::figure(&mut self.body, &chart.into());
        self
    }

    /// Adds charts side by side where there is room.
    pub fn charts<C: Into<Chart>>(&mut self, charts: impl IntoIterator<Item = C>) -> &mut Self {
        self.body.element("div", &[("class", "charts")], |m| {
            for chart in charts {
                draw::figure(m, &chart.into());
            }
        });
        self
    }

    /// Adds pictures side by side.
    pub fn gallery<'a>(&mut self, pictures: impl IntoIterator<Item = &'a Picture>) -> &mut Self {
        self.body.element("div", &[("class", "gallery")], |m| {
            for picture in pictures {
                picture.write(m);
            }
        });
        self
    }

    /// The page as HTML.
    pub fn render(self) -> String {
        let mut m = Markup::new();
        m.constant("<!DOCTYPE html>\n");
        m.element("html", &[("lang", "en")], |m| {
            m.element("head", &[], |m| {
                m.void("meta", &[("charset", "utf-8")]);
                m.void(
                    "meta",
                    &[
                        ("http-equiv", "Content-Security-Policy"),
                        ("content", POLICY),
                    ],
                );
                m.void(
                    "meta",
                    &[
                        ("name", "viewport"),
                        ("content", "width=device-width, initial-scale=1"),
                    ],
                );
                // An empty icon, or a browser asks for one.
                m.void("link", &[("rel", "icon"), ("href", "data:,")]);
                m.leaf("title", &[], &self.title);
                m.element("style", &[], |m| m.constant(include_str!("style.css")));
            });
            m.element("body", &[], |m| {
                m.element("header", &[], |m| m.leaf("h1", &[], &self.title));
                if !self.sections.is_empty() {
                    navigation(m, &self.sections);
                }
                m.element("main", &[], |m| m.append(self.body));
                m.element("script", &[], |m| m.constant(include_str!("sort.js")));
            });
        });
        m.finish()
    }

    /// Writes the page to `path`; a page that was there before stays whole until then.
    pub fn write(self, path: &Path) -> Result<(), PageError> {
        write_file(path, self.render().as_bytes())
    }
}

fn navigation(m: &mut Markup, sections: &[(String, String)]) {
    m.element("nav", &[], |m| {
        m.element("ul", &[], |m| {
            for (id, heading) in sections {
                m.element("li", &[], |m| {
                    Link::section(id).write(m, |m| m.text(heading));
                });
            }
        });
    });
}

#[cfg(test)]
mod tests;
