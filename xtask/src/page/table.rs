//! Tables whose columns a reader can sort.

use super::link::Link;
use super::markup::Markup;
use super::number;

/// A table under construction.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    caption: String,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    text: String,
    /// What the column is sorted by; a text sorts as text.
    number: Option<f64>,
    link: Option<Link>,
}

impl Cell {
    /// Text, at the left.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            number: None,
            link: None,
        }
    }

    /// A count.
    pub fn count(value: u64) -> Self {
        Self::number(number::count(value), value as f64)
    }

    /// A measured value, with about three digits.
    pub fn value(value: f64) -> Self {
        Self::number(number::value(value), value)
    }

    /// A value with a fixed number of decimals.
    pub fn fixed(value: f64, decimals: usize) -> Self {
        Self::number(number::fixed(value, decimals), value)
    }

    /// A share in `0..=1`, as percent.
    pub fn percent(share: f64) -> Self {
        Self::number(number::percent(share), share)
    }

    /// The same cell, leading somewhere.
    #[must_use]
    pub fn with_link(self, link: Link) -> Self {
        Self {
            link: Some(link),
            ..self
        }
    }

    fn number(text: String, value: f64) -> Self {
        Self {
            text,
            number: Some(value),
            link: None,
        }
    }
}

impl Table {
    /// A table with these columns, whose names say the unit: `latency, µs`.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            caption: String::new(),
        }
    }

    /// Sets the line above the table.
    #[must_use]
    pub fn with_caption(self, caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            ..self
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn write(&self, m: &mut Markup) {
        let write_table = |m: &mut Markup| {
            m.element("table", &[], |m| {
                if !self.caption.is_empty() {
                    m.leaf("caption", &[], &self.caption);
                }
                m.element("thead", &[], |m| {
                    m.element("tr", &[], |m| self.write_head(m));
                });
                m.element("tbody", &[], |m| self.write_rows(m));
            });
        };
        m.element("div", &[("class", "table")], write_table);
    }

    fn write_head(&self, m: &mut Markup) {
        for (index, column) in self.columns.iter().enumerate() {
            let is_number = self
                .rows
                .iter()
                .any(|row| row.get(index).is_some_and(|cell| cell.number.is_some()));
            let class = if is_number { "number" } else { "" };
            m.leaf("th", &[("scope", "col"), ("class", class)], column);
        }
    }

    fn write_rows(&self, m: &mut Markup) {
        if self.rows.is_empty() {
            let columns = self.columns.len().to_string();
            m.element("tr", &[], |m| {
                m.leaf("td", &[("colspan", &columns)], "no data");
            });
        }
        for row in &self.rows {
            m.element("tr", &[], |m| row.iter().for_each(|cell| cell.write(m)));
        }
    }
}

impl Cell {
    fn write(&self, m: &mut Markup) {
        let key = match self.number {
            Some(value) if value.is_finite() => value.to_string(),
            Some(_) => String::new(),
            None => self.text.clone(),
        };
        let class = if self.number.is_some() { "number" } else { "" };
        let attributes: &[(&str, &str)] = &[("class", class), ("data-key", &key)];
        m.element("td", attributes, |m| match &self.link {
            Some(link) => link.write(m, |m| m.text(&self.text)),
            None => m.text(&self.text),
        });
    }
}
