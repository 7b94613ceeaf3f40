//! How hot a computer is, and whether it slows itself down for that, by its `/sys`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the kernel tells of its devices.
pub const SYSFS: &str = "/sys";

/// Zones, cooling devices and frequency policies looked at, of each.
const ENTRIES_MAX: usize = 64;

/// The most that is read of a file below `/sys`.
const FILE_BYTES_MAX: u64 = 256;

/// Readings outside this are those of a sensor that is switched off or broken, in degrees.
const CELSIUS_POSSIBLE: std::ops::RangeInclusive<f64> = -60.0..=200.0;

/// One temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThermalZone {
    /// The kernel's name of it, its type.
    #[serde(rename = "zone")]
    pub name: String,
    /// Degrees Celsius.
    pub celsius: f64,
}

impl ThermalZone {
    /// Whether it is about a processor or the chip that it is on. Batteries and radios do not
    /// cool down when less is computed, and the power chip of a Jetson Nano always shows 100
    /// degrees.
    pub fn is_processor(&self) -> bool {
        is_processor(&self.name) || self.name.to_ascii_lowercase().starts_with("tj")
    }
}

/// Whether the name of a zone or of a cooling device is that of a processor.
fn is_processor(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["cpu", "gpu", "soc", "pkg", "processor", "devfreq"];
    parts.iter().any(|part| name.contains(part)) && !name.contains("fan")
}

/// How hot the computer is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heat {
    /// All temperatures that can be read, by name.
    pub zones: Vec<ThermalZone>,
    /// Whether the processors are being slowed down.
    pub is_throttled: bool,
}

impl Heat {
    /// The hottest processor.
    pub fn hottest_processor(&self) -> Option<&ThermalZone> {
        let processors = self.zones.iter().filter(|zone| zone.is_processor());
        processors.max_by(|a, b| a.celsius.total_cmp(&b.celsius))
    }
}

/// Reads the heat of a computer again and again.
///
/// A highest frequency below the processor's own may be a power mode that somebody chose, as
/// with `nvpmodel`. Therefore throttled means: a cooling device of a processor is at work, or
/// the highest frequency is lower than it has been since this reader began.
#[derive(Debug)]
pub struct HeatReader {
    sysfs: PathBuf,
    khz_max_seen: BTreeMap<PathBuf, u64>,
}

impl HeatReader {
    /// A reader of the folder `sysfs`, usually [`SYSFS`].
    pub fn new(sysfs: impl Into<PathBuf>) -> Self {
        Self {
            sysfs: sysfs.into(),
            khz_max_seen: BTreeMap::new(),
        }
    }

    /// The heat now. What cannot be read is left out.
    pub fn read(&mut self) -> Heat {
        let thermal = self.sysfs.join("class/thermal");
        let is_cooled = is_cooling(&thermal);
        let is_slowed = self.is_slowed(is_cooled);
        Heat {
            zones: thermal_zones(&thermal),
            is_throttled: is_cooled || is_slowed,
        }
    }

    /// Whether a processor's highest frequency is below the highest that was seen of it. While
    /// a cooling device is at work that is no measure yet.
    fn is_slowed(&mut self, is_cooled: bool) -> bool {
        let mut is_slowed = false;
        for policy in children(&self.sysfs.join("devices/system/cpu/cpufreq"), "policy") {
            let (Some(allowed), Some(possible)) = (
                read_number(&policy.join("scaling_max_freq")),
                read_number(&policy.join("cpuinfo_max_freq")),
            ) else {
                continue;
            };
            let first = if is_cooled { possible } else { allowed };
            let seen = self.khz_max_seen.entry(policy).or_insert(first);
            *seen = (*seen).max(allowed);
            is_slowed |= allowed < *seen;
        }
        is_slowed
    }
}

/// All temperatures that can be read below `root`, usually `/sys/class/thermal`.
pub fn thermal_zones(root: &Path) -> Vec<ThermalZone> {
    let folders = children(root, "thermal_zone");
    let mut zones: Vec<ThermalZone> = folders.iter().filter_map(|it| thermal_zone(it)).collect();
    zones.sort_by(|a, b| a.name.cmp(&b.name));
    zones
}

fn thermal_zone(folder: &Path) -> Option<ThermalZone> {
    let millidegrees: i32 = read_text(&folder.join("temp"))?.parse().ok()?;
    let celsius = f64::from(millidegrees) / 1000.0;
    let kind = read_text(&folder.join("type")).filter(|kind| !kind.is_empty());
    let name = match kind {
        Some(kind) => kind,
        None => folder.file_name()?.to_str()?.to_owned(),
    };
    CELSIUS_POSSIBLE
        .contains(&celsius)
        .then_some(ThermalZone { name, celsius })
}

/// Whether a cooling device that slows a processor down is at work. A fan is none.
fn is_cooling(root: &Path) -> bool {
    children(root, "cooling_device").iter().any(|folder| {
        let kind = read_text(&folder.join("type")).unwrap_or_default();
        is_processor(&kind) && read_number(&folder.join("cur_state")).is_some_and(|step| step > 0)
    })
}

/// The entries of a folder whose names begin so, in order.
fn children(root: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut children: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(prefix))
        })
        .take(ENTRIES_MAX)
        .collect();
    children.sort();
    children
}

fn read_number(path: &Path) -> Option<u64> {
    read_text(path)?.parse().ok()
}

fn read_text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
#[path = "thermal_tests.rs"]
mod tests;
