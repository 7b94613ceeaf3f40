//! What changes in the health of the program, for the log of a recording.

use super::messages::Level;
use crate::bulletin::Bulletin;
use serde::Deserialize;

/// The longest line that is recorded, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// What is read of the health, whatever else is in it.
#[derive(Debug, Deserialize)]
struct Health {
    state: String,
    #[serde(default)]
    reasons: Vec<String>,
}

/// Reads the newest health and tells what is new in it.
#[derive(Debug)]
pub(super) struct HealthLog {
    bulletin: Bulletin,
    number: u64,
    text: String,
    /// State and reasons without their numbers, which change all the time.
    kind: String,
    current: Option<(Level, String)>,
}

impl HealthLog {
    pub(super) fn new(bulletin: Bulletin) -> Self {
        Self {
            bulletin,
            number: 0,
            text: String::new(),
            kind: String::new(),
            current: None,
        }
    }

    /// How the program is, as far as is known.
    pub(super) fn current(&self) -> Option<&(Level, String)> {
        self.current.as_ref()
    }

    /// Whether that has changed since the last question.
    pub(super) fn has_news(&mut self) -> bool {
        let Some(number) = self.bulletin.newer(self.number, &mut self.text) else {
            return false;
        };
        self.number = number;
        let Ok(health) = serde_json::from_str::<Health>(&self.text) else {
            return false;
        };
        let reasons = health.reasons.join("; ");
        let colon = if reasons.is_empty() { "" } else { ": " };
        let mut line = format!("health is {}{colon}{reasons}", health.state);
        line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
        let kind: String = line
            .chars()
            .filter(|c| !c.is_ascii_digit() && *c != '.')
            .collect();
        if kind == self.kind {
            return false;
        }
        self.kind = kind;
        self.current = Some((level(&health.state), line));
        true
    }
}

fn level(state: &str) -> Level {
    match state {
        "starting" | "ok" => Level::Info,
        "blind" => Level::Error,
        "failed" => Level::Fatal,
        _ => Level::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_numbers_are_no_change() {
        let bulletin = Bulletin::default();
        let mut log = HealthLog::new(bulletin.clone());
        assert!(!log.has_news());
        for (text, is_news) in [
            (r#"{"state":"ok","reasons":[],"frames":1}"#, true),
            (r#"{"state":"ok","reasons":[],"frames":2}"#, false),
            (
                r#"{"state":"blind","reasons":["no frame for 1.5 s"]}"#,
                true,
            ),
            (
                r#"{"state":"blind","reasons":["no frame for 22 s"]}"#,
                false,
            ),
            ("no health at all", false),
            (r#"{"state":"ok"}"#, true),
        ] {
            bulletin.post(text);
            assert_eq!(log.has_news(), is_news, "{text}");
            assert!(!log.has_news());
        }
        assert_eq!(log.current(), Some(&(Level::Info, "health is ok".into())));
    }
}
