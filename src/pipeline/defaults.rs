//! What a run uses when nothing is said.

use crate::capture;
use crate::source::SourceUri;
use std::path::PathBuf;

/// Name of the folder of the model that lookout ships with.
const MODEL_NAME: &str = "road-288x512";

/// The first camera that can be used, else the built-in drive.
pub fn default_source() -> SourceUri {
    let camera = capture::first_camera().and_then(|camera| {
        // The link by id still means the same camera after it was plugged in elsewhere.
        let device = camera.by_id.unwrap_or(camera.device);
        format!("v4l2://{}", device.display()).parse().ok()
    });
    camera.unwrap_or_default()
}

/// Folders in which the shipped model is looked for, in this order: below the working folder,
/// beside the program, where packages put it.
pub fn model_folders() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from("models").join(MODEL_NAME)];
    let program = std::env::current_exe().ok();
    if let Some(beside) = program.as_deref().and_then(|program| program.parent()) {
        folders.push(beside.join("models").join(MODEL_NAME));
        folders.push(beside.join("../share/lookout/models").join(MODEL_NAME));
    }
    folders.push(PathBuf::from("/usr/share/lookout/models").join(MODEL_NAME));
    folders
}

/// The first of [`model_folders`] that holds a model's card.
///
/// # Errors
/// All folders that were looked into, when none does.
pub fn find_model() -> Result<PathBuf, Vec<PathBuf>> {
    let folders = model_folders();
    match folders
        .iter()
        .find(|folder| folder.join(crate::model::CARD_FILE).is_file())
    {
        Some(folder) => Ok(folder.clone()),
        None => Err(folders),
    }
}
