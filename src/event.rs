//! Something that a rule has noticed, as plain data.

use serde::{Deserialize, Serialize};

/// The most events that one frame carries.
pub const EVENTS_MAX: usize = 32;

/// The longest name of a rule, in bytes.
pub const RULE_NAME_BYTES_MAX: usize = 32;

/// Name of a rule.
pub type RuleName = heapless::String<RULE_NAME_BYTES_MAX>;

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The rule's condition has come true.
    New,
    /// It still is; told from time to time.
    Update,
    /// It is no longer.
    End,
}

impl Phase {
    /// Name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "update",
            Self::End => "end",
        }
    }
}

/// One message about the firing of a rule. The first of a firing is [`Phase::New`], the last
/// [`Phase::End`]; all have the same rule and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The rule.
    pub rule: RuleName,
    /// Number of the firing in this run, from 1, over all rules.
    pub id: u32,
    /// Where it stands.
    pub phase: Phase,
    /// Objects that fulfil the condition now.
    pub objects: u32,
    /// Since the condition came true, in milliseconds.
    pub age_ms: u32,
    /// Whether the recording around this moment is worth keeping.
    pub preserve: bool,
}
