//! The file that is being written.

use super::error::Trouble;
use super::name::{SegmentName, State};
use crate::mcap::{Chunk, Summary, Walk};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A segment under way. At every moment its file is a valid beginning of MCAP, but for what a
/// write that was cut off has left behind [`Self::bytes`].
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    path: PathBuf,
    file: File,
    /// Bytes that are written and good.
    bytes: u64,
    summary: Summary,
    opened: Instant,
    /// Times of capture of the first and the last frame, on CLOCK_MONOTONIC.
    span_ns: Option<(u64, u64)>,
    /// Why it is to be kept; empty: it is not.
    pub(super) reasons: Vec<String>,
}

impl Segment {
    /// Creates the file in `folder`, with what every file begins with.
    pub(super) fn create(
        folder: &Path,
        name: SegmentName,
        preamble: &[u8],
    ) -> Result<Self, Trouble> {
        let path = folder.join(name.file(State::Unfinished));
        let failed = || Trouble::disk(&path);
        let file = File::create_new(&path).map_err(failed())?;
        file.write_all_at(preamble, 0).map_err(failed())?;
        sync_folder(folder)?;
        Ok(Self {
            name,
            file,
            bytes: preamble.len() as u64,
            summary: summary(preamble),
            opened: Instant::now(),
            span_ns: None,
            reasons: Vec::new(),
            path,
        })
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Times of capture of the first and the last frame, on CLOCK_MONOTONIC.
    pub(super) fn span_ns(&self) -> Option<(u64, u64)> {
        self.span_ns
    }

    /// How long it has been open, and how long its frames are, whichever is longer.
    pub(super) fn length(&self) -> Duration {
        let (first, last) = self.span_ns.unwrap_or_default();
        self.opened
            .elapsed()
            .max(Duration::from_nanos(last.saturating_sub(first)))
    }

    /// Writes a chunk with the frames of this time, and has the disk keep it.
    pub(super) fn append(
        &mut self,
        chunk: &mut Chunk,
        span_ns: Option<(u64, u64)>,
    ) -> Result<(), Trouble> {
        let Some((bytes, entry)) = chunk.finish(self.bytes) else {
            return Ok(());
        };
        let written = self.file.write_all_at(bytes, self.bytes);
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // What stays is closed later; it is shorter work where nothing torn hangs on.
            let _ = self.file.set_len(self.bytes);
            return Err(Trouble::disk(&self.path)(error));
        }
        self.bytes += bytes.len() as u64;
        self.summary.chunk(entry);
        self.span_ns = match (self.span_ns, span_ns) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.check_is_there()
    }

    /// A file that was deleted, or whose disk was unmounted by force, takes bytes all the same.
    fn check_is_there(&self) -> Result<(), Trouble> {
        let key = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        let ours = self.file.metadata().map_err(Trouble::disk(&self.path))?;
        match fs::symlink_metadata(&self.path) {
            Ok(there) if key(&there) == key(&ours) => Ok(()),
            _ => Err(Trouble::Vanished(self.path.clone())),
        }
    }

    /// Closes the file and gives it its name in `folder`, which is on the same disk.
    pub(super) fn finish(self, folder: &Path) -> Result<u64, Trouble> {
        let mut end = Vec::new();
        self.summary.close(self.bytes, &mut end);
        let path = folder.join(self.name.file(State::Finished));
        let closed = self.file.write_all_at(&end, self.bytes);
        closed
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.path, &path))
            .map_err(Trouble::disk(&self.path))?;
        sync_folder(folder)?;
        if let Some(ring) = self.path.parent().filter(|ring| *ring != folder) {
            sync_folder(ring)?;
        }
        Ok(self.bytes + end.len() as u64)
    }
}

/// What a preamble holds.
fn summary(preamble: &[u8]) -> Summary {
    let mut summary = Summary::default();
    // It is our own, and whole.
    if let Ok(mut walk) = Walk::new(preamble) {
        while let Ok(Some((opcode, offset))) = walk.step() {
            summary.record(opcode, offset, walk.body());
        }
    }
    summary
}

/// Has the disk keep the names in a folder.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Trouble> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    synced.map_err(Trouble::disk(folder))
}
