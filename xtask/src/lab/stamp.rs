//! Images that scripts build, and build again only when the scripts have changed.

use super::{LabError, file_error};
use crate::command::run_command;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

/// Runs `script FOLDER` unless what is in `folder` was built by these very `inputs`, the script
/// among them. `marker` is the file that the script writes last.
pub fn build_stamped(
    script: &Path,
    inputs: &[&Path],
    folder: &Path,
    marker: &str,
) -> Result<(), LabError> {
    let mut hash = Sha256::new();
    for path in inputs {
        hash.update(std::fs::read(path).map_err(file_error(path))?);
    }
    let hash = format!("{:x}", hash.finalize());
    let stamp = folder.join("scripts.sha256");
    let is_complete = folder.join(marker).is_file();
    if is_complete && std::fs::read_to_string(&stamp).is_ok_and(|text| text == hash) {
        return Ok(());
    }
    run_command(Command::new(script).arg(folder))?;
    std::fs::write(&stamp, hash).map_err(file_error(&stamp))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_script_runs_again_only_when_it_or_its_result_has_changed() {
        let work = tempfile::tempdir().unwrap();
        let (script, folder) = (work.path().join("make.sh"), work.path().join("out"));
        let write = |text: &str| {
            std::fs::write(&script, text).unwrap();
            std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        };
        let build = || build_stamped(&script, &[&script], &folder, "done");
        let runs = || std::fs::read_to_string(folder.join("runs")).unwrap().len();
        let text = "#!/bin/sh\nmkdir -p \"$1\"; printf x >> \"$1/runs\"; touch \"$1/done\"\n";
        write(text);
        build().unwrap();
        build().unwrap();
        assert_eq!(runs(), 1);
        write(&format!("{text}# changed\n"));
        build().unwrap();
        assert_eq!(runs(), 2);
        std::fs::remove_file(folder.join("done")).unwrap();
        build().unwrap();
        assert_eq!(runs(), 3, "half a result is no result");
        write("#!/bin/sh\nexit 3\n");
        assert!(build().is_err());
    }
}
