//! One connection of the socket sink.

use super::backlog::Backlog;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;

/// A reader and what it has not taken yet.
pub(super) struct Reader {
    stream: UnixStream,
    pub(super) backlog: Backlog,
}

impl Reader {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            backlog: Backlog::default(),
        }
    }

    /// Passes on what waits, then `line`, as far as the reader takes it; keeps the rest.
    /// An error means that the reader is gone.
    pub(super) fn send(&mut self, line: &[u8]) -> io::Result<()> {
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

    pub(super) fn drain(&mut self) -> io::Result<()> {
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
