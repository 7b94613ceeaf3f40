//! Decides how much work is left out, and when it is taken up again.
//!
//! Steps up: every second frame, every third, every fourth, then the lite model as well if there
//! is one. Steps down: the same in reverse. A step up needs pressure that lasts, a step down a
//! long time of ease; between the two thresholds everything stays as it is. Pressure that comes
//! back soon after a step down makes the next wait for ease twice as long, so that a board that
//! is only just too weak does not go back and forth all day.

use crate::detection::{LoadShedding, SheddingLevel};
use crate::thermal::Heat;
use std::fmt;
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;

/// Pressure lasts this long before the first step up.
const PRESSURE_NS: u64 = 2 * SECOND_NS;

/// Time between two steps up: what a step does must be seen first.
const STEP_UP_NS: u64 = 10 * SECOND_NS;

/// Ease lasts this long before a step down.
const EASE_NS: u64 = 30 * SECOND_NS;

/// The longest that ease must last.
const EASE_NS_MAX: u64 = 16 * EASE_NS;

/// A step up this soon after a step down is a relapse.
const RELAPSE_NS: u64 = 60 * SECOND_NS;

/// Every how many frames one is looked at on the last step before the lite model.
const EVERY_NTH_LAST: u32 = 4;

/// So many degrees below the limit a processor counts as cool.
const COOL_BELOW_CELSIUS: f64 = 5.0;

/// Frames younger than this share of the limit count as fast enough.
const FAST_SHARE: f64 = 0.7;

/// When work is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SheddingPolicy {
    /// From this temperature of a processor on, in degrees Celsius.
    pub celsius_shed: f64,
    /// From this age of all but one frame in a hundred on; `None`: never for that.
    pub age_max: Option<Duration>,
    /// Whether there is a lite model to resort to.
    pub has_lite: bool,
}

/// Why work is left out.
#[derive(Clone, Debug, PartialEq)]
pub enum SheddingCause {
    /// A processor is too hot.
    Hot {
        /// Its name.
        zone: String,
        /// Degrees Celsius.
        celsius: f64,
    },
    /// The processors are being slowed down.
    Throttled,
    /// Frames are too old when they are published.
    Behind {
        /// The 99th percentile of their age.
        age_p99: Duration,
    },
}

impl fmt::Display for SheddingCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hot { zone, celsius } => write!(f, "{zone} is {celsius:.0} C hot"),
            Self::Throttled => f.write_str("the board slows its processors down"),
            Self::Behind { age_p99 } => {
                let age_ms = age_p99.as_millis();
                write!(f, "frames are {age_ms} ms old at publication")
            }
        }
    }
}

/// How the board feels.
enum Feeling {
    Pressed(SheddingCause),
    /// Neither pressed nor at ease.
    Between,
    Eased,
}

/// Decides how much work is left out. Ask it a few times a second.
#[derive(Debug)]
pub struct Shedder {
    policy: SheddingPolicy,
    /// 0 leaves nothing out.
    step: u32,
    cause: Option<SheddingCause>,
    pressed_since_ns: Option<u64>,
    eased_since_ns: Option<u64>,
    stepped_up_at_ns: Option<u64>,
    stepped_down_at_ns: Option<u64>,
    ease_ns: u64,
}

impl Shedder {
    /// Leaves nothing out yet.
    pub fn new(policy: SheddingPolicy) -> Self {
        Self {
            policy,
            step: 0,
            cause: None,
            pressed_since_ns: None,
            eased_since_ns: None,
            stepped_up_at_ns: None,
            stepped_down_at_ns: None,
            ease_ns: EASE_NS,
        }
    }

    /// What presses at present.
    pub fn cause(&self) -> Option<&SheddingCause> {
        self.cause.as_ref()
    }

