//! Takes the needed files out of a wheel (a zip archive), and nothing else.

use super::FetchError;
use crate::progress::{Progress, Unit};
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use zip::ZipArchive;

/// What a wheel may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most files that are written.
    pub files_max: usize,
    /// Most bytes that are written.
    pub bytes_max: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Number of files.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Writes the files of `wheel` whose names `wanted` likes into the folder `into`.
///
/// Names that lead out of the folder, links and special files are errors, even though the
/// wheel's hash is known: a wrong pin must not be able to write elsewhere.
pub fn unpack(
    wheel: &Path,
    into: &Path,
    wanted: impl Fn(&str) -> bool,
    limits: Limits,
) -> Result<Unpacked, FetchError> {
    let mut archive = open(wheel)?;
    let names = archive
        .file_names()
        .filter(|name| name.as_deref().is_ok_and(&wanted))
        .count();
    let mut progress = Progress::new(
        &format!("unpack {}", name_of(wheel)),
        Unit::Steps,
        names as u64,
    );
    let mut unpacked = Unpacked::default();
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| refuse(wheel, error))?;
        let name = entry
            .name()
            .map_err(|error| refuse(wheel, error))?
            .into_owned();
        if entry.is_dir() || !wanted(&name) {
            continue;
        }
        let inside = entry
            .enclosed_name()
            .filter(|_| is_regular(entry.unix_mode()));
        let Some(path) = inside.map(|name| into.join(name)) else {
            return Err(refuse(
                wheel,
                format!("`{name}` is no plain file inside the folder"),
            ));
        };
        unpacked.files += 1;
        if unpacked.files > limits.files_max {
            return Err(refuse(
                wheel,
                format!("more than {} files", limits.files_max),
            ));
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(FetchError::file(parent))?;
        }
        let mut file = File::create(&path).map_err(FetchError::file(&path))?;
        unpacked.bytes += copy(&mut entry, &mut file, limits.bytes_max - unpacked.bytes)
            .map_err(|reason| refuse(wheel, format!("{}: {reason}", path.display())))?;
        progress.set(unpacked.files as u64);
    }
    progress.finish();
    Ok(unpacked)
}

/// The bytes of one file of a wheel, at most `bytes_max` of them.
pub fn read_file(wheel: &Path, name: &str, bytes_max: u64) -> Result<Vec<u8>, FetchError> {
    let mut archive = open(wheel)?;
    let mut entry = archive
        .by_name(name)
        .map_err(|error| refuse(wheel, error))?;
    let mut bytes = Vec::new();
    copy(&mut entry, &mut bytes, bytes_max)
        .map_err(|reason| refuse(wheel, format!("{name}: {reason}")))?;
    Ok(bytes)
}

fn open(wheel: &Path) -> Result<ZipArchive<BufReader<File>>, FetchError> {
    let file = File::open(wheel).map_err(FetchError::file(wheel))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| refuse(wheel, error))
}

/// Copies at most `bytes_max`; the header's own idea of the size is not trusted. The
/// archive reader checks the CRC at the end.
fn copy(from: &mut impl Read, to: &mut impl Write, bytes_max: u64) -> Result<u64, String> {
    let copied = std::io::copy(&mut from.take(bytes_max.saturating_add(1)), to)
        .map_err(|error| error.to_string())?;
    if copied > bytes_max {
        Err("larger than allowed".into())
    } else {
        Ok(copied)
    }
}

/// Whether the file type bits of a Unix mode, where there are any, mean a plain file.
fn is_regular(mode: Option<u32>) -> bool {
    matches!(mode.unwrap_or(0) & 0o170_000, 0 | 0o100_000)
}

fn refuse(wheel: &Path, reason: impl ToString) -> FetchError {
    FetchError::Archive {
        path: wheel.into(),
        reason: reason.to_string(),
    }
}

fn name_of(wheel: &Path) -> String {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    name.split('-').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use zip::write::{SimpleFileOptions, ZipWriter};

    const LIMITS: Limits = Limits {
        files_max: 10,
        bytes_max: 10_000,
    };

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn run(bytes: &[u8], limits: Limits) -> (tempfile::TempDir, Result<Unpacked, FetchError>) {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a-1.whl");
        fs::write(&wheel, bytes).unwrap();
        let result = unpack(
            &wheel,
            &folder.path().join("in"),
            |name| !name.ends_with(".py"),
            limits,
        );
        (folder, result)
    }

    #[test]
    fn wanted_files_come_out() {
        let zip = archive(&[("lib/a.so", &[7; 3000]), ("lib/b.py", b"no"), ("c", b"")]);
        let (folder, result) = run(&zip, LIMITS);
        assert_eq!(
            result.unwrap(),
            Unpacked {
                files: 2,
                bytes: 3000
            }
        );
        assert_eq!(
            fs::read(folder.path().join("in/lib/a.so")).unwrap(),
            [7; 3000]
        );
        assert!(!folder.path().join("in/lib/b.py").exists());
        let wheel = folder.path().join("a-1.whl");
        assert_eq!(read_file(&wheel, "lib/b.py", 2).unwrap(), b"no");
        assert!(read_file(&wheel, "lib/b.py", 1).is_err());
        assert!(read_file(&wheel, "absent", 9).is_err());
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../evil", "a/../../evil"] {
            let (folder, result) = run(&archive(&[(name, b"x")]), LIMITS);
            assert!(matches!(result, Err(FetchError::Archive { .. })), "{name}");
            assert!(!folder.path().join("evil").exists());
        }
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_symlink("lib", "/etc", SimpleFileOptions::default())
            .unwrap();
        let (_folder, result) = run(&writer.finish().unwrap().into_inner(), LIMITS);
        assert!(matches!(result, Err(FetchError::Archive { .. })));
    }

    #[test]
    fn bombs_are_refused() {
        let big = archive(&[("a", &[0; 6000]), ("b", &[0; 6000])]);
        assert!(run(&big, LIMITS).1.is_err());
        let names: Vec<String> = (0..11).map(|index| index.to_string()).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(run(&archive(&many), LIMITS).1.is_err());
    }

    #[test]
    fn torn_archives_are_refused() {
        let zip = archive(&[("a", &[1; 500]), ("b", &[2; 500])]);
        for end in (0..zip.len()).step_by(7) {
            assert!(run(&zip[..end], LIMITS).1.is_err(), "cut at {end}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_archives_do_not_panic(
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut zip = archive(&[("a", &[1; 50]), ("b/c", &[2; 50])]);
            let place = place.index(zip.len());
            zip[place] = byte;
            if let Ok(unpacked) = run(&zip, LIMITS).1 {
                prop_assert!(unpacked.bytes <= LIMITS.bytes_max);
            }
        }
    }
}
