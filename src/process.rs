//! What this process costs, by its own `/proc`.

use std::fs::{self, File};
use std::io::Read;

/// The most that is read of a file below `/proc`.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What a process holds at one moment. What cannot be read is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessCosts {
    /// Memory in use, bytes.
    pub memory_resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub file_descriptors: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl ProcessCosts {
    /// Those of this process, now.
    pub fn read() -> Self {
        let status = read_text("/proc/self/status").unwrap_or_default();
        Self {
            memory_resident_bytes: memory_of(&status),
            file_descriptors: count_file_descriptors(),
            threads: threads_of(&status),
        }
    }
}

/// Memory in use by this process, bytes.
pub fn memory_resident_bytes() -> Option<u64> {
    memory_of(&read_text("/proc/self/status")?)
}

/// Which boot of the machine this is; empty where the kernel does not tell.
pub fn boot_id() -> String {
    let id = read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// The program that runs here, with all links followed; empty where it cannot be known.
pub fn executable() -> String {
    let path = fs::read_link("/proc/self/exe").unwrap_or_default();
    path.display().to_string()
}

fn read_text(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

fn value_of<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    let mut values = status.lines().filter_map(|line| line.strip_prefix(key));
    values
        .find_map(|rest| rest.strip_prefix(':'))
        .map(str::trim)
}

fn memory_of(status: &str) -> Option<u64> {
    let kibibytes = value_of(status, "VmRSS")?.strip_suffix("kB")?.trim();
    kibibytes.parse::<u64>().ok()?.checked_mul(1024)
}

fn threads_of(status: &str) -> Option<u64> {
    value_of(status, "Threads")?.parse().ok()
}

/// All but the one with which they are counted.
fn count_file_descriptors() -> Option<u64> {
    let all = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(all.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_in_bytes_and_numbers() {
        let status = "Name:\tlookout\nVmRSSx:\t1 kB\nVmRSS:\t   2048 kB\nThreads:\t7\n";
        assert_eq!(memory_of(status), Some(2 << 20));
        assert_eq!(threads_of(status), Some(7));
        assert_eq!((memory_of("VmRSS: lots"), threads_of("")), (None, None));
        let costs = ProcessCosts::read();
        assert!(costs.memory_resident_bytes > Some(1 << 20), "{costs:?}");
        assert!(costs.file_descriptors >= Some(3), "{costs:?}");
        assert!(costs.threads >= Some(1), "{costs:?}");
    }

    #[test]
    fn this_boot_and_this_program_have_names() {
        assert_eq!(boot_id().len(), 36);
        assert!(executable().starts_with('/'));
    }
}
