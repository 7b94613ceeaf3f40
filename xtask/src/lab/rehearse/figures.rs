//! What the virtual board tells about the service, put into `board/README.md`.

use super::{RehearseError, Stagehand, file_error};
use crate::workspace;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Lines of `board/README.md` between which the figures stand.
const BEGIN: &str = "<!-- written by cargo xtask lab rehearse --figures from here -->\n";
const END: &str = "<!-- to here -->\n";

/// The file of the figures.
const PAGE: &str = "board/README.md";

/// Boots the board once more, asks it, and rewrites the page.
pub(super) fn write(lab: &mut Stagehand) -> Result<String, RehearseError> {
    lab.board.reboot()?;
    let status = lab.healthy()?;
    let ask = |command: &str| lab.board.ssh_ok(command);
    let systemd = ask("systemctl --version | head -n 1")?;
    let security = ask("systemd-analyze security --no-pager lookout.service | tail -n 1")?;
    let boot = ask("/opt/lookout/current/lookout doctor --boot")?;
    let size = |path: &Path| {
        let file = fs::metadata(path).map_err(file_error(path));
        file.map(|file| file.len() as f64 / 1e6)
    };
    let binary_mb = size(lab.releases.binary())?;
    let version = status.version.ok_or_else(|| {
        RehearseError::Wrong("the board does not know which release it runs".to_owned())
    })?;
    let bundle_mb = size(&lab.folder.join(format!("{version}.bundle")))?;
    let exposure = exposure(&security).ok_or_else(|| {
        RehearseError::Wrong(format!("no exposure level in `{}`", security.trim()))
    })?;
    let mut text = String::from(
        "Measured on the virtual board, an emulated Cortex-A57; its times are those of emulation:\n\n",
    );
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "| what | figure |\n| --- | --- |\n\
         | `systemd-analyze security lookout.service`, {} | {exposure} |\n\
         | firmware, one static program | {binary_mb:.1} MB |\n\
         | bundle: firmware, models, units, settings | {bundle_mb:.1} MB |\n\n\
         `lookout doctor --boot`:\n\n```text\n{}\n```\n",
        systemd.trim(),
        boot.trim_end()
    );
    let page = workspace::root().join(PAGE);
    let old = fs::read_to_string(&page).map_err(file_error(&page))?;
    let new = replaced(&old, &text).ok_or_else(|| {
        RehearseError::Wrong(format!("{PAGE} lacks the lines {BEGIN:?} and {END:?}"))
    })?;
    fs::write(&page, new).map_err(file_error(&page))?;
    Ok(format!("exposure {exposure}; written to {PAGE}"))
}

/// The number in "Overall exposure level for lookout.service: 2.4 OK".
fn exposure(line: &str) -> Option<&str> {
    let (_, level) = line.rsplit_once(": ")?;
    let number = level.split_whitespace().next()?;
    number.parse::<f64>().ok().map(|_| number)
}

/// The page with `text` between its marks.
fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_number_is_read() {
        let line = "→ Overall exposure level for lookout.service: 2.4 OK :-)\n";
        assert_eq!(exposure(line), Some("2.4"));
        assert_eq!(exposure("Unit lookout.service not found."), None);
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced_and_again() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let once = replaced(&page, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}new\n{END}after\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("no marks", "new"), None);
    }

    #[test]
    fn the_page_has_the_marks() {
        let page = fs::read_to_string(workspace::root().join(PAGE)).unwrap();
        assert!(replaced(&page, "").is_some());
    }
}
