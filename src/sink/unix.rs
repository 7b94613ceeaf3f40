//! JSON lines to everybody who connects to a local socket.

use super::reader::Reader;
use super::socket_file::{SocketFile, make_way};
use super::{LINE_BYTES_MAX, Sink, SinkError, write_line};
use crate::detection::DetectionFrame;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// More readers than this at a time are turned away.
pub const READERS_MAX: usize = 64;

/// What is kept for a slow reader, in bytes, on top of what the kernel buffers; beyond that
/// it loses its oldest lines.
pub const BACKLOG_BYTES_MAX: usize = 1024 * 1024;

/// How long readers may take, all together, to fetch what is left when the sink ends.
const FINISH_TIME_MAX: Duration = Duration::from_millis(300);

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

    /// Waits until all readers have taken all there is for them, at most until `end`.
    fn drain_until(&mut self, end: Instant) {
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
        self.drain_until(Instant::now() + FINISH_TIME_MAX);
    }
}

impl Drop for UnixSink {
    fn drop(&mut self) {
        self.file.remove();
    }
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
