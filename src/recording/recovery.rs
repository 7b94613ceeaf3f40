//! Closes segments that a power cut left open, where they lie: what is torn is cut off, and the
//! index is written behind what is whole. That needs no room and copies nothing, and a power cut
//! in the middle of it leaves what it found.

use super::meter::Counters;
use super::name::{SegmentName, State};
use super::note;
use super::ring::Busy;
use super::segment::sync_folder;
use crate::mcap::{
    ChunkEntry, ChunkView, MessageEntry, Summary, Walk, WalkError, message_indexes, op,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More bytes than this that make no sense are not a torn end but a damaged disk, and are not
/// cut off: a write is one chunk of some megabytes at most.
const TORN_BYTES_MAX: u64 = 16 << 20;

/// A file that is not larger and holds no chunk was cut off before its first one.
const BARE_BYTES_MAX: u64 = 64 << 10;

/// Read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is valid now.
    Closed {
        /// Chunks in it.
        chunks: usize,
        /// Chunks whose bytes were not those that were written; readers pass over them.
        damaged: usize,
        /// Bytes that were cut off.
        cut_bytes: u64,
    },
    /// There is nothing in it.
    Empty,
    /// It is no recording, or too much of it makes no sense. It was not touched.
    Hopeless(String),
}

/// Closes a file in place.
pub(super) fn close(path: &Path) -> io::Result<Outcome> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    let mut walk = match Walk::new(BufReader::with_capacity(BUFFER_BYTES, &file)) {
        Ok(walk) => walk,
        Err(WalkError::Read(error)) => return Err(error),
        Err(error) if bytes > BARE_BYTES_MAX => return Ok(Outcome::Hopeless(error.to_string())),
        Err(_) => return Ok(Outcome::Empty),
    };
    let mut found = Found::default();
    let is_closed = found.look_through(&mut walk)?;
    let end = found.end();
    let cut_bytes = bytes.saturating_sub(found.whole_end);
    if !is_closed && cut_bytes > TORN_BYTES_MAX {
        let at = found.whole_end;
        let reason = format!("{cut_bytes} bytes from byte {at} on make no sense");
        return Ok(Outcome::Hopeless(reason));
    }
    if found.summary.chunks() == 0 && found.damaged.is_empty() {
        return Ok(match bytes > BARE_BYTES_MAX {
            true => Outcome::Hopeless("there is not one whole chunk in it".into()),
            false => Outcome::Empty,
        });
    }
    for offset in &found.damaged {
        file.write_all_at(&[op::DAMAGED_CHUNK], *offset)?;
    }
    file.set_len(found.whole_end)?;
    file.write_all_at(&end, found.whole_end)?;
    file.sync_all()?;
    Ok(Outcome::Closed {
        chunks: found.summary.chunks(),
        damaged: found.damaged.len(),
        cut_bytes: if is_closed { 0 } else { cut_bytes },
    })
}

/// What is in a file.
#[derive(Debug, Default)]
struct Found {
    summary: Summary,
    /// The newest chunk, whose index may still follow, and where its messages are.
    last: Option<(ChunkEntry, Vec<MessageEntry>)>,
    /// Where damaged chunks begin.
    damaged: Vec<u64>,
    /// Behind the last record that is whole.
    whole_end: u64,
}

impl Found {
    /// Goes through all that is whole; tells whether the file was being closed already.
    fn look_through<R: io::Read>(&mut self, walk: &mut Walk<R>) -> io::Result<bool> {
        self.whole_end = walk.offset();
        loop {
            match walk.step() {
                Ok(Some((opcode, offset))) => {
                    self.record(opcode, offset, walk.body());
                    self.whole_end = walk.offset();
                }
                Ok(None) => return Ok(true),
                Err(WalkError::Read(error)) => return Err(error),
                Err(_) => return Ok(false),
            }
        }
    }

    fn record(&mut self, opcode: u8, offset: u64, body: &[u8]) {
        let length = 9 + body.len() as u64;
        match (opcode, &mut self.last) {
            (op::MESSAGE_INDEX, Some((last, _))) => {
                let channel = body.first_chunk().map_or(0, |id| u16::from_le_bytes(*id));
                last.indexes.push((channel, offset));
                last.indexes_length += length;
            }
            (op::CHUNK, _) => {
                self.settle();
                match entry(offset, length, body) {
                    Some(chunk) => self.last = Some(chunk),
                    None => self.damaged.push(offset),
                }
            }
            _ => {
                self.settle();
                self.summary.record(opcode, offset, body);
            }
        }
    }

