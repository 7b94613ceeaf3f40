//! Watching from afar what a board decides by itself, and looking at it later.

use super::FlashError;
use super::remote::Remote;
use lookout::cli::status_text;
use lookout::release::{Manifest, Status, Verdict};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// The program that is known to run, whatever is on trial.
const GUARD: &str = "/opt/lookout/guard/lookout";
/// How often the board is asked.
const LOOK_PERIOD: Duration = Duration::from_secs(2);
/// What a board may take beyond its own times: to boot after a power cut, and to go back.
const GRACE: Duration = Duration::from_secs(180);

/// Asks a board for its status.
pub(super) fn status(remote: &Remote) -> Result<Status, FlashError> {
    let text = remote.run_as_root(&format!("{GUARD} release status --json"))?;
    serde_json::from_str(&text).map_err(|error| FlashError::Reply(error.to_string()))
}

/// Waits until the board has decided on the release.
pub(super) fn follow(remote: &Remote, manifest: &Manifest) -> Result<String, FlashError> {
    let own = manifest.health_wait_s + 2 * manifest.soak_s;
    let patience = Duration::from_secs(own) + GRACE;
    let began = Instant::now();
    let mut said = String::new();
    loop {
        match status(remote) {
            Ok(status) if status.trial.is_none() => return verdict(&status, manifest),
            Ok(status) => {
                let health = match &status.health {
                    Some(report) if status.health_is_current => report.summary(),
                    _ => "nothing reported yet".to_owned(),
                };
                if health != said {
                    eprintln!("xtask: on trial: {health}");
                    said = health;
                }
            }
            Err(error @ FlashError::Connection { .. }) if began.elapsed() < patience => {
                eprintln!("xtask: {error}; the board goes on by itself, trying again");
            }
            Err(error) => return Err(error),
        }
        if began.elapsed() > patience {
            return Err(FlashError::Undecided(began.elapsed().as_secs()));
        }
        std::thread::sleep(LOOK_PERIOD);
    }
}

fn verdict(status: &Status, manifest: &Manifest) -> Result<String, FlashError> {
    let Some(outcome) = &status.outcome else {
        return Err(FlashError::Reply("it tells no outcome".to_owned()));
    };
    if outcome.version != manifest.version {
        let text = format!(
            "it tells of {} in place of {}",
            outcome.version, manifest.version
        );
        return Err(FlashError::Reply(text));
    }
    let running = status
        .version
        .as_ref()
        .map_or("none".to_owned(), ToString::to_string);
    match outcome.verdict {
        Verdict::Accepted => Ok(format!("{} is in use: {}", outcome.version, outcome.reason)),
        Verdict::KeptUnhealthy => Err(FlashError::Unhealthy(outcome.reason.clone())),
        Verdict::RolledBack | Verdict::Abandoned | Verdict::ByHand => Err(FlashError::RolledBack {
            version: outcome.version.to_string(),
            running,
            reason: outcome.reason.clone(),
        }),
    }
}

/// Prints the status.
pub(super) fn show_status(remote: &Remote) -> Result<(), FlashError> {
    print!("{}", status_text(&status(remote)?));
    Ok(())
}

/// Shows what the firmware and its watcher log, until interrupted.
pub(super) fn logs(remote: &Remote, lines: u32, follow: bool) -> Result<(), FlashError> {
    let follow = if follow { " -f" } else { "" };
    let command = format!("journalctl --no-pager -u lookout -u lookout-guard -n {lines}{follow}");
    let Some(command) = remote.root_command(&command) else {
        print!("{}", remote.run_as_root(&command.replace(" -f", ""))?);
        return Ok(());
    };
    let status = remote.ssh(&command).status().map_err(FlashError::NoSsh)?;
    if status.success() {
        return Ok(());
    }
    Err(FlashError::Command {
        command,
        reason: status.to_string(),
    })
}

