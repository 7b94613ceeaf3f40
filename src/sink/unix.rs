//! JSON lines to everybody who connects to a local socket.

use super::{LINE_BYTES_MAX, Sink, SinkError, write_line};
use crate::detection::DetectionFrame;
use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More readers than this at a time are turned away.
pub const READERS_MAX: usize = 64;

/// What is kept for a slow reader, in bytes, on top of what the kernel buffers; beyond that
/// it loses its oldest lines.
pub const BACKLOG_BYTES_MAX: usize = 1024 * 1024;

/// How long readers may take, all together, to fetch what is left when the sink ends.
const FINISH_TIME_MAX: Duration = Duration::from_millis(300);

/// How long a socket found in our place may take to answer before it counts as alive.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);

/// Owner and group may connect, others may not.
const SOCKET_MODE: u32 = 0o660;

/// A listening local socket. Every reader gets each line from the moment it connected on;
/// what a reader sends is refused. The socket file goes when the sink is dropped.
pub struct UnixSink {
    name: String,
    listener: UnixListener,
    file: SocketFile,
    readers: Vec<Reader>,
    line: Vec<u8>,
    lost: u64,
    accept_failed: bool,
    turned_away: bool,
}

impl UnixSink {
    /// Listens at `path`. A socket file that a dead process left there is replaced.
    ///
    /// # Errors
    /// [`SinkError::Open`] when another process serves on `path`, when something else than a
    /// socket is there, or when the operating system refuses.
    pub fn bind(path: &Path) -> Result<Self, SinkError> {
        let name = format!("unix:{}", path.display());
        let listen = || -> Result<(UnixListener, SocketFile), String> {
            make_way(path)?;
            let bound = UnixListener::bind(path);
            let listener = bound.map_err(|error| format!("{error}; {}", bind_advice(&error)))?;
            let prepare = || -> io::Result<SocketFile> {
                listener.set_nonblocking(true)?;
                fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
                SocketFile::of(path)
            };
            let file = prepare().map_err(|error| format!("cannot prepare the socket: {error}"))?;
            Ok((listener, file))
        };
        let (listener, file) = listen().map_err(|reason| SinkError::Open {
            sink: name.clone(),
            reason,
        })?;
        Ok(Self {
            name,
            listener,
            file,
            readers: Vec::with_capacity(READERS_MAX),
            line: Vec::with_capacity(LINE_BYTES_MAX),
            lost: 0,
            accept_failed: false,
            turned_away: false,
        })
    }

    /// Number of connected readers.
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    fn accept_all(&mut self) {
        // A limit, so that a program that connects in a loop cannot hold up the lines.
        for _ in 0..READERS_MAX {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if !self.accept_failed {
                        log::warn!("{}: cannot accept a reader: {error}", self.name);
                        self.accept_failed = true;
                    }
                    return;
                }
            }
            self.accept_failed = false;
        }
    }

    fn admit(&mut self, stream: UnixStream) {
        if self.readers.len() >= READERS_MAX {
            if !self.turned_away {
                let name = &self.name;
                log::warn!("{name}: more than {READERS_MAX} readers, the newest are turned away");
                self.turned_away = true;
            }
            return;
        }
        // Nothing is ever read, so nobody may fill the kernel's buffers by writing to us.
        let prepared = stream
            .set_nonblocking(true)
            .and(stream.shutdown(Shutdown::Read));
        if prepared.is_ok() {
            self.readers.push(Reader::new(stream));
            log::debug!("{}: a reader joined, {} now", self.name, self.readers.len());
        }
    }

    /// Lets `serve` work on every reader, and drops those that went away.
    fn serve(&mut self, mut serve: impl FnMut(&mut Reader) -> io::Result<()>) {
        let before = self.readers.len();
        self.readers.retain_mut(|reader| serve(reader).is_ok());
        if self.readers.len() < before {
            self.turned_away = false;
            log::debug!("{}: a reader left, {} now", self.name, self.readers.len());
        }
    }
}

