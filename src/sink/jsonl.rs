//! JSON lines on standard output or in a file.

use super::{LINE_BYTES_MAX, Sink, SinkError, write_line};
use crate::detection::DetectionFrame;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// How long a full pipe that was handed over in non-blocking mode may stay full before the
/// line counts as lost, and how often to look.
const PIPE_FULL_WAIT: Duration = Duration::from_millis(5);
const PIPE_FULL_WAITS_MAX: u32 = 200;

/// Writes every frame as one line, in one write to the operating system, so that a reader
/// has it at once.
///
/// A write that fails half-way leaves a torn line; the next one then begins with a newline,
/// so that no reader ever meets two objects in one line.
pub struct JsonlSink<W: Write = File> {
    name: String,
    output: W,
    /// A newline, used only after a torn line, then the line.
    buffer: Vec<u8>,
    torn: bool,
}

impl JsonlSink<File> {
    /// On standard output. When its reader goes away, [`SinkError::Closed`] follows.
    ///
    /// # Errors
    /// [`SinkError::Open`] when standard output is closed.
    pub fn stdout() -> Result<Self, SinkError> {
        // The library's own handle would swallow lines in its buffer after an error;
        // a duplicate of the descriptor tells exactly how much was written.
        let descriptor = io::stdout().as_fd().try_clone_to_owned().map_err(|error| {
            let reason = format!("standard output cannot be used: {error}; do not close it");
            SinkError::Open {
                sink: "jsonl:-".into(),
                reason,
            }
        })?;
        Ok(Self::new("jsonl:-".into(), File::from(descriptor)))
    }

    /// Appended to the file at `path`, which is made when it is missing: a restart must not
    /// wipe out what was seen before. Nothing is synced to disk here; that is left to the
    /// operating system. To rotate the file, copy and truncate it.
    ///
    /// # Errors
    /// [`SinkError::Open`] when the file cannot be opened for appending.
    pub fn file(path: &Path) -> Result<Self, SinkError> {
        let name = format!("jsonl:{}", path.display());
        // Without the flag, opening a named pipe would hang until a reader comes.
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path);
        let output = opened.map_err(|error| SinkError::Open {
            sink: name.clone(),
            reason: format!("{error}; {}", open_advice(path, &error)),
        })?;
        let mut sink = Self::new(name, output);
        sink.torn = ends_torn(path);
        Ok(sink)
    }
}

fn open_advice(path: &Path, error: &io::Error) -> &'static str {
    let is_pipe = path.metadata().is_ok_and(|meta| meta.file_type().is_fifo());
    match error.kind() {
        _ if is_pipe => "start the reader of this named pipe first",
        ErrorKind::NotFound => "make its folder first",
        ErrorKind::PermissionDenied => "choose a file that this user may write",
        ErrorKind::IsADirectory => "give the name of a file in this folder",
        _ => "choose another file",
    }
}

