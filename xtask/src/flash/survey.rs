//! What a board is like before anything is done to it, and what speaks against flashing it.

use lookout::release::Manifest;
use std::fmt::Write;

/// The oldest C library and systemd that boards have.
const SYSTEMD_MIN: u32 = 237;
/// Seconds that the board's clock may be off before it is said.
const CLOCK_OFF_S_MAX: u64 = 60;

/// Prints `key=value` lines; what a board does not have gives an empty value.
pub(super) const SCRIPT: &str = r#"
echo machine=$(uname -m)
echo kernel=$(uname -r)
echo systemd=$(systemctl --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
echo glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null)
echo compatible=$(tr '\0' ' ' < /proc/device-tree/compatible 2>/dev/null)
echo opt_free_kib=$(df -Pk /opt 2>/dev/null | awk 'NR == 2 {print $4}')
echo tmp_free_kib=$(df -Pk /var/tmp 2>/dev/null | awk 'NR == 2 {print $4}')
echo opt_writable=$(awk '$2 == "/opt" || $2 == "/" {o = $4} END {print (o ~ /(^|,)ro(,|$)/) ? "no" : "yes"}' /proc/mounts)
echo cameras=$(ls /dev/video* 2>/dev/null | tr '\n' ' ')
echo dashcam=$([ -e /dev/dashcam ] && readlink -f /dev/dashcam)
echo time_s=$(date +%s)
echo installed=$(readlink /opt/lookout/current 2>/dev/null)
for tool in tar sha256sum useradd udevadm; do
    PATH=$PATH:/usr/sbin:/sbin command -v $tool > /dev/null || echo missing=$tool
done
"#;

/// The answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    machine: String,
    kernel: String,
    systemd: Option<u32>,
    glibc: String,
    compatible: Vec<String>,
    opt_free_bytes: Option<u64>,
    tmp_free_bytes: Option<u64>,
    opt_is_writable: bool,
    cameras: Vec<String>,
    dashcam: String,
    time_s: Option<u64>,
    /// Whether a release is installed.
    pub(super) is_installed: bool,
    missing: Vec<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) what: &'static str,
    pub(super) found: String,
    /// Why it does not do; none when it does.
    pub(super) against: Option<String>,
    /// Whether the flash may go on all the same.
    pub(super) is_warning: bool,
}

