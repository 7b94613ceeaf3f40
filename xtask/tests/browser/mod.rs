//! A real browser for tests of pages: what it makes of a file, what it complains about, and
//! what it looks like.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use image::RgbImage;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Names that the browser goes by.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// No page takes so long unless the browser hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// A browser that was found on this machine.
pub struct Browser {
    program: &'static str,
}

/// A page after the browser read it.
pub struct Opened {
    /// The document as the browser understood it, scripts having run, as HTML.
    pub dom: String,
    /// What the page's console shows: errors of scripts, things refused by the page's policy.
    pub console: Vec<String>,
    /// The top of the page.
    pub screenshot: RgbImage,
}

impl Browser {
    /// Finds one. `None`, said loudly, when there is none; in CI (with `CI` set) that fails the
    /// test.
    pub fn find() -> Option<Self> {
        let program = PROGRAMS
            .into_iter()
            .find(|program| xtask::workspace::is_on_path(program));
        if program.is_none() {
            let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
            assert!(!ci, "no browser: install one of {PROGRAMS:?}");
            eprintln!("\n*** SKIPPED: no browser to look at pages with; install `chromium` ***\n");
        }
        program.map(|program| Self { program })
    }

    /// Opens the file and takes a picture of its first `width` x `height` pixels.
    pub fn open(&self, page: &Path, width: u32, height: u32) -> Opened {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", page.canonicalize().unwrap().display());
        let shot = folder.path().join("shot.png");
        let (dom, log) = self.run(folder.path(), &["--dump-dom".into(), url.clone()]);
        let picture = [
            format!("--screenshot={}", shot.display()),
            format!("--window-size={width},{height}"),
            "--hide-scrollbars".into(),
            url,
        ];
        self.run(folder.path(), &picture);
        let console = log.lines().filter(|line| line.contains("CONSOLE"));
        Opened {
            dom,
            console: console.map(str::to_owned).collect(),
            screenshot: image::open(&shot).unwrap().to_rgb8(),
        }
    }

    /// Runs the browser to its end and returns what it wrote to standard output and error.
    fn run(&self, folder: &Path, arguments: &[String]) -> (String, String) {
        let paths: [PathBuf; 2] = ["out", "err"].map(|name| folder.join(name));
        let [out, err] = paths.each_ref().map(|path| File::create(path).unwrap());
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let mut child = Command::new(self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args(["--no-first-run", "--enable-logging=stderr", "--v=0"])
            .arg(profile)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{} hung with {arguments:?}", self.program);
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let [out, err] =
            paths.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        assert!(status.success(), "{} failed: {err}", self.program);
        (out, err)
    }
}

/// How many different colours a picture has, counted up to 1000: one for a blank page, a few
/// for plain text, many with photographs.
pub fn colours(picture: &RgbImage) -> usize {
    let mut seen = std::collections::HashSet::new();
    for pixel in picture.pixels() {
        seen.insert(pixel.0);
        if seen.len() == 1000 {
            break;
        }
    }
    seen.len()
}
