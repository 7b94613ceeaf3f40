//! Metrics as Prometheus reads them: text format 0.0.4.

use std::fmt::Write;

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only rises while the program runs.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Metrics, one family after the other.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family. Names of counters end with `_total`.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        debug_assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        debug_assert!(!help.contains(['\n', '\\']), "{help}");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.family = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    /// Adds a sample without labels to the family.
    pub(super) fn value(&mut self, value: f64) -> &mut Self {
        let _ = writeln!(self.text, "{} {value}", self.family);
        self
    }

    /// Adds a sample with labels to the family.
    pub(super) fn labelled(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.text.push_str(self.family);
        for (index, (name, content)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{name}=\"{}\"", escaped(content));
        }
        let _ = writeln!(self.text, "}} {value}");
        self
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

fn escaped(content: &str) -> String {
    content
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_the_format_asks() {
        let mut out = Exposition::default();
        out.family("a_total", Kind::Counter, "How many.").value(3.0);
        out.family("b_celsius", Kind::Gauge, "How hot.")
            .labelled(&[("zone", "a\"b\\c\nd"), ("x", "y")], 41.5);
        let expected = concat!(
            "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n",
            "# HELP b_celsius How hot.\n# TYPE b_celsius gauge\n",
            "b_celsius{zone=\"a\\\"b\\\\c\\nd\",x=\"y\"} 41.5\n",
        );
        assert_eq!(out.finish(), expected);
    }
}
