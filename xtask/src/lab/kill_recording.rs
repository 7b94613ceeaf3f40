//! `lab kill-recording`: the program is killed again and again while it records, and nothing but
//! the last second may be lost by it.
//!
//! A kill is not a power cut: what was handed to the kernel stays. What a power cut adds, a file
//! that ends in the middle of a write, is what the tests of `src/recording` tear files for.

use super::tiny_model::write_tiny_model;
use super::{LabError, file_error};
use crate::command::run_command;
use crate::mcap_check::{self, Recording};
use crate::workspace;
use lookout::clock::monotonic_ns;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Options of `cargo xtask lab kill-recording`.
#[derive(clap::Args, Clone, Debug)]
pub struct KillRecordingArgs {
    /// How many times the program is killed
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub times: u32,
    /// Chooses the moments
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The program [default: it is built]
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// The model that detects [default: the lab's tiny one, which leaves time for other things]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

/// From the first frame of a run to its end, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 100..2600;

/// How much may be lost, in nanoseconds.
const LOSS_NS_MAX: u64 = 1_000_000_000;

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long the last run may take to bring all into order.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

/// A line of detections, as far as it matters here.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Line {
    captured_monotonic_ns: u64,
    captured_unix_ns: u64,
}

/// A run that was killed.
#[derive(Debug)]
struct Killed {
    at_ns: u64,
    lines: PathBuf,
}

/// Runs `cargo xtask lab kill-recording` and prints what was lost.
pub fn run(args: &KillRecordingArgs) -> Result<(), LabError> {
    let target = workspace::target_dir()?;
    let work = target.join("lab/kill-recording");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).map_err(file_error(&work))?;
    let bench = Bench::prepare(args, &target, &work)?;
    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut runs = Vec::new();
    for number in 0..args.times {
        let life = Duration::from_millis(random.u64(LIFE_MS));
        runs.push(bench.kill(number, life)?);
        if (number + 1) % 20 == 0 {
            println!("{} of {} kills", number + 1, args.times);
        }
    }
    bench.bring_into_order()?;
    let recordings = bench.read()?;
    let verdict = judge(&runs, &recordings)?;
    println!("{verdict}");
    Ok(())
}

/// Where it happens.
struct Bench {
    binary: PathBuf,
    config: PathBuf,
    work: PathBuf,
    disk: PathBuf,
}

impl Bench {
    fn prepare(args: &KillRecordingArgs, target: &Path, work: &Path) -> Result<Self, LabError> {
        let binary = match &args.binary {
            Some(binary) => binary.clone(),
            None => {
                let mut build = Command::new(workspace::cargo());
                build.current_dir(workspace::root());
                run_command(build.args(["build", "--bin", "lookout"]))?;
                target.join("debug/lookout")
            }
        };
        let model = match &args.model {
            Some(model) => model.clone(),
            None => {
                let folder = work.join("model");
                write_tiny_model(&folder)?;
                folder
            }
        };
        let bench = Self {
            binary,
            config: work.join("lookout.toml"),
            work: work.to_owned(),
            disk: work.join("disk"),
        };
        let text = format!(
            "source = \"drive:?frames=0&size=384x216&fps=15&seed={}\"\nmodel = {:?}\n[record]\n\
             directory = {:?}\nsegment_s = 2\nfree_megabytes_min = 0\n",
            args.seed, model, bench.disk
        );
        fs::write(&bench.config, text).map_err(file_error(&bench.config))?;
        Ok(bench)
    }

    fn start(&self, lines: &Path) -> Result<Child, LabError> {
        let path = self.work.join("stderr");
        let failed = || file_error(&path);
        let log = File::options().create(true).append(true).open(&path);
        Command::new(&self.binary)
            .args(["run", "--config"])
            .arg(&self.config)
            .arg("--sink")
            .arg(format!("jsonl:{}", lines.display()))
            .stdout(Stdio::null())
            .stderr(log.map_err(failed())?)
            .spawn()
            .map_err(file_error(&self.binary))
    }

