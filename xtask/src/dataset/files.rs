//! Reading what lies in a data set's folder, with a limit on everything and never outside it.

use super::DatasetError;
use super::lists::IMAGES_MAX;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Folders nested deeper than this are not looked into.
const DEPTH_MAX: usize = 8;
/// A list of pictures longer than this is some other file.
const LIST_BYTES_MAX: u64 = 512 << 20;
/// Labels of one picture that are longer than this are some other file.
pub const LABEL_BYTES_MAX: u64 = 1 << 20;

/// The path `name` means, where it stays inside the folder it is relative to: no absolute
/// path and no `..`, whatever an annotation file says. Links are followed: whoever puts a
/// link into the folder means it.
pub fn inside(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let stays = path
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    (stays && !name.is_empty() && !name.contains('\0')).then_some(path)
}

/// Opens a file of at most `bytes_max` bytes; what is read of it ends at the limit even if
/// the file grows meanwhile.
pub fn open(path: &Path, bytes_max: u64) -> Result<impl Read, DatasetError> {
    let read = |source| DatasetError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    if bytes > bytes_max {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
            bytes,
            bytes_max,
        });
    }
    Ok(file.take(bytes_max))
}

/// The text of a small file. Bytes that are no UTF-8 are replaced: they can only stand in
/// a name or a comment, where they do no harm.
pub fn text(path: &Path, bytes_max: u64) -> Result<String, DatasetError> {
    let mut bytes = Vec::new();
    open(path, bytes_max)?
        .read_to_end(&mut bytes)
        .map_err(|source| DatasetError::Read {
            path: path.to_owned(),
            source,
        })?;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}

/// All files in `folder` (relative to `root`) and its subfolders whose extension is one of
/// `extensions` in any case, relative to `root`, in the order of their names. Hidden files
/// are left out.
pub fn list(root: &Path, folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    list_into(root, folder, extensions, DEPTH_MAX, &mut found)?;
    found.sort();
    Ok(found)
}

fn list_into(
    root: &Path,
    folder: &Path,
    extensions: &[&str],
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), DatasetError> {
    let full = root.join(folder);
    let read = |source| DatasetError::Read {
        path: full.clone(),
        source,
    };
    for entry in full.read_dir().map_err(read)? {
        let entry = entry.map_err(read)?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let relative = folder.join(&name);
        let listed = relative.extension().is_some_and(|extension| {
            extensions
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        if listed {
            if found.len() == IMAGES_MAX {
                return Err(DatasetError::TooMany {
                    path: full,
                    count_max: IMAGES_MAX,
                    what: "files",
                });
            }
            found.push(relative);
        } else if depth > 0 && entry.path().is_dir() {
            list_into(root, &relative, extensions, depth - 1, found)?;
        }
    }
    Ok(())
}

/// The names in a list of pictures, one a line; what follows a space is left out. Names
/// that lead out of the folder are `Err`.
pub fn names(path: &Path) -> Result<Vec<Result<String, String>>, DatasetError> {
    let text = text(path, LIST_BYTES_MAX)?;
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names
        .map(|name| {
            let reason = || format!("`{name}` is no name inside the data set's folder");
            inside(name).map(|_| name.to_owned()).ok_or_else(reason)
        })
        .take(IMAGES_MAX + 1)
        .collect();
    if names.len() > IMAGES_MAX {
        return Err(DatasetError::TooMany {
            path: path.to_owned(),
            count_max: IMAGES_MAX,
            what: "names",
        });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_out_of_the_folder_are_refused() {
        for name in ["../a", "a/../../b", "/etc/passwd", "", "a\0b", ".."] {
            assert_eq!(inside(name), None, "{name:?}");
        }
        assert_eq!(inside("a/b.jpg"), Some(Path::new("a/b.jpg")));
        assert_eq!(inside("./a..b"), Some(Path::new("./a..b")));
    }

    #[test]
    fn files_are_listed_in_order_and_loops_of_links_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("images/sub")).unwrap();
        for name in ["b.JPG", "sub/a.png", ".hidden.jpg", "notes.txt"] {
            std::fs::write(root.join("images").join(name), []).unwrap();
        }
        let images = || list(root, Path::new("images"), &["jpg", "png"]).unwrap();
        assert_eq!(
            images(),
            [Path::new("images/b.JPG"), Path::new("images/sub/a.png")]
        );
        std::os::unix::fs::symlink(root.join("images"), root.join("images/sub/again")).unwrap();
        assert!(images().len() < 20);
        assert!(list(root, Path::new("none"), &["jpg"]).is_err());
    }

    #[test]
    fn texts_have_a_limit_and_lose_their_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "\u{feff}0 1\n").unwrap();
        assert_eq!(text(&path, 100).unwrap(), "0 1\n");
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(text(&path, 100).unwrap(), "\u{fffd}\u{fffd}");
        let error = text(&path, 1).unwrap_err().to_string();
        assert!(error.contains("2 bytes, the limit is 1"), "{error}");
    }
}