    fn settle(&mut self) {
        if let Some((last, _)) = self.last.take() {
            self.summary.chunk(last);
        }
    }

    /// What is to be written behind what is whole. The index of the last chunk is written anew,
    /// for it may be torn.
    fn end(&mut self) -> Vec<u8> {
        let mut end = Vec::new();
        if let Some((last, entries)) = &mut self.last
            && last.indexes.len() < last.counts.len()
        {
            self.whole_end = last.offset + last.length;
            last.indexes = message_indexes(&mut end, self.whole_end, entries);
            last.indexes_length = end.len() as u64;
        }
        self.settle();
        let offset = self.whole_end + end.len() as u64;
        self.summary.close(offset, &mut end);
        end
    }
}

/// What the summary tells of a chunk, and where its messages are; `None` where it is damaged.
fn entry(offset: u64, length: u64, body: &[u8]) -> Option<(ChunkEntry, Vec<MessageEntry>)> {
    let view = ChunkView::parse(body).filter(|view| view.compression.is_empty())?;
    let entries = view.is_intact().then(|| view.entries())??;
    let entry = ChunkEntry::new(view.span_ns, (offset, length), view.records.len(), &entries);
    Some((entry, entries))
}

/// What the thread works on.
pub(super) struct Recovery {
    pub(super) ring: PathBuf,
    pub(super) kept: PathBuf,
    pub(super) names: Vec<SegmentName>,
    pub(super) busy: Busy,
    pub(super) counters: Arc<Counters>,
    /// So that no other process takes the folder meanwhile.
    pub(super) lock: Arc<File>,
}

impl Recovery {
    /// Closes them in a thread of its own that stands back for everything else. It need not come
    /// to its end: what is left is done at the next start.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn spawn(self) -> io::Result<()> {
        for name in &self.names {
            self.busy.add(*name);
        }
        let names = self.names.clone();
        let busy = self.busy.clone();
        let spawned = std::thread::Builder::new()
            .name("lookout-recover".into())
            .spawn(move || {
                stand_back();
                for name in &self.names {
                    self.recover(*name);
                    self.busy.remove(*name);
                }
                drop(self.lock);
            });
        if spawned.is_err() {
            names.into_iter().for_each(|name| busy.remove(name));
        }
        spawned.map(drop)
    }

    fn recover(&self, name: SegmentName) {
        let path = self.ring.join(name.file(State::Unfinished));
        let outcome = close(&path).and_then(|outcome| {
            self.settle(name, &path, &outcome)?;
            Ok(outcome)
        });
        let place = path.display();
        match outcome {
            Ok(Outcome::Closed {
                chunks,
                damaged,
                cut_bytes,
            }) => {
                self.counters.recovered.add(1);
                log::info!(
                    "{place}: was left open and has been closed: {chunks} chunks are whole, \
                     {damaged} damaged, {cut_bytes} bytes were torn"
                );
            }
            Ok(Outcome::Empty) => log::info!("{place}: was left open and empty; removed"),
            Ok(Outcome::Hopeless(reason)) => {
                self.counters.damaged.add(1);
                log::warn!("{place}: was left open and cannot be closed: {reason}; set aside");
            }
            Err(error) => {
                self.counters.faults.add(1);
                log::warn!(
                    "{place}: was left open and cannot be closed: {error}; tried again at the \
                     next start"
                );
            }
        }
    }

    /// Gives the file the name that it has earned.
    fn settle(&self, name: SegmentName, path: &Path, outcome: &Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Closed { .. } => {
                let folder = match note::is_there(&self.kept, name) {
                    true => &self.kept,
                    false => &self.ring,
                };
                fs::rename(path, folder.join(name.file(State::Finished)))?;
                let _ = sync_folder(folder);
            }
            Outcome::Empty => {
                fs::remove_file(path)?;
                note::remove(&self.kept, name);
            }
            Outcome::Hopeless(_) => {
                fs::rename(path, self.ring.join(name.file(State::Damaged)))?;
            }
        }
        let _ = sync_folder(&self.ring);
        Ok(())
    }
}

/// Lets everything else go first at the processor and at the disk. Where that is not possible the
/// work is done all the same.
fn stand_back() {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_IDLE: libc::c_int = 3 << 13;
    // SAFETY: plain numbers; 0 stands for the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE);
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