impl Survey {
    /// Reads what [`SCRIPT`] printed.
    pub(super) fn parse(text: &str) -> Self {
        let mut survey = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim();
            let words = || value.split_whitespace().map(str::to_owned).collect();
            let kib = || Some(value.parse::<u64>().ok()?.saturating_mul(1024));
            match key {
                "machine" => survey.machine = value.to_owned(),
                "kernel" => survey.kernel = value.to_owned(),
                "systemd" => survey.systemd = value.parse().ok(),
                "glibc" => survey.glibc = value.to_owned(),
                "compatible" => survey.compatible = words(),
                "opt_free_kib" => survey.opt_free_bytes = kib(),
                "tmp_free_kib" => survey.tmp_free_bytes = kib(),
                "opt_writable" => survey.opt_is_writable = value == "yes",
                "cameras" => survey.cameras = words(),
                "dashcam" => survey.dashcam = value.to_owned(),
                "time_s" => survey.time_s = value.parse().ok(),
                "installed" => survey.is_installed = !value.is_empty(),
                "missing" => survey.missing.push(value.to_owned()),
                _ => {}
            }
        }
        survey
    }

    /// Judges the board for a release, in the order in which a person would look.
    pub(super) fn checks(
        &self,
        manifest: &Manifest,
        bundle_bytes: u64,
        now_s: u64,
        allow_blind: bool,
    ) -> Vec<Check> {
        vec![
            self.processor(manifest),
            self.board(manifest),
            self.systemd(),
            self.tools(),
            self.room(manifest, bundle_bytes),
            self.camera(allow_blind),
            self.clock(now_s),
        ]
    }

    fn processor(&self, manifest: &Manifest) -> Check {
        let is_right = self.machine == manifest.machine;
        let reason = || {
            format!(
                "the release is for {}; is this the right host?",
                manifest.machine
            )
        };
        check("processor", &self.machine, is_right, reason)
    }

    fn board(&self, manifest: &Manifest) -> Check {
        let found = self.compatible.join(" ");
        let is_known = |name: &String| self.compatible.contains(name);
        let is_right = manifest.compatible.is_empty() || manifest.compatible.iter().any(is_known);
        check("board", &found, is_right, || {
            format!(
                "the release is for {} ({}); build one with --board for this one",
                manifest.board,
                manifest.compatible.join(", ")
            )
        })
    }

    fn systemd(&self) -> Check {
        let found = self
            .systemd
            .map_or("none".to_owned(), |version| version.to_string());
        let is_right = self.systemd.is_some_and(|version| version >= SYSTEMD_MIN);
        check("systemd", &found, is_right, || {
            format!("{SYSTEMD_MIN} or newer is needed: JetPack 4 or later")
        })
    }

    fn tools(&self) -> Check {
        check(
            "tools",
            "tar, sha256sum, useradd, udevadm",
            self.missing.is_empty(),
            || format!("not there: {}; install them", self.missing.join(", ")),
        )
    }

    fn room(&self, manifest: &Manifest, bundle_bytes: u64) -> Check {
        let needed = manifest.unpacked_bytes() + manifest.disk_free_min_bytes;
        let mib = |bytes: u64| bytes >> 20;
        let (opt, tmp) = (self.opt_free_bytes, self.tmp_free_bytes);
        let found = match (opt, tmp) {
            (Some(opt), Some(tmp)) => format!("{} MiB in /opt, {} in /var/tmp", mib(opt), mib(tmp)),
            _ => "unknown".to_owned(),
        };
        if !self.opt_is_writable {
            return check("room", &found, false, || {
                "/opt cannot be written; mount it (or /) for writing: mount -o remount,rw /"
                    .to_owned()
            });
        }
        // An installed release makes room for itself in the idle slot: the board decides then.
        let is_right = (self.is_installed || opt.is_none_or(|opt| opt >= needed))
            && tmp.is_none_or(|tmp| tmp >= bundle_bytes + (8 << 20));
        check("room", &found, is_right, || {
            format!(
                "{} MiB are needed in /opt and {} in /var/tmp; delete what is not needed there",
                mib(needed) + 1,
                mib(bundle_bytes) + 9
            )
        })
    }

    fn camera(&self, allow_blind: bool) -> Check {
        let found = match self.dashcam.as_str() {
            "" => self.cameras.join(" "),
            device => format!("/dev/dashcam is {device}"),
        };
        let mut check = check("camera", &found, !self.cameras.is_empty(), || {
            "there is none; attach it, or say --allow-blind: a release is kept only when it sees"
                .to_owned()
        });
        check.is_warning = allow_blind;
        check
    }

    fn clock(&self, now_s: u64) -> Check {
        let off_s = self.time_s.map(|time_s| time_s.abs_diff(now_s));
        let found = off_s.map_or("unknown".to_owned(), |s| format!("{s} s from ours"));
        let is_right = off_s.is_some_and(|s| s <= CLOCK_OFF_S_MAX);
        let mut check = check("clock", &found, is_right, || {
            "times of detections will be wrong until a time service runs there".to_owned()
        });
        check.is_warning = true;
        check
    }
}

fn check(
    what: &'static str,
    found: &str,
    is_right: bool,
    reason: impl FnOnce() -> String,
) -> Check {
    Check {
        what,
        found: if found.is_empty() { "none" } else { found }.to_owned(),
        against: (!is_right).then(reason),
        is_warning: false,
    }
}

/// The checks as a table.
pub(super) fn table(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let word = match (&check.against, check.is_warning) {
            (None, _) => "ok",
            (Some(_), true) => "warn",
            (Some(_), false) => "FAIL",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{word:<5}{:<10} {}", check.what, check.found);
        if let Some(reason) = &check.against {
            let _ = write!(text, ": {reason}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "survey_tests.rs"]
mod tests;
