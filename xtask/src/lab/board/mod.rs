//! The virtual board: an emulated ARM machine with systemd, udev and sshd, as stock as a new
//! Jetson. See board/lab/README.md.
//!
//! ```no_run
//! use xtask::lab::board::{BoardImage, LabBoard, Overlay};
//! # fn f() -> Result<(), xtask::lab::LabError> {
//! let image = BoardImage::build()?;
//! let overlay = Overlay::fresh(&image, "/tmp/rehearsal".as_ref())?;
//! let mut board = LabBoard::start(&overlay)?;
//! board.wait_for_ssh()?;
//! let text = board.ssh_ok("uname -m")?;
//! board.cut()?; // the plug is pulled
//! let mut board = LabBoard::start(&overlay)?; // the same disk again
//! board.wait_for_ssh()?;
//! board.stop()?;
//! overlay.check()?; // the file system is clean
//! # Ok(()) }
//! ```

pub mod camera;
mod child;
mod command;
mod image;
mod link;

pub use child::Output;
pub use command::{BoardArgs, run};
pub use image::{BoardImage, Overlay};

use super::{LabError, file_error};
use child::{LastedTooLong, output_within};
use link::Link;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A boot takes some 15 s on an idle machine; a busy one may be slower by far.
const BOOT_SECONDS_MAX: u64 = 240;
const SHUTDOWN_SECONDS_MAX: u64 = 120;
/// What one command over ssh may take unless the caller says otherwise.
const COMMAND_SECONDS_MAX: u64 = 120;
const LOOK_PERIOD: Duration = Duration::from_millis(100);
/// What an error shows of the console.
const CONSOLE_LINES: usize = 20;
const CONSOLE_BYTES_MAX: u64 = 64 * 1024;

/// A running board. Dropping it pulls its plug.
pub struct LabBoard {
    overlay: Overlay,
    machine: Child,
    port: u16,
    link: Link,
    started: Instant,
}

/// How to boot, where it is not as usual.
#[derive(Clone, Debug, Default)]
pub struct BootOptions {
    /// Without the virtual camera that is there at every boot, so that only simulated USB
    /// cameras are.
    pub no_vivid: bool,
    /// QEMU's name of the processor; that of the Jetson Nano where `None`.
    pub cpu: Option<String>,
}

impl LabBoard {
    /// Boots from a disk, which keeps what the board writes. Does not wait: see
    /// [`Self::wait_for_ssh`].
    pub fn start(overlay: &Overlay) -> Result<Self, LabError> {
        Self::start_with(overlay, &BootOptions::default())
    }

    /// As [`Self::start`], with options.
    pub fn start_with(overlay: &Overlay, options: &BootOptions) -> Result<Self, LabError> {
        super::require_program("qemu-system-aarch64", "qemu-system-arm")?;
        super::require_program("ssh", "openssh-client")?;
        let port = super::free_port().map_err(file_error(Path::new("127.0.0.1")))?;
        let log = overlay.folder().join("qemu.log");
        let qemu_log = std::fs::File::create(&log).map_err(file_error(&log))?;
        let mut qemu = qemu(overlay, options, port);
        qemu.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(qemu_log);
        let machine = qemu.spawn().map_err(file_error(Path::new("qemu")))?;
        let link = Link::new(overlay, port)?;
        Ok(Self {
            overlay: overlay.clone(),
            machine,
            port,
            link,
            started: Instant::now(),
        })
    }

    /// Waits until root can log in. Gives the time since the start.
    pub fn wait_for_ssh(&mut self) -> Result<Duration, LabError> {
        let limit = Instant::now() + Duration::from_secs(BOOT_SECONDS_MAX);
        loop {
            if self.link.connect(limit)? {
                return Ok(self.started.elapsed());
            }
            if let Ok(Some(status)) = self.machine.try_wait() {
                return Err(self.error(format!("the machine ended ({status})")));
            }
            if Instant::now() > limit {
                return Err(self.error(format!("no ssh within {BOOT_SECONDS_MAX} s")));
            }
            std::thread::sleep(LOOK_PERIOD);
        }
    }

    /// Runs a command of the board's shell as root and gives what it said, whatever its exit
    /// status. An error when the board cannot be reached, or after 120 s.
    pub fn ssh(&self, command: &str) -> Result<Output, LabError> {
        self.ssh_as("root", command, Duration::from_secs(COMMAND_SECONDS_MAX))
    }

