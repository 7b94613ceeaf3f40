//! Whether the doctor finds a model that works.

use super::finding::Finding;
use crate::detector::{Detector, DetectorOptions};
use crate::frame::Frame;
use crate::pipeline::{self, Detect, StartError};
use crate::pixels::Decoder;
use crate::source::{self, SourceUri};
use std::path::Path;
use std::time::Instant;

/// Loads the model and looks at one picture with it.
pub(super) fn model(folder: Option<&Path>) -> Finding {
    let advice = "give the folder of a good model with --model, or make one with \
                  `cargo xtask train-and-export`";
    let found = match folder {
        Some(folder) => Ok(folder.to_owned()),
        None => pipeline::find_model().map_err(|searched| StartError::NoModel { searched }),
    };
    let folder = match found {
        Ok(folder) => folder,
        Err(error) => return Finding::fail("model", error.to_string(), advice),
    };
    match try_model(&folder) {
        Ok(text) => Finding::ok("model", text),
        Err(error) => Finding::fail("model", format!("{}: {error}", folder.display()), advice),
    }
}

fn try_model(folder: &Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut detector = Detector::load(folder, &DetectorOptions::default())?;
    let mut drive = source::open(&SourceUri::default())?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    drive.next_frame(&mut frame)?;
    let picture = decoder.picture(&frame)?;
    let began = Instant::now();
    Detect::detect(&mut detector, &picture, &mut heapless::Vec::new())?;
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let id = Detect::model_id(&detector);
    Ok(format!(
        "{}: {id} works; one picture takes {took_ms:.0} ms",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_model_that_is_not_there_fails_with_a_remedy() {
        let finding = model(Some(Path::new("/no/such/model")));
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.advice.contains("--model"));
    }
}
