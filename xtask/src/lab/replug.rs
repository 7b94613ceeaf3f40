//! Judges job `replug`: how soon blindness is told and detection resumes, and what leaks.

use super::events::{Event, Noted, check_flat, parse_events};
use super::evidence::Evidence;

/// Rounds of unplugging in the job; some freeze the camera as well.
const ROUNDS: usize = 50;
/// From the unplugging or freezing to the report that says blind.
const BLIND_SECONDS_MAX: f64 = 1.0;
/// From the moment when the device can be used to the publication of a detection in a frame
/// that was taken after it.
const RESUME_SECONDS_MAX: f64 = 2.0;

/// One outage, seconds on the guest's clock.
#[derive(Clone, Debug, PartialEq)]
struct Outage {
    is_freeze: bool,
    began: f64,
    /// When the report that says blind was written.
    blind: f64,
    usable: f64,
    node: String,
}

/// A published frame, seconds on the guest's clock, and its size in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Published {
    captured: f64,
    published: f64,
    size: (u64, u64),
}

/// Every outage was told and survived in time, by one process that did not grow.
pub fn judge_replug(evidence: &Evidence) -> Result<String, String> {
    let exit = evidence.text("exit")?;
    if exit.trim() != "0" {
        return Err(format!("lookout run ended with {}", exit.trim()));
    }
    let events = parse_events(&evidence.text("events")?)?;
    let published = parse_lines(&evidence.text("jsonl")?)?;
    let outages = outages(&events)?;
    let held: Vec<_> = events
        .iter()
        .filter_map(|noted| match noted.event {
            Event::Process(held) => Some(held),
            _ => None,
        })
        .collect();
    Ok(format!(
        "{}; {}; {}",
        check_variety(&outages, &published)?,
        check_times(&outages, &published)?,
        check_flat(&held)?
    ))
}

fn parse_lines(text: &str) -> Result<Vec<Published>, String> {
    let parse = |line: &str| -> Result<Published, String> {
        let json: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{error} in the line {line}"))?;
        let number = |key: &str| json[key].as_u64().ok_or(format!("no {key} in {line}"));
        let captured = number("captured_monotonic_ns")? as f64 / 1e9;
        Ok(Published {
            captured,
            published: captured + number("age_us")? as f64 / 1e6,
            size: (number("frame_width_px")?, number("frame_height_px")?),
        })
    };
    text.lines().map(parse).collect()
}

/// Puts the events of each outage together.
fn outages(events: &[Noted]) -> Result<Vec<Outage>, String> {
    let mut outages = Vec::new();
    let mut began: Option<(bool, f64)> = None;
    let mut blind: Option<f64> = None;
    for Noted { seconds, event } in events {
        match event {
            Event::Unplug | Event::Freeze => {
                began = Some((matches!(event, Event::Freeze), *seconds));
                blind = None;
            }
            Event::Health(health) if health.state == "blind" => {
                blind = blind.or(Some(health.written_monotonic_ns as f64 / 1e9));
            }
            Event::Usable(node) => {
                let (is_freeze, began) = began.take().ok_or("usable without an outage")?;
                outages.push(Outage {
                    is_freeze,
                    began,
                    blind: blind.ok_or(format!("the outage at {began} s was never told"))?,
                    usable: *seconds,
                    node: node.clone(),
                });
            }
            Event::Health(_) | Event::Process(_) => {}
        }
    }
    match began {
        Some((_, began)) => Err(format!("the camera did not come back after {began} s")),
        None => Ok(outages),
    }
}

/// The job did what it is for: enough rounds, freezes, changes of number and of format.
fn check_variety(outages: &[Outage], published: &[Published]) -> Result<String, String> {
    let unplugged: Vec<&Outage> = outages.iter().filter(|one| !one.is_freeze).collect();
    let freezes = outages.len() - unplugged.len();
    let count = |same: &dyn Fn(usize) -> bool, len: usize| (1..len).filter(|&n| !same(n)).count();
    let renumbered = count(
        &|n| unplugged[n].node == unplugged[n - 1].node,
        unplugged.len(),
    );
    let resized = count(
        &|n| published[n].size == published[n - 1].size,
        published.len(),
    );
    let text = format!(
        "{} replugged, {renumbered} renumbered, {resized} other formats, {freezes} freezes",
        unplugged.len()
    );
    if unplugged.len() < ROUNDS || renumbered < ROUNDS / 10 || resized < ROUNDS / 10 || freezes == 0
    {
        return Err(format!("only {text}"));
    }
    Ok(text)
}

