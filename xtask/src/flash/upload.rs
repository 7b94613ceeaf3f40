//! Copying a bundle to a board over a connection that may break: it goes on where it stopped,
//! and what has arrived is what was sent, by its hash.

use super::FlashError;
use super::remote::Remote;
use crate::command::quoted;
use crate::progress::{Progress, Unit};
use lookout::model::sha256_hex;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Attempts in a row that bring nothing, after which the board is given up.
const FUTILE_MAX: u32 = 8;
/// The pause after a broken attempt.
const PAUSE: Duration = Duration::from_secs(3);
/// Bytes sent at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Makes the folder for uploads, which is this user's alone: root will run a program from it.
const FOLDER_SCRIPT: &str = "d=/var/tmp/lookout-flash-$(id -u); mkdir -m 700 -p \"$d\" && \
    [ -O \"$d\" ] && [ ! -L \"$d\" ] && chmod 700 \"$d\" && echo \"$d\"";

/// A bundle that lies on the board.
pub(super) struct Uploaded {
    /// Its folder, which can be removed when all is done.
    pub(super) folder: String,
    /// Its path.
    pub(super) path: String,
}

/// Copies `bundle`.
pub(super) fn upload(remote: &Remote, bundle: &Path) -> Result<Uploaded, FlashError> {
    let content = std::fs::read(bundle).map_err(|source| FlashError::File {
        path: bundle.to_owned(),
        source,
    })?;
    let hash = sha256_hex(&content);
    let folder = remote.run(FOLDER_SCRIPT)?.trim().to_owned();
    if folder.is_empty() {
        return Err(FlashError::Folder);
    }
    let path = format!("{folder}/{hash}.bundle");
    let part = format!("{path}.part");
    // Once more from the start, should the first attempt bring something else.
    for _ in 0..2 {
        send(remote, &content, &part)?;
        let command = format!("sha256sum < {} | cut -c1-64", quoted(&part));
        if patiently(|| remote.run(&command))?.trim() == hash {
            let command = format!("mv {} {}", quoted(&part), quoted(&path));
            patiently(|| remote.run(&command))?;
            return Ok(Uploaded { folder, path });
        }
        patiently(|| remote.run(&format!("rm -f {}", quoted(&part))))?;
    }
    Err(FlashError::Damaged)
}

/// Sends what the board does not have yet, however often the connection breaks.
fn send(remote: &Remote, content: &[u8], part: &str) -> Result<(), FlashError> {
    let total = content.len() as u64;
    let mut progress = Progress::new("upload", Unit::Bytes, total);
    let (mut futile, mut furthest) = (0, 0);
    loop {
        let attempt = arrived(remote, part, total).and_then(|begin| {
            progress.set(begin);
            let is_there = begin == total;
            if !is_there {
                append(remote, content, begin, part, &mut progress)?;
            }
            Ok((begin, is_there))
        });
        match attempt {
            Ok((_, true)) => {
                progress.finish();
                return Ok(());
            }
            Ok((begin, false)) => furthest = begin.max(furthest),
            Err(error @ FlashError::Connection { .. }) => {
                let now = arrived(remote, part, total).unwrap_or(furthest);
                futile = if now > furthest { 0 } else { futile + 1 };
                furthest = furthest.max(now);
                if futile >= FUTILE_MAX {
                    return Err(error);
                }
                eprintln!(
                    "xtask: the connection broke; going on in {} s",
                    PAUSE.as_secs()
                );
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// How many bytes the board has; more than there are is none.
fn arrived(remote: &Remote, part: &str, total: u64) -> Result<u64, FlashError> {
    let part = quoted(part);
    let text = remote.run(&format!("stat -c %s {part} 2>/dev/null || echo 0"))?;
    let bytes: u64 = text.trim().parse().unwrap_or(0);
    if bytes > total {
        remote.run(&format!("rm -f {part}"))?;
        return Ok(0);
    }
    Ok(bytes)
}

fn append(
    remote: &Remote,
    content: &[u8],
    begin: u64,
    part: &str,
    progress: &mut Progress,
) -> Result<(), FlashError> {
    let broken = |reason: String| FlashError::Connection {
        host: remote.host().to_owned(),
        reason,
    };
    let mut ssh = remote.ssh(&format!("cat >> {}", quoted(part)));
    ssh.stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = ssh.spawn().map_err(FlashError::NoSsh)?;
    let mut content = std::io::Cursor::new(content);
    // Begins inside the content: `arrived` has seen to it.
    let _ = content.seek(SeekFrom::Start(begin));
    let (mut piece, mut sent) = (vec![0; PIECE_BYTES], begin);
    if let Some(mut stdin) = child.stdin.take() {
        loop {
            let count = content.read(&mut piece).unwrap_or(0);
            if count == 0 || stdin.write_all(&piece[..count]).is_err() {
                break;
            }
            sent += count as u64;
            progress.set(sent);
        }
    }
    let output = child.wait_with_output().map_err(FlashError::NoSsh)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.contains("No space left") {
        return Err(FlashError::RemoteFull);
    }
    Err(broken(said))
}

/// Repeats what a broken connection kept from happening.
pub(super) fn patiently<T>(
    mut attempt: impl FnMut() -> Result<T, FlashError>,
) -> Result<T, FlashError> {
    for _ in 1..FUTILE_MAX {
        match attempt() {
            Err(FlashError::Connection { .. }) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    attempt()
}
