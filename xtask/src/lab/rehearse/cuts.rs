//! Power cuts at random moments of a flash.

use super::releases::Kind;
use super::{RehearseError, Stagehand};
use std::time::Duration;

/// The latest moment of a cut after the start of a flash, in seconds: the copy is over by then,
/// and so is the installation; the release is on trial or has been accepted.
const CUT_S_MAX: f64 = 30.0;

/// Flashes a good release, pulls the plug in the middle, and boots: the board must see, with the
/// old release or with the new one.
pub(super) fn cut(
    lab: &mut Stagehand,
    random: &mut fastrand::Rng,
) -> Result<String, RehearseError> {
    let before = lab.healthy()?;
    let release = lab.make(Kind::Good)?;
    let flash = lab.start(&release, &[])?;
    let moment_s = random.f64() * CUT_S_MAX;
    std::thread::sleep(Duration::from_secs_f64(moment_s));
    lab.board.cut_and_start()?;
    // It would wait for the board to come back.
    drop(flash);
    let took = lab.board.wait_for_ssh()?;
    let errors = lab.board.ssh("dmesg | grep -c 'EXT4-fs error'")?;
    if errors.stdout.trim() != "0" {
        return Err(RehearseError::Wrong(
            "the file system has errors".to_owned(),
        ));
    }
    let after = lab.healthy()?;
    let (old, new) = (before.version, Some(release.manifest.version));
    let which = match &after.version {
        version if *version == new => "the new release",
        version if *version == old => "the old release",
        _ => {
            return Err(RehearseError::Wrong(format!(
                "neither old nor new: {after:?}"
            )));
        }
    };
    Ok(format!(
        "after {moment_s:.1} s; up in {:.0} s, {which} sees",
        took.as_secs_f32()
    ))
}