/// Blindness and resumption in time; gives the worst of each.
fn check_times(outages: &[Outage], published: &[Published]) -> Result<String, String> {
    let (mut blind_max, mut resume_max) = (0.0_f64, 0.0_f64);
    for outage in outages {
        let what = if outage.is_freeze {
            "frozen"
        } else {
            "unplugged"
        };
        let blind = outage.blind - outage.began;
        let first = published.iter().find(|one| one.captured > outage.usable);
        let resume = first.map_or(f64::INFINITY, |one| one.published - outage.usable);
        let at = outage.began;
        if blind > BLIND_SECONDS_MAX {
            return Err(format!(
                "{what} at {at} s: blind was told after {blind:.2} s"
            ));
        }
        if resume > RESUME_SECONDS_MAX {
            return Err(format!(
                "{what} at {at} s: detection resumed {resume:.2} s after the device"
            ));
        }
        blind_max = blind_max.max(blind);
        resume_max = resume_max.max(resume);
    }
    Ok(format!(
        "blind told within {blind_max:.2} s, detection resumed within {resume_max:.2} s"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// What a job leaves: outages of which the last has its blindness and resumption told
    /// `blind` and `resume` seconds late.
    fn judge(rounds: u64, blind: f64, resume: f64, exit: &str) -> Result<String, String> {
        let (mut events, mut lines) = (String::new(), String::new());
        for n in 0..rounds {
            let is_last = n + 1 == rounds;
            let began = 10.0 * n as f64;
            let (blind, resume) = if is_last { (blind, resume) } else { (0.5, 0.5) };
            for kind in ["freeze", "unplug"] {
                if kind == "freeze" && n % 5 != 0 {
                    continue;
                }
                let began = if kind == "freeze" {
                    began + 5.0
                } else {
                    began + 7.0
                };
                let usable = began + 1.5;
                let health = json!({
                    "state": "blind", "pid": 1,
                    "written_monotonic_ns": ((began + blind) * 1e9) as u64,
                });
                events += &format!("{began} {kind} {n}\n{} health {health}\n", began + 1.0);
                events += &format!("{usable} usable {n} video{}\n", n / 3 % 2);
                let line = json!({
                    "captured_monotonic_ns": ((usable + 0.1) * 1e9) as u64,
                    "age_us": ((resume - 0.1) * 1e6) as u64,
                    "frame_width_px": 640 + n / 4 % 2, "frame_height_px": 480,
                });
                lines += &format!("{line}\n");
            }
            events += &format!("{} process 1 10 5 1000 2000\n", began + 9.0);
        }
        let folder = tempfile::tempdir().unwrap();
        for (suffix, text) in [("events", &*events), ("jsonl", &lines), ("exit", exit)] {
            std::fs::write(folder.path().join(format!("s.{suffix}")), text).unwrap();
        }
        judge_replug(&Evidence::new(folder.path(), "s"))
    }

    #[test]
    fn late_words_late_eyes_and_too_few_rounds_are_failures() {
        let text = judge(50, 0.9, 1.9, "0\n").unwrap();
        assert!(
            text.contains("within 0.90 s") && text.contains("within 1.90 s"),
            "{text}"
        );
        assert!(
            judge(50, 1.1, 0.5, "0")
                .unwrap_err()
                .contains("blind was told")
        );
        assert!(judge(50, 0.5, 2.1, "0").unwrap_err().contains("resumed"));
        assert!(judge(49, 0.5, 0.5, "0").unwrap_err().contains("only"));
        assert!(judge(50, 0.5, 0.5, "1").is_err());
    }

    #[test]
    fn an_outage_that_was_never_told_or_never_ended_is_a_failure() {
        let never_told = parse_events("1 unplug 1\n2 usable 1 video0\n").unwrap();
        assert!(outages(&never_told).unwrap_err().contains("never told"));
        let never_back = parse_events("1 unplug 1\n").unwrap();
        assert!(outages(&never_back).unwrap_err().contains("come back"));
    }
}
