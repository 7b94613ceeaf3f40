//! All engines with one number of threads, turn by turn.

use super::contestants::{CONTESTANTS, Contestant, LOOKOUT};
use super::forms::Forms;
use super::job::{Checked, Ended, Loaded, Round};
use super::row::{Row, set_ratios, thread_count};
use super::statistics::median;
use super::worker::{Worker, WorkerError};
use super::{BenchArgs, BenchError, agreement};
use std::time::Duration;

/// A slow engine ends its turn after this; the engines see to it themselves.
const TURN_S: u64 = 2;

/// Inferences before the first that counts.
const WARM_UP: u16 = 3;

/// Between two turns, so that threads of the last engine that spin go to sleep.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs every contestant that can run here.
pub(super) fn run(args: &BenchArgs, forms: &Forms, threads: u8) -> Result<Vec<Row>, BenchError> {
    let limit = Duration::from_secs(args.timeout_s.into());
    let able = CONTESTANTS.iter().filter(|c| forms.has(c.host));
    let mut entries: Vec<Entry> = able
        .map(|contestant| {
            let entry = Entry::start(contestant, forms, threads, limit);
            if let Some(failure) = &entry.row.failure {
                eprintln!("{entry} failed: {failure}");
            }
            entry
        })
        .collect();
    for round in 1..=args.rounds {
        let threads = thread_count(threads);
        eprintln!("{threads}, round {round} of {}", args.rounds);
        for entry in &mut entries {
            entry.turn(args.iterations, limit);
        }
    }
    let mut rows: Vec<Row> = entries
        .into_iter()
        .map(|entry| entry.finish(limit))
        .collect();
    set_ratios(&mut rows);
    Ok(rows)
}

/// A contestant with its process and what is known so far.
struct Entry {
    row: Row,
    /// `None` once it failed.
    worker: Option<Worker>,
    times_ms: Vec<f64>,
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ({}), {}",
            self.row.engine,
            self.row.form,
            thread_count(self.row.threads)
        )
    }
}

impl Entry {
    /// Starts, loads, checks and warms up.
    fn start(contestant: &Contestant, forms: &Forms, threads: u8, limit: Duration) -> Self {
        let mut entry = Self {
            row: Row::new(contestant, threads),
            worker: None,
            times_ms: Vec::new(),
        };
        let started = entry.load(contestant, forms, limit);
        entry.note(started);
        if entry.worker.is_some() {
            let checked = entry.check(forms, limit);
            if let Err(reason) = checked {
                entry.fail(reason);
            }
        }
        // What the warm-up took does not count.
        entry.turn(WARM_UP, limit);
        entry.times_ms.clear();
        entry
    }

    fn load(
        &mut self,
        contestant: &Contestant,
        forms: &Forms,
        limit: Duration,
    ) -> Result<(), WorkerError> {
        let job = forms.job(contestant, self.row.threads);
        let Some(mut command) = forms.command(contestant.host, &job) else {
            return Err(WorkerError::Ended("there is no program to run it".into()));
        };
        let mut worker = Worker::start(&mut command)?;
        let loaded: Loaded = worker.answer(limit)?;
        self.row.load_ms = Some(loaded.load_ms);
        self.row.base_rss_mib = loaded.rss_base_mib;
        self.row.version = Some(loaded.version);
        self.row.input = Some(loaded.input);
        self.worker = Some(worker);
        Ok(())
    }

    /// Whether it computes what the shipped network computes.
    fn check(&mut self, forms: &Forms, limit: Duration) -> Result<(), String> {
        let Some(worker) = &mut self.worker else {
            return Ok(());
        };
        let path = forms.path("outputs");
        let question = format!("check {}", path.display());
        let _: Checked = worker.ask(&question, limit).map_err(|e| e.to_string())?;
        let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
        let (words, _) = bytes.as_chunks();
        let found: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let (agreement, least) = if self.row.engine == LOOKOUT {
            let agreement = agreement::of_detections(&forms.detections, &found);
            (agreement, agreement::SHARED_MIN)
        } else {
            let agreement = agreement::of_outputs(&forms.outputs, &found);
            (agreement, agreement::CORRELATION_MIN)
        };
        self.row.difference_max = Some(agreement.difference_max);
        self.row.agreement_min = Some(agreement.least);
        if agreement.reaches(least) {
            return Ok(());
        }
        Err(format!(
            "it computes something else: agreement {:.3} where at least {least} is expected",
            agreement.least
        ))
    }

    fn turn(&mut self, iterations: u16, limit: Duration) {
        let Some(worker) = &mut self.worker else {
            return;
        };
        let round = worker.ask::<Round>(&format!("round {iterations} {TURN_S}"), limit);
        let taken = round.map(|round| self.times_ms.extend(round.times_ms));
        self.note(taken);
        std::thread::sleep(PAUSE);
    }

    fn note(&mut self, result: Result<(), WorkerError>) {
        if let Err(error) = result {
            self.fail(error.to_string());
        }
    }

    fn fail(&mut self, reason: String) {
        self.worker = None;
        self.times_ms.clear();
        self.row.failure = Some(reason);
    }

    fn finish(mut self, limit: Duration) -> Row {
        if let Some(mut worker) = self.worker.take() {
            let ended = worker.ask::<Ended>("end", limit);
            let ended = ended.map(|ended| self.row.peak_rss_mib = ended.rss_peak_mib);
            self.note(ended);
        }
        self.row.median_ms = median(&self.times_ms);
        self.row.samples = self.times_ms.len();
        self.row
    }
}