/// Shows how the firmware does, a line a second, until interrupted or `times` over.
pub(super) fn top(remote: &Remote, times: Option<u32>) -> Result<(), FlashError> {
    let is_terminal = std::io::stdout().is_terminal();
    let mut left = times.unwrap_or(u32::MAX);
    while left > 0 {
        left -= 1;
        let text = remote.run("cat /run/lookout/health.json 2>/dev/null || true")?;
        let line = top_line(&text);
        if is_terminal {
            print!("\r\x1b[K{line}");
        } else {
            println!("{line}");
        }
        let _ = std::io::stdout().flush();
        if left > 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    println!();
    Ok(())
}

/// One line of `health.json` for people; what is not there is a dash.
fn top_line(text: &str) -> String {
    let Ok(report) = serde_json::from_str::<serde_json::Value>(text) else {
        return "nothing is reported; is it running? cargo xtask flash logs".to_owned();
    };
    let number = |key: &str| report[key].as_f64();
    let show = |value: Option<f64>, decimals: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"))
    };
    let millis = |key: &str| show(number(key).map(|us| us / 1e3), 0);
    let celsius = report["temperatures"].as_array().and_then(|zones| {
        let values = zones.iter().filter_map(|zone| zone["celsius"].as_f64());
        values.max_by(f64::total_cmp)
    });
    let reasons = report["reasons"]
        .as_array()
        .map_or(String::new(), |reasons| {
            let texts: Vec<&str> = reasons.iter().filter_map(|text| text.as_str()).collect();
            texts.join("; ")
        });
    format!(
        "{:<9} {} fps  age {}/{} ms  lost {}  {} C  {} MiB  shed {}  {reasons}",
        report["state"].as_str().unwrap_or("-"),
        show(number("frames_per_s"), 1),
        millis("age_us_p50"),
        millis("age_us_p99"),
        show(number("drops"), 0),
        show(celsius, 0),
        show(
            number("memory_resident_bytes").map(|bytes| bytes / 1048576.0),
            0
        ),
        report["shedding"]["level"].as_str().unwrap_or("-"),
    )
    .trim_end()
    .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::release::{Outcome, Slot};

    fn status(verdict: Verdict, version: &str) -> Status {
        Status {
            slot: Some(Slot::A),
            version: Some("0.1.0+1".parse().unwrap()),
            board: None,
            other_version: None,
            trial: None,
            outcome: Some(Outcome {
                version: version.parse().unwrap(),
                verdict,
                reason: "it says blind".to_owned(),
            }),
            health: None,
            health_is_current: false,
        }
    }

    #[test]
    fn only_an_accepted_release_of_the_same_version_is_a_success() {
        let manifest = crate::flash::tests::manifest("0.1.0+2");
        assert!(verdict(&status(Verdict::Accepted, "0.1.0+2"), &manifest).is_ok());
        let error = verdict(&status(Verdict::Accepted, "0.1.0+3"), &manifest).unwrap_err();
        assert!(matches!(error, FlashError::Reply(_)), "{error}");
        for kind in [Verdict::RolledBack, Verdict::Abandoned, Verdict::ByHand] {
            let error = verdict(&status(kind, "0.1.0+2"), &manifest)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("0.1.0+1") && error.contains("blind"),
                "{error}"
            );
        }
        assert!(verdict(&status(Verdict::KeptUnhealthy, "0.1.0+2"), &manifest).is_err());
        let mut silent = status(Verdict::Accepted, "0.1.0+2");
        silent.outcome = None;
        assert!(verdict(&silent, &manifest).is_err());
    }

    #[test]
    fn a_report_is_one_line() {
        let report = r#"{"state":"degraded","frames_per_s":14.96,"age_us_p50":41000,
            "age_us_p99":90500,"drops":3,"temperatures":[{"zone":"a","celsius":40.0},
            {"zone":"b","celsius":81.5}],"memory_resident_bytes":52428800,
            "shedding":{"level":"skip"},"reasons":["hot"]}"#;
        let line = top_line(report);
        let expected = "degraded  15.0 fps  age 41/90 ms  lost 3  82 C  50 MiB  shed skip  hot";
        assert_eq!(line, expected);
        assert!(top_line("").contains("logs"));
        assert!(top_line("{}").starts_with("-"));
    }
}
