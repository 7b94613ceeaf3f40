//! The report's folder.

use super::ExploreError;
use super::view::Jpeg;
use crate::page::write_file;
use std::path::{Path, PathBuf};

/// The page.
pub(super) const PAGE: &str = "index.html";
/// The same figures for programs.
pub(super) const FIGURES: &str = "explore.json";
/// Folder of the pictures that the page links to.
const PICTURES: &str = "pictures";

/// A folder that is ready to be written to.
#[derive(Debug)]
pub(super) struct Output {
    dir: PathBuf,
}

impl Output {
    /// Makes the folder, or clears it of an earlier report; anything else in it is left alone,
    /// and is an error.
    pub fn open(dir: &Path) -> Result<Self, ExploreError> {
        let fail = |reason: std::io::Error| ExploreError::Out {
            path: dir.to_owned(),
            reason: reason.to_string(),
        };
        std::fs::create_dir_all(dir).map_err(fail)?;
        let mut other = None;
        let mut is_ours = false;
        for entry in dir.read_dir().map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            match name.to_str() {
                Some(PAGE | PICTURES) => {}
                Some(FIGURES) => is_ours = true,
                // What a run that was killed left behind.
                Some(name) if name.ends_with(".partial") => {}
                _ => other = Some(name),
            }
        }
        let pictures = dir.join(PICTURES);
        if let Some(name) = other {
            let name = name.to_string_lossy().into_owned();
            return Err(ExploreError::InUse {
                path: dir.to_owned(),
                name,
            });
        }
        if is_ours && pictures.is_dir() {
            std::fs::remove_dir_all(&pictures).map_err(fail)?;
        }
        std::fs::create_dir_all(&pictures).map_err(fail)?;
        // Marks the folder as ours, and shows that it can be written to.
        write_file(&dir.join(FIGURES), b"{}\n")?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Writes the whole picture of an image and returns its path from the folder.
    pub fn picture(&self, image: usize, jpeg: &Jpeg) -> Result<String, ExploreError> {
        let name = format!("{PICTURES}/{image:06}.jpg");
        write_file(&self.dir.join(&name), &jpeg.bytes)?;
        Ok(name)
    }

    /// Path of a file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_earlier_report_is_replaced_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("report");
        let jpeg = Jpeg {
            bytes: vec![1],
            width: 1,
            height: 1,
        };
        let path = Output::open(&dir).unwrap().picture(7, &jpeg).unwrap();
        assert_eq!(path, "pictures/000007.jpg");
        Output::open(&dir).unwrap();
        assert!(!dir.join(&path).exists(), "the old picture is gone");
        std::fs::write(dir.join("thesis.txt"), "a").unwrap();
        let error = Output::open(&dir).unwrap_err().to_string();
        assert!(
            error.contains("thesis.txt") && error.contains("new folder"),
            "{error}"
        );
        assert!(dir.join("thesis.txt").exists());
    }

    #[test]
    fn a_file_in_the_way_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Output::open(file.path()).is_err());
        assert!(Output::open(&file.path().join("below")).is_err());
    }
}
