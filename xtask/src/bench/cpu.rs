//! What is told of the machine that was measured on.

use std::fs;

/// Instructions for int8 that make a difference, as `/proc/cpuinfo` calls them.
const INT8_FLAGS: [&str; 5] = ["avx512_vnni", "avx_vnni", "avx2", "asimddp", "i8mm"];

/// The processor and the board, how many processors there are, and what they have for int8.
pub(crate) fn name() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let board = fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    describe(&cpuinfo, &board, cores)
}

/// Programs that wanted to run in the last minute; `None` where the system does not say.
pub(crate) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn describe(cpuinfo: &str, board: &str, cores: usize) -> String {
    let value = |key: &str| {
        let mut pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let found = pairs.find(|(name, _)| name.trim() == key);
        found
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let x86 = || {
        let (family, model) = (value("cpu family")?, value("model")?);
        Some(format!(
            "{} (family {family}, model {model})",
            value("model name")?
        ))
    };
    let arm = || {
        Some(format!(
            "ARM {} {}",
            value("CPU implementer")?,
            value("CPU part")?
        ))
    };
    let mut text = x86()
        .or_else(arm)
        .unwrap_or_else(|| std::env::consts::ARCH.into());
    let board = board.trim_matches(['\0', '\n', ' ']);
    if !board.is_empty() {
        text = format!("{board}, {text}");
    }
    let flags = value("flags")
        .or_else(|| value("Features"))
        .unwrap_or_default();
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let int8: Vec<&str> = INT8_FLAGS
        .into_iter()
        .filter(|flag| flags.contains(flag))
        .collect();
    let processors = if cores == 1 {
        "processor"
    } else {
        "processors"
    };
    format!(
        "{text}, {cores} {processors}, {}",
        match int8[..] {
            [] => "no int8 instructions that we know of".into(),
            _ => int8.join(" "),
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_apart() {
        let x86 = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t: fpu avx2 avx512_vnni\n";
        assert_eq!(
            describe(x86, "", 2),
            "AMD EPYC (family 25, model 17), 2 processors, avx512_vnni avx2"
        );
        let arm = "Features\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd07\n";
        assert_eq!(
            describe(arm, "Jetson Nano\0", 4),
            "Jetson Nano, ARM 0x41 0xd07, 4 processors, no int8 instructions that we know of"
        );
        assert!(!name().is_empty());
    }
}
