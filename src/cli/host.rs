//! What the machine says about itself.

use std::fs;

/// The processor's name, and the board's where it is known; never empty.
pub(super) fn cpu_name() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let board = fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    let cpu = cpu_of(&cpuinfo).unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH));
    match board.trim_matches(['\0', '\n', ' ']) {
        "" => cpu,
        board => format!("{cpu} ({board})"),
    }
}

/// x86 gives a name in plain words, ARM the numbers of maker and part.
fn cpu_of(cpuinfo: &str) -> Option<String> {
    let value = |key: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().to_owned())
    };
    if let Some(name) = value("model name").filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let (maker, part) = (value("CPU implementer")?, value("CPU part")?);
    let known = match (maker.as_str(), part.as_str()) {
        ("0x41", "0xd03") => "ARM Cortex-A53",
        ("0x41", "0xd05") => "ARM Cortex-A55",
        ("0x41", "0xd07") => "ARM Cortex-A57",
        ("0x41", "0xd08") => "ARM Cortex-A72",
        ("0x41", "0xd0b") => "ARM Cortex-A76",
        ("0x41", "0xd42") => "ARM Cortex-A78AE",
        ("0x41", "0xd49") => "ARM Neoverse-N2",
        ("0x41", "0xd0c") => "ARM Neoverse-N1",
        ("0x4e", "0x003") => "NVIDIA Denver 2",
        ("0x4e", "0x004") => "NVIDIA Carmel",
        _ => return Some(format!("ARM maker {maker} part {part}")),
    };
    Some(known.to_owned())
}

/// Memory that programs can still get, in bytes.
pub(super) fn memory_available_bytes() -> Option<u64> {
    memory_available_of(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn memory_available_of(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn processors_are_named() {
        let x86 = "processor\t: 0\nmodel name\t: Fast CPU @ 2 GHz\nprocessor\t: 1\n";
        assert_eq!(cpu_of(x86).unwrap(), "Fast CPU @ 2 GHz");
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n";
        assert_eq!(cpu_of(arm).unwrap(), "ARM Cortex-A78AE");
        let other = "CPU implementer\t: 0x99\nCPU part\t: 0x001\n";
        assert_eq!(cpu_of(other).unwrap(), "ARM maker 0x99 part 0x001");
        assert_eq!(cpu_of(""), None);
        assert!(!cpu_name().is_empty());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let meminfo = "MemTotal:  100 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(memory_available_of(meminfo), Some(2 << 20));
        assert_eq!(memory_available_of("MemAvailable: lots"), None);
        assert!(memory_available_bytes().unwrap() > 0);
    }

    proptest! {
        #[test]
        fn what_the_kernel_might_say_never_panics(text in "\\PC{0,200}") {
            let _ = (cpu_of(&text), memory_available_of(&text));
        }
    }
}