impl Sink for UnixSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
        self.accept_all();
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let written = write_line(frame, &mut line);
        if written.is_ok() {
            let mut lost = 0;
            self.serve(|reader| {
                let lost_before = reader.backlog.lost;
                let result = reader.send(&line);
                lost += reader.backlog.lost - lost_before;
                result
            });
            if lost > 0 && self.lost == 0 {
                log::warn!(
                    "{}: a reader is too slow and loses its oldest lines",
                    self.name
                );
            }
            self.lost += lost;
        }
        self.line = line;
        written.map_err(|source| SinkError::Write {
            sink: self.name.clone(),
            source,
        })
    }

    fn tend(&mut self) {
        self.accept_all();
        self.serve(Reader::drain);
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn finish(&mut self) {
        let end = Instant::now() + FINISH_TIME_MAX;
        loop {
            self.serve(Reader::drain);
            let is_done = self
                .readers
                .iter()
                .all(|reader| reader.backlog.bytes.is_empty());
            if is_done || Instant::now() >= end {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for UnixSink {
    fn drop(&mut self) {
        self.file.remove();
    }
}

/// One connection.
struct Reader {
    stream: UnixStream,
    backlog: Backlog,
}

impl Reader {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            backlog: Backlog::default(),
        }
    }

    /// Passes on what waits, then `line`, as far as the reader takes it; keeps the rest.
    /// An error means that the reader is gone.
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        self.drain()?;
        let mut sent = 0;
        if self.backlog.bytes.is_empty() {
            while sent < line.len() {
                match write_some(&mut self.stream, &line[sent..])? {
                    0 => break,
                    count => sent += count,
                }
            }
        }
        self.backlog.keep(line, sent);
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        while !self.backlog.bytes.is_empty() {
            let count = write_some(&mut self.stream, self.backlog.bytes.as_slices().0)?;
            if count == 0 {
                break;
            }
            self.backlog.sent(count);
        }
        Ok(())
    }
}

/// Writes what goes without waiting; 0 when nothing does.
fn write_some(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        }
    }
}

/// Lines that a reader has not taken yet. Each ends with the only newline in it.
#[derive(Default)]
struct Backlog {
    bytes: VecDeque<u8>,
    /// Whether the reader already has the beginning of the first line.
    is_mid_line: bool,
    /// Lines dropped so far.
    lost: u64,
}

impl Backlog {
    /// Keeps what follows the first `sent` bytes of `line`; drops oldest whole lines to make
    /// room. `sent` is over 0 only when nothing else waits.
    fn keep(&mut self, line: &[u8], sent: usize) {
        let rest = &line[sent..];
        if rest.is_empty() {
            return;
        }
        while self.bytes.len() + rest.len() > BACKLOG_BYTES_MAX {
            if !self.drop_oldest_line() {
                // Not even an otherwise empty backlog has room for this line.
                self.lost += 1;
                return;
            }
        }
        if self.bytes.is_empty() {
            self.is_mid_line = sent > 0;
            // At once in full: growing by doubling would end well beyond the limit, and the
            // operating system provides the memory only as far as it is used.
            self.bytes.reserve_exact(BACKLOG_BYTES_MAX);
        }
        self.bytes.extend(rest);
    }

    /// Notes that the first `count` bytes were sent.
    fn sent(&mut self, count: usize) {
        if let Some(last) = count.checked_sub(1).and_then(|last| self.bytes.get(last)) {
            self.is_mid_line = *last != b'\n';
        }
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Drops the oldest line of which nothing was sent yet; `false` when there is none.
    fn drop_oldest_line(&mut self) -> bool {
        let start = if self.is_mid_line {
            self.line_end(0)
        } else {
            0
        };
        let end = self.line_end(start);
        self.bytes.drain(start..end);
        self.lost += u64::from(end > start);
        end > start
    }

    /// Where the line that begins at `start` ends, its newline included.
    fn line_end(&self, start: usize) -> usize {
        let newline = self.bytes.range(start..).position(|byte| *byte == b'\n');
        newline.map_or(self.bytes.len(), |at| start + at + 1)
    }
}

/// The file that a bound socket shows in the file system.
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        // A later change of the working directory must not make us remove another file.
        let path = std::path::absolute(path)?;
        Ok(Self {
            path,
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    /// Removes the file, unless another process has put its own in the place.
    fn remove(&self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == (self.device, self.inode));
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!(
                "cannot remove {}: {error}; remove it by hand",
                self.path.display()
            );
        }
    }
}

/// Clears `path` for a new socket, or says why it must stay.
fn make_way(path: &Path) -> Result<(), String> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !meta.file_type().is_socket() {
        return Err(
            "something that is not a socket is there; remove it or choose another path".into(),
        );
    }
    if is_served(path) {
        return Err("another process serves on it; stop that one or choose another path".into());
    }
    log::info!(
        "{}: replacing the socket that a dead process left",
        path.display()
    );
    fs::remove_file(path).map_err(|error| {
        format!("a dead process left a socket there that cannot be removed: {error}")
    })
}

/// Whether some process listens at `path`.
fn is_served(path: &Path) -> bool {
    // A hung server with a full queue would block a connection for ever, so another thread
    // tries it, and silence is taken as a sign of life.
    let (sender, answer) = crossbeam_channel::bounded(1);
    let path = path.to_owned();
    std::thread::spawn(move || {
        let refused = UnixStream::connect(path).err().map(|error| error.kind());
        let _ = sender.send(refused == Some(ErrorKind::ConnectionRefused));
    });
    !answer.recv_timeout(PROBE_TIME_MAX).unwrap_or(false)
}

fn bind_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "make its folder first",
        ErrorKind::PermissionDenied => "choose a folder in which this user may make files",
        ErrorKind::AddrInUse => "another process has just taken it",
        _ => "choose another path",
    }
}

#[cfg(test)]
#[path = "unix_tests.rs"]
mod tests;
