//! What a job noted while the firmware ran: times, the process's size, its health reports.

use serde::Deserialize;

/// Pages of the guest's kernel.
const PAGE_BYTES: u64 = 4096;

/// The part of `lookout run --health FILE` that the lab judges.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Health {
    pub state: String,
    pub pid: u32,
    #[serde(default)]
    pub reasons: Vec<String>,
    pub written_monotonic_ns: u64,
    #[serde(default)]
    pub frames_per_s: Option<f64>,
    #[serde(default)]
    pub age_us_p50: Option<u64>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// The process.
    pub pid: u32,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Memory that is in use.
    pub resident_bytes: u64,
    /// Memory that is addressed: a leak of camera buffers shows here.
    pub mapped_bytes: u64,
}

/// One thing that a job noted.
#[derive(Clone, Debug)]
pub enum Event {
    /// The camera was unplugged.
    Unplug,
    /// The camera went on without sending.
    Freeze,
    /// The camera, whose node is named, can be used again.
    Usable(String),
    /// What the process held.
    Process(Holdings),
    /// What it said of itself.
    Health(Health),
}

/// An event and its time, seconds on the guest's monotonic clock.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Seconds since the boot.
    pub seconds: f64,
    /// What happened.
    pub event: Event,
}

/// Reads what `event` of board/lab/jobs/watch.sh wrote.
pub fn parse_events(text: &str) -> Result<Vec<Noted>, String> {
    let parse = |line: &str| {
        parse_line(line).ok_or_else(|| format!("a line of the events cannot be read: {line}"))
    };
    text.lines().map(parse).collect()
}

fn parse_line(line: &str) -> Option<Noted> {
    let mut parts = line.splitn(3, ' ');
    let seconds = parts.next()?.parse().ok()?;
    let (kind, rest) = (parts.next()?, parts.next().unwrap_or_default());
    let event = match kind {
        "unplug" => Event::Unplug,
        "freeze" => Event::Freeze,
        "usable" => Event::Usable(rest.split(' ').nth(1)?.to_owned()),
        "process" => Event::Process(holdings(rest)?),
        "health" => Event::Health(serde_json::from_str(rest).ok()?),
        _ => return None,
    };
    Some(Noted { seconds, event })
}

fn holdings(text: &str) -> Option<Holdings> {
    let numbers: Vec<u64> = text
        .split(' ')
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let &[pid, descriptors, threads, resident, mapped] = numbers.as_slice() else {
        return None;
    };
    Some(Holdings {
        pid: pid.try_into().ok()?,
        descriptors,
        threads,
        resident_bytes: resident.checked_mul(PAGE_BYTES)?,
        mapped_bytes: mapped.checked_mul(PAGE_BYTES)?,
    })
}

/// How much a process may grow between two thirds of a watch; see [`check_flat`].
pub const GROWTH_BYTES_MAX: u64 = 1 << 20;
const THIRDS_SAMPLES_MIN: usize = 3;

/// Whether the process stayed what it was after its first third, in which it warms up: medians
/// of the second and the last third are compared, because a file may be open for a moment.
/// Descriptors and threads must be the same, memory may be 1 MiB more. Says what it saw.
pub fn check_flat(all: &[Holdings]) -> Result<String, String> {
    let third = all.len() / 3;
    if third < THIRDS_SAMPLES_MIN {
        return Err(format!(
            "the process was looked at {} times only",
            all.len()
        ));
    }
    if all.iter().any(|one| one.pid != all[0].pid) {
        return Err("the process was another one meanwhile".to_owned());
    }
    let (before, after) = (&all[third..2 * third], &all[all.len() - third..]);
    let mut seen = Vec::new();
    type Figure = (&'static str, fn(&Holdings) -> u64, u64);
    let figures: [Figure; 4] = [
        ("descriptors", |one| one.descriptors, 0),
        ("threads", |one| one.threads, 0),
        ("resident bytes", |one| one.resident_bytes, GROWTH_BYTES_MAX),
        ("mapped bytes", |one| one.mapped_bytes, GROWTH_BYTES_MAX),
    ];
    for (what, figure, growth_max) in figures {
        let (before, after) = (median(before, figure), median(after, figure));
        if after > before + growth_max {
            return Err(format!("{what} grew from {before} to {after}"));
        }
        seen.push(match growth_max {
            0 => format!("{after} {what}"),
            _ => format!("{:.1} MB {what}", after as f64 / 1e6).replace(" bytes", ""),
        });
    }
    Ok(seen.join(", "))
}

fn median(all: &[Holdings], figure: fn(&Holdings) -> u64) -> u64 {
    let mut values: Vec<u64> = all.iter().map(figure).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_are_read_and_nonsense_is_refused() {
        let text = "1.50 unplug 3\n2.00 usable 3 video1\n2.5 process 9 11 6 2 4\n\
                    3 health {\"state\":\"ok\",\"pid\":9,\"written_monotonic_ns\":7,\"more\":1}\n";
        let all = parse_events(text).unwrap();
        assert_eq!(all.len(), 4);
        assert!(matches!(&all[1].event, Event::Usable(node) if node == "video1"));
        let Event::Process(held) = all[2].event else {
            unreachable!("{:?}", all[2])
        };
        assert_eq!((held.resident_bytes, held.mapped_bytes), (8192, 16384));
        for line in [
            "",
            "x unplug",
            "1 dance",
            "1 process 1 2 3",
            "1 process 1 2 3 4 99999999999999999999",
            "1 health {",
            "1 usable 3",
        ] {
            assert!(parse_line(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_leak_is_seen_and_a_glance_at_an_open_file_is_not() {
        let held = |n: u64| Holdings {
            pid: 1,
            descriptors: 10,
            threads: 5,
            resident_bytes: if n < 5 { n << 20 } else { 20 << 20 },
            mapped_bytes: 99 << 20,
        };
        let steady: Vec<Holdings> = (0..30).map(held).collect();
        assert!(check_flat(&steady).is_ok());
        let mut glance = steady.clone();
        glance[25].descriptors += 1;
        assert!(check_flat(&glance).is_ok());
        type Leak = fn(&mut Holdings, u64);
        let leaks: [Leak; 5] = [
            |one, n| one.descriptors += n / 10,
            |one, n| one.threads += n / 10,
            |one, n| one.resident_bytes += n * 200_000,
            |one, n| one.mapped_bytes += n * 200_000,
            |one, n| one.pid += u32::from(n == 20),
        ];
        for (number, leak) in leaks.iter().enumerate() {
            let mut leaking = steady.clone();
            for (n, one) in leaking.iter_mut().enumerate() {
                leak(one, n as u64);
            }
            assert!(check_flat(&leaking).is_err(), "leak {number}");
        }
        assert!(check_flat(&steady[..5]).is_err(), "too few");
    }
}
