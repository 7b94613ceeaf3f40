//! A board at the other end of ssh: the program `ssh`, as the person has set it up.

use super::FlashError;
use crate::command::quoted;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Exit status of ssh itself, when the connection and not the command failed.
const SSH_FAILED: i32 = 255;
/// Seconds that a connection may take to come about.
const CONNECT_S_MAX: u32 = 10;
/// How often a silent connection is asked whether it lives, in seconds, and how often in vain.
const ALIVE_S: u32 = 5;
const ALIVE_COUNT: u32 = 3;
/// How long a short command may take.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(120);

/// How to reach a board.
#[derive(clap::Args, Clone, Debug)]
pub struct Connection {
    /// The board, as ssh takes it
    #[arg(long, value_name = "USER@HOST", global = true)]
    pub host: Option<String>,
    /// Port of its ssh server [default: as ssh is set up]
    #[arg(long, value_name = "P", global = true)]
    pub port: Option<u16>,
    /// Private key for ssh [default: as ssh is set up]
    #[arg(long, value_name = "FILE", global = true)]
    pub identity: Option<PathBuf>,
    /// An option for ssh, such as StrictHostKeyChecking=accept-new; may be repeated
    #[arg(long = "ssh-option", value_name = "OPTION", global = true)]
    pub options: Vec<String>,
}

/// A board that can be reached, with one connection for all commands.
pub struct Remote {
    host: String,
    arguments: Vec<OsString>,
    /// Holds the socket of the shared connection.
    _sockets: tempfile::TempDir,
    /// What makes a command one of root's.
    root: Root,
}

/// How commands become root's.
enum Root {
    /// They are already.
    Already,
    /// sudo asks for nothing.
    Sudo,
    /// sudo asks for this.
    Password(String),
}

impl Remote {
    /// Connects, and finds out how to be root.
    ///
    /// # Errors
    /// When ssh does not get through, or the user may not become root.
    pub fn connect(connection: &Connection) -> Result<Self, FlashError> {
        let host = connection.host.clone().ok_or(FlashError::NoHost)?;
        let is_option = host.starts_with('-');
        if is_option || host.is_empty() || host.chars().any(char::is_whitespace) {
            return Err(FlashError::Host(host));
        }
        let sockets = tempfile::tempdir().map_err(FlashError::Local)?;
        let mut arguments: Vec<OsString> = Vec::new();
        let mut option = |text: String| arguments.extend(["-o".into(), text.into()]);
        for text in &connection.options {
            option(text.clone());
        }
        option(format!("ConnectTimeout={CONNECT_S_MAX}"));
        option(format!("ServerAliveInterval={ALIVE_S}"));
        option(format!("ServerAliveCountMax={ALIVE_COUNT}"));
        option("ControlMaster=auto".to_owned());
        option("ControlPersist=60".to_owned());
        option(format!("ControlPath={}/%C", sockets.path().display()));
        if let Some(port) = connection.port {
            arguments.extend(["-p".into(), port.to_string().into()]);
        }
        if let Some(identity) = &connection.identity {
            arguments.extend(["-i".into(), identity.into()]);
        }
        let mut remote = Self {
            host,
            arguments,
            _sockets: sockets,
            root: Root::Already,
        };
        remote.root = remote.way_to_root()?;
        Ok(remote)
    }

    /// The board, as the person named it.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn way_to_root(&self) -> Result<Root, FlashError> {
        if self.run("id -u")?.trim() == "0" {
            return Ok(Root::Already);
        }
        if self.run("sudo -n true").is_ok() {
            return Ok(Root::Sudo);
        }
        let prompt = format!("password of {} for sudo: ", self.host);
        let password = super::password::ask(&prompt).map_err(|_| FlashError::NoRoot {
            host: self.host.clone(),
        })?;
        let root = Root::Password(password);
        self.feed(&as_root(&root, "true"), &input_for(&root))
            .map_err(|_| FlashError::NoRoot {
                host: self.host.clone(),
            })?;
        Ok(root)
    }

    /// ssh with a command for the board's shell.
    pub fn ssh(&self, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(&self.arguments)
            .arg("--")
            .arg(&self.host)
            .arg(command);
        ssh
    }

    /// Runs a command, and gives what it printed.
    ///
    /// # Errors
    /// When the connection breaks, or the command fails: with what it complained of.
    pub fn run(&self, command: &str) -> Result<String, FlashError> {
        self.feed(command, "")
    }

    /// As [`Self::run`], as root.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_as_root(&self, command: &str) -> Result<String, FlashError> {
        self.feed(&as_root(&self.root, command), &input_for(&self.root))
    }

    /// A command of root's for [`Self::ssh`] that needs no input; none when sudo wants one.
    pub fn root_command(&self, command: &str) -> Option<String> {
        match &self.root {
            Root::Password(_) => None,
            root => Some(as_root(root, command)),
        }
    }

    fn feed(&self, command: &str, input: &str) -> Result<String, FlashError> {
        let mut ssh = self.ssh(command);
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = ssh.spawn().map_err(FlashError::NoSsh)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may be gone already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let id = child.id();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let began = Instant::now();
            if wait.recv_timeout(COMMAND_TIME_MAX).is_err() && began.elapsed() >= COMMAND_TIME_MAX {
                end_process(id);
            }
        });
        let output = child.wait_with_output().map_err(FlashError::NoSsh);
        drop(done);
        let _ = watch.join();
        self.judge(command, output?)
    }

    fn judge(&self, command: &str, output: Output) -> Result<String, FlashError> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.code().is_none_or(|code| code == SSH_FAILED) {
            let host = self.host.clone();
            return Err(FlashError::Connection { host, reason: said });
        }
        Err(FlashError::Command {
            command: command.chars().take(200).collect(),
            reason: said,
        })
    }
}

/// Ends a child that this process still holds, so that its number is not another's.
fn end_process(id: u32) {
    if let Some(pid) = i32::try_from(id)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

fn as_root(root: &Root, command: &str) -> String {
    let quoted = quoted(command);
    match root {
        Root::Already => command.to_owned(),
        Root::Sudo => format!("sudo -n sh -c {quoted}"),
        Root::Password(_) => format!("sudo -S -p '' sh -c {quoted}"),
    }
}

fn input_for(root: &Root) -> String {
    match root {
        Root::Password(password) => format!("{password}\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        for text in ["a b", "it's", "$HOME `x` \"y\" \\", ""] {
            let output = Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }

    #[test]
    fn root_is_asked_for_in_three_ways() {
        assert_eq!(as_root(&Root::Already, "id"), "id");
        assert_eq!(as_root(&Root::Sudo, "id"), "sudo -n sh -c 'id'");
        let root = Root::Password("secret".to_owned());
        assert!(!as_root(&root, "id").contains("secret"));
        assert_eq!(input_for(&root), "secret\n");
    }

    #[test]
    fn a_host_is_no_option() {
        for host in ["", "-oProxyCommand=x", "a b"] {
            let connection = Connection {
                host: Some(host.to_owned()),
                port: None,
                identity: None,
                options: Vec::new(),
            };
            let refused = Remote::connect(&connection);
            assert!(matches!(refused, Err(FlashError::Host(_))), "{host:?}");
        }
    }
}