    /// Lets the program live for so long from its first frame on.
    fn kill(&self, number: u32, life: Duration) -> Result<Killed, LabError> {
        let lines = self.work.join(format!("run-{number:05}.jsonl"));
        let mut child = self.start(&lines)?;
        let began = Instant::now();
        while !fs::metadata(&lines).is_ok_and(|meta| meta.len() > 0) {
            if began.elapsed() > START_LIMIT {
                let _ = child.kill();
                return Err(LabError::Differs(format!(
                    "the program saw nothing in {START_LIMIT:?}; see {}",
                    self.work.join("stderr").display()
                )));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(life);
        let killed = child.kill();
        let at_ns = monotonic_ns();
        killed
            .and_then(|()| child.wait())
            .map_err(file_error(&self.binary))?;
        Ok(Killed { at_ns, lines })
    }

    /// One more run closes what the last one left open, and ends well.
    fn bring_into_order(&self) -> Result<(), LabError> {
        let mut child = self.start(&self.work.join("last.jsonl"))?;
        let began = Instant::now();
        // One is that of this run.
        while self.files(".part")?.len() > 1 && began.elapsed() < RECOVERY_LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(1));
        let pid = i32::try_from(child.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let status = child.wait().map_err(file_error(&self.binary))?;
        let open = self.files(".part")?.len() + self.files(".damaged")?.len();
        if !status.success() || open > 0 {
            return Err(LabError::Differs(format!(
                "the last run ended with {status} and left {open} files open or damaged"
            )));
        }
        Ok(())
    }

    fn files(&self, suffix: &str) -> Result<Vec<PathBuf>, LabError> {
        let ring = self.disk.join("ring");
        let mut files = Vec::new();
        for entry in fs::read_dir(&ring).map_err(file_error(&ring))? {
            let path = entry.map_err(file_error(&ring))?.path();
            if path.to_string_lossy().ends_with(suffix) {
                files.push(path);
            }
        }
        Ok(files)
    }

    fn read(&self) -> Result<BTreeMap<PathBuf, Recording>, LabError> {
        let recordings = mcap_check::check(&self.files(".mcap")?);
        recordings.map_err(|error| LabError::Differs(error.to_string()))
    }
}

/// Compares what was recorded with what another sink got.
fn judge(runs: &[Killed], recordings: &BTreeMap<PathBuf, Recording>) -> Result<String, LabError> {
    let times = |topic: &str| -> BTreeSet<u64> {
        let rows = recordings
            .values()
            .filter_map(|file| file.topics.get(topic));
        rows.flatten().map(|message| message.time_ns).collect()
    };
    let topics = ["/camera", "/detections", "/annotations"].map(|topic| (topic, times(topic)));
    let (mut frames, mut recorded, mut old_losses) = (0, 0, 0);
    let mut losses_ms = Vec::new();
    for run in runs {
        let mut newest_ns = None;
        let lines = lines(&run.lines)?;
        for line in &lines {
            frames += 1;
            if topics
                .iter()
                .all(|(_, times)| times.contains(&line.captured_unix_ns))
            {
                recorded += 1;
                newest_ns = newest_ns.max(Some(line.captured_monotonic_ns));
            } else if line.captured_monotonic_ns + LOSS_NS_MAX < run.at_ns {
                old_losses += 1;
            }
        }
        // Where nothing was recorded, all since the first frame is lost.
        let first_ns = lines.first().map(|line| line.captured_monotonic_ns);
        if let Some(since_ns) = newest_ns.or(first_ns) {
            losses_ms.push(run.at_ns.saturating_sub(since_ns) / 1_000_000);
        }
    }
    losses_ms.sort_unstable();
    let at = |share: f64| {
        losses_ms
            .get(((losses_ms.len() - 1) as f64 * share) as usize)
            .copied()
    };
    let percentile = |share| at(share).unwrap_or_default();
    let verdict = format!(
        "{} kills, {} files, all of which both readers open; {frames} frames published, {recorded} \
         recorded, {} lost, {old_losses} of them older than 1 s; from the newest recorded frame to \
         the kill: median {} ms, 99 % {} ms, most {} ms",
        runs.len(),
        recordings.len(),
        frames - recorded,
        percentile(0.5),
        percentile(0.99),
        percentile(1.0)
    );
    if old_losses > 0 || losses_ms.len() != runs.len() {
        return Err(LabError::Differs(verdict));
    }
    Ok(verdict)
}

/// The whole lines of a file that may end within one.
fn lines(path: &Path) -> Result<Vec<Line>, LabError> {
    let text = fs::read_to_string(path).map_err(file_error(path))?;
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let parsed = whole.map(serde_json::from_str);
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| LabError::Differs(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::mcap_check::Seen;

    fn recording(times: &[u64]) -> BTreeMap<PathBuf, Recording> {
        let seen = |time_ns: &u64| Seen {
            sequence: 0,
            time_ns: *time_ns,
            seen: serde_json::Value::Null,
        };
        let rows: Vec<Seen> = times.iter().map(seen).collect();
        let topics = ["/camera", "/detections", "/annotations"];
        let file = Recording {
            topics: topics.map(|topic| (topic.to_owned(), rows.clone())).into(),
            facts: BTreeMap::new(),
        };
        [("a.mcap".into(), file)].into()
    }

    #[test]
    fn what_is_older_than_a_second_may_not_be_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let line = |s: u64| {
            let ns = s * 1_000_000_000;
            format!("{{\"captured_monotonic_ns\":{ns},\"captured_unix_ns\":{s}}}\n")
        };
        fs::write(&path, [line(1), line(2), line(3), "{\"cap".into()].concat()).unwrap();
        let killed = [Killed {
            at_ns: 3_500_000_000,
            lines: path,
        }];
        let verdict = judge(&killed, &recording(&[1, 2])).unwrap();
        assert!(
            verdict.contains("3 frames published, 2 recorded"),
            "{verdict}"
        );
        assert!(verdict.contains("most 1500 ms"), "{verdict}");
        let error = judge(&killed, &recording(&[1, 3])).unwrap_err();
        assert!(error.to_string().contains("1 of them older"), "{error}");
        assert!(judge(&killed, &recording(&[])).is_err());
    }
}
