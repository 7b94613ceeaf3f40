//! `lab soak`: hours in the emulated machine, in which the firmware must stay as it is.

use super::events::{Event, Health, Holdings, check_flat, parse_events};
use super::evidence::Evidence;
use super::guest::{Bench, GuestArgs};
use super::steps::{Job, JobModel, Step};
use super::{LabError, file_error};
use std::fmt::Write;
use std::path::PathBuf;

/// Options of `cargo xtask lab soak`.
#[derive(clap::Args, Clone, Debug)]
pub struct SoakArgs {
    /// How long, in minutes of the emulated machine's clock
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub minutes: u32,
    /// The board whose firmware is tried
    #[arg(long, value_name = "BOARD", default_value = "qemu-arm64")]
    pub board: String,
    /// The model that detects; without it the lab's tiny one, which an emulated processor runs
    /// in time
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

/// Two nanoseconds for an instruction: so a busy computer does not look like a slow firmware.
const ICOUNT: u32 = 1;
/// Seconds of this computer that a second of the emulated one may take.
const SLOWNESS_MAX: u32 = 15;
/// What booting and shutting down may take besides.
const BOOT_SECONDS_MAX: u32 = 300;
/// Lines of the printed series.
const LINES_MAX: usize = 30;

const STEPS: &[Step] = &[Step {
    name: "soak",
    judge: |e, _| judge_soak(e),
}];

/// Runs `cargo xtask lab soak` and prints what was seen over time.
pub fn run(args: &SoakArgs) -> Result<(), LabError> {
    let job = Job {
        name: "soak",
        purpose: "a long run of which nothing may grow",
        seconds_max: args.minutes * 60 * SLOWNESS_MAX + BOOT_SECONDS_MAX,
        icount: Some(ICOUNT),
        clips: &["clip360.mjpeg"],
        scripts: &["watch.sh"],
        needs_usb: true,
        model: Some(match args.model {
            Some(_) => JobModel::Shipped,
            None => JobModel::Tiny,
        }),
        steps: STEPS,
    };
    let mut guest = GuestArgs {
        board: args.board.clone(),
        jobs: Vec::new(),
        ..GuestArgs::default()
    };
    if let Some(model) = &args.model {
        guest.model = model.clone();
    }
    let bench = Bench::prepare(&guest, &[&job])?;
    let minutes = bench.work().join("minutes");
    std::fs::write(&minutes, format!("{}\n", args.minutes)).map_err(file_error(&minutes))?;
    let verdicts = bench.run_with(&job, &[minutes])?;
    let evidence = Evidence::new(&bench.out(&job), "soak");
    if let Ok(text) = evidence.text("events") {
        print!("{}", series(&text));
    }
    bench.conclude(&verdicts)
}

/// One look at the process.
type Look = (f64, Holdings, Health);

fn looks(text: &str) -> Result<Vec<Look>, String> {
    let mut looks = Vec::new();
    let mut held: Option<Holdings> = None;
    for noted in parse_events(text)? {
        match noted.event {
            Event::Process(holdings) => held = Some(holdings),
            // The first report stands before the first look at the process.
            Event::Health(health) => {
                looks.extend(held.take().map(|held| (noted.seconds, held, health)));
            }
            _ => {}
        }
    }
    Ok(looks)
}

/// One process, never blind after its start, that did not grow and ended well.
fn judge_soak(evidence: &Evidence) -> Result<String, String> {
    let exit = evidence.text("exit")?;
    if exit.trim() != "0" {
        return Err(format!("lookout run ended with {}", exit.trim()));
    }
    let looks = looks(&evidence.text("events")?)?;
    for (seconds, held, health) in &looks {
        if health.state != "ok" {
            let (state, reasons) = (&health.state, health.reasons.join(", "));
            return Err(format!("{state} at {seconds} s: {reasons}"));
        }
        if health.pid != held.pid {
            return Err(format!("at {seconds} s the report is of another process"));
        }
    }
    let held: Vec<Holdings> = looks.iter().map(|(_, held, _)| *held).collect();
    let flat = check_flat(&held)?;
    let minutes = match (looks.first(), looks.last()) {
        (Some(first), Some(last)) => (last.0 - first.0) / 60.0,
        _ => 0.0,
    };
    Ok(format!("{minutes:.1} minutes ok; {flat}"))
}

/// The looks as a table, thinned out.
fn series(text: &str) -> String {
    let mut table =
        "minute  state     frames/s  age ms  resident MB  mapped MB  files  threads\n".to_owned();
    let Ok(looks) = looks(text) else {
        return "the events of the run cannot be read\n".to_owned();
    };
    let begin = looks.first().map_or(0.0, |look| look.0);
    let number = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    for (seconds, held, health) in looks.iter().step_by(looks.len().div_ceil(LINES_MAX).max(1)) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:6.1}  {:8}  {:>8}  {:>6}  {:11.2}  {:9.2}  {:5}  {:7}",
            (seconds - begin) / 60.0,
            health.state,
            number(health.frames_per_s, 1),
            number(health.age_us_p50.map(|age| age as f64 / 1e3), 0),
            held.resident_bytes as f64 / 1e6,
            held.mapped_bytes as f64 / 1e6,
            held.descriptors,
            held.threads
        );
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn events(state: &str, growth: u64) -> String {
        let line = |n: u64| {
            let state = if n == 20 { state } else { "ok" };
            let json = serde_json::json!({
                "state": state, "pid": 7, "written_monotonic_ns": n, "reasons": ["r"],
                "frames_per_s": 9.5, "age_us_p50": 40_000,
            });
            let pages = 1000 + n * growth;
            format!(
                "{} process 7 10 5 {pages} 9000\n{} health {json}\n",
                n * 5,
                n * 5
            )
        };
        (0..30).map(line).collect()
    }

    fn judge(text: &str, exit: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s.events"), text).unwrap();
        std::fs::write(folder.path().join("s.exit"), exit).unwrap();
        judge_soak(&Evidence::new(folder.path(), "s"))
    }

    #[test]
    fn a_steady_run_passes_and_others_do_not() {
        assert!(
            judge(&events("ok", 0), "0\n")
                .unwrap()
                .starts_with("2.4 minutes")
        );
        assert!(
            judge(&events("degraded", 0), "0")
                .unwrap_err()
                .contains("at 100")
        );
        assert!(
            judge(&events("ok", 50), "0")
                .unwrap_err()
                .contains("resident")
        );
        assert!(judge(&events("ok", 0), "137").is_err());
        assert!(judge("", "0").is_err());
    }

    #[test]
    fn the_series_is_a_table_of_limited_length() {
        let table = series(&events("ok", 0));
        assert_eq!(table.lines().count(), 31, "{table}");
        assert!(table.contains("9.5") && table.contains("40"), "{table}");
        assert!(series(&events("ok", 0).repeat(9)).lines().count() <= 31);
        assert!(series("nonsense").contains("cannot"));
    }
}
