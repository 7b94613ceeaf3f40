//! SIGHUP: the settings are read again while the run goes on.

use crate::config::{ConfigError, Settings};
use crate::pipeline::{Handle, Tuning};
use crate::rules::Rules;

/// Puts into force what can change, and says what cannot. Settings that are wrong change nothing.
pub(super) fn reload(
    handle: &Handle,
    in_force: &mut Settings,
    read: Result<Settings, ConfigError>,
) {
    let new = match read {
        Ok(new) => new,
        Err(error) => {
            log::error!("settings not taken over, the old ones stay in force: {error}");
            return;
        }
    };
    for key in fixed(in_force, &new) {
        log::warn!("{key} has changed, which takes effect at the next start only");
    }
    let has_other_rules = in_force.rules != new.rules;
    let is_tuned = in_force.score != new.score || in_force.tracking != new.tracking;
    if is_tuned || has_other_rules {
        handle.retune(Tuning {
            score: new.score,
            tracking: new.tracking,
            rules: has_other_rules.then(|| Rules::new(&new.rules)),
        });
        (in_force.score, in_force.tracking) = (new.score, new.tracking);
        in_force.rules = new.rules;
        log::info!("settings taken over");
    } else {
        log::info!("settings read again; nothing to take over");
    }
}

/// Keys that differ and cannot change while a run goes on. Where nothing was asked for, what
/// was chosen at the start stays.
fn fixed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let differs = [
        ("source", new.source.is_some() && old.source != new.source),
        ("model", old.model != new.model),
        ("frames", old.frames_max != new.frames_max),
        ("threads", old.threads != new.threads),
        ("pinned", old.pinned != new.pinned),
        ("sinks", old.sinks != new.sinks),
        ("queue_frames", old.queue_frames != new.queue_frames),
        ("stall_warning_ms", old.stall_warning != new.stall_warning),
        ("health", old.health != new.health),
        ("lite_model", old.lite_model != new.lite_model),
        ("celsius_shed", old.celsius_shed != new.celsius_shed),
        ("live", old.live != new.live),
        ("record", old.record != new.record),
        ("age_ms_max", old.age_max != new.age_max),
        (
            "annotate",
            new.annotate.is_some() && old.annotate != new.annotate,
        ),
    ];
    let changed = differs.into_iter().filter(|(_, differs)| *differs);
    changed.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_change_is_named() {
        let old = Settings {
            threads: 1,
            ..Settings::default()
        };
        let new = Settings {
            threads: 2,
            score: Some(0.9),
            tracking: false,
            celsius_shed: 70.0,
            ..Settings::default()
        };
        assert_eq!(fixed(&old, &new), ["threads", "celsius_shed"]);
        assert!(fixed(&old, &old).is_empty());
    }
}
