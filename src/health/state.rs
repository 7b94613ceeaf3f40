//! How a program is, in one word.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a program is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// No frame has been looked at yet, and it is too early to call that blind.
    Starting,
    /// Frames come and are looked at.
    Ok,
    /// Frames come and are looked at, but something is wrong.
    Degraded,
    /// Nobody looks at the road: no frame comes, or none is looked at.
    Blind,
    /// The program gave up.
    Failed,
}

impl HealthState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Ok,
        Self::Degraded,
        Self::Blind,
        Self::Failed,
    ];

    /// Name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Blind => "blind",
            Self::Failed => "failed",
        }
    }

    /// Whether the road is being looked at.
    pub const fn sees(self) -> bool {
        matches!(self, Self::Ok | Self::Degraded)
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
