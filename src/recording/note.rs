//! The note beside a kept segment that tells why it is kept. It is written before the segment is
//! moved there, so that a power cut in between does not forget it.

use super::error::Trouble;
use super::name::{SegmentName, State};
use crate::clock::unix_ns;
use serde::Serialize;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Name and version of what a note says.
const SCHEMA: &str = "lookout.kept/1";

#[derive(Serialize)]
struct Note<'a> {
    schema: &'static str,
    segment: String,
    noted_unix_ns: u64,
    reasons: &'a [String],
}

/// Writes or replaces the note about a segment.
pub(super) fn write(kept: &Path, name: SegmentName, reasons: &[String]) -> Result<(), Trouble> {
    let path = kept.join(name.note());
    let fresh = kept.join(format!("{}.tmp", name.note()));
    let note = Note {
        schema: SCHEMA,
        segment: name.file(State::Finished),
        noted_unix_ns: unix_ns(),
        reasons,
    };
    let write = || {
        let mut text = serde_json::to_vec(&note)?;
        text.push(b'\n');
        let mut file = File::create(&fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    };
    write().map_err(Trouble::disk(&path))
}

/// Whether there is one.
pub(super) fn is_there(kept: &Path, name: SegmentName) -> bool {
    kept.join(name.note()).is_file()
}

/// Takes it back. One that stays does no harm.
pub(super) fn remove(kept: &Path, name: SegmentName) {
    let _ = fs::remove_file(kept.join(name.note()));
}
