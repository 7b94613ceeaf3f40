//! Where the fleet's messages gather: the script of `board/fleet`, started and asked.

use super::super::{LabError, file_error, free_port, require_program};
use crate::workspace;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the parts may take to start.
const START_TIME_MAX: Duration = Duration::from_secs(30);
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// The parts at work. Dropping this ends them.
pub(super) struct Centre {
    child: Child,
    folder: PathBuf,
    mqtt_port: u16,
    http_port: u16,
}

impl Centre {
    /// Starts all parts anew in `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self, LabError> {
        for (program, package) in [
            ("mosquitto_sub", "mosquitto-clients"),
            ("victoria-metrics", "victoria-metrics"),
            ("jq", "jq"),
            ("curl", "curl"),
        ] {
            require_program(program, package)?;
        }
        let wrong = file_error(folder);
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(&wrong)?;
        }
        fs::create_dir_all(folder).map_err(&wrong)?;
        let (mqtt_port, http_port) = (free_port().map_err(&wrong)?, free_port().map_err(&wrong)?);
        let log = File::create(folder.join("start.log")).map_err(&wrong)?;
        let errors = log.try_clone().map_err(&wrong)?;
        let child = Command::new("bash")
            .arg(workspace::root().join("board/fleet/start.sh"))
            .arg(folder)
            .env("MQTT_PORT", mqtt_port.to_string())
            .env("HTTP_PORT", http_port.to_string())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(&wrong)?;
        let mut centre = Self {
            child,
            folder: folder.to_owned(),
            mqtt_port,
            http_port,
        };
        centre.wait_until_up()?;
        Ok(centre)
    }

    fn wait_until_up(&mut self) -> Result<(), LabError> {
        let began = Instant::now();
        loop {
            let has_ended = self.child.try_wait().map_err(file_error(&self.folder))?;
            if has_ended.is_some() || began.elapsed() > START_TIME_MAX {
                let folder = self.folder.display();
                let text = format!("board/fleet/start.sh did not start; {folder} has its logs");
                return Err(LabError::Differs(text));
            }
            let is_told = fs::read_to_string(self.folder.join("start.log"))
                .is_ok_and(|log| log.contains("queries:"));
            if is_told && TcpStream::connect(("127.0.0.1", self.mqtt_port)).is_ok() {
                // The store subscribes last.
                std::thread::sleep(Duration::from_secs(1));
                return Ok(());
            }
            std::thread::sleep(LOOK_PERIOD);
        }
    }

    pub(super) fn mqtt_port(&self) -> u16 {
        self.mqtt_port
    }

    /// Messages of detections that the database has.
    pub(super) fn stored(&self) -> Result<u64, LabError> {
        let url = format!("http://127.0.0.1:{}/api/v1/export", self.http_port);
        let mut curl = Command::new("curl");
        curl.args(["-fsS", &url, "-d", "match[]=lookout_sequence"]);
        let output = curl.output().map_err(file_error(Path::new("curl")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let count = |line: &str| {
            let series: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(series["values"].as_array()?.len() as u64)
        };
        Ok(text.lines().filter_map(count).sum())
    }

    /// Processor time of each part so far, in seconds.
    pub(super) fn cpu_times(&self) -> Result<Vec<(String, f64)>, LabError> {
        let group = self.child.id();
        let mut times: Vec<(String, f64)> = Vec::new();
        for entry in fs::read_dir("/proc").map_err(file_error(Path::new("/proc")))? {
            let Ok(entry) = entry else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let Some((name, process_group, seconds)) = cpu_time(&stat) else {
                continue;
            };
            if process_group == group && name != "bash" {
                match times.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += seconds,
                    None => times.push((name, seconds)),
                }
            }
        }
        times.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(times)
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id())
            && let Some(group) = Pid::from_raw(id)
        {
            let _ = kill_process_group(group, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Name, process group and processor time in seconds from `/proc/PID/stat` (proc(5)).
fn cpu_time(stat: &str) -> Option<(String, u32, f64)> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let sum = ticks(11)? + ticks(12)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some((
        name.to_owned(),
        fields.get(2)?.parse().ok()?,
        sum as f64 / per_second as f64,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read() {
        let stat = "12 (a (b) c) S 1 34 34 0 -1 4194560 1 0 0 0 150 50 7 7 20 0 1 0 5 6 7";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let expected = ("a (b) c".to_owned(), 34, 200.0 / ticks);
        assert_eq!(cpu_time(stat), Some(expected));
        assert_eq!(cpu_time("nonsense"), None);
    }
}
