//! Finds torn pictures before the hours of work that would meet them.

use super::{Dataset, Skipped, parallel, read_frame};
use crate::progress::{Progress, Unit};
use lookout::frame::Frame;
use lookout::pixels::Decoder;

/// Decodes every picture of `dataset` once, on all cores, just as training and evaluation
/// do, and gives those that cannot be used. Tells on standard error how far it is.
pub fn check_pictures(dataset: &Dataset) -> Vec<Skipped> {
    let label = format!("pictures of {}", dataset.description.name);
    let mut progress = Progress::new(&label, Unit::Steps, dataset.images.len() as u64);
    let torn = parallel::map(
        &dataset.images,
        || (Frame::with_capacity(1 << 20), Decoder::new()),
        |(frame, decoder), image| {
            let read = read_frame(&image.path, frame).map_err(|error| error.reason);
            let reason = match read {
                Ok(()) => decoder.picture(frame).err()?.to_string(),
                Err(reason) => reason,
            };
            Some(Skipped {
                path: image.path.clone(),
                reason,
            })
        },
        |done| progress.set(done as u64),
    );
    progress.finish();
    torn.into_iter().flatten().collect()
}
