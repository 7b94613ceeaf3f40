//! Recipes as files.

use super::Recipe;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Name of the file beside the checkpoint.
pub const RECIPE_FILE: &str = "recipe.toml";

/// The largest recipe that is read, in bytes.
pub const RECIPE_BYTES_MAX: u64 = 256 * 1024;

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read or written.
    #[error("recipe {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        reason: String,
    },
    /// A value cannot work.
    #[error("recipe: {0}")]
    Value(String),
}

impl Recipe {
    /// Reads a recipe; what it leaves out takes the default.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let failed = |reason: String| RecipeError::File {
            path: path.into(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
        let mut text = String::new();
        file.take(RECIPE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|e| failed(e.to_string()))?;
        if text.len() as u64 > RECIPE_BYTES_MAX {
            return Err(failed(format!("longer than {RECIPE_BYTES_MAX} bytes")));
        }
        toml::from_str(&text).map_err(|e| failed(e.to_string()))
    }

    /// The recipe as TOML, every default written out.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string_pretty(self).map_err(|e| RecipeError::Value(e.to_string()))
    }

    /// Writes the whole recipe, defaults included, into `folder`.
    pub fn write(&self, folder: &Path) -> Result<(), RecipeError> {
        let path = folder.join(RECIPE_FILE);
        let failed = |reason: std::io::Error| RecipeError::File {
            path: path.clone(),
            reason: reason.to_string(),
        };
        let text = self.to_toml()?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}