    /// What is to be left out.
    pub fn load(&self) -> LoadShedding {
        let level = match self.step {
            0 => SheddingLevel::None,
            step if step >= EVERY_NTH_LAST => SheddingLevel::Lite,
            _ => SheddingLevel::Skip,
        };
        LoadShedding {
            level,
            every_nth: (self.step + 1).min(EVERY_NTH_LAST),
        }
    }

    /// Takes the state of the board at `now_ns`, a moment on a monotonic clock, and says what is
    /// to be left out. `age_p99` is the 99th percentile of the newest frames' age, `None` when
    /// there are no new ones.
    pub fn observe(&mut self, now_ns: u64, heat: &Heat, age_p99: Option<Duration>) -> LoadShedding {
        match self.feeling(heat, age_p99) {
            Feeling::Pressed(cause) => {
                self.cause = Some(cause);
                self.eased_since_ns = None;
                let since_ns = *self.pressed_since_ns.get_or_insert(now_ns);
                let is_due = |at: Option<u64>, wait_ns| at.is_none_or(|at| now_ns >= at + wait_ns);
                if now_ns >= since_ns + PRESSURE_NS && is_due(self.stepped_up_at_ns, STEP_UP_NS) {
                    self.step_up(now_ns);
                }
            }
            Feeling::Between => {
                self.cause = None;
                self.pressed_since_ns = None;
                self.eased_since_ns = None;
            }
            Feeling::Eased => {
                self.cause = None;
                self.pressed_since_ns = None;
                let since_ns = *self.eased_since_ns.get_or_insert(now_ns);
                if now_ns >= since_ns + self.ease_ns {
                    self.step_down(now_ns);
                }
            }
        }
        self.load()
    }

    fn step_up(&mut self, now_ns: u64) {
        let step_last = if self.policy.has_lite {
            EVERY_NTH_LAST
        } else {
            EVERY_NTH_LAST - 1
        };
        if self.step == step_last {
            return;
        }
        self.step += 1;
        self.stepped_up_at_ns = Some(now_ns);
        // Taken out, so that a whole way up after one step down counts as one relapse.
        if let Some(at) = self.stepped_down_at_ns.take()
            && now_ns < at + RELAPSE_NS
        {
            self.ease_ns = (2 * self.ease_ns).min(EASE_NS_MAX);
        }
    }

    fn step_down(&mut self, now_ns: u64) {
        // The next step needs as much ease again; after that much with nothing left out, old
        // relapses are forgotten.
        self.eased_since_ns = Some(now_ns);
        if self.step == 0 {
            self.ease_ns = EASE_NS;
            return;
        }
        self.step -= 1;
        self.stepped_down_at_ns = Some(now_ns);
        self.stepped_up_at_ns = None;
    }

    fn feeling(&self, heat: &Heat, age_p99: Option<Duration>) -> Feeling {
        let hottest = heat.hottest_processor();
        if let Some(zone) = hottest.filter(|zone| zone.celsius >= self.policy.celsius_shed) {
            return Feeling::Pressed(SheddingCause::Hot {
                zone: zone.name.clone(),
                celsius: zone.celsius,
            });
        }
        if heat.is_throttled {
            return Feeling::Pressed(SheddingCause::Throttled);
        }
        let ages = self.policy.age_max.zip(age_p99);
        if let Some((_, age_p99)) = ages.filter(|(age_max, age_p99)| age_p99 > age_max) {
            return Feeling::Pressed(SheddingCause::Behind { age_p99 });
        }
        let cool = self.policy.celsius_shed - COOL_BELOW_CELSIUS;
        let is_cool = hottest.is_none_or(|zone| zone.celsius < cool);
        let is_fast = ages.is_none_or(|(age_max, age_p99)| age_p99 < age_max.mul_f64(FAST_SHARE));
        if is_cool && is_fast {
            Feeling::Eased
        } else {
            Feeling::Between
        }
    }
}

#[cfg(test)]
#[path = "shedding_tests.rs"]
mod tests;