    /// As [`Self::ssh`], as `root` or `jetson`, with another limit.
    pub fn ssh_as(&self, user: &str, command: &str, limit: Duration) -> Result<Output, LabError> {
        let mut ssh = self.link.ssh(user);
        ssh.arg(command);
        let output = output_within(&mut ssh, limit)
            .map_err(|error| self.lasted(error, &format!("`{command}`")))?;
        if output.code == Some(link::UNREACHABLE) {
            let said = output.stderr.trim();
            return Err(self.error(format!("`{command}` did not get there: {said}")));
        }
        Ok(output)
    }

    /// As [`Self::ssh`]; another exit status than 0 is an error. Gives the standard output
    /// without white space at its ends.
    pub fn ssh_ok(&self, command: &str) -> Result<String, LabError> {
        let output = self.ssh(command)?;
        if output.code == Some(0) {
            return Ok(output.stdout.trim().to_owned());
        }
        Err(self.error(format!(
            "`{command}` ended with {:?}: {}{}",
            output.code, output.stdout, output.stderr
        )))
    }

    /// Copies files and folders into a folder of the board.
    pub fn put(&self, files: &[&Path], folder: &str) -> Result<(), LabError> {
        let output = output_within(
            &mut self.link.scp(files, folder),
            Duration::from_secs(COMMAND_SECONDS_MAX),
        )
        .map_err(|error| self.lasted(error, "copying"))?;
        if output.code == Some(0) {
            return Ok(());
        }
        Err(self.error(format!("copying to {folder}: {}", output.stderr.trim())))
    }

    /// Restarts the board in good order and waits for it.
    pub fn reboot(&mut self) -> Result<Duration, LabError> {
        let boot_id = "cat /proc/sys/kernel/random/boot_id";
        let before = self.ssh_ok(boot_id)?;
        self.ssh("systemctl --no-block reboot")?;
        self.started = Instant::now();
        let limit = Instant::now() + Duration::from_secs(BOOT_SECONDS_MAX);
        loop {
            self.link.hang_up();
            self.wait_for_ssh()?;
            // The old system answers until its sshd is stopped.
            if self
                .ssh(boot_id)
                .is_ok_and(|output| output.stdout.trim() != before)
            {
                return Ok(self.started.elapsed());
            }
            if Instant::now() > limit {
                return Err(self.error(format!("no reboot within {BOOT_SECONDS_MAX} s")));
            }
            std::thread::sleep(LOOK_PERIOD);
        }
    }

    /// Pulls the plug: what the board had not yet written to its disk is lost.
    pub fn cut(mut self) -> Result<(), LabError> {
        self.kill()
    }

    /// Pulls the plug and boots from the same disk. Does not wait: see [`Self::wait_for_ssh`].
    pub fn cut_and_start(&mut self) -> Result<(), LabError> {
        self.kill()?;
        *self = Self::start(&self.overlay.clone())?;
        Ok(())
    }

