//! A release as one file: a compressed tar archive whose first two members are the manifest and
//! its signature.
//!
//! Nothing is written before the signature has been verified, and nothing but what the manifest
//! lists, in its order, with its sizes and hashes. Compressed tar is what every board can read,
//! so the program that installs a release can be taken out of the release itself.

use super::disk;
use super::key::{PublicKey, SecretKey};
use super::manifest::{FileEntry, MANIFEST_BYTES_MAX, Manifest, ManifestError};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};

/// Name of the first member.
pub(super) const MANIFEST: &str = "manifest.toml";
/// Name of the second member.
pub(super) const SIGNATURE: &str = "manifest.sig";
/// The largest signature that is read, in bytes.
const SIGNATURE_BYTES_MAX: u64 = 256;
/// The largest bundle, in bytes.
pub const BUNDLE_BYTES_MAX: u64 = 1 << 30;

/// Why a bundle cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The bundle.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no bundle, or a part of one.
    #[error("{path} is damaged or no release: {reason}; copy it again, or make it anew")]
    Damaged {
        /// The bundle.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Its manifest is wrong although it is signed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Another key signed it, or none.
    #[error(
        "{path} is not signed by the key {key}; sign it with the key that this board trusts, or \
         let the board trust another one with --replace-key"
    )]
    Signature {
        /// The bundle.
        path: PathBuf,
        /// The key that should have signed it, as people see it.
        key: String,
    },
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A bundle whose signature is good.
pub struct Bundle {
    path: PathBuf,
    archive: Archive<GzDecoder<BufReader<File>>>,
    /// What is in it.
    pub manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature: Vec<u8>,
}

impl Bundle {
    /// Opens a bundle and checks that `key` has signed it.
    ///
    /// # Errors
    /// When it cannot be read, is damaged at its start or is signed by nobody or another key.
    pub fn open(path: &Path, key: &PublicKey) -> Result<Self, ArchiveError> {
        let (manifest_bytes, signature) = read_head(path)?;
        if !key.verifies(&manifest_bytes, &signature) {
            return Err(ArchiveError::Signature {
                path: path.to_owned(),
                key: key.to_string(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            archive: archive(path)?,
            manifest: Manifest::parse(&manifest_bytes)?,
            manifest_bytes,
            signature,
        })
    }

    /// Writes all files below `folder`, which is made, and flushes them to the disk. The manifest
    /// and its signature lie beside them.
    ///
    /// # Errors
    /// When a file is not what the manifest says or cannot be written; what is in the folder is
    /// then worthless.
    pub fn unpack(mut self, folder: &Path) -> Result<Manifest, ArchiveError> {
        let path = self.path.clone();
        disk::make_folder(folder).map_err(write_error(folder))?;
        for (name, bytes) in [
            (MANIFEST, &self.manifest_bytes),
            (SIGNATURE, &self.signature),
        ] {
            let file = folder.join(name);
            disk::write_new(&file, bytes).map_err(write_error(&file))?;
        }
        self.read_files(&path, |file, entry| {
            let target = folder.join(&file.path);
            if let Some(parent) = target.parent() {
                disk::make_folder(parent).map_err(write_error(parent))?;
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            let out = File::create_new(&target);
            let mut out = out.map_err(write_error(&target))?;
            copy(entry, file, &path, |bytes| {
                out.write_all(bytes).map_err(write_error(&target))
            })?;
            disk::set_mode(&out, mode).map_err(write_error(&target))?;
            out.sync_all().map_err(write_error(&target))
        })?;
        disk::sync_tree(folder).map_err(write_error(folder))?;
        Ok(self.manifest)
    }

    /// Reads everything and compares it with the manifest.
    ///
    /// # Errors
    /// When a file is not what the manifest says.
    pub fn verify(mut self) -> Result<Manifest, ArchiveError> {
        let path = self.path.clone();
        self.read_files(&path, |file, entry| copy(entry, file, &path, |_| Ok(())))?;
        Ok(self.manifest)
    }

    /// Goes through the members, which must be the manifest's files and no others.
    fn read_files(
        &mut self,
        path: &Path,
        mut take: impl FnMut(&FileEntry, &mut dyn Read) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let damaged = |reason: String| damaged(path, reason);
        let broken = |error: io::Error| damaged(error.to_string());
        let mut entries = self.archive.entries().map_err(broken)?.raw(true).skip(2);
        for file in &self.manifest.files {
            let mut entry = entries
                .next()
                .ok_or_else(|| damaged(format!("{} is missing", file.path)))?
                .map_err(broken)?;
            let is_named = entry.path().is_ok_and(|name| name == Path::new(&file.path));
            if !is_named || entry.header().entry_type() != EntryType::Regular {
                return Err(damaged(format!(
                    "something else is in the place of {}",
                    file.path
                )));
            }
            take(file, &mut entry)?;
        }
        match entries.next() {
            None => Ok(()),
            Some(Ok(_)) => Err(damaged("it holds more than its manifest lists".to_owned())),
            Some(Err(error)) => Err(broken(error)),
        }
    }
}

/// Passes a member on in pieces, and refuses it at the end unless size and hash are right.
fn copy(
    entry: &mut dyn Read,
    file: &FileEntry,
    path: &Path,
    mut write: impl FnMut(&[u8]) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|error| damaged(path, error.to_string()))?;
        let piece = &buffer[..count];
        bytes += count as u64;
        if bytes > file.bytes {
            break;
        }
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        write(piece)?;
    }
    let is_right =
        bytes == file.bytes && format!("{:x}", hash.finalize()) == file.sha256.to_ascii_lowercase();
    if is_right {
        return Ok(());
    }
    let reason = format!("{} is not what the manifest says", file.path);
    Err(damaged(path, reason))
}

fn archive(path: &Path) -> Result<Archive<GzDecoder<BufReader<File>>>, ArchiveError> {
    let read_error = |source| ArchiveError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read_error)?;
    let bytes = file.metadata().map_err(read_error)?.len();
    if bytes > BUNDLE_BYTES_MAX {
        return Err(damaged(
            path,
            format!("{bytes} bytes; at most {BUNDLE_BYTES_MAX}"),
        ));
    }
    Ok(Archive::new(GzDecoder::new(BufReader::new(file))))
}

