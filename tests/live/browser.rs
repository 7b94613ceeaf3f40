//! A real Chromium without a window, driven by its DevTools protocol.

use crate::http;
use crate::served::{LONG, wait_until};
use base64::Engine;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A browser with one page.
pub struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    calls: u64,
    /// What went wrong in the page.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// `None`, loudly, where there is no Chromium; with `CI` set that is a failure.
    pub fn start() -> Option<Self> {
        let has = |name: &&&str| {
            let mut probe = Command::new(name);
            probe
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.iter().find(has) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no Chromium; install `chromium`"
            );
            eprintln!("SKIPPED: there is no Chromium here; install `chromium` to test the page");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(name);
        command
            .args([
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args(["--force-device-scale-factor=1", "--remote-debugging-port=0"])
            // Runs as root too, as in containers; the only page that it opens is ours.
            .arg("--no-sandbox")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let port_file = profile.path().join("DevToolsActivePort");
        let port = || {
            let text = std::fs::read_to_string(&port_file).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        };
        wait_until("Chromium opens its port", || port().is_some());
        let address = SocketAddr::from(([127, 0, 0, 1], port().unwrap()));
        let mut url = String::new();
        wait_until("Chromium has a page", || {
            let pages = http::get(address, "/json", &[]).json();
            let pages = pages.as_array().unwrap().iter();
            let page = pages.into_iter().find(|page| page["type"] == "page");
            url = page.map_or(String::new(), |p| {
                p["webSocketDebuggerUrl"].as_str().unwrap().into()
            });
            !url.is_empty()
        });
        let (socket, _) =
            tungstenite::client(url.into_client_request().unwrap(), http::connect(address))
                .unwrap();
        let mut browser = Self {
            child,
            socket,
            calls: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, json!({}));
        }
        Some(browser)
    }

    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let call = json!({"id": id, "method": method, "params": parameters}).to_string();
        self.socket.send(Message::text(call)).unwrap();
        loop {
            let message = self.socket.read().unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            let is_error = answer["params"]["entry"]["level"] == "error";
            if answer["method"] == "Runtime.exceptionThrown" || is_error {
                self.complaints.push(text.to_string());
            }
        }
    }

    /// Opens a page on a screen of this size.
    pub fn open(&mut self, url: &str, width: u32, height: u32, is_phone: bool) {
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", screen);
        self.call("Page.navigate", json!({"url": url}));
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let call = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut result = self.call("Runtime.evaluate", call);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].take()
    }

    /// Waits until an expression in the page is true.
    pub fn wait_for(&mut self, expression: &str) {
        let began = std::time::Instant::now();
        let guarded =
            format!("(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()");
        while self.value(&guarded) != true {
            assert!(
                began.elapsed() < LONG,
                "{expression}; {:?}",
                self.complaints
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Writes the page as PNG, the part below the edge of the screen too, at this scale.
    pub fn screenshot(&mut self, file: &Path, scale: f64) {
        let size = "({width: innerWidth, height: document.documentElement.scrollHeight})";
        let mut clip = self.value(size);
        (clip["x"], clip["y"], clip["scale"]) = (json!(0), json!(0), json!(scale));
        let call = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.call("Page.captureScreenshot", call);
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(picture["data"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