    /// Shuts the board down in good order.
    pub fn stop(mut self) -> Result<(), LabError> {
        // The connection may be gone before the command is answered.
        let _ = self.ssh("systemctl --no-block poweroff");
        let limit = Instant::now() + Duration::from_secs(SHUTDOWN_SECONDS_MAX);
        while Instant::now() < limit {
            if matches!(self.machine.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            std::thread::sleep(LOOK_PERIOD);
        }
        let error = self.error(format!(
            "still running {SHUTDOWN_SECONDS_MAX} s after poweroff"
        ));
        self.kill()?;
        Err(error)
    }

    /// Waits until the machine ends by itself or is killed.
    pub fn wait(&mut self) -> Result<(), LabError> {
        self.machine
            .wait()
            .map(drop)
            .map_err(file_error(Path::new("qemu")))
    }

    /// How ssh names it: root on this computer.
    pub fn host(&self) -> String {
        format!("root@{}", link::ADDRESS)
    }

    /// The user who must ask sudo.
    pub fn user_host(&self) -> String {
        format!("jetson@{}", link::ADDRESS)
    }

    /// The port of its sshd, on this computer's loopback only.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The key that root and jetson accept.
    pub fn key(&self) -> PathBuf {
        self.overlay.image().key()
    }

    /// The board's own key with its address, for `UserKnownHostsFile`.
    pub fn known_hosts(&self) -> PathBuf {
        self.link.known_hosts()
    }

    /// For `ssh -F FILE board`: all of the above.
    pub fn ssh_config(&self) -> PathBuf {
        self.link.config()
    }

    /// The disk that it runs from.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The last lines that all boots from this disk wrote to the console.
    pub fn console(&self) -> String {
        tail(&self.overlay.console(), CONSOLE_LINES)
    }

    /// An error that shows the console.
    pub fn error(&self, what: String) -> LabError {
        let qemu = tail(&self.overlay.folder().join("qemu.log"), CONSOLE_LINES);
        LabError::Board {
            what,
            console: qemu + &self.console(),
        }
    }

    fn lasted(&self, error: LastedTooLong, what: &str) -> LabError {
        self.error(format!("{what}: {error}"))
    }

    fn kill(&mut self) -> Result<(), LabError> {
        self.link.hang_up();
        let wrong = file_error(Path::new("qemu"));
        // It may have ended by itself.
        let _ = self.machine.kill();
        self.machine.wait().map(drop).map_err(wrong)
    }
}

impl Drop for LabBoard {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The machine. User-mode networking, restricted: from this computer to the board's sshd and
/// nowhere else.
fn qemu(overlay: &Overlay, options: &BootOptions, port: u16) -> Command {
    let image = overlay.image().folder();
    let show = |path: &Path| path.display().to_string();
    let mut append = "console=ttyAMA0 quiet loglevel=3 systemd.show_status=auto panic=1".to_owned();
    if options.no_vivid {
        append += " modprobe.blacklist=vivid";
    }
    let cpu = options.cpu.as_deref().unwrap_or("cortex-a57");
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-M", "virt", "-cpu", cpu, "-smp", "2", "-m", "1024"]);
    qemu.args([
        "-accel",
        "tcg,thread=multi",
        "-nodefaults",
        "-display",
        "none",
    ]);
    qemu.arg("-kernel").arg(image.join("vmlinuz"));
    qemu.arg("-initrd").arg(image.join("initrd.cpio"));
    qemu.args(["-append", &append]);
    let console = show(&overlay.console());
    qemu.args([
        "-chardev",
        &format!("file,id=console,append=on,path={console}"),
    ]);
    qemu.args(["-serial", "chardev:console"]);
    // "unsafe" only spares this computer's disk the board's flushes: whatever the board has
    // written is in this computer's memory, and survives QEMU.
    let disk = show(&overlay.disk());
    qemu.args([
        "-drive",
        &format!("file={disk},format=raw,if=none,id=disk,cache=unsafe"),
    ]);
    qemu.args(["-device", "virtio-blk-pci,drive=disk"]);
    let forward = format!("hostfwd=tcp:{}:{port}-:22", link::ADDRESS);
    qemu.args(["-netdev", &format!("user,id=net,restrict=on,{forward}")]);
    qemu.args(["-device", "virtio-net-pci,netdev=net,romfile="]);
    qemu.args(["-device", "virtio-rng-pci"]);
    qemu
}

/// The last lines of a text file, which may be large or missing.
fn tail(path: &Path, lines: usize) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(CONSOLE_BYTES_MAX)))?;
        let mut text = Vec::new();
        file.take(CONSOLE_BYTES_MAX).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().map(str::trim_end).collect();
    let last = &all[all.len().saturating_sub(lines)..];
    last.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_tail_of_a_console_is_short_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        assert_eq!(tail(&path, 3), "");
        std::fs::write(&path, "a\r\nb\r\n\u{0}c\n").unwrap();
        assert_eq!(tail(&path, 2), "b\n\u{0}c\n");
        std::fs::write(&path, "line\n".repeat(100_000)).unwrap();
        assert_eq!(tail(&path, 3), "line\nline\nline\n");
    }

    #[test]
    fn the_board_reaches_nothing_and_is_reached_from_here_only() {
        let folder = tempfile::tempdir().unwrap();
        let overlay = Overlay::new(&BoardImage::at(folder.path()), folder.path());
        let command = qemu(&overlay, &BootOptions::default(), 2222);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let netdev = words.iter().find(|word| word.starts_with("user,")).unwrap();
        assert!(netdev.contains("restrict=on"), "{netdev}");
        assert!(
            netdev.contains("hostfwd=tcp:127.0.0.1:2222-:22"),
            "{netdev}"
        );
    }
}