/// Whether a process that was killed left the last line of this file unfinished. A file that
/// cannot be read is taken as whole: to be sure would need a right that appending does not.
fn ends_torn(path: &Path) -> bool {
    let last_byte = || -> io::Result<u8> {
        if !path.metadata()?.is_file() {
            return Err(ErrorKind::Unsupported.into());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    last_byte().is_ok_and(|byte| byte != b'\n')
}

impl<W: Write> JsonlSink<W> {
    /// On any writer, which should not buffer; `name` is for messages.
    pub fn new(name: String, output: W) -> Self {
        Self {
            name,
            output,
            buffer: Vec::with_capacity(LINE_BYTES_MAX + 1),
            torn: false,
        }
    }

    fn write_frame(&mut self, frame: &DetectionFrame) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.push(b'\n');
        write_line(frame, &mut self.buffer)?;
        let bytes = &self.buffer[usize::from(!self.torn)..];
        let mut written = 0;
        let result = write_counted(&mut self.output, bytes, &mut written);
        if let Some(last) = bytes[..written].last() {
            self.torn = *last != b'\n';
        }
        result
    }
}

/// Writes all of `bytes`; `written` tells how far it came also after an error.
fn write_counted(output: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    let mut waits = 0;
    while *written < bytes.len() {
        match output.write(&bytes[*written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && waits < PIPE_FULL_WAITS_MAX => {
                waits += 1;
                std::thread::sleep(PIPE_FULL_WAIT);
            }
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

impl<W: Write + Send> Sink for JsonlSink<W> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn publish(&mut self, frame: &DetectionFrame) -> Result<(), SinkError> {
        self.write_frame(frame)
            .map_err(|source| match source.kind() {
                ErrorKind::BrokenPipe => SinkError::Closed {
                    sink: self.name.clone(),
                },
                _ => SinkError::Write {
                    sink: self.name.clone(),
                    source,
                },
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sink::tests::example_frame;

    /// A disk with `space` bytes left, that takes at most `chunk` bytes a write.
    struct Disk {
        content: Vec<u8>,
        space: usize,
        chunk: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.space).min(self.chunk);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..count]);
            self.space -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sequences(text: &[u8]) -> Vec<Option<u64>> {
        let sequence = |line: &str| -> Option<u64> {
            serde_json::from_str::<serde_json::Value>(line).ok()?["sequence"].as_u64()
        };
        std::str::from_utf8(text)
            .unwrap()
            .lines()
            .map(sequence)
            .collect()
    }

    #[test]
    fn a_disk_that_fills_up_anywhere_glues_no_two_lines() {
        let line_bytes = {
            let mut line = Vec::new();
            write_line(&example_frame(0, 1), &mut line).unwrap();
            line.len()
        };
        for space in 0..=2 * line_bytes {
            let disk = Disk {
                content: Vec::new(),
                space,
                chunk: 100,
            };
            let mut sink = JsonlSink::new("jsonl:test".into(), disk);
            let whole = (0..2)
                .take_while(|&n| sink.publish(&example_frame(n, 1)).is_ok())
                .count();
            assert_eq!(whole, space / line_bytes);
            let failure = sink.publish(&example_frame(7, 1)).unwrap_err();
            assert!(failure.to_string().contains("free some space"), "{failure}");
            sink.output.space = usize::MAX;
            sink.publish(&example_frame(8, 1)).unwrap();
            sink.publish(&example_frame(9, 1)).unwrap();
            let seen: Vec<u64> = sequences(&sink.output.content)
                .into_iter()
                .flatten()
                .collect();
            let expected: Vec<u64> = (0..whole as u64).chain([8, 9]).collect();
            assert!(sink.output.content.ends_with(b"}\n"));
            // A line that was cut exactly before its newline is whole once that is mended.
            let mended = space % line_bytes == line_bytes - 1;
            assert_eq!(
                seen.len(),
                expected.len() + usize::from(mended),
                "space {space}"
            );
            assert!(mended || seen == expected, "space {space}: {seen:?}");
        }
    }

    #[test]
    fn a_file_is_appended_to_and_a_torn_end_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.jsonl");
        for sequence in 0..2 {
            let mut sink = JsonlSink::file(&path).unwrap();
            sink.publish(&example_frame(sequence, 3)).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(sequences(&whole), [Some(0), Some(1)]);
        std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        JsonlSink::file(&path)
            .unwrap()
            .publish(&example_frame(2, 3))
            .unwrap();
        assert_eq!(
            sequences(&std::fs::read(&path).unwrap()),
            [Some(0), None, Some(2)]
        );
    }

    #[test]
    fn a_real_full_disk_is_a_write_error_every_time() {
        let mut sink = JsonlSink::file(Path::new("/dev/full")).unwrap();
        for sequence in 0..3 {
            let error = sink.publish(&example_frame(sequence, 1)).unwrap_err();
            assert!(matches!(error, SinkError::Write { .. }), "{error}");
        }
    }

    #[test]
    fn a_reader_that_goes_away_closes_the_sink() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = JsonlSink::new("jsonl:-".into(), writer);
        sink.publish(&example_frame(0, 1)).unwrap();
        drop(reader);
        let error = sink.publish(&example_frame(1, 1)).unwrap_err();
        assert!(matches!(error, SinkError::Closed { .. }), "{error}");
    }

    #[test]
    fn what_cannot_be_opened_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let missing = JsonlSink::file(&folder.path().join("no/such.jsonl"))
            .err()
            .unwrap();
        assert!(missing.to_string().contains("make its folder"), "{missing}");
        let directory = JsonlSink::file(folder.path()).err().unwrap();
        assert!(
            directory.to_string().contains("name of a file"),
            "{directory}"
        );
    }
}
