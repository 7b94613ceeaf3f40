//! The hidden verb `bench-worker`: one engine, told what to do on standard input. It answers
//! as `worker.py` does.

use super::engines::{self, Engine, EngineError};
use super::job::{Checked, Ended, Job, Loaded, Round};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// Options of `cargo xtask bench-worker`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    /// What to load, as JSON
    job: String,
}

/// Answers until the end of the input.
///
/// # Errors
/// [`EngineError`] when the engine fails or a line is not understood.
pub fn run(args: &ServeArgs) -> Result<(), EngineError> {
    let job: Job = serde_json::from_str(&args.job).map_err(EngineError::new)?;
    let pixels = std::fs::read(&job.pixels).map_err(EngineError::new)?;
    if pixels.len() != 3 * job.height * job.width {
        return Err(EngineError::new("the picture has another size"));
    }
    let rss_base_mib = rss_mib("VmRSS:");
    let start = Instant::now();
    let mut engine = engines::load(&job, &pixels)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    answer(&Loaded {
        load_ms,
        rss_base_mib,
        version: engine.version(),
        input: engine.input().into(),
    })?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(EngineError::new)?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("check", file) => {
                engine.run()?;
                let values = engine.outputs()?;
                let bytes: Vec<u8> = values
                    .iter()
                    .flatten()
                    .flat_map(|v| v.to_le_bytes())
                    .collect();
                std::fs::write(file, bytes).map_err(EngineError::new)?;
                answer(&Checked {})?;
            }
            ("round", rest) => answer(&round(engine.as_mut(), &job, rest)?)?,
            ("end", _) => {
                let rss_peak_mib = rss_mib("VmHWM:");
                return answer(&Ended { rss_peak_mib });
            }
            _ => return Err(EngineError::new(format!("unforeseen line {line:?}"))),
        }
    }
    Ok(())
}

fn answer(value: &impl Serialize) -> Result<(), EngineError> {
    let line = serde_json::to_string(value).map_err(EngineError::new)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").map_err(EngineError::new)?;
    stdout.flush().map_err(EngineError::new)
}

fn round(engine: &mut dyn Engine, job: &Job, rest: &str) -> Result<Round, EngineError> {
    let (count, limit_s) = rest.split_once(' ').unwrap_or((rest, "1"));
    let count: usize = count.parse().map_err(EngineError::new)?;
    let limit_s: u64 = limit_s.parse().map_err(EngineError::new)?;
    let limit = Duration::from_secs(limit_s);
    let start = Instant::now();
    let mut times_ms = Vec::with_capacity(count.min(1000));
    while times_ms.len() < count && (times_ms.is_empty() || start.elapsed() < limit) {
        let (cpu, wall) = (process_time(), Instant::now());
        let inner = engine.run()?;
        let (cpu, wall) = (process_time().saturating_sub(cpu), wall.elapsed());
        times_ms.push(counted(job.threads, inner, cpu, wall).as_secs_f64() * 1e3);
    }
    Ok(Round { times_ms })
}

/// The time that counts: that of the processor with one thread, since other programs disturb
/// it less, else that on the wall.
///
/// Where an engine does more than the network, the processor's time cannot be taken around
/// the network alone. Both the wall time of the network and the processor's time of all are
/// at least what is looked for, so the lesser is nearer.
fn counted(threads: u8, inner: Option<Duration>, cpu: Duration, wall: Duration) -> Duration {
    match (threads, inner) {
        (0 | 1, Some(inner)) => inner.min(cpu),
        (0 | 1, None) => cpu,
        (_, inner) => inner.unwrap_or(wall),
    }
}

/// Time that this process has had on processors.
fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

fn rss_mib(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_clock_is_the_one_that_is_promised() {
        let ms = Duration::from_millis;
        assert_eq!(counted(1, None, ms(5), ms(9)), ms(5));
        assert_eq!(counted(2, None, ms(18), ms(9)), ms(9));
        assert_eq!(counted(1, Some(ms(7)), ms(8), ms(9)), ms(7));
        assert_eq!(counted(1, Some(ms(7)), ms(5), ms(9)), ms(5));
        assert_eq!(counted(2, Some(ms(7)), ms(18), ms(9)), ms(7));
    }

    #[test]
    fn the_clock_of_the_process_stands_while_it_sleeps() {
        let start = process_time();
        let mut sum = 0u64;
        let wall = Instant::now();
        while wall.elapsed() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(process_time() > start, "{sum}");
        // In this order: other tests of the process may take memory in between.
        let now = rss_mib("VmRSS:").unwrap();
        assert!(rss_mib("VmHWM:").unwrap() >= now);
    }

    struct Slow;

    impl Engine for Slow {
        fn run(&mut self) -> Result<Option<Duration>, EngineError> {
            std::thread::sleep(Duration::from_millis(600));
            Ok(None)
        }
        fn outputs(&self) -> Result<Vec<Vec<f32>>, EngineError> {
            Ok(vec![])
        }
        fn input(&self) -> &'static str {
            "f32"
        }
        fn version(&self) -> String {
            "0".into()
        }
    }

    #[test]
    fn a_slow_engine_ends_its_round_early() {
        let job = r#"{"engine": "slow", "form": "", "file": "", "threads": 2, "pixels": "",
            "numbers": "", "integers": "", "height": 1, "width": 1, "input_name": "", "outputs": []}"#;
        let job: Job = serde_json::from_str(job).unwrap();
        let times_ms = round(&mut Slow, &job, "100 1").unwrap().times_ms;
        assert!((1..=2).contains(&times_ms.len()), "{times_ms:?}");
        assert!(times_ms.iter().all(|ms| *ms >= 600.0));
        assert!(round(&mut Slow, &job, "many 1").is_err());
    }
}