/// The bytes of manifest and signature, as they are.
fn read_head(path: &Path) -> Result<(Vec<u8>, Vec<u8>), ArchiveError> {
    let broken = |error: io::Error| damaged(path, error.to_string());
    let mut archive = archive(path)?;
    // Raw: a member that only lengthens the name of the next one is none of ours, and would be
    // read into memory whatever its size.
    let mut entries = archive.entries().map_err(broken)?.raw(true);
    let mut member = |name: &str, bytes_max: u64| {
        let missing = || damaged(path, format!("{name} is not where it belongs"));
        let entry = entries.next().ok_or_else(missing)?.map_err(broken)?;
        let is_named = entry.path().is_ok_and(|path| path == Path::new(name));
        if !is_named || entry.header().entry_type() != EntryType::Regular {
            return Err(missing());
        }
        let mut bytes = Vec::new();
        entry
            .take(bytes_max)
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        Ok(bytes)
    };
    Ok((
        member(MANIFEST, MANIFEST_BYTES_MAX)?,
        member(SIGNATURE, SIGNATURE_BYTES_MAX)?,
    ))
}

/// Writes a bundle of the files below `folder` that the manifest lists. The same input gives the
/// same bytes.
///
/// # Errors
/// When the manifest is wrong, or a file cannot be read or written.
pub fn write_bundle(
    path: &Path,
    manifest: &Manifest,
    folder: &Path,
    key: &SecretKey,
) -> Result<(), ArchiveError> {
    let text = manifest.to_text()?;
    let out = File::create(path).map_err(write_error(path))?;
    // No name and no time in the header.
    let gzip = GzBuilder::new().write(BufWriter::new(out), Compression::best());
    let mut builder = Builder::new(gzip);
    let mut append = |name: &str, bytes: u64, executable: bool, content: &mut dyn Read| {
        let mut header = Header::new_ustar();
        header.set_size(bytes);
        header.set_mode(if executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        header.set_entry_type(EntryType::Regular);
        builder
            .append_data(&mut header, name, content)
            .map_err(write_error(path))
    };
    let signature = key.sign(text.as_bytes());
    append(MANIFEST, text.len() as u64, false, &mut text.as_bytes())?;
    append(
        SIGNATURE,
        signature.len() as u64,
        false,
        &mut &signature[..],
    )?;
    for file in &manifest.files {
        let source = folder.join(&file.path);
        let mut content = File::open(&source).map_err(|error| ArchiveError::Read {
            path: source.clone(),
            source: error,
        })?;
        append(&file.path, file.bytes, file.executable, &mut content)?;
    }
    let gzip = builder.into_inner().map_err(write_error(path))?;
    let mut out = gzip.finish().map_err(write_error(path))?;
    out.flush().map_err(write_error(path))
}

fn damaged(path: &Path, reason: String) -> ArchiveError {
    ArchiveError::Damaged {
        path: path.to_owned(),
        reason,
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> ArchiveError + use<> {
    let path = path.to_owned();
    move |source| ArchiveError::Write {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
