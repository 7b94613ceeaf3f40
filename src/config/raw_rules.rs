//! Zones and rules as written.

use super::error::ConfigError;
use super::values::{number, refuse, score};
use crate::class::ObjectClass;
use crate::event::{RULE_NAME_BYTES_MAX, RuleName};
use crate::rules::{CORNERS, RULES_MAX, Rule, Zone};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The most zones of a file.
const ZONES_MAX: usize = 64;

const COUNT_MIN: RangeInclusive<i64> = 1..=100;
const TIME_MS: RangeInclusive<i64> = 0..=3_600_000;
const UPDATE_MS: RangeInclusive<i64> = 100..=3_600_000;

/// One of the `[[zones]]` as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawZone {
    /// Its name.
    pub name: String,
    /// Its corners, in fractions of the picture's width and height.
    pub polygon: Vec<[f64; 2]>,
}

/// One of the `[[rules]]` as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// Its name.
    pub name: String,
    /// Name of a zone.
    pub zone: Option<String>,
    /// Names of classes.
    pub classes: Option<Vec<String>>,
    /// The least score of an object that counts.
    pub score_min: Option<f64>,
    /// How many objects it takes.
    pub count_min: Option<i64>,
    /// How many milliseconds an object must be there before it counts.
    pub dwell_ms: Option<i64>,
    /// How many milliseconds it may go unseen.
    pub patience_ms: Option<i64>,
    /// Every how many milliseconds it is told that the condition still holds.
    pub update_ms: Option<i64>,
    /// Whether the recording around it is kept.
    pub preserve: Option<bool>,
}

/// Checks zones and rules, and puts the zones where rules name them.
pub(super) fn rules(zones: Vec<RawZone>, rules: Vec<RawRule>) -> Result<Vec<Rule>, ConfigError> {
    limit("zones", zones.len(), ZONES_MAX)?;
    limit("rules", rules.len(), RULES_MAX)?;
    let mut known: Vec<Zone> = Vec::with_capacity(zones.len());
    for zone in zones {
        if known.iter().any(|other| other.name == zone.name) {
            return Err(twice("zones.name", &zone.name));
        }
        known.push(zone.validate()?);
    }
    let mut checked: Vec<Rule> = Vec::with_capacity(rules.len());
    for rule in rules {
        if checked.iter().any(|other| other.name == rule.name.as_str()) {
            return Err(twice("rules.name", &rule.name));
        }
        checked.push(rule.validate(&known)?);
    }
    Ok(checked)
}

fn limit(key: &'static str, count: usize, most: usize) -> Result<(), ConfigError> {
    if count > most {
        let allowed = format!("at most {most} {key}");
        return Err(refuse(key, format!("a list of {count}"), allowed));
    }
    Ok(())
}

fn twice(key: &'static str, name: &str) -> ConfigError {
    refuse(key, format!("'{name}' given twice"), "each name once")
}

/// A name that fits an event and a topic of a bus.
fn name(key: &'static str, name: &str) -> Result<RuleName, ConfigError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fitting = RuleName::try_from(name).ok();
    let plain = fitting.filter(|name| !name.is_empty() && name.chars().all(is_plain));
    plain.ok_or_else(|| {
        let allowed = format!("1 to {RULE_NAME_BYTES_MAX} letters, digits, '-' or '_'");
        refuse(key, format!("'{}'", name.escape_debug()), allowed)
    })
}

impl RawZone {
    fn validate(self) -> Result<Zone, ConfigError> {
        name("zones.name", &self.name)?;
        let corners = self.polygon.len();
        let is_inside = |corner: &[f64; 2]| corner.iter().all(|v| (0.0..=1.0).contains(v));
        if !CORNERS.contains(&corners) || !self.polygon.iter().all(is_inside) {
            let allowed = format!(
                "{} to {} corners as [x, y], in fractions of the picture from 0 to 1",
                CORNERS.start(),
                CORNERS.end()
            );
            let found = format!("that of zone '{}', {corners} corners,", self.name);
            return Err(refuse("zones.polygon", found, allowed));
        }
        let corner = |[x, y]: [f64; 2]| [x as f32, y as f32];
        Ok(Zone {
            name: self.name,
            polygon: self.polygon.into_iter().map(corner).collect(),
        })
    }
}

impl RawRule {
    fn validate(self, zones: &[Zone]) -> Result<Rule, ConfigError> {
        let time = |key, value, default: u64| -> Result<Duration, ConfigError> {
            let ms = number(key, value, TIME_MS)?.unwrap_or(default);
            Ok(Duration::from_millis(ms))
        };
        let classes = self.classes.unwrap_or_default();
        let classes: Result<Vec<_>, _> = classes.iter().map(|name| class(name)).collect();
        let count_min = number("rules.count_min", self.count_min, COUNT_MIN)?;
        let update_ms = number("rules.update_ms", self.update_ms, UPDATE_MS)?;
        Ok(Rule {
            name: name("rules.name", &self.name)?,
            zone: self.zone.map(|name| find(zones, &name)).transpose()?,
            classes: classes?,
            score_min: self.score_min.map_or(Ok(0.0), score)?,
            // The range ends far below u32::MAX.
            count_min: count_min.unwrap_or(1) as u32,
            dwell: time("rules.dwell_ms", self.dwell_ms, 0)?,
            patience: time("rules.patience_ms", self.patience_ms, 500)?,
            update_period: Duration::from_millis(update_ms.unwrap_or(1000)),
            preserve: self.preserve.unwrap_or(false),
        })
    }
}

fn class(name: &str) -> Result<ObjectClass, ConfigError> {
    ObjectClass::from_name(name).ok_or_else(|| {
        let allowed = ObjectClass::ALL.map(ObjectClass::name).join(", ");
        refuse(
            "rules.classes",
            format!("'{}'", name.escape_debug()),
            allowed,
        )
    })
}

fn find(zones: &[Zone], name: &str) -> Result<Zone, ConfigError> {
    let found = zones.iter().find(|zone| zone.name == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        let allowed = match known.as_slice() {
            [] => "the name of one of the [[zones]], of which there are none".to_owned(),
            known => format!("one of {}", known.join(", ")),
        };
        refuse("rules.zone", format!("'{}'", name.escape_debug()), allowed)
    })
}
