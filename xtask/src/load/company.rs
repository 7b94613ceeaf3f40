//! All that may look over the detector's shoulder: browsers, a disk, a broker, a router, rules.

use super::{LoadArgs, LoadError, file_error};
use crate::bench::python::Environment;
use crate::lab;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const ZENOH: Environment = Environment {
    name: "zenoh-peer",
    what: "Zenoh for Python, about 10 MB",
    requirements: include_str!("requirements.txt"),
    needed_bytes: 100_000_000,
};
const ZENOH_SCRIPT: &str = include_str!("zenoh_peer.py");

const RULES: &str = r#"
[[zones]]
name = "ahead"
polygon = [[0.3, 0.5], [0.7, 0.5], [0.9, 1.0], [0.1, 1.0]]
[[rules]]
name = "someone-ahead"
zone = "ahead"
dwell_ms = 200
[[rules]]
name = "traffic"
classes = ["car", "truck", "bus"]
count_min = 2
"#;

const START_TIME_MAX: Duration = Duration::from_secs(20);

/// Everybody, for one run.
pub(super) struct Company {
    options: Vec<OsString>,
    broker: Ending,
    router: Option<(Ending, BufReader<ChildStdout>)>,
    browsers: Browsers,
    recording: std::path::PathBuf,
}

/// A process that does not outlive this.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> Result<u16, LoadError> {
    lab::free_port().map_err(file_error(Path::new("127.0.0.1")))
}

fn wait_for(port: u16, what: &str) -> Result<(), LoadError> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > START_TIME_MAX {
            return Err(LoadError::Wrong(format!("{what} does not listen")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

impl Company {
    /// Starts everybody; browsers come as soon as there is a page.
    pub(super) fn start(folder: &Path, args: &LoadArgs) -> Result<Self, LoadError> {
        let (mqtt, live) = (free_port()?, free_port()?);
        let broker = broker(folder, mqtt)?;
        let recording = folder.join("recording");
        let _ = fs::remove_dir_all(&recording);
        let rules = folder.join("rules.toml");
        fs::write(&rules, RULES).map_err(file_error(&rules))?;
        let mut options: Vec<OsString> = ["--live", &format!("127.0.0.1:{live}"), "--sink"]
            .map(Into::into)
            .to_vec();
        options.push(format!("mqtt://127.0.0.1:{mqtt}/load").into());
        options.extend(["--record".into(), recording.clone().into_os_string()]);
        options.extend(["--config".into(), rules.into_os_string()]);
        let router = match args.no_zenoh {
            true => None,
            false => {
                let port = free_port()?;
                let uri = format!("zenoh:load?mode=client&connect=tcp/127.0.0.1:{port}");
                options.extend(["--sink".into(), uri.into()]);
                Some(router(folder, port)?)
            }
        };
        Ok(Self {
            options,
            broker,
            router,
            browsers: Browsers::start(live, args.clients),
            recording,
        })
    }

    /// What `lookout run` is told of them.
    pub(super) fn options(&self) -> &[OsString] {
        &self.options
    }

    /// Sends everybody home, and says what they got.
    pub(super) fn finish(self) -> Result<String, LoadError> {
        let (pictures, bytes) = self.browsers.finish();
        drop(self.broker);
        let mut heard = String::new();
        if let Some((mut router, mut said)) = self.router {
            drop(router.0.stdin.take());
            let _ = said.read_to_string(&mut heard);
        }
        let recorded = folder_bytes(&self.recording);
        if pictures == 0 || recorded == 0 {
            let text = format!("browsers got {pictures} pictures, {recorded} bytes were recorded");
            return Err(LoadError::Wrong(text));
        }
        Ok(format!(
            "browsers got {pictures} pictures ({:.0} MB), {:.0} MB recorded, {} messages by Zenoh",
            bytes as f64 / 1e6,
            recorded as f64 / 1e6,
            match heard.trim() {
                "" => "no",
                count => count,
            }
        ))
    }
}

fn broker(folder: &Path, port: u16) -> Result<Ending, LoadError> {
    let config = folder.join("mosquitto.conf");
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
    fs::write(&config, text).map_err(file_error(&config))?;
    let program = Path::new("mosquitto");
    // Where Debian has it, which is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let child = Command::new(program)
        .env("PATH", path)
        .arg("-c")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(file_error(program))?;
    wait_for(port, "mosquitto")?;
    Ok(Ending(child))
}

fn router(folder: &Path, port: u16) -> Result<(Ending, BufReader<ChildStdout>), LoadError> {
    let python = ZENOH.ensure()?;
    let script = folder.join("zenoh_peer.py");
    fs::write(&script, ZENOH_SCRIPT).map_err(file_error(&script))?;
    let mut child = Command::new(&python)
        .arg("-I")
        .arg(&script)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(file_error(&python))?;
    let silent = || LoadError::Wrong("the Zenoh router did not start".to_owned());
    let mut said = BufReader::new(child.stdout.take().ok_or_else(silent)?);
    let router = Ending(child);
    let mut line = String::new();
    said.read_line(&mut line).map_err(file_error(&python))?;
    if line.trim() == "ready" {
        Ok((router, said))
    } else {
        Err(silent())
    }
}

/// Clients of the page, each with the connection that a browser keeps.
struct Browsers {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    pictures: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Browsers {
    fn start(port: u16, count: u32) -> Self {
        let (is_over, pictures, bytes) =
            <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let watch = |_| {
            let (is_over, pictures, bytes) = (is_over.clone(), pictures.clone(), bytes.clone());
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = watch(port, &is_over, &pictures, &bytes);
                    std::thread::sleep(Duration::from_millis(50));
                }
            })
        };
        let threads = (0..count).map(watch).collect();
        Self {
            is_over,
            threads,
            pictures,
            bytes,
        }
    }

    fn finish(self) -> (u64, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.pictures), read(&self.bytes))
    }
}

/// Watches until the run or the page ends.
fn watch(
    port: u16,
    is_over: &AtomicBool,
    pictures: &AtomicU64,
    bytes: &AtomicU64,
) -> Result<(), tungstenite::Error> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let url = format!("ws://127.0.0.1:{port}/api/live");
    let (mut socket, _) = tungstenite::client(url, stream).map_err(|error| match error {
        tungstenite::HandshakeError::Failure(error) => error,
        tungstenite::HandshakeError::Interrupted(_) => tungstenite::Error::ConnectionClosed,
    })?;
    while !is_over.load(Ordering::Relaxed) {
        let message = socket.read()?;
        if message.is_binary() {
            pictures.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
