//! The folder of a recording: the ring, of which the oldest go, and what is kept.

use super::error::Trouble;
use super::keeper::Window;
use super::mount;
use super::name::{SegmentName, State};
use super::note;
use super::segment::sync_folder;
use crate::clock::{monotonic_ns, unix_ns};
use crate::config::RecordSettings;
use crate::release::free_bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::UNIX_EPOCH;

/// Segments that are being put into order, which nobody else may touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Busy(Arc<Mutex<BTreeSet<SegmentName>>>);

impl Busy {
    pub(super) fn has(&self, name: SegmentName) -> bool {
        self.lock().contains(&name)
    }

    pub(super) fn add(&self, name: SegmentName) {
        self.lock().insert(name);
    }

    pub(super) fn remove(&self, name: SegmentName) {
        self.lock().remove(&name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<SegmentName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of ours.
#[derive(Clone, Copy, Debug)]
struct Listed {
    name: SegmentName,
    state: State,
    bytes: u64,
    modified_unix_ns: u64,
}

/// A folder with segments, as long as its disk answers.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) ring: PathBuf,
    pub(super) kept: PathBuf,
    /// Held while this process records here.
    lock: Arc<File>,
    busy: Busy,
    bytes_max: u64,
    kept_bytes_max: u64,
    free_bytes_min: u64,
    next_number: u64,
    /// All but the segment that is being written, oldest first.
    files: VecDeque<Listed>,
    /// Times of capture of segments of this run.
    spans_ns: BTreeMap<SegmentName, (u64, u64)>,
}

impl Ring {
    /// Takes possession of the folder, which is made where it is missing.
    /// `held` is the lock of an earlier possession, which work under way may still hold.
    pub(super) fn open(
        settings: &RecordSettings,
        busy: &Busy,
        held: &Weak<File>,
    ) -> Result<Self, Trouble> {
        let directory = &settings.directory;
        let (ring, kept) = (directory.join("ring"), directory.join("kept"));
        mount::check(settings)?;
        for folder in [&ring, &kept] {
            fs::create_dir_all(folder).map_err(Trouble::disk(folder))?;
        }
        let lock = lock(directory, held)?;
        let mut opened = Self {
            lock,
            busy: busy.clone(),
            bytes_max: settings.bytes_max,
            kept_bytes_max: settings.kept_bytes_max,
            free_bytes_min: settings.free_bytes_min,
            next_number: 1,
            files: VecDeque::new(),
            spans_ns: BTreeMap::new(),
            ring,
            kept,
        };
        opened.rescan(None)?;
        let numbers = list(&opened.kept)?
            .into_iter()
            .chain(opened.files.iter().copied());
        let highest = numbers.map(|file| file.name.number).max();
        opened.next_number = highest.map_or(1, |number| number.saturating_add(1));
        opened.keep_noted()?;
        Ok(opened)
    }

    /// What stands for the possession of the folder.
    pub(super) fn lock(&self) -> Arc<File> {
        Arc::clone(&self.lock)
    }

    /// Looks at the folder again, where others may have deleted something.
    pub(super) fn rescan(&mut self, current: Option<SegmentName>) -> Result<(), Trouble> {
        let mut files = list(&self.ring)?;
        files.retain(|file| Some(file.name) != current);
        self.files = files.into();
        let files = &self.files;
        self.spans_ns
            .retain(|name, _| files.iter().any(|file| file.name == *name));
        Ok(())
    }

    /// Segments that were left open.
    pub(super) fn unfinished(&self) -> Vec<SegmentName> {
        let files = self.files.iter();
        let open = files.filter(|file| file.state == State::Unfinished);
        open.map(|file| file.name)
            .filter(|name| !self.busy.has(*name))
            .collect()
    }

    /// The name of the next segment.
    pub(super) fn next_name(&mut self, begun_unix_ns: u64) -> SegmentName {
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        SegmentName {
            number,
            begun_unix_s: begun_unix_ns / 1_000_000_000,
        }
    }

    /// Bytes of all but the segment that is being written.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Deletes the oldest segments until the one that is being written may have `current` bytes,
    /// `more` of which are still to be written.
    pub(super) fn make_room(&mut self, current: u64, more: u64) -> Result<(), Trouble> {
        let mut free = free_bytes(&self.ring).map_err(Trouble::disk(&self.ring))?;
        let free_min = self.free_bytes_min.saturating_add(more);
        let mut bytes = self.bytes().saturating_add(current);
        while bytes > self.bytes_max || free < free_min {
            let busy = &self.busy;
            let Some(at) = self.files.iter().position(|file| !busy.has(file.name)) else {
                break;
            };
            let Some(oldest) = self.files.remove(at) else {
                break;
            };
            self.delete(oldest)?;
            bytes -= oldest.bytes;
            // What the disk says may come late, and the next one would go for nothing.
            free = free.saturating_add(oldest.bytes);
        }
        if free >= free_min {
            return Ok(());
        }
        Err(Trouble::NoRoom {
            path: self.ring.clone(),
            free_mb: free / 1_000_000,
            min_mb: self.free_bytes_min / 1_000_000,
        })
    }

    fn delete(&self, file: Listed) -> Result<(), Trouble> {
        let path = self.ring.join(file.name.file(file.state));
        match file.state {
            State::Finished => log::debug!("{}: deleted for newer ones", path.display()),
            State::Unfinished | State::Damaged => log::warn!(
                "{}: deleted for newer ones, though it was never put into order",
                path.display()
            ),
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Trouble::disk(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Takes note of a segment that was finished in the ring.
    pub(super) fn finished(&mut self, name: SegmentName, span_ns: Option<(u64, u64)>) {
        self.spans_ns.extend(span_ns.map(|span| (name, span)));
    }

    /// Bytes and number of kept segments.
    pub(super) fn kept(&self) -> Result<(u64, u64), Trouble> {
        let kept = list(&self.kept)?;
        let bytes = kept.iter().map(|file| file.bytes).sum();
        Ok((bytes, kept.len() as u64))
    }

    /// Why a segment of so many bytes cannot be kept, if it cannot.
    pub(super) fn refusal(&self, bytes: u64) -> Result<Option<String>, Trouble> {
        let (kept, _) = self.kept()?;
        let is_full = kept.saturating_add(bytes) > self.kept_bytes_max;
        Ok(is_full.then(|| {
            format!(
                "what is kept takes {} of {} MB; move some of {} elsewhere or raise \
                 record.kept_megabytes_max",
                kept / 1_000_000,
                self.kept_bytes_max / 1_000_000,
                self.kept.display()
            )
        }))
    }

    /// Keeps finished segments with something of this time; the newest first, which are nearest
    /// to what happened. Gives why one was not, if so.
    pub(super) fn keep_past(&mut self, window: &Window) -> Result<Option<String>, Trouble> {
        let mut refusal = None;
        let mut has_moved = false;
        for at in (0..self.files.len()).rev() {
            let Some(file) = self.files.get(at).copied() else {
                continue;
            };
            if file.state != State::Finished || !self.is_in(&file, window) {
                continue;
            }
            match self.refusal(file.bytes)? {
                None => {
                    note::write(&self.kept, file.name, &window.reasons)?;
                    self.move_to_kept(file.name)?;
                    self.files.remove(at);
                    has_moved = true;
                }
                full => refusal = full,
            }
        }
        if has_moved {
            sync_folder(&self.kept)?;
            sync_folder(&self.ring)?;
        }
        Ok(refusal)
    }

    fn is_in(&self, file: &Listed, window: &Window) -> bool {
        if let Some(span_ns) = self.spans_ns.get(&file.name) {
            return window.overlaps(*span_ns);
        }
        // Of an earlier run, perhaps before a boot: only the wall clock tells.
        let (now_ns, now_unix_ns) = (monotonic_ns(), unix_ns());
        let ago_ns = now_ns.saturating_sub(window.from_ns);
        let from_unix_ns = now_unix_ns.saturating_sub(ago_ns);
        let until_unix_ns = from_unix_ns.saturating_add(window.until_ns - window.from_ns);
        let begun_unix_ns = file.name.begun_unix_s.saturating_mul(1_000_000_000);
        begun_unix_ns <= until_unix_ns && file.modified_unix_ns >= from_unix_ns
    }

    fn move_to_kept(&self, name: SegmentName) -> Result<(), Trouble> {
        let file = name.file(State::Finished);
        let from = self.ring.join(&file);
        fs::rename(&from, self.kept.join(&file)).map_err(Trouble::disk(&from))
    }

    /// Keeps what a run wanted to keep that was cut off in the middle of it.
    fn keep_noted(&mut self) -> Result<(), Trouble> {
        let is_noted =
            |file: &&Listed| file.state == State::Finished && note::is_there(&self.kept, file.name);
        let noted: Vec<Listed> = self.files.iter().filter(is_noted).copied().collect();
        for file in &noted {
            self.move_to_kept(file.name)?;
        }
        self.files
            .retain(|file| noted.iter().all(|moved| moved.name != file.name));
        Ok(())
    }
}

fn lock(directory: &Path, held: &Weak<File>) -> Result<Arc<File>, Trouble> {
    let path = directory.join(".lookout.lock");
    let file = File::create(&path).map_err(Trouble::disk(&path))?;
    let key = |file: &File| file.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    if let Some(held) = held.upgrade().filter(|held| key(held) == key(&file)) {
        return Ok(held);
    }
    match file.try_lock() {
        Ok(()) => Ok(Arc::new(file)),
        Err(TryLockError::WouldBlock) => Err(Trouble::Locked(directory.to_owned())),
        // Some file systems know no locks; two recorders would at worst close each other's files.
        Err(TryLockError::Error(error)) => {
            log::debug!("{}: cannot be locked: {error}", path.display());
            Ok(Arc::new(file))
        }
    }
}

/// The files of a folder that are ours by their name, oldest first.
fn list(folder: &Path) -> Result<Vec<Listed>, Trouble> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Trouble::disk(folder))? {
        let entry = entry.map_err(Trouble::disk(folder))?;
        let file_name = entry.file_name();
        let Some((name, state)) = file_name.to_str().and_then(SegmentName::parse) else {
            continue;
        };
        // Gone in the meantime, or something else of such a name.
        let Some(meta) = entry.metadata().ok().filter(fs::Metadata::is_file) else {
            continue;
        };
        let modified = meta.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        files.push(Listed {
            name,
            state,
            bytes: meta.len(),
            modified_unix_ns: modified.map_or(0, |time| time.as_nanos() as u64),
        });
    }
    files.sort_unstable_by_key(|file| (file.name, file.state));
    Ok(files)
}
