//! The way to the board: ssh with its own key, its own list of hosts and one connection.

use super::super::{LabError, file_error};
use super::image::Overlay;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const ADDRESS: &str = "127.0.0.1";
/// The exit status of ssh itself.
pub(super) const UNREACHABLE: i32 = 255;
/// A key exchange takes a second or two under emulation, and ten on a busy machine.
const CONNECT_SECONDS_MAX: u64 = 20;
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// A connection that all commands share, because under emulation logging in is slow.
pub(super) struct Link {
    config: PathBuf,
    known_hosts: PathBuf,
    /// For the socket; the names of sockets must be short.
    sockets: tempfile::TempDir,
    master: Option<Child>,
}

impl Link {
    pub(super) fn new(overlay: &Overlay, port: u16) -> Result<Self, LabError> {
        let temporary = std::env::temp_dir();
        let sockets = tempfile::tempdir().map_err(file_error(&temporary))?;
        let known_hosts = overlay.folder().join("known_hosts");
        let host_key = overlay.image().host_key();
        let key = std::fs::read_to_string(&host_key).map_err(file_error(&host_key))?;
        std::fs::write(&known_hosts, format!("[{ADDRESS}]:{port} {key}"))
            .map_err(file_error(&known_hosts))?;
        let config = overlay.folder().join("ssh_config");
        let text = config_text(port, &overlay.image().key(), &known_hosts);
        std::fs::write(&config, text).map_err(file_error(&config))?;
        Ok(Self {
            config,
            known_hosts,
            sockets,
            master: None,
        })
    }

    pub(super) fn config(&self) -> PathBuf {
        self.config.clone()
    }

    pub(super) fn known_hosts(&self) -> PathBuf {
        self.known_hosts.clone()
    }

    /// One attempt to log in as root; whether it succeeded. An attempt that is under way is
    /// broken off at `limit`.
    pub(super) fn connect(&mut self, limit: Instant) -> Result<bool, LabError> {
        self.hang_up();
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(&self.config);
        ssh.arg("-M").arg("-N").arg("-S").arg(self.socket("root"));
        ssh.args(["-l", "root", "board"]);
        ssh.stdin(Stdio::null());
        ssh.stdout(Stdio::null()).stderr(Stdio::null());
        let mut master = ssh.spawn().map_err(file_error(Path::new("ssh")))?;
        let limit = limit.min(Instant::now() + Duration::from_secs(CONNECT_SECONDS_MAX));
        // The socket is there only after the login.
        while !self.socket("root").exists() {
            let has_ended = !matches!(master.try_wait(), Ok(None));
            if has_ended || Instant::now() > limit {
                let _ = master.kill();
                let _ = master.wait();
                return Ok(false);
            }
            std::thread::sleep(LOOK_PERIOD);
        }
        self.master = Some(master);
        Ok(true)
    }

    /// Ends the connection, if there is one.
    pub(super) fn hang_up(&mut self) {
        if let Some(mut master) = self.master.take() {
            let _ = master.kill();
            let _ = master.wait();
        }
        let _ = std::fs::remove_file(self.socket("root"));
    }

    /// Through the connection where there is one; otherwise it makes its own.
    pub(super) fn ssh(&self, user: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(&self.config);
        ssh.arg("-S").arg(self.socket(user));
        ssh.args(["-l", user, "board"]);
        ssh
    }

    pub(super) fn scp(&self, files: &[&Path], folder: &str) -> Command {
        let mut scp = Command::new("scp");
        scp.args(["-q", "-r"]).arg("-F").arg(&self.config);
        let socket = self.socket("root");
        scp.args(["-o", &format!("ControlPath={}", socket.display())]);
        scp.args(files);
        scp.arg(format!("root@board:{folder}"));
        scp
    }

    fn socket(&self, user: &str) -> PathBuf {
        self.sockets.path().join(user)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hang_up();
    }
}

fn config_text(port: u16, key: &Path, known_hosts: &Path) -> String {
    // Quoted, because a path may hold spaces.
    format!(
        "Host board\n    HostName {ADDRESS}\n    Port {port}\n    User root\n    \
         IdentityFile \"{}\"\n    IdentitiesOnly yes\n    UserKnownHostsFile \"{}\"\n    \
         StrictHostKeyChecking yes\n    BatchMode yes\n    ConnectTimeout 10\n    \
         ServerAliveInterval 10\n    ServerAliveCountMax 6\n    LogLevel ERROR\n",
        key.display(),
        known_hosts.display()
    )
}
