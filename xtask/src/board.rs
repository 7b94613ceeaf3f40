//! The boards that the firmware is built for: one small file each in `board/`.

use crate::workspace;
use serde::Deserialize;
use std::path::PathBuf;

/// The largest board file that is read, in bytes.
const BOARD_BYTES_MAX: u64 = 64 * 1024;

/// What a file `board/NAME.toml` says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The Rust target triple.
    pub target: String,
    /// The compiler's `target-cpu`; `generic` runs on every processor of the target.
    pub cpu: String,
    /// The URI of the camera that the board usually has.
    pub camera: String,
}

/// Why a board's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// No such board.
    #[error("no board `{name}`; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The board's file is wrong.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Board {
    /// Loads `board/NAME.toml`, or the file itself when `name` ends in `.toml`.
    pub fn load(name: &str) -> Result<Self, BoardError> {
        let folder = folder();
        let is_path = name.ends_with(".toml");
        let path = if is_path {
            PathBuf::from(name)
        } else {
            folder.join(format!("{name}.toml"))
        };
        // A name is no way out of the folder.
        if !path.is_file() || (!is_path && name.contains(['/', '\\'])) {
            let known = Self::names().join(", ");
            return Err(BoardError::Unknown {
                name: name.to_owned(),
                known,
            });
        }
        let wrong = |reason: String| BoardError::File {
            path: path.clone(),
            reason,
        };
        let bytes = std::fs::metadata(&path)
            .map_err(|e| wrong(e.to_string()))?
            .len();
        if bytes > BOARD_BYTES_MAX {
            return Err(wrong(format!(
                "{bytes} bytes; the limit is {BOARD_BYTES_MAX}"
            )));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        let mut board = Self::parse(&text).map_err(wrong)?;
        board.name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(board)
    }

    /// Reads the text of a board file; the name stays empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let board: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        // Both end up in command lines and paths.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        for (key, value) in [("target", &board.target), ("cpu", &board.cpu)] {
            if value.is_empty() || !value.chars().all(is_plain) {
                return Err(format!("{key} = {value:?}: letters, digits and -_.+ only"));
            }
        }
        Ok(board)
    }

    /// The names of all boards of the folder, sorted.
    pub fn names() -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
            .collect();
        names.sort();
        names
    }
}

fn folder() -> PathBuf {
    workspace::root().join("board")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_board_of_the_folder_is_sound() {
        let names = Board::names();
        assert!(names.contains(&"generic-aarch64".to_owned()), "{names:?}");
        for name in names {
            let board = Board::load(&name).unwrap();
            assert_eq!(board.name, name);
        }
    }

    #[test]
    fn an_unknown_board_is_told_which_there_are() {
        for name in ["toaster", "../Cargo", ""] {
            let message = Board::load(name).unwrap_err().to_string();
            assert!(message.contains("generic-aarch64"), "{message}");
        }
    }

    #[test]
    fn wrong_board_files_are_refused() {
        let good = "description = 'x'\ntarget = 'a-b'\ncpu = 'generic'\ncamera = 'drive:'\n";
        assert!(Board::parse(good).is_ok());
        let wrong = [
            good.replace("a-b", "a b"),
            good.replace("'generic'", "''"),
            good.replace("'generic'", "3"),
            format!("{good}colour = 'red'\n"),
            String::new(),
        ];
        for text in wrong {
            assert!(Board::parse(&text).is_err(), "{text}");
        }
    }
}
